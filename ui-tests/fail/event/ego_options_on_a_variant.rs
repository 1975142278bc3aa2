use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[ego(crate = facade::ego)]
    Placed,
}

fn main() {}
