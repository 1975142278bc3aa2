use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
struct Add {
    item: String,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "cart", durable)]
struct Cart {
    items: Vec<String>,
}

#[ego::handlers]
impl Cart {
    #[handle]
    fn add(&mut self, cmd: Add) -> Result<(), String> {
        self.items.push(cmd.item);
        Ok(())
    }
}

fn main() {}
