//! A counter, a view of it, and a bell that rings.

use crate::Fold;
use ego::model::{Delivery, Failure};
use ego::prelude::*;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CounterEvent {
    Added { by: u64 },
}

#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize, garde::Validate)]
pub struct Add {
    #[garde(range(max = 100))]
    pub by: u64,
}

/// Adds 1 when the gate is opened.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct AddLater;

/// Adds what follows.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Name {
    pub name: String,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0} is too much")]
pub struct TooMuch(pub u64);

/// Where slow handlers wait.
pub struct Gate(pub Semaphore);

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Semaphore::new(0)))
    }
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "counter", event = CounterEvent)]
pub struct Counter {
    pub sum: u64,
}

#[ego::handlers]
impl Counter {
    #[handle]
    fn add(&self, cmd: Add) -> Result<Decision<CounterEvent, u64>, TooMuch> {
        if cmd.by > 50 {
            return Err(TooMuch(cmd.by));
        }
        Ok(emit(CounterEvent::Added { by: cmd.by }).reply(self.sum + cmd.by))
    }

    #[handle]
    async fn later(&self, _cmd: AddLater, gate: &Gate) -> Result<CounterEvent, TooMuch> {
        gate.0.acquire().await.unwrap().forget();
        Ok(CounterEvent::Added { by: 1 })
    }

    #[handle]
    fn name(&self, cmd: Name) -> Result<Decision<CounterEvent, String>, String> {
        if cmd.name.is_empty() {
            return Err("nothing".into());
        }
        Ok(Decision::nothing().reply(cmd.name))
    }

    #[apply]
    fn apply(&mut self, event: &CounterEvent) {
        let CounterEvent::Added { by } = event;
        self.sum += by;
    }
}

#[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Total {
    pub sum: u64,
}

#[ego::projection(name = "totals")]
impl Total {
    #[on(Counter)]
    fn counter(&mut self, event: &CounterEvent) -> Fold {
        let CounterEvent::Added { by } = event;
        self.sum += by;
        Fold::Keep
    }
}

/// What a bell was rung for, in each engine that was given one.
pub type Rung = Arc<Mutex<Vec<(String, u64)>>>;

#[derive(Default)]
pub struct Bell {
    pub rung: Rung,
}

#[ego::reactor(name = "bell")]
impl Bell {
    #[on(Counter)]
    async fn counter(&self, event: &CounterEvent, delivery: &Delivery) -> Result<(), Failure> {
        let CounterEvent::Added { by } = event;
        self.rung.lock().push((delivery.id().to_owned(), *by));
        Ok(())
    }
}
