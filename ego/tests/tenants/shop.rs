//! What the tenants do: shops with everything that a program can derive from them.

use ego::engine::EngineBuilder;
use ego::model::{Context, Delivery, Failure};
use ego::prelude::*;
use ego::reactor::ReactorOptions;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ShopEvent {
    Opened { owner: String },
    Sold { amount: u64 },
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Open {
    pub owner: String,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Sell {
    pub amount: u64,
}

/// Replies which tenant it is of.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct WhoseIsIt;

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "shop", event = ShopEvent)]
pub struct Shop {
    owner: Option<String>,
    pub sold: u64,
}

#[ego::handlers]
impl Shop {
    #[handle]
    fn open(&self, cmd: Open) -> Result<ShopEvent, String> {
        match &self.owner {
            Some(owner) => Err(format!("{owner} has it")),
            None => Ok(ShopEvent::Opened { owner: cmd.owner }),
        }
    }

    #[handle]
    fn sell(&self, cmd: Sell) -> Result<Decision<ShopEvent, u64>, String> {
        if self.owner.is_none() {
            return Err("it is shut".into());
        }
        Ok(emit(ShopEvent::Sold { amount: cmd.amount }).reply(self.sold + cmd.amount))
    }

    #[handle]
    fn whose(&self, _: WhoseIsIt, context: &Context) -> Result<Decision<ShopEvent, String>, String> {
        Ok(Decision::nothing().reply(context.metadata().tenant.as_ref().map(ToString::to_string).unwrap_or_default()))
    }

    #[apply]
    fn apply(&mut self, event: &ShopEvent) {
        match event {
            ShopEvent::Opened { owner } => self.owner = Some(owner.clone()),
            ShopEvent::Sold { amount } => self.sold += amount,
        }
    }
}

/// What each owner has sold; 13 brings bad luck.
#[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Takings {
    pub owner: String,
    pub sum: u64,
}

pub const BAD_LUCK: u64 = 13;

#[ego::projection(name = "takings")]
impl Takings {
    #[on(Shop)]
    fn shop(&mut self, event: &ShopEvent) -> Result<(), Failure> {
        match event {
            ShopEvent::Opened { owner } => self.owner.clone_from(owner),
            ShopEvent::Sold { amount: BAD_LUCK } => return Err(Failure::new("bad luck")),
            ShopEvent::Sold { amount } => self.sum += amount,
        }
        Ok(())
    }

    #[index]
    fn by_owner(&self) -> &str {
        &self.owner
    }
}

#[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Board {
    pub sales: u64,
}

#[ego::projection(name = "board", mode = inline)]
impl Board {
    #[on(Shop)]
    fn shop(&mut self, event: &ShopEvent) {
        self.sales += u64::from(matches!(event, ShopEvent::Sold { .. }));
    }
}

#[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    pub sale: u64,
}

#[ego::projection(name = "best", mode = live)]
impl Best {
    #[on(Shop)]
    fn shop(&mut self, event: &ShopEvent) {
        if let ShopEvent::Sold { amount } = event {
            self.sale = self.sale.max(*amount);
        }
    }
}

/// What a till was told, in order.
pub type Told = Arc<Mutex<Vec<String>>>;

#[derive(Default)]
pub struct Till {
    pub told: Told,
}

#[ego::reactor(name = "till")]
impl Till {
    #[on(Shop)]
    async fn shop(&self, event: &ShopEvent, delivery: &Delivery) {
        self.told.lock().push(format!("{} {} {event:?}", delivery.id(), delivery.revision()));
    }
}

/// An engine for these shops.
pub fn shops(told: &Told) -> EngineBuilder {
    use ego::consumer::Policy;
    use ego::projection::ProjectionOptions;
    Engine::builder()
        .reactor(Till { told: Arc::clone(told) }, ReactorOptions::new())
        .projection::<Takings>(ProjectionOptions::new().policy(Policy::dead_letter().retries(0)))
}
