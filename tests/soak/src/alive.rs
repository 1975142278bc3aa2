//! Counts what is in memory, so that a leak is told from a store that grows.

use std::sync::atomic::{AtomicIsize, Ordering};

/// States of aggregates.
pub const STATES: usize = 0;
/// Commands.
pub const COMMANDS: usize = 1;

static COUNTS: [AtomicIsize; 2] = [AtomicIsize::new(0), AtomicIsize::new(0)];

/// Counted from when it is made until it is dropped.
#[derive(Debug)]
pub struct Alive<const WHAT: usize>(());

impl<const WHAT: usize> Default for Alive<WHAT> {
    fn default() -> Self {
        COUNTS[WHAT].fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl<const WHAT: usize> Drop for Alive<WHAT> {
    fn drop(&mut self) {
        COUNTS[WHAT].fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many there are.
#[must_use]
pub fn alive(what: usize) -> isize {
    COUNTS[what].load(Ordering::Relaxed)
}
