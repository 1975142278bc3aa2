//! The contract between the engine and a place that keeps events. Read [`Store`] first; it is one page.
//!
//! [`MemoryStore`] is the store of tests and of engines that were given none; [`AnyStore`] is any store behind one type, and the
//! only place of dynamic dispatch. Every implementation passes the rules of [`event_store_rules!`](crate::testing).

mod any;
mod commit;
mod contract;
mod delegate;
mod error;
mod memory;
mod read;
mod row;
mod sealed;

pub use any::AnyStore;
pub use commit::{Body, Commit, Committed, NewEvent, NewState, Refusal, Verdict};
pub use contract::{Capabilities, Immediate, Store};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use read::{Direction, EventType, Filter, Page, RecordedEvent, Snapshot, StoredState, StreamHead};
pub use row::{Advance, Row, RowChange, Step, Stepped, holds_up};
pub use sealed::PrivacyError;
