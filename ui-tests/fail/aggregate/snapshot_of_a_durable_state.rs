use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
#[aggregate(name = "cart", durable, snapshot(every = 100))]
struct Cart {
    items: u64,
}

fn main() {}
