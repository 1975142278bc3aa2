use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(alias = "Sent")]
    Placed,
    Sent,
}

fn main() {}
