//! The store's folder: who may use it, and which format it has. Nothing is changed in a folder that is not, or not entirely, ours.

use crate::error;
use crate::io::{Disk, read_exact_at};
use crate::log::{Spot, create_segment, segment_name};
use crate::record::{FORMAT, FORMAT_BYTES, SEGMENT_HEADER, SegmentHeader, StoreHeader};
use ego::store::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const LOCK: &str = "LOCK";
const FORMAT_FILE: &str = "FORMAT";
const FORMAT_NEW: &str = "FORMAT.new";
const LOG: &str = "log";
const INDEX: &str = "index";
const MARK: &str = "DURABLE";

/// A store's folder, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The number that all files of the store share.
    pub(crate) store: u64,
    /// The format that FORMAT says.
    format: u32,
    lock: Option<Lock>,
}

/// The exclusive lock on LOCK.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    /// Closing the file would not do: a program that is just being started by another thread holds a copy of it until it runs, and the
    /// lock lives as long as the last copy.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a store's folder could not be unlocked");
        }
    }
}

impl Folder {
    /// Locks the folder and reads its format; creates the store when there is none yet.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, segment_bytes: u64) -> Result<Self, StoreError> {
        create(disk, path)?;
        // A folder of other things gets no lock file. One that has it is looked at under the lock: somebody may be creating the store.
        let lock = if path.join(LOCK).exists() {
            let lock = lock(path)?;
            refuse_others(disk, path)?;
            lock
        } else {
            refuse_others(disk, path)?;
            lock(path)?
        };
        let format = path.join(FORMAT_FILE);
        if format.exists() {
            // Whoever gave it its name may have been killed before the folder was synced.
            disk.sync_folder(path).map_err(error::io("syncing", path))?;
        } else {
            create_store(disk, path, segment_bytes)?;
        }
        let StoreHeader { store, format } = read_format(disk, &format)?;
        Ok(Self { path: path.to_owned(), store, format, lock: Some(lock) })
    }

    /// The folder of a store, to look at: others are kept from opening it, and nothing in it is changed. A folder without LOCK is nobody's,
    /// and gets none. The store's number is not known yet.
    pub(crate) fn look(path: &Path) -> Result<Self, StoreError> {
        let file = path.join(LOCK);
        let lock = match File::open(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(try_lock(path, &file, opened.map_err(error::io("opening", &file))?)?),
        };
        Ok(Self { path: path.to_owned(), store: 0, format: 0, lock })
    }

    /// Whether nobody opened the store while it was looked at.
    pub(crate) fn undisturbed(&self) -> Result<(), StoreError> {
        if self.lock.is_none() && self.path.join(LOCK).exists() { Err(in_use(&self.path)) } else { Ok(()) }
    }

    /// The store's number, as FORMAT says it.
    pub(crate) fn number(&self, disk: &dyn Disk) -> Result<u64, StoreError> {
        let format = self.path.join(FORMAT_FILE);
        if !format.exists() {
            refuse_others(disk, &self.path)?;
        }
        read_format(disk, &format).map(|header| header.store)
    }

    /// Says that the store is of this release's format, before anything is written that an earlier one does not know. Asked for when the
    /// log was found in order: what cannot be opened is left as it is.
    pub(crate) fn upgrade(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        if self.format == FORMAT {
            return Ok(());
        }
        let new = self.path.join(FORMAT_NEW);
        match disk.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error::io("removing", &new)(error)),
            _ => write_format(disk, &self.path, self.store),
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.path.join(INDEX)
    }

    pub(crate) fn mark(&self) -> PathBuf {
        self.path.join(MARK)
    }
}

fn create(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    if path.is_dir() { Ok(()) } else { disk.create_folder(path).map_err(error::io("creating", path)) }
}

