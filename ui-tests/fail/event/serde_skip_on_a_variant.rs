use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[serde(skip)]
    Placed,
    Sent,
}

fn main() {}
