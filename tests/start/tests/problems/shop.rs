//! Two blocks that do not know of each other, and services that nobody gives.

use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum ShopEvent {
    Sold,
}

#[derive(Command, Serialize, Deserialize)]
struct Buy;

#[derive(Command, Serialize, Deserialize)]
struct Restock;

trait Prices: Send + Sync {}
struct Warehouse;

#[derive(Aggregate, Default)]
#[aggregate(name = "shop", event = ShopEvent)]
struct Shop;

#[ego::handlers]
impl Shop {
    #[handle]
    fn buy(&self, _: Buy, _: &dyn Prices) -> Result<ShopEvent, String> {
        Ok(ShopEvent::Sold)
    }
    #[handle]
    async fn restock(&self, _: Restock, _: &Warehouse, _: &Context, _: &dyn Prices) -> Result<(), String> {
        Ok(())
    }
    #[apply]
    fn apply(&mut self, event: &ShopEvent) {
        match event {
            ShopEvent::Sold => {}
        }
    }
}

mod online {
    use super::{Command, Deserialize, Serialize, Shop, Warehouse};

    #[derive(Command, Serialize, Deserialize)]
    struct Buy;

    #[derive(Command, Serialize, Deserialize)]
    #[command(name = "Restock")]
    struct Refill;

    #[ego::handlers]
    impl Shop {
        #[handle]
        fn buy_online(&self, _: Buy) -> Result<(), String> {
            Ok(())
        }
        #[handle]
        fn refill(&self, _: &Refill, _: &Warehouse) -> Result<(), String> {
            Ok(())
        }
    }
}
