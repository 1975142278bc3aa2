use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    Placed {
        #[event(name = "sum")]
        total: u64,
    },
}

fn main() {}
