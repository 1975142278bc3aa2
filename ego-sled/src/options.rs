//! How a store is opened.

use crate::io::{Disk, RealDisk};
use crate::tail::LayerRoom;
use crate::{SledStore, log};
use ego::store::StoreError;
use std::path::PathBuf;
use std::sync::Arc;

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// What was acknowledged survives a killed process and a power cut: every group is synced before it is answered.
    #[default]
    Durable,
    /// What was acknowledged survives a killed process. A power cut may take the last of it, always the newest and always whole
    /// commits; how much is bounded by the next sync, which comes with every batch that goes to the index (about a second), with a
    /// new segment, a snapshot and the closing of the store.
    Buffered,
}

/// How a store is opened; see [`SledStore::options`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) folder: PathBuf,
    pub(crate) segment_bytes: u64,
    pub(crate) durability: Durability,
    pub(crate) cache_bytes: u64,
    pub(crate) disk: Arc<dyn Disk>,
}

impl Options {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            segment_bytes: 16 << 20,
            durability: Durability::default(),
            cache_bytes: 64 << 20,
            disk: Arc::new(RealDisk),
        }
    }

    /// How large the log's files are, in bytes: 16 MiB unless told otherwise, at least 4 KiB and at most 1 GiB. Files that are there
    /// keep their size.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.clamp(log::MIN_SEGMENT, log::MAX_SEGMENT);
        self
    }

    /// What an acknowledgement promises: [`Durability::Durable`] unless told otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// About how many bytes of the index are kept in memory: 64 MiB unless told otherwise, at least 1 MiB. What is known about busy
    /// streams takes up to as much again, and what the index lacks half as much.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes.max(1 << 20);
        self
    }

    /// How much of the log's newest part may be in memory alone before the index takes it over.
    pub(crate) fn layer_room(&self) -> LayerRoom {
        let log = (4 * self.segment_bytes).min(64 << 20);
        LayerRoom { bytes: usize::try_from(self.cache_bytes / 4).unwrap_or(usize::MAX), log }
    }

    #[cfg(test)]
    pub(crate) fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// Opens the store, or creates it in a folder that is empty or not there.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn open(self) -> Result<SledStore, StoreError> {
        SledStore::start(self)
    }
}
