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
#[aggregate(name = "cart", event = CartEvent, version = 2, upcast(1 => older))]
struct Cart {
    items: Vec<String>,
}

fn older(old: Vec<String>) -> Cart {
    Cart { items: old }
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
