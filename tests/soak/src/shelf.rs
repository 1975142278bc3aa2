//! The domain: shelves with units on them, and everything that a handler can do to its engine.

use crate::alive::{Alive, COMMANDS, STATES};
use async_trait::async_trait;
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which command of which client: so an event tells where it comes from, also without the command's id.
pub type Mark = u64;

/// What can happen to a shelf.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ShelfEvent {
    /// Units came.
    Stored {
        /// By which command.
        mark: Mark,
        /// How many.
        units: u64,
    },
    /// Units went.
    Taken {
        /// By which command.
        mark: Mark,
        /// How many.
        units: u64,
    },
    /// Something that no shelf can take: its applier panics, so it is never recorded.
    Spoiled {
        /// By which command.
        mark: Mark,
    },
}

/// Puts units on the shelf, several times at once.
#[derive(Command, Serialize, Deserialize)]
pub struct Put {
    /// Which command.
    pub mark: Mark,
    /// How many units each time.
    pub units: u64,
    /// How often.
    pub times: u8,
    /// Counted while it is in memory.
    #[serde(skip)]
    pub alive: Alive<COMMANDS>,
}

/// Takes units, if there are enough.
#[derive(Command, Serialize, Deserialize)]
pub struct Take {
    /// Which command.
    pub mark: Mark,
    /// How many units.
    pub units: u64,
}

/// Puts units on the shelf when they have been weighed, which takes a while.
#[derive(Command, Serialize, Deserialize)]
pub struct Weigh {
    /// Which command.
    pub mark: Mark,
    /// How many units.
    pub units: u64,
    /// How long it takes.
    pub micros: u64,
    /// Counted while it is in memory.
    #[serde(skip)]
    pub alive: Alive<COMMANDS>,
}

/// Panics.
#[derive(Command, Serialize, Deserialize)]
pub struct Burst {
    /// After it has waited.
    pub late: bool,
}

/// Records what no shelf can take, behind something that it can.
#[derive(Command, Serialize, Deserialize)]
pub struct Spoil {
    /// Which command.
    pub mark: Mark,
}

/// Replies how many units there are, and records nothing.
#[derive(Command, Serialize, Deserialize)]
pub struct Look;

/// There are not enough units.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("there are only {0} units")]
pub struct TooFew(pub u64);

/// Weighs units.
#[async_trait]
pub trait Scale: Send + Sync {
    /// Says how many units there really are.
    async fn weigh(&self, units: u64, takes: Duration) -> u64;
}

/// A scale that believes what it is told.
pub struct Trusting;

#[async_trait]
impl Scale for Trusting {
    async fn weigh(&self, units: u64, takes: Duration) -> u64 {
        tokio::time::sleep(takes).await;
        units
    }
}

/// What a panic says, so that it is told from one that nobody meant.
pub const BURST: &str = "as it was told to";

/// A shelf.
#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "shelf", event = ShelfEvent)]
pub struct Shelf {
    /// How many units there are.
    pub units: u64,
    /// How much has happened.
    pub events: u64,
    /// Counted while it is in memory.
    pub alive: Alive<STATES>,
}

#[ego::handlers]
impl Shelf {
    #[handle]
    fn put(&self, cmd: &Put) -> Result<Decision<ShelfEvent, u64>, TooFew> {
        let stored: Vec<_> = (0..cmd.times).map(|_| ShelfEvent::Stored { mark: cmd.mark, units: cmd.units }).collect();
        Ok(emit(stored).reply(self.units + cmd.units * u64::from(cmd.times)))
    }
    #[handle]
    fn take(&self, cmd: Take) -> Result<Decision<ShelfEvent, u64>, TooFew> {
        let left = self.units.checked_sub(cmd.units).ok_or(TooFew(self.units))?;
        Ok(emit(ShelfEvent::Taken { mark: cmd.mark, units: cmd.units }).reply(left))
    }
    #[handle]
    async fn weigh(&self, cmd: Weigh, scale: &dyn Scale) -> Result<Decision<ShelfEvent, u64>, TooFew> {
        let units = scale.weigh(cmd.units, Duration::from_micros(cmd.micros)).await;
        Ok(emit(ShelfEvent::Stored { mark: cmd.mark, units }).reply(self.units + units))
    }
    #[handle]
    async fn burst(&self, cmd: Burst, scale: &dyn Scale) -> Result<Decision<ShelfEvent, u64>, TooFew> {
        if cmd.late {
            scale.weigh(0, Duration::from_micros(200)).await;
        }
        std::panic::panic_any(BURST)
    }
    #[handle]
    fn spoil(&self, cmd: Spoil) -> Result<Decision<ShelfEvent, u64>, TooFew> {
        Ok(emit(ShelfEvent::Stored { mark: cmd.mark, units: 1 }).and(ShelfEvent::Spoiled { mark: cmd.mark }).reply(0))
    }
    #[handle]
    fn look(&self, _: Look) -> Result<Decision<ShelfEvent, u64>, TooFew> {
        Ok(Decision::nothing().reply(self.units))
    }
    #[apply]
    fn apply(&mut self, event: &ShelfEvent) {
        self.events += 1;
        match event {
            ShelfEvent::Stored { units, .. } => self.units += units,
            ShelfEvent::Taken { units, .. } => self.units -= units,
            ShelfEvent::Spoiled { .. } => std::panic::panic_any(BURST),
        }
    }
}
