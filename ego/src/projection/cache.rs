//! Views that stay in memory between two pages.

use super::fold::Slot;
use lru::LruCache;

/// The views that were used last.
pub(super) struct Cache<P> {
    views: LruCache<String, Box<Slot<P>>>,
    bytes: usize,
    /// It holds all that there are: what is not there is new.
    has_all: bool,
}

impl<P> Cache<P> {
    /// The most bytes that views may take, as they are written.
    const BYTES: usize = 64 << 20;

    /// An empty one, for views that are all in the store, or of which there are none yet.
    pub(super) fn new(has_all: bool) -> Self {
        Self { views: LruCache::unbounded(), bytes: 0, has_all }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<(String, Box<Slot<P>>)> {
        let (key, slot) = self.views.pop_entry(key)?;
        self.bytes -= Self::weight(&key, &slot);
        Some((key, slot))
    }

    /// Forgets a view that somebody else will read from the store.
    pub(super) fn leave(&mut self, key: &str) {
        self.take(key);
        self.has_all = false;
    }

    /// Whether a view that is not here may be in the store.
    pub(super) fn may_lack(&self) -> bool {
        !self.has_all
    }

    pub(super) fn put(&mut self, key: String, slot: Box<Slot<P>>) {
        self.bytes += Self::weight(&key, &slot);
        self.views.put(key, slot);
    }

    /// Forgets those that were used longest ago: only what the store holds already may be forgotten.
    pub(super) fn trim(&mut self, views: usize) {
        while self.views.len() > views || self.bytes > Self::BYTES {
            let Some((key, slot)) = self.views.pop_lru() else { return };
            self.bytes -= Self::weight(&key, &slot);
            self.has_all = false;
        }
    }

    /// About what a view takes: itself, and as it is written.
    fn weight(key: &str, slot: &Slot<P>) -> usize {
        size_of::<Slot<P>>() + 2 * key.len() + 2 * slot.row.as_ref().map_or(0, bytes::Bytes::len)
    }
}
