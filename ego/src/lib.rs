//! Plain structs, enums and impl blocks in; a running, durable domain out.
#![doc = include_str!("../../README.md")]

// The macros write `::ego::…`, here too.
extern crate self as ego;

pub mod archive;
pub mod clock;
pub mod codec;
pub mod consumer;
pub mod engine;
pub mod layer;
pub mod maintenance;
pub mod message;
pub mod model;
pub mod privacy;
pub mod projection;
pub mod publish;
pub mod reactor;
pub mod saga;
pub mod schema;
pub mod store;
pub mod subscription;
pub mod telemetry;
pub mod tenant;
pub mod testing;
pub mod timer;

mod macros;

pub use engine::Engine;
pub use jiff::Timestamp;
pub use macros::{
    Aggregate, Command, Event, Personal, Registers, apply, handle, handlers, index, on, projection, reactor, rejected, saga,
    start, timeout,
};
pub use model::{Aggregate, Command, Event, Personal};
pub use saga::test as test_saga;
pub use testing::test;

/// What a domain and its program need: `use ego::prelude::*`.
pub mod prelude {
    pub use crate::engine::{CommandError, Dispatch, Engine, Receipt};
    pub use crate::model::{Aggregate, Command, Context, Decision, Delivery, Event, Fold, Rejected, SagaContext, emit};
    pub use ego_derive::{Aggregate, Command, Event};
}

#[doc(hidden)]
pub mod __private;
