//! What the cores know of messages.

use std::num::NonZeroU64;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CommandId(pub(crate) &'static str);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Position(NonZeroU64);

impl Position {
    pub(crate) fn new(position: u64) -> Option<Self> {
        NonZeroU64::new(position).map(Self)
    }

    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }
}
