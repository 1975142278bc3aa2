//! Subscriptions: events of the log, from any place on, in the order of their positions.

mod reader;
mod start;
mod tail;

pub use reader::{Delivered, DeliveredJson, Subscription, SubscriptionError};
pub use start::Subscribe;

pub(crate) use reader::delivery;
pub(crate) use start::read_json;
pub(crate) use tail::{Tail, Tailed};
