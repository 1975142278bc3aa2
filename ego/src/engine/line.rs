//! The line of the commit pipeline: entries in the order in which they came, and one at a time who runs it.
//!
//! A core of the engine without the rest of it: `tests/model` runs it in every interleaving.

use super::sync::Mutex;
use std::collections::VecDeque;

pub(super) struct Line<E> {
    inner: Mutex<Inner<E>>,
}

struct Inner<E> {
    entries: VecDeque<E>,
    /// Whether somebody runs it, or was told to.
    running: bool,
}

impl<E> Line<E> {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new(Inner { entries: VecDeque::new(), running: false }) }
    }

    /// Takes an entry. Says whether the caller has to run the line, because nobody does: until [`take`](Self::take) gives nothing, or
    /// it [`abandon`](Self::abandon)s it.
    #[must_use]
    pub(super) fn push(&self, entry: E) -> bool {
        let mut inner = self.inner.lock();
        inner.entries.push_back(entry);
        !std::mem::replace(&mut inner.running, true)
    }

    /// The first entries, at most so many. `None` ends the run: nothing waits.
    pub(super) fn take(&self, most: usize) -> Option<Vec<E>> {
        let mut inner = self.inner.lock();
        let count = inner.entries.len().min(most);
        if count == 0 {
            inner.running = false;
            return None;
        }
        Some(inner.entries.drain(..count).collect())
    }

    /// Ends the run although nobody will take what waits.
    pub(super) fn abandon(&self) -> VecDeque<E> {
        let mut inner = self.inner.lock();
        inner.running = false;
        std::mem::take(&mut inner.entries)
    }
}
