//! A file of lines that only grows at its end, and holds whole lines only.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

pub(crate) struct Lines {
    file: File,
    /// How many bytes of whole lines are durable.
    len: u64,
    /// Whether there may be bytes behind them.
    dirty: bool,
}

impl Lines {
    /// Opens the file, or makes it. Cuts off what a process that was killed left of a line.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(io::Error::from)?;
        let len = file.metadata()?.len();
        let mut lines = Self { file, len, dirty: false };
        lines.len = lines.behind_last_break(len)?.unwrap_or(0);
        lines.file.set_len(lines.len)?;
        // What is left may never have been synced by whoever wrote it.
        lines.file.sync_all()?;
        if let Some(folder) = path.parent() {
            sync_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
        }
        Ok(lines)
    }

    /// Behind the last line.
    pub(crate) fn end(&self) -> u64 {
        self.len
    }

    /// Adds lines, each with its break, and answers when they are durable. After an error none of them is there.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.dirty {
            self.file.set_len(self.len)?;
        }
        self.dirty = true;
        self.file.seek(SeekFrom::Start(self.len))?;
        self.file.write_all(lines)?;
        self.file.sync_data()?;
        self.len += lines.len() as u64;
        self.dirty = false;
        Ok(())
    }

    /// The line that ends at this place, without its break, and where it begins; `None` at the beginning of the file.
    pub(crate) fn before(&mut self, end: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let Some(last) = end.checked_sub(1) else { return Ok(None) };
        let begin = self.behind_last_break(last)?.unwrap_or(0);
        let mut line = vec![0; usize::try_from(last - begin).map_err(io::Error::other)?];
        self.file.seek(SeekFrom::Start(begin))?;
        self.file.read_exact(&mut line)?;
        Ok(Some((begin, line)))
    }

    /// The line that begins at this place, without its break, and where it ends; `None` at the end of the file.
    pub(crate) fn at(&mut self, begin: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
        let mut line = Vec::new();
        self.file.seek(SeekFrom::Start(begin))?;
        let mut rest = (&self.file).take(self.len.saturating_sub(begin));
        let mut chunk = [0; CHUNK];
        loop {
            let read = match rest.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if let Some(at) = chunk[..read].iter().position(|byte| *byte == b'\n') {
                line.extend(&chunk[..at]);
                let end = begin + line.len() as u64 + 1;
                return Ok(Some((line, end)));
            }
            line.extend(&chunk[..read]);
        }
    }

    /// The place behind the last line break before `end`.
    fn behind_last_break(&mut self, end: u64) -> io::Result<Option<u64>> {
        let mut chunk = [0; CHUNK];
        let mut end = end;
        while end > 0 {
            let begin = end.saturating_sub(CHUNK as u64);
            let part = &mut chunk[..usize::try_from(end - begin).map_err(io::Error::other)?];
            self.file.seek(SeekFrom::Start(begin))?;
            self.file.read_exact(part)?;
            if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(begin + at as u64 + 1));
            }
            end = begin;
        }
        Ok(None)
    }
}

const CHUNK: usize = 4096;

/// Makes the name of a file that was made in it durable, where folders can be synced.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_from_both_ends_whatever_their_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut lines = Lines::open(&path).unwrap();
        let lengths = [0, 1, CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5];
        for length in lengths {
            lines.append(&[vec![b'x'; length], vec![b'\n']].concat()).unwrap();
        }
        let mut end = lines.end();
        for length in lengths.into_iter().rev() {
            let (begin, line) = lines.before(end).unwrap().unwrap();
            assert_eq!(line.len(), length);
            assert_eq!(lines.at(begin).unwrap().unwrap(), (line, end));
            end = begin;
        }
        assert_eq!((end, lines.before(0).unwrap(), lines.at(lines.end()).unwrap()), (0, None, None));
    }

    #[test]
    fn what_is_left_of_a_line_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        for (left, whole) in [("", 0), ("torn", 0), ("a\ntorn", 2), ("a\n", 2), ("\n", 1), (&"x".repeat(2 * CHUNK), 0)] {
            std::fs::write(&path, left).unwrap();
            let mut lines = Lines::open(&path).unwrap();
            assert_eq!(lines.end(), whole, "{left:?}");
            lines.append(b"b\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}b\n", &left[..whole as usize]));
        }
    }

    #[test]
    fn nobody_else_writes_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let lines = Lines::open(&path).unwrap();
        assert!(Lines::open(&path).is_err());
        drop(lines);
        assert!(Lines::open(&path).is_ok());
    }
}
