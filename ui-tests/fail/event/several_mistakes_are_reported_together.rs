use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(nam = "placed", version = 2)]
    Placed(String, u64),
    #[event(name = "")]
    Sent,
}

fn main() {}
