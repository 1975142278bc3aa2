//! The acknowledgement file: what each client was told about each of its commands.

use crate::shelf::Mark;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What is known about a command.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It has no effect: refused, panicked, given up in time.
    Nothing,
    /// Nobody was told: given up too late.
    Unknown,
    /// It was acknowledged.
    Done {
        /// The shelf's last revision behind it; 0 for none.
        revision: u64,
        /// The handler's reply.
        reply: u64,
    },
}

/// One line of the file. A later one of the same command counts more than an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Which command.
    pub mark: Mark,
    /// Which shelf it was sent to.
    pub shelf: u64,
    /// How many events it records, if any.
    pub events: u8,
    /// Whether it was sent under an id of its own, which is its mark then.
    pub own_id: bool,
    /// What was said.
    pub outcome: Outcome,
}

/// The mark of a client's command.
#[must_use]
pub fn mark(client: u64, command: u64) -> Mark {
    client << 40 | command
}

/// The file. It is not kept in memory, so that it does not look like a leak.
pub struct Ledger {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Ledger {
    /// Begins a file.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = Mutex::new(BufWriter::with_capacity(1 << 16, File::create_new(path)?));
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&self, said: &Said) -> io::Result<()> {
        postcard::to_io(said, &mut *self.file.lock()).map(drop).map_err(io::Error::other)
    }

    /// Everything that was written, in order.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn read(&self, mut take: impl FnMut(Said)) -> io::Result<()> {
        self.file.lock().flush()?;
        let bytes = std::fs::read(&self.path)?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (said, left) = postcard::take_from_bytes(rest).map_err(io::Error::other)?;
            take(said);
            rest = left;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("said")).unwrap();
        let lines = [Outcome::Nothing, Outcome::Unknown, Outcome::Done { revision: 7, reply: 1 << 40 }].map(|outcome| Said {
            mark: mark(3, 9),
            shelf: 20_000,
            events: 3,
            own_id: true,
            outcome,
        });
        lines.iter().for_each(|said| ledger.write(said).unwrap());
        let mut read = Vec::new();
        ledger.read(|said| read.push(said)).unwrap();
        assert_eq!(read, lines);
    }
}
