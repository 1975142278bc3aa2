use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
struct Add {
    item: String,
}

#[derive(Event, Serialize, Deserialize)]
enum CartEvent {
    Added { item: String },
}

#[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
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

#[ego::handlers]
impl Cart {
    #[apply]
    fn apply(&mut self, event: &CartEvent) {
        match event {
            CartEvent::Added { item } => self.items.push(item.clone()),
        }
    }
}

fn main() {}
