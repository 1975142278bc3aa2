//! Subscriptions: events of the log, or the states of durable aggregates, from any place on, in the order of their positions.

mod reader;
mod start;
mod tail;
mod waiter;

pub use reader::{Delivered, DeliveredJson, DeliveredState, Subscription, SubscriptionError};
pub use start::Subscribe;
pub use waiter::{WaitError, Waiter};

pub(crate) use reader::delivery;
pub(crate) use start::read_json;
pub(crate) use tail::{Follows, Tail, Tailed};
