use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    Placed,
    #[event(name = "Placed")]
    Sent,
}

fn main() {}
