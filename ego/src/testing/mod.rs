//! The rules that every store keeps, as tests that any crate can run on its own store.
//!
//! [`event_store_rules!`] writes one `#[test]` for each rule of [`Store`](crate::store::Store), so that a failure names the rule. In
//! a file under `tests/`, one line per store is all:
//!
//! ```
//! use ego::store::{AnyStore, MemoryStore};
//!
//! // Forgets everything when it is dropped: an expression that makes a fresh store.
//! ego::testing::event_store_rules!(memory: MemoryStore::new());
//! ego::testing::event_store_rules!(erased: AnyStore::new(MemoryStore::new()));
//!
//! # fn main() {
//! # assert!(ego::testing::RULES.len() > 75);
//! # memory().hold("append::revisions_start_at_one_and_have_no_gap");
//! # erased().hold("append::revisions_start_at_one_and_have_no_gap");
//! # }
//! ```
//!
//! A store that keeps what it acknowledged is opened in a folder. The suite makes an empty one for each rule, opens the store in it
//! again where a rule asks for that, and removes it afterwards. `?` and `.await` may stand in the expression; a store that is not
//! kept in files takes the folder's name as the name of its schema, bucket or prefix.
//!
//! ```
//! # use ego::store::{MemoryStore, StoreError};
//! # struct FileStore;
//! # impl FileStore {
//! #     fn open(_: &std::path::Path) -> Result<MemoryStore, StoreError> { Ok(MemoryStore::new()) }
//! # }
//! ego::testing::event_store_rules!(file: |folder| FileStore::open(folder)?);
//! # fn main() {
//! # file().hold("append::revisions_start_at_one_and_have_no_gap");
//! # }
//! ```
//!
//! The name before the colon becomes a module with the tests in it, by topic (`file::append::…`), and a function that makes a
//! [`Bench`]. With that and [`RULES`], a program can run the rules itself, for instance on a store that is broken on purpose.
//!
//! Read `list.rs` for the names of the rules, then any file of rules; `commit.rs` and `probe.rs` are what they are written with.

mod bench;
mod commit;
mod list;
mod probe;

mod scenario;

mod append;
mod batches;
mod checkpoints;
mod closing;
mod command_ids;
mod concurrency;
mod conflict;
mod content;
mod copying;
mod erasure;
mod head;
mod listing;
mod read_log;
mod read_states;
mod read_stream;
mod reopening;
mod retention;
mod rows;
mod snapshots;
mod states;
mod steps;

#[doc(inline)]
pub use crate::__event_store_rules as event_store_rules;
pub use bench::{Bench, OpenError, Rule};
pub use list::RULES;
pub use scenario::{Given, Then, test};
