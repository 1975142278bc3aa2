//! A folder of archived events: a file for each stream, which only grows.

use super::lines::{Lines, sync_folder};
use super::{from_line, to_line};
use crate::message::{Revision, StreamId};
use crate::store::RecordedEvent;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Events that were deleted from a store, in a folder: for each stream a file with a line for each event, in their order, see
/// [`to_line`]. Cloning shares it.
///
/// A file is written by one engine at a time. What a process that was killed left of a line is cut off before the next is written.
/// The lines are as the store gives the events: a store that encrypts its files does not encrypt these. What is personal in them stays
/// sealed under the keys of its subjects, see [`privacy`](crate::privacy).
#[derive(Clone, Debug)]
pub struct Archive {
    folder: Arc<Path>,
}

impl Archive {
    /// The archive in this folder, which is made when the first event is written.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into().into() }
    }

    /// Where the events of a stream stand: `KIND/ID.jsonl`, with `%` and two hexadecimal digits for each byte of the id that is no small
    /// letter, digit, `-` or `_`. Long ids take several folders.
    #[must_use]
    pub fn path(&self, stream: &StreamId) -> PathBuf {
        const PART: usize = 200;
        let (kind, id) = (escaped(stream.kind()), escaped(stream.id()));
        let mut path = self.folder.join(kind);
        let (mut begin, end) = (0, id.len());
        while end - begin > PART {
            path.push(&id[begin..begin + PART]);
            begin += PART;
        }
        path.push(format!("{}.jsonl", &id[begin..]));
        path
    }

    /// The archived events of a stream, oldest first; none when there is no file. It blocks.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn read(&self, stream: &StreamId) -> io::Result<ArchivedEvents> {
        let file = match File::open(self.path(stream)) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(ArchivedEvents { stream: stream.clone(), file })
    }

    /// Opens the file of a stream to write to it; its last event, if there is one.
    pub(crate) fn open(&self, stream: &StreamId) -> io::Result<(ArchiveFile, Option<RecordedEvent>)> {
        let path = self.path(stream);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let mut lines = Lines::open(&path)?;
        let last = lines.before(lines.end())?.map(|(_, line)| event(stream, &line)).transpose()?;
        let next = last.as_ref().map(|last| last.revision.next());
        Ok((ArchiveFile { lines, next }, last))
    }
}

/// The file of one stream.
pub(crate) struct ArchiveFile {
    lines: Lines,
    /// Nothing before it is taken.
    next: Option<Revision>,
}

impl ArchiveFile {
    /// Adds events behind those that are there, and answers when they are durable. After an error none of them is there.
    pub(crate) fn add(&mut self, events: &[RecordedEvent]) -> io::Result<()> {
        let mut lines = String::new();
        let mut next = self.next;
        for event in events {
            if next.is_some_and(|next| event.revision < next) {
                return Err(invalid(format!("revision {} is there already", event.revision)));
            }
            lines.push_str(&to_line(event).map_err(|error| invalid(error.to_string()))?);
            lines.push('\n');
            next = Some(event.revision.next());
        }
        self.lines.append(lines.as_bytes())?;
        self.next = next;
        Ok(())
    }
}

/// The archived events of one stream, oldest first.
#[derive(Debug)]
pub struct ArchivedEvents {
    stream: StreamId,
    file: Option<BufReader<File>>,
}

impl Iterator for ArchivedEvents {
    type Item = io::Result<RecordedEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match self.file.as_mut()?.read_until(b'\n', &mut line) {
            // What is left of a line was never whole.
            Ok(_) if line.pop() != Some(b'\n') => None,
            Ok(_) => Some(event(&self.stream, &line)),
            Err(error) => Some(Err(error)),
        }
    }
}

fn event(stream: &StreamId, line: &[u8]) -> io::Result<RecordedEvent> {
    let event = from_line(line).map_err(|error| invalid(format!("a line holds no event: {error}")))?;
    if event.stream == *stream { Ok(event) } else { Err(invalid(format!("it holds events of {}", event.stream))) }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

/// A name that every file system tells from all others: some do not tell capitals from small letters.
fn escaped(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
    }
    name
}

/// Makes a folder and those that it stands in, and their names durable.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() || folder.as_os_str().is_empty() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    make_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}
