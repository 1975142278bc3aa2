//! Maintenance: copies that are the same, exports that come back, streams that are gone, and the record of it all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "these are tests")]

mod changed;
mod copy;
mod dying;
mod erase;
mod everything;
mod lines;
