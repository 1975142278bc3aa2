//! The embedded store of ego: a commit log of its own, with sled as the index behind it.
//!
//! ```
//! use ego_sled::SledStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let store = SledStore::open(folder.join("bank"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is on the disk, how it gets there and what a crash can do to it stands in `FORMAT.md`. In the code, start with `append.rs`
//! (one thread writes), then `recover.rs` (what opening does), `tail.rs` and `index.rs` (how readers find things).

mod append;
mod compact;
mod compare;
mod engine;
mod entry;
mod error;
#[cfg(test)]
mod every_fault;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod faulty;
mod find;
mod folder;
mod group;
mod hash;
mod hot;
mod index;
mod io;
mod key;
mod log;
mod mark;
mod options;
mod read;
mod record;
mod recover;
mod request;
mod row;
mod rows;
mod shared;
mod snapshot;
mod states;
mod store;
mod streams;
mod tail;
mod verify;
mod window;

pub use compact::Compaction;
pub use options::{Durability, Options};
pub use recover::Recovery;
pub use store::SledStore;
pub use verify::Verification;
