//! Who is inside when the engine stops: either a command sees the gate closed, or `stop` sees the command inside.
//!
//! A core of the engine without the rest of it: `tests/model` runs it in every interleaving.

use super::sync::{AtomicBool, AtomicUsize, Notify, Ordering};

/// Whether commands are taken.
#[derive(Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    /// Set when the time for an orderly end is over: what has not begun is refused.
    hurried: AtomicBool,
    left: Notify,
}

/// How many came in at one door and are inside.
#[derive(Default)]
pub(super) struct Inside(AtomicUsize);

impl Gate {
    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn hurry(&self) {
        self.hurried.store(true, Ordering::Release);
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire)
    }

    /// Waits until nobody is inside, once it is closed.
    pub(super) async fn emptied(&self, inside: impl Fn() -> usize) {
        loop {
            let left = self.left.notified();
            if inside() == 0 {
                return;
            }
            left.await;
        }
    }
}

// SeqCst on both sides, coming in and going: either this sees the gate closed, or who closed it sees this.
impl Inside {
    /// Counts somebody in, unless the gate is closed.
    #[must_use]
    pub(super) fn enter(&self, gate: &Gate) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst);
        if gate.is_closed() {
            self.leave(gate);
            return false;
        }
        true
    }

    pub(super) fn leave(&self, gate: &Gate) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 && gate.is_closed() {
            gate.left.notify_waiters();
        }
    }

    /// Once the gate is closed and this was 0 at every door, nobody comes in any more.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
