//! The engine: runs the aggregates.

mod error;
mod registry;
mod send;

pub use error::CommandError;
pub use registry::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location, TypeRef};
pub use send::{AnyRejection, Dispatch, Receipt, Sending};

/// A running engine. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Engine;
