use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[ego(crate = "facade::ego")]
enum OrderEvent {
    Placed,
}

fn main() {}
