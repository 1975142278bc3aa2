//! A soak: many clients send everything at once to an engine, for as long as one likes. They wait, they give up at any moment, their
//! time is over, they repeat themselves; handlers refuse, wait and panic; aggregates come and go; somebody follows the log, somebody
//! keeps snapshots. In the end the whole log is compared with what the clients were told.
//!
//! `cargo run --release -p soak -- --minutes 10`; a short one is among the tests.

pub mod alive;
pub mod asked;
pub mod beside;
pub mod check;
pub mod client;
pub mod figures;
pub mod ground;
pub mod growth;
pub mod said;
pub mod scene;
pub mod shelf;
mod soak;

pub use soak::{Plan, Report, Where, soak};
