//! ego: plain structs, enums and impl blocks in; a running, durable domain out.
pub mod clock;
pub mod codec;
pub mod engine;
pub mod message;
pub mod model;
pub mod store;
pub mod testing;

pub use engine::Engine;
pub use jiff::Timestamp;
pub use testing::test;

/// What the code that the macros write refers to. Not part of the public API: it changes with any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::codec::{AnyCodec, CodecError};
    pub use crate::engine::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location, TypeRef};
    pub use inventory;
    pub use serde_json;
}
