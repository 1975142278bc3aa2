//! What the stories are told with: a domain, randomness that can be replayed, and how a process says what it was promised.

mod said;

pub use said::{Promise, Said};

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// What can happen to a till.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TillEvent {
    /// Money came in.
    Added {
        /// How much.
        by: u64,
        /// Some text, so that commits differ in length.
        note: String,
    },
    /// Money went out.
    Taken {
        /// How much.
        by: u64,
    },
}

/// Brings money, several times at once.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Add {
    /// How much each time.
    pub by: u64,
    /// How often.
    pub times: u64,
    /// How much text comes with it.
    pub note: usize,
}

/// Takes money, if there is enough.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// How much.
    pub by: u64,
}

/// Asks what is there; records nothing but its own id and reply.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look;

/// There is not enough.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("there are only {0}")]
pub struct TooFew(pub u64);

/// A till: how much it holds, and how often something happened.
#[derive(Aggregate, Clone, Debug, Default, PartialEq)]
#[aggregate(name = "till", event = TillEvent)]
pub struct Till {
    /// How much.
    pub total: u64,
    /// How often.
    pub events: u64,
}

#[ego::handlers]
impl Till {
    #[handle]
    fn add(&self, cmd: Add) -> Result<Decision<TillEvent, u64>, Infallible> {
        let events: Vec<_> = (0..cmd.times).map(|_| TillEvent::Added { by: cmd.by, note: "x".repeat(cmd.note) }).collect();
        Ok(emit(events).reply(self.total + cmd.by * cmd.times))
    }
    #[handle]
    async fn take(&self, cmd: Take) -> Result<Decision<TillEvent, u64>, TooFew> {
        let left = self.total.checked_sub(cmd.by).ok_or(TooFew(self.total))?;
        Ok(emit(TillEvent::Taken { by: cmd.by }).reply(left))
    }
    #[handle]
    fn look(&self, _: Look) -> Result<Decision<TillEvent, u64>, Infallible> {
        Ok(Decision::nothing().reply(self.total))
    }
    #[apply]
    fn apply(&mut self, event: &TillEvent) {
        self.events += 1;
        match event {
            TillEvent::Added { by, .. } => self.total += by,
            TillEvent::Taken { by } => self.total -= by,
        }
    }
}

/// Any of the commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asked {
    /// Brings money.
    Add(Add),
    /// Takes money.
    Take(Take),
    /// Asks.
    Look(Look),
}

impl Asked {
    /// A random one.
    pub fn random(random: &mut Random) -> Self {
        match random.below(10) {
            0 => Self::Look(Look),
            1..=3 => Self::Take(Take { by: random.below(200) }),
            _ => {
                let note = usize::try_from(random.below(400)).unwrap_or_default();
                Self::Add(Add { by: random.below(100), times: 1 + random.below(3), note })
            }
        }
    }

    /// How many events it records when it is not refused.
    #[must_use]
    pub fn events(&self) -> u64 {
        match self {
            Self::Add(add) => add.times,
            Self::Take(_) => 1,
            Self::Look(_) => 0,
        }
    }

    /// Sends it; `None` when it was refused.
    ///
    /// # Errors
    /// Everything else that can go wrong, as text.
    pub async fn send(&self, engine: &Engine, till: &str, id: &str) -> Result<Option<Receipt<u64>>, String> {
        match self.clone() {
            Self::Add(command) => {
                engine.send::<Till>(till, command).command_id(id).await.map(Some).map_err(|error| error.to_string())
            }
            Self::Look(command) => {
                engine.send::<Till>(till, command).command_id(id).await.map(Some).map_err(|error| error.to_string())
            }
            Self::Take(command) => match engine.send::<Till>(till, command).command_id(id).await {
                Ok(receipt) => Ok(Some(receipt)),
                Err(CommandError::Rejected(TooFew(_))) => Ok(None),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// Random numbers that are the same for the same seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number below this one; 0 for 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }
}
