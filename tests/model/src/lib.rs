//! The concurrent cores of the engine, in every interleaving of a few threads.
//!
//! These are the very files that the engine is made of; only what they take from `sync` is [loom](https://docs.rs/loom)'s, which tries
//! each order of what the threads do, and each value that a load may see. Where that would take too long, a test bounds how often a
//! thread is interrupted, and says so. `cargo test -p model -- --nocapture` tells how many interleavings there were.
#![cfg(test)]
#![allow(clippy::arc_with_non_send_sync, reason = "loom's threads take turns, and it watches over its cells")]

#[path = "../../../ego/src/engine/gate.rs"]
mod gate;
#[path = "../../../ego/src/engine/line.rs"]
mod line;
#[path = "../../../ego/src/engine/lineage.rs"]
mod lineage;
mod message;
mod sync;
mod tests;
#[path = "../../../ego/src/engine/turns.rs"]
#[allow(dead_code, reason = "of the engine, this is the core alone")]
mod turns;
