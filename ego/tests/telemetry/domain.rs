//! A lamp, a view of it, a reactor and a publisher.

use ego::model::{Delivery, Failure};
use ego::prelude::*;
use ego::publish::{Envelope, PublishError, Publisher};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LampEvent {
    Lit { watts: u64 },
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Light {
    pub watts: u64,
}

/// Lights once the gate is open.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct LightLater {
    pub watts: u64,
}

pub struct Gate(pub Semaphore);

impl Gate {
    pub fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self(Semaphore::new(permits)))
    }
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "lamp", event = LampEvent)]
pub struct Lamp {
    pub watts: u64,
}

#[ego::handlers]
impl Lamp {
    #[handle]
    fn light(&self, cmd: Light) -> Result<LampEvent, String> {
        tracing::info!(target: "lamp", "deciding");
        if cmd.watts > 100 { Err("too bright".into()) } else { Ok(LampEvent::Lit { watts: cmd.watts }) }
    }

    #[handle]
    async fn later(&self, cmd: LightLater, gate: &Gate) -> Result<LampEvent, String> {
        gate.0.acquire().await.unwrap().forget();
        tracing::info!(target: "lamp", "deciding later");
        Ok(LampEvent::Lit { watts: cmd.watts })
    }

    #[apply]
    fn apply(&mut self, event: &LampEvent) {
        let LampEvent::Lit { watts } = event;
        self.watts = *watts;
    }
}

/// An event with so many watts cannot be folded, reacted to or published.
pub const FUSE: u64 = 99;

#[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brightness {
    pub watts: u64,
}

#[ego::projection(name = "brightness")]
impl Brightness {
    #[on(Lamp)]
    fn lamp(&mut self, event: &LampEvent) -> Result<(), Failure> {
        tracing::info!(target: "lamp", "folding");
        let LampEvent::Lit { watts } = event;
        self.watts = *watts;
        if *watts == FUSE { Err(Failure::new("a fuse")) } else { Ok(()) }
    }
}

#[derive(Default)]
pub struct Moth;

#[ego::reactor(name = "moth")]
impl Moth {
    #[on(Lamp)]
    async fn lamp(&self, event: &LampEvent, _delivery: &Delivery) -> Result<(), Failure> {
        tracing::info!(target: "lamp", "reacting");
        let LampEvent::Lit { watts } = event;
        if *watts == FUSE { Err(Failure::new("a fuse")) } else { Ok(()) }
    }
}

pub struct Radio;

#[async_trait::async_trait]
impl Publisher for Radio {
    fn name(&self) -> &str {
        "radio"
    }
    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        tracing::info!(target: "lamp", events = batch.len(), "publishing");
        Ok(())
    }
}