/// Makes the names of a folder and of those above it durable, as far as the file system goes. Also those that were there: whoever made
/// them may have been killed before they were synced. A folder that may not be read is none that was made for a store.
fn sync_names(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    let device = path.metadata()?.dev();
    for folder in path.ancestors().skip(1) {
        if folder.metadata()?.dev() != device {
            break;
        }
        match disk.sync_folder(folder) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A folder without FORMAT may hold what a creation leaves that was cut short, and nothing else.
fn refuse_others(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    let names = disk.list(path).map_err(error::io("listing", path))?;
    if names.iter().any(|name| name == FORMAT_FILE) {
        return Ok(());
    }
    if names.iter().any(|name| [INDEX, MARK].contains(&name.as_str())) {
        return Err(error::damaged(&path.join(FORMAT_FILE), None, "the file is missing"));
    }
    if let Some(other) = names.iter().find(|name| ![LOCK, FORMAT_NEW, LOG].contains(&name.as_str())) {
        let reason = io::Error::new(io::ErrorKind::AlreadyExists, format!("the folder holds {other} and no store"));
        return Err(StoreError::io(format!("creating a store in {}", path.display()), reason));
    }
    let log = path.join(LOG);
    if !log.is_dir() {
        return Ok(());
    }
    let first = segment_name(1);
    for name in disk.list(&log).map_err(error::io("listing", &log))? {
        let unused = name == format!("{first}.new") || name == first && is_unused(disk, &log.join(&name))?;
        if !unused {
            return Err(error::damaged(&path.join(FORMAT_FILE), None, "the file is missing, and the log holds something"));
        }
    }
    Ok(())
}

fn is_unused(disk: &dyn Disk, path: &Path) -> Result<bool, StoreError> {
    let unused = || {
        let file = disk.open(path)?;
        let (mut at, len) = (SEGMENT_HEADER as u64, file.len()?);
        while at < len {
            let mut bytes = vec![0; (len - at).min(1 << 20) as usize];
            read_exact_at(&*file, &mut bytes, at)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    };
    unused().map_err(error::io("reading", path))
}

fn lock(path: &Path) -> Result<Lock, StoreError> {
    let file = path.join(LOCK);
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&file).map_err(error::io("opening", &file))?;
    try_lock(path, &file, lock)
}

fn try_lock(folder: &Path, path: &Path, file: File) -> Result<Lock, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(in_use(folder)),
        Err(TryLockError::Error(reason)) => Err(error::io("locking", path)(reason)),
    }
}

fn in_use(folder: &Path) -> StoreError {
    StoreError::InUse { place: folder.display().to_string().into() }
}

// 1. the names of the folders above, and of the log's, synced  2. its first segment  3. FORMAT under another name, synced  4. its name,
// and the folder synced. A crash before 4 leaves a folder without FORMAT and an unused segment, which is made again. With FORMAT there
// is a log.
fn create_store(disk: &dyn Disk, path: &Path, segment_bytes: u64) -> Result<(), StoreError> {
    let log = path.join(LOG);
    let first = log.join(segment_name(1));
    for left in [first, path.join(FORMAT_NEW)] {
        if left.exists() {
            disk.remove(&left).map_err(error::io("removing", &left))?;
        }
    }
    let store = std::hash::RandomState::new().build_hasher().finish() | 1;
    let names = || {
        sync_names(disk, path)?;
        disk.create_folder(&log)?;
        disk.sync_folder(path)
    };
    names().map_err(error::io("creating", &log))?;
    create_segment(disk, &log, SegmentHeader { number: Spot::first(1).segment, store, len: segment_bytes })?;
    write_format(disk, path, store)
}

// 1. under another name, synced  2. renamed, the folder synced. A crash between leaves what was there before.
fn write_format(disk: &dyn Disk, path: &Path, store: u64) -> Result<(), StoreError> {
    let (new, format) = (path.join(FORMAT_NEW), path.join(FORMAT_FILE));
    let write = || {
        let file = disk.create(&new)?;
        file.write_all_at(&StoreHeader { format: FORMAT, store }.encode(), 0)?;
        file.sync_all()?;
        disk.rename(&new, &format)?;
        disk.sync_folder(path)
    };
    write().map_err(error::io("writing", &format))
}

fn read_format(disk: &dyn Disk, path: &Path) -> Result<StoreHeader, StoreError> {
    let file = disk.open(path).map_err(error::io("opening", path))?;
    let len = file.len().map_err(error::io("reading", path))?;
    if len != FORMAT_BYTES as u64 {
        return Err(error::damaged(path, None, format!("it has {len} bytes instead of {FORMAT_BYTES}")));
    }
    let mut bytes = [0; FORMAT_BYTES];
    read_exact_at(&*file, &mut bytes, 0).map_err(error::io("reading", path))?;
    let header = StoreHeader::decode(&bytes).map_err(|reason| error::damaged(path, None, reason))?;
    match header.format {
        0 => Err(error::damaged(path, None, "there is no format 0")),
        format if format > FORMAT => Err(StoreError::NewerFormat { found: format, supported: FORMAT }),
        _ => Ok(header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::RealDisk;

    #[test]
    fn a_folder_is_free_again_though_a_program_that_is_being_started_holds_a_copy_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&RealDisk, dir.path(), 1 << 16).unwrap();
        // As fork does it.
        let copy = folder.lock.as_ref().unwrap().0.try_clone().unwrap();
        assert!(matches!(Folder::look(dir.path()), Err(StoreError::InUse { .. })));
        drop(folder);
        let looked = Folder::look(dir.path()).unwrap();
        drop((looked, copy));
    }
}
