//! What [`turns`](super::turns), [`line`](super::line), [`lineage`](super::lineage) and [`gate`](super::gate) are made of. They take
//! nothing else that threads share, so `tests/model` can compile them with the primitives of a model checker instead.

pub(super) use parking_lot::Mutex;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(super) use tokio::sync::Notify;
