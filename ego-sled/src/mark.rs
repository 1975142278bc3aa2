//! DURABLE: up to which group the log was durable when the writer last had nothing else to do. A witness beside the log, not a part of
//! it: with it, damage to the end of a log whose store was killed is told from a write that was cut short. It is written without a
//! sync, after the one that it tells of, so it never says too much; without it nothing is lost but that witness.

use crate::error;
use crate::io::{Disk, DiskFile, read_exact_at};
use crate::record::{MARK_BYTES, MarkRecord};
use ego::store::StoreError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The last group that the file says was durable, 0 when there is no file or nothing in it; the inner error says why it does not check.
pub(crate) fn read(disk: &dyn Disk, path: &Path, store: u64) -> Result<Result<u64, &'static str>, StoreError> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ok(0)),
        file => file.map_err(error::io("opening", path))?,
    };
    let mut bytes = [0; MARK_BYTES];
    match file.len().map_err(error::io("reading", path))? {
        // Its first content did not reach the disk.
        0 => return Ok(Ok(0)),
        len if len < MARK_BYTES as u64 => return Ok(Err("the file is cut")),
        _ => read_exact_at(&*file, &mut bytes, 0).map_err(error::io("reading", path))?,
    }
    Ok(MarkRecord::decode(&bytes, store).map(|record| record.durable))
}

/// The file, open for writing.
pub(crate) struct Mark {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    store: u64,
    /// What was written last.
    told: u64,
}

impl Mark {
    /// Opens the file, or makes one.
    pub(crate) fn open(disk: &dyn Disk, path: PathBuf, store: u64) -> Result<Self, StoreError> {
        let file = match disk.open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => disk.create(&path),
            opened => opened,
        };
        let file = file.map_err(error::io("opening", &path))?;
        Ok(Self { path, file, store, told: 0 })
    }

    /// Says that the log is durable up to this group.
    pub(crate) fn tell(&mut self, durable: u64) -> Result<(), StoreError> {
        if self.told != durable {
            let record = MarkRecord { store: self.store, durable };
            self.file.write_all_at(&record.encode(), 0).map_err(error::io("writing", &self.path))?;
            self.told = durable;
        }
        Ok(())
    }
}
