use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[serde(untagged)]
enum OrderEvent {
    Placed,
}

fn main() {}
