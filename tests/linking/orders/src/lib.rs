//! A library that the program only names in `use orders as _;`.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    Placed { item: String },
    Cancelled,
}

#[derive(Command, Serialize, Deserialize)]
struct Place {
    item: String,
}

#[derive(Command, Serialize, Deserialize)]
#[command(name = "cancel")]
struct Cancel;

#[derive(Aggregate, Default)]
#[aggregate(name = "order", event = OrderEvent)]
struct Order {
    item: Option<String>,
}

#[ego::handlers]
impl Order {
    #[handle]
    fn place(&self, cmd: Place) -> Result<OrderEvent, Infallible> {
        Ok(OrderEvent::Placed { item: cmd.item })
    }
    #[apply]
    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Placed { item } => self.item = Some(item.clone()),
            OrderEvent::Cancelled => self.item = None,
        }
    }
}

mod cancelling {
    use super::{Cancel, Order, OrderEvent};

    /// A second block, in another module.
    #[ego::handlers]
    impl Order {
        #[handle]
        async fn cancel(&self, _: Cancel) -> Result<Option<OrderEvent>, String> {
            match &self.item {
                Some(_) => Ok(Some(OrderEvent::Cancelled)),
                None => Err("nothing was ordered".to_owned()),
            }
        }
    }
}
