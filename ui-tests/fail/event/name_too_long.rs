use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(name = "placed-placed-placed-placed-placed-placed-placed-placed-placed-placed-placed-placed-placed-placed-placed-")]
    Placed,
}

fn main() {}
