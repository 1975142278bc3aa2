use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
struct Add {
    item: String,
}

#[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
#[aggregate(name = "cart", durable, version = 3, upcast(1 => older))]
struct Cart {
    items: Vec<String>,
}

fn older(old: Vec<String>) -> Cart {
    Cart { items: old }
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
