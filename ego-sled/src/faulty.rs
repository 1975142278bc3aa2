//! A disk that fails on demand, for tests: the next operation of some kind, or the n-th, once or from then on.

use crate::io::{Disk, DiskFile, RealDisk};
use crate::{Options, SledStore};
use parking_lot::Mutex;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The next write fails after this many bytes.
    Write(usize),
    /// The next sync fails.
    Sync,
    /// No file can be created, however often.
    Full,
    /// After this many, no file can be renamed.
    Rename(usize),
    /// After this many operations of a kind, one fails, or all from then on.
    After(Kind, usize, Lasts),
}

/// Kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Opening, reading, measuring, listing.
    Read,
    /// Writing; every second one that fails leaves half of it behind.
    Write,
    Sync,
    /// Creating, renaming and removing files, and syncing folders.
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasts {
    Once,
    ForGood,
}

#[derive(Debug)]
pub(crate) struct FaultyDisk {
    fault: Mutex<Fault>,
    failed: Mutex<usize>,
    /// Of these, those that nobody made up for: a segment that cannot be made in advance is made again when it is needed.
    unmended: Mutex<usize>,
    syncs: Mutex<usize>,
}

struct FaultyFile {
    disk: Arc<FaultyDisk>,
    file: Box<dyn DiskFile>,
}

/// The disk as the store gets it, so that files know their disk.
#[derive(Debug)]
struct Shared(Arc<FaultyDisk>);

fn broken() -> io::Error {
    io::Error::other("the disk is broken")
}

impl FaultyDisk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { fault: Mutex::new(Fault::None), failed: Mutex::new(0), unmended: Mutex::new(0), syncs: Mutex::new(0) })
    }

    pub(crate) fn next(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    /// How many syncs of a file's content went well.
    pub(crate) fn syncs(&self) -> usize {
        *self.syncs.lock()
    }

    /// How many operations failed.
    pub(crate) fn failed(&self) -> usize {
        *self.failed.lock()
    }

    /// Whether somebody must be told of a failure.
    pub(crate) fn must_be_told(&self) -> bool {
        *self.unmended.lock() > 0
    }

    /// A small store on this disk.
    pub(crate) fn options(self: &Arc<Self>, folder: &Path) -> Options {
        SledStore::options(folder).segment_bytes(4096).disk(Arc::new(Shared(Arc::clone(self))))
    }

    fn file(self: &Arc<Self>, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { disk: Arc::clone(self), file })
    }

    /// Counts an operation; says whether it fails, and how.
    fn count(&self, kind: Kind) -> io::Result<()> {
        let mut fault = self.fault.lock();
        let Fault::After(of, left, lasts) = &mut *fault else { return Ok(()) };
        if *of != kind {
            return Ok(());
        }
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        *self.failed.lock() += 1;
        if std::thread::current().name() != Some("ego-sled-segment") {
            *self.unmended.lock() += 1;
        }
        match lasts {
            Lasts::ForGood => Err(io::ErrorKind::StorageFull.into()),
            Lasts::Once => {
                *fault = Fault::None;
                Err(broken())
            }
        }
    }
}

impl Disk for Shared {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.count(Kind::Read)?;
        Ok(self.0.file(RealDisk.open(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.count(Kind::Name)?;
        if *self.0.fault.lock() == Fault::Full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(self.0.file(RealDisk.create(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.count(Kind::Name)?;
        if let Fault::Rename(left) = &mut *self.0.fault.lock() {
            *left = left.checked_sub(1).ok_or_else(broken)?;
        }
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.count(Kind::Name)?;
        RealDisk.remove(path)
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.0.count(Kind::Name)?;
        RealDisk.create_folder(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.count(Kind::Read)?;
        RealDisk.list(path)
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.0.count(Kind::Name)
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.count(Kind::Read)?;
        // Short reads are allowed, so there are some.
        let len = if buffer.len() > 100 { buffer.len() / 2 } else { buffer.len() };
        self.file.read_at(&mut buffer[..len], offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.disk.count(Kind::Write) {
            if self.disk.failed() % 2 == 1 {
                self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            }
            return Err(error);
        }
        let mut fault = self.disk.fault.lock();
        if let Fault::Write(count) = *fault {
            *fault = Fault::None;
            self.file.write_all_at(&bytes[..count.min(bytes.len())], offset)?;
            return Err(broken());
        }
        self.file.write_all_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.disk.count(Kind::Sync)?;
        let mut fault = self.disk.fault.lock();
        if *fault == Fault::Sync {
            *fault = Fault::None;
            return Err(broken());
        }
        // The process goes on, so the system's memory is as good as a disk.
        *self.disk.syncs.lock() += 1;
        Ok(())
    }
    fn sync_all(&self) -> io::Result<()> {
        self.disk.count(Kind::Sync)
    }
    fn len(&self) -> io::Result<u64> {
        self.disk.count(Kind::Read)?;
        self.file.len()
    }
}
