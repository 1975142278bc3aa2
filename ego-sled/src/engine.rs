//! The one address of the sled crate: two tables with ordered keys, opened, read, changed in batches and flushed. What sled does wrong
//! – an error or a panic – comes out as an error and leaves a mark, so that the next opening rebuilds the index from the log.

use crate::error;
use ego::store::StoreError;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A file of this name in the index's folder says that the index is not to be trusted.
const DISTRUST: &str = "DISTRUST";

/// The index's tables.
pub(crate) struct Engine {
    db: sled::Db,
    /// Everything that is derived from the log.
    pub(crate) index: Table,
    /// Snapshots, which are in no log.
    pub(crate) snapshots: Table,
    folder: PathBuf,
}

/// An ordered table.
pub(crate) struct Table {
    tree: sled::Tree,
    folder: Arc<Path>,
}

/// Keys with their new values; `None` removes the key.
pub(crate) type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl Engine {
    /// Opens the index; the error says why it cannot be used. Must be called under the store's lock.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, String> {
        if folder.join(DISTRUST).exists() {
            return Err("it failed before".to_owned());
        }
        remove_half_written(folder).map_err(|error| error.to_string())?;
        let config =
            sled::Config::new().path(folder).mode(sled::Mode::HighThroughput).cache_capacity(cache_bytes).flush_every_ms(None);
        let open = || {
            let db = config.open()?;
            let (index, snapshots) = (db.open_tree("index")?, db.open_tree("snapshots")?);
            Ok((db, index, snapshots))
        };
        let mut patience = 200;
        loop {
            match catch_unwind(AssertUnwindSafe(open)) {
                Ok(Ok((db, index, snapshots))) => {
                    let shared: Arc<Path> = folder.into();
                    let table = |tree| Table { tree, folder: Arc::clone(&shared) };
                    return Ok(Self { db, index: table(index), snapshots: table(snapshots), folder: folder.to_owned() });
                }
                // sled may hold its own lock for a moment after the last handle is gone. Nobody else can: the store's lock is ours.
                Ok(Err(sled::Error::Io(error))) if patience > 0 && error.to_string().contains("lock") => {
                    patience -= 1;
                    std::thread::sleep(Duration::from_millis(25));
                }
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("it panicked while opening".to_owned()),
            }
        }
    }

    /// Makes everything durable that was applied: sled's own flush does not reach the disk's cache.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        guarded(&self.folder, || self.db.flush().map(drop))?;
        let path = self.folder.join("db");
        File::open(&path).and_then(|file| file.sync_data()).map_err(error::io("syncing", &path))
    }

    /// Deletes an index that cannot be used.
    pub(crate) fn remove(folder: &Path) -> Result<(), StoreError> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error::io("removing", folder)(error)),
            _ => Ok(()),
        }
    }
}

impl Table {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(&self.folder, || Ok(self.tree.get(key)?.map(|value| value.to_vec())))
    }

    /// Changes all or nothing.
    pub(crate) fn apply(&self, changes: Changes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded(&self.folder, || self.tree.apply_batch(batch))
    }

    /// Visits keys from `from` (inclusive) to `to` (exclusive, `None` for the end), the last one first if so wished, while `visit`
    /// says true.
    pub(crate) fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        backwards: bool,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        if to.is_some_and(|to| to <= from) {
            return Ok(());
        }
        let mut range = self.tree.range::<&[u8], _>((Included(from), to.map_or(Unbounded, Excluded)));
        loop {
            let step = || if backwards { range.next_back() } else { range.next() }.transpose();
            let Some((key, value)) = guarded(&self.folder, step)? else { return Ok(()) };
            if !visit(&key, &value)? {
                return Ok(());
            }
        }
    }
}

/// A value of the index that cannot be read: the next opening rebuilds it.
pub(crate) fn unreadable(folder: &Path) -> StoreError {
    distrust(folder);
    error::damaged(folder, None, "the index holds something unreadable; it is rebuilt when the store is opened again")
}

impl Table {
    pub(crate) fn unreadable(&self) -> StoreError {
        unreadable(&self.folder)
    }
}

fn distrust(folder: &Path) {
    let marked =
        File::create(folder.join(DISTRUST)).and_then(|file| file.sync_all()).and_then(|()| File::open(folder)?.sync_all());
    if let Err(error) = marked {
        tracing::warn!(%error, "the index failed and could not be marked");
    }
}

fn guarded<T>(folder: &Path, work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    let failed = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(sled::Error::Io(source))) => {
            distrust(folder);
            return Err(error::io("using the index, which is rebuilt when the store is opened again, in", folder)(source));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it panicked".to_owned(),
    };
    distrust(folder);
    Err(error::damaged(folder, None, format!("the index failed ({failed}); it is rebuilt when the store is opened again")))
}

/// Removes files that sled was writing when its process was killed: it takes them for damage.
fn remove_half_written(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_sled_was_writing_are_removed_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["snap.000000000000002A.generating", "snap.000000000000002A", "db"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        remove_half_written(folder.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["db", "snap.000000000000002A"]);
    }
}
