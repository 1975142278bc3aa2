//! When whoever fires timers wakes up.

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// When the first timer is due, as far as this engine knows.
#[derive(Default)]
pub(crate) struct Alarm {
    first: Mutex<Option<Timestamp>>,
    earlier: Notify,
}

impl Alarm {
    /// A timer that is due then was recorded.
    pub(crate) fn set(&self, due: Timestamp) {
        let mut first = self.first.lock();
        if first.is_none_or(|first| due < first) {
            *first = Some(due);
            self.earlier.notify_one();
        }
    }

    /// Forgets what it knows: before the store is asked, so that what is recorded meanwhile is not forgotten.
    pub(super) fn clear(&self) {
        *self.first.lock() = None;
    }

    /// When the first is due, one of them being that.
    pub(super) fn with(&self, due: Option<Timestamp>) -> Option<Timestamp> {
        let mut first = self.first.lock();
        *first = first.into_iter().chain(due).min();
        *first
    }

    /// Waits until an earlier one was recorded. Cancel safe.
    pub(super) async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
