//! Who has the last word on a command.

use std::sync::atomic::{AtomicU8, Ordering};

/// Who has the last word on whether a command takes effect: the aggregate that decided, or the sender who gave up.
pub(super) struct Ticket(AtomicU8);

impl Ticket {
    const OPEN: u8 = 0;
    /// The commit may be under way, or the command may have been recorded before.
    const UNCERTAIN: u8 = 1;
    const ABANDONED: u8 = 2;

    /// Under an id that its sender gave, a command may have been recorded before, until the store says that it was not.
    pub(super) fn new(own_id: bool) -> Self {
        Self(AtomicU8::new(if own_id { Self::UNCERTAIN } else { Self::OPEN }))
    }

    /// The aggregate is about to commit; false when the sender gave up before.
    pub(super) fn decide(&self) -> bool {
        self.settle_as(Self::UNCERTAIN)
    }

    /// The sender gives up; false when the command may be recorded all the same.
    pub(super) fn abandon(&self) -> bool {
        self.settle_as(Self::ABANDONED)
    }

    fn settle_as(&self, end: u8) -> bool {
        match self.0.compare_exchange(Self::OPEN, end, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(now) => now == end,
        }
    }

    /// The command is not recorded: it is open (again), unless its sender gave up.
    pub(super) fn reopen(&self) {
        let _ = self.0.compare_exchange(Self::UNCERTAIN, Self::OPEN, Ordering::AcqRel, Ordering::Acquire);
    }
}
