use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(name)]
    Placed,
    #[event(version =)]
    Sent,
}

fn main() {}
