use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
struct Add {
    item: String,
}

#[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
#[aggregate(name = "cart", durable)]
struct Cart {
    items: Vec<String>,
}

#[ego::handlers]
impl Cart {
    #[handle]
    fn add(&mut self, cmd: Add) -> usize {
        self.items.push(cmd.item);
        self.items.len()
    }
}

fn main() {}
