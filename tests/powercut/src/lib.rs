//! The engine on the embedded store, opened as a power cut could leave it.
//!
//! A process works on a store while a preloaded library records everything that it does to the store's folder (`recorder.c`): writes,
//! names, syncs, in one order, and between them what the process was told. A model of the disk (`disk.rs`) says what of all that may be
//! there after a cut at any moment (`fate.rs`). Each such folder is laid down, opened and compared with what was acknowledged until then
//! (`check.rs`). `campaign.rs` says which processes are recorded.

mod campaign;
mod check;
mod disk;
mod fate;
mod image;
mod random;
mod record;
mod rows;
mod said;
mod trace;
mod vault;
mod work;
mod world;

pub use campaign::{Plan, Report, run};
pub use work::Work;

/// What can go wrong in the harness itself, and what it finds.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result with that error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
