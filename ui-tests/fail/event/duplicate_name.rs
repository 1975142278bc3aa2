use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(name = "order.placed")]
    Placed,
    #[event(name = "order.placed")]
    Sent,
}

fn main() {}
