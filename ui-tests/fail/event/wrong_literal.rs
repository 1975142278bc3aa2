use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(name = 7)]
    Placed,
    #[event(version = "2")]
    Sent,
}

fn main() {}
