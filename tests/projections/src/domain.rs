//! What happens: orders and returns, and noise that no projection follows.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum OrderEvent {
    /// `poison` is what one of the projections cannot take.
    Placed {
        customer: String,
        amount: i64,
        poison: bool,
    },
    Paid {
        customer: String,
        amount: i64,
    },
    /// The customer's view is removed.
    Cancelled {
        customer: String,
    },
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ReturnEvent {
    /// Of several customers, perhaps of one twice.
    Returned { customers: Vec<String>, amount: i64 },
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum NoiseEvent {
    Heard,
}

/// Records these events in one commit.
#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Order(pub(crate) Vec<OrderEvent>);

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Return(pub(crate) ReturnEvent);

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Hear;

#[derive(Aggregate, Default)]
#[aggregate(name = "order", event = OrderEvent)]
pub(crate) struct Orders;

#[ego::handlers]
impl Orders {
    #[handle]
    fn order(&self, command: Order) -> Result<Vec<OrderEvent>, Infallible> {
        Ok(command.0)
    }
    #[apply]
    fn apply(&mut self, _: &OrderEvent) {}
}

#[derive(Aggregate, Default)]
#[aggregate(name = "return", event = ReturnEvent)]
pub(crate) struct Returns;

#[ego::handlers]
impl Returns {
    #[handle]
    fn take(&self, command: Return) -> Result<ReturnEvent, Infallible> {
        Ok(command.0)
    }
    #[apply]
    fn apply(&mut self, _: &ReturnEvent) {}
}

#[derive(Aggregate, Default)]
#[aggregate(name = "noise", event = NoiseEvent)]
pub(crate) struct Noise;

#[ego::handlers]
impl Noise {
    #[handle]
    fn hear(&self, _: Hear) -> Result<NoiseEvent, Infallible> {
        Ok(NoiseEvent::Heard)
    }
    #[apply]
    fn apply(&mut self, _: &NoiseEvent) {}
}
