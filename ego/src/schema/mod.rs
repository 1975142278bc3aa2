//! What a program stores, and the lock that keeps it readable.
//!
//! ```text
//! #[test]
//! fn what_was_released_stays_readable() {
//!     ego::schema_lock!().assert();
//! }
//! ```
//!
//! This test compares the names, versions and shapes of everything that the program stores with `ego.lock.json` beside the program's
//! `Cargo.toml`, as it was released. It fails, and says what to write, when something that is stored could not be read any more, and when
//! something new is not in the lock yet. `EGO_LOCK=write cargo test` adds what is new; it never takes away or changes what was released.
//! What was written but never released may be taken out of the file by hand. The file belongs into version control.
//!
//! | stored | may change without a new version | in a new version |
//! |---|---|---|
//! | event, durable state | fields that may be left out are added; variants are added; another name is read, too | anything, with an upcaster |
//! | command | the same | has none: take another name, and retire the old one when nothing waits for it |
//! | view, snapshot | nothing: they are folded from events, and a field that was not there is not what the events say | anything: they are made again |
//!
//! A shape is what serde asks for when a type is read: with a codec that keeps the names of fields, such as JSON. What asks for nothing
//! before it has seen a value (`#[serde(tag)]`, `untagged`, `flatten`, [`serde_json::Value`]) is `untraced`: what is inside of it is not
//! compared.
//!
//! `probe`, `node` and `inside` are the deserializer that looks, `trace` walks through a type with it, `stored` is the program's schema, `change` compares two
//! shapes, `rules` two schemas, `lock` is the file.

mod change;
mod inside;
mod lock;
mod node;
mod probe;
mod problem;
mod rules;
mod shape;
mod stored;
mod trace;

pub use change::Change;
pub use lock::{Lock, LockError};
pub use problem::{Problem, What};
pub use shape::{Fields, Shape};
pub use stored::{Derived, Evolving, KindSchema, Schema};
