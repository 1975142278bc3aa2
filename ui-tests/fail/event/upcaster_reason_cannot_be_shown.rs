use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(version = 2, upcast(1 => checked))]
    Placed,
}

struct Opaque;
fn checked(_: u8) -> Result<OrderEvent, Opaque> {
    Err(Opaque)
}

fn main() {}
