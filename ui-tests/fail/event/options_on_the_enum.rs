use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(name = "order")]
enum OrderEvent {
    Placed,
}

fn main() {}
