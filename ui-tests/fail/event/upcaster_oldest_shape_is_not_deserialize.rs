use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(version = 2, upcast(1 => from_raw))]
    Placed,
}

struct Raw;
fn from_raw(_: Raw) -> OrderEvent {
    OrderEvent::Placed
}

fn main() {}
