//! A domain, and what is read of it.

use ego::engine::Engine;
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use tokio::sync::Notify;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ShipEvent {
    Sailed { miles: u64 },
}

/// One event for each leg, in one commit.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Sail {
    pub legs: Vec<u64>,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "ship", event = ShipEvent)]
pub struct Ship {
    miles: u64,
}

#[ego::handlers]
impl Ship {
    #[handle]
    fn sail(&self, cmd: Sail) -> Result<Vec<ShipEvent>, String> {
        Ok(cmd.legs.into_iter().map(|miles| ShipEvent::Sailed { miles }).collect())
    }
    #[apply]
    fn apply(&mut self, event: &ShipEvent) {
        let ShipEvent::Sailed { miles } = event;
        self.miles += miles;
    }
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PortEvent {
    Visited { ship: String },
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Visit {
    pub ship: String,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "port", event = PortEvent)]
pub struct Port {
    visits: u64,
}

#[ego::handlers]
impl Port {
    #[handle]
    fn visit(&self, cmd: Visit) -> Result<PortEvent, String> {
        Ok(PortEvent::Visited { ship: cmd.ship })
    }
    #[apply]
    fn apply(&mut self, _: &PortEvent) {
        self.visits += 1;
    }
}

/// What the methods of the projections meet: a service.
#[derive(Default)]
pub struct Crew {
    /// Events at these positions are not folded by `Log`.
    pub poison: Mutex<HashSet<u64>>,
    /// So many methods of `Crossing` must run at the same time before one of them goes on.
    pub together: OnceLock<usize>,
    came: Notify,
    /// Where `Crossing` sends a command for each event.
    pub engine: OnceLock<Engine>,
    running: AtomicUsize,
    /// The most methods of `Crossing` that ran at the same time.
    pub most_at_once: AtomicUsize,
}

/// The log of a ship: what was folded, in the order in which that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    pub positions: Vec<u64>,
    pub miles: u64,
    pub ports: u64,
}

#[ego::projection(name = "log")]
impl Log {
    #[on(Ship)]
    fn sailed(&mut self, event: &ShipEvent, delivery: &Delivery, crew: &Crew) -> Result<(), String> {
        let ShipEvent::Sailed { miles } = event;
        self.positions.push(delivery.position().get());
        self.miles += miles;
        let poisoned = crew.poison.lock().map_err(|error| error.to_string())?.contains(&delivery.position().get());
        if poisoned { Err("poisoned".to_owned()) } else { Ok(()) }
    }

    #[on(Port, key = ship_of)]
    fn visited(&mut self, _: &PortEvent, delivery: &Delivery) {
        self.positions.push(delivery.position().get());
        self.ports += 1;
    }
}

fn ship_of(PortEvent::Visited { ship }: &PortEvent) -> String {
    ship.clone()
}

/// The same, slowly, with an effect on the engine itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    pub positions: Vec<u64>,
}

#[ego::projection(name = "crossings")]
impl Crossing {
    #[on(Ship)]
    async fn sailed(&mut self, _: &ShipEvent, delivery: &Delivery, crew: &Crew) -> Result<(), String> {
        let running = crew.running.fetch_add(1, Ordering::SeqCst) + 1;
        crew.most_at_once.fetch_max(running, Ordering::SeqCst);
        if let Some(together) = crew.together.get() {
            crew.came.notify_waiters();
            loop {
                let came = crew.came.notified();
                if crew.most_at_once.load(Ordering::SeqCst) >= *together {
                    break;
                }
                came.await;
            }
        }
        if let Some(engine) = crew.engine.get() {
            let visit = Visit { ship: delivery.id().to_owned() };
            engine
                .send::<Port>("harbour", visit)
                .command_id(delivery.token().to_string())
                .await
                .map_err(|error| error.to_string())?;
        }
        self.positions.push(delivery.position().get());
        crew.running.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}
