use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
enum OrderEvent {
    Placed,
}

#[derive(Serialize)]
struct Wire;
impl From<OrderEvent> for Wire {
    fn from(_: OrderEvent) -> Self {
        Self
    }
}

fn main() {}
