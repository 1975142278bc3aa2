//! What is said and stored: names of streams, places in them, ids and metadata. Knows nothing else of ego.

mod metadata;
mod name;
mod place;
mod stream;
mod text;

pub use metadata::{Metadata, MetadataDraft};
pub use name::Name;
pub use place::{Expected, Position, Revision};
pub use stream::StreamId;
pub(crate) use text::Text;
pub use text::{Actor, CausationId, CommandId, CorrelationId, InvalidText, Tenant, TimerKey};
