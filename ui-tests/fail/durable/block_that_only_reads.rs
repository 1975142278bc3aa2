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
    fn count(&self, _: Add) -> Result<usize, String> {
        Ok(self.items.len())
    }
}

fn main() {}
