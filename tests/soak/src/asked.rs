//! What a client asks for, and what it is told.

use crate::alive::Alive;
use crate::figures::with_causes;
use crate::ground;
use crate::said::Outcome;
use crate::shelf::{BURST, Burst, Look, Mark, Put, Shelf, Spoil, Take, TooFew, Weigh};
use ego::engine::Sending;
use ego::message::Expected;
use ego::prelude::*;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use std::fmt;
use std::time::Duration;

/// A command without its shelf.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// [`Put`].
    Put {
        /// How many units each time.
        units: u64,
        /// How often.
        times: u8,
    },
    /// [`Take`].
    Take {
        /// How many units.
        units: u64,
    },
    /// [`Weigh`].
    Weigh {
        /// How many units.
        units: u64,
        /// How long it takes.
        micros: u64,
    },
    /// [`Burst`].
    Burst {
        /// After it has waited.
        late: bool,
    },
    /// [`Spoil`].
    Spoil,
    /// [`Look`].
    Look,
}

/// More units than any shelf has.
const TOO_MANY: u64 = u64::MAX / 2;

impl Asked {
    /// Any command.
    pub fn any(random: &mut StdRng) -> Self {
        let units = random.random_range(1..100);
        match random.random_range(0..100) {
            0..56 => Self::Put { units, times: random.random_range(1..=3) },
            56..76 => Self::Take { units: units / 2 + 1 },
            76..80 => Self::Weigh { units, micros: random.random_range(0..1500) },
            80..90 => Self::Look,
            _ => Self::without_effect(random),
        }
    }

    /// Any command that records nothing.
    pub fn without_effect(random: &mut StdRng) -> Self {
        match random.random_range(0..100) {
            0..60 => Self::Take { units: TOO_MANY },
            60..90 => Self::Look,
            90..95 => Self::Burst { late: random.random() },
            _ => Self::Spoil,
        }
    }

    /// How many events it records, if any.
    #[must_use]
    pub fn events(self) -> u8 {
        match self {
            Self::Put { times, .. } => times,
            Self::Take { units: TOO_MANY } | Self::Burst { .. } | Self::Spoil | Self::Look => 0,
            Self::Take { .. } | Self::Weigh { .. } => 1,
        }
    }

    /// The command on its way; nothing happens before it is awaited.
    pub fn sending(self, engine: &Engine, shelf: u64, mark: Mark) -> Sending<'_, u64, TooFew> {
        let id = ground::id(shelf);
        match self {
            Self::Put { units, times } => engine.send::<Shelf>(id, Put { mark, units, times, alive: Alive::default() }),
            Self::Take { units } => engine.send::<Shelf>(id, Take { mark, units }),
            Self::Weigh { units, micros } => engine.send::<Shelf>(id, Weigh { mark, units, micros, alive: Alive::default() }),
            Self::Burst { late } => engine.send::<Shelf>(id, Burst { late }),
            Self::Spoil => engine.send::<Shelf>(id, Spoil { mark }),
            Self::Look => engine.send::<Shelf>(id, Look),
        }
    }

    /// The same by its name.
    fn by_name(self, engine: &Engine, shelf: u64, mark: Mark) -> Sending<'_, serde_json::Value, ego::engine::AnyRejection> {
        let (name, json) = match self {
            Self::Put { units, times } => ("Put", serde_json::json!({ "mark": mark, "units": units, "times": times })),
            Self::Take { units } => ("Take", serde_json::json!({ "mark": mark, "units": units })),
            Self::Weigh { units, micros } => ("Weigh", serde_json::json!({ "mark": mark, "units": units, "micros": micros })),
            Self::Burst { late } => ("Burst", serde_json::json!({ "late": late })),
            Self::Spoil => ("Spoil", serde_json::json!({ "mark": mark })),
            Self::Look => ("Look", serde_json::Value::Null),
        };
        engine.dispatch("shelf", ground::id(shelf), name, json)
    }

    /// Sends it; nothing happens before it is awaited.
    pub fn send(self, engine: &Engine, shelf: u64, mark: Mark, how: How) -> Answer {
        if how.by_name {
            how.answer(self.by_name(engine, shelf, mark), mark, |reply| reply.as_u64())
        } else {
            how.answer(self.sending(engine, shelf, mark), mark, |reply| Some(*reply))
        }
    }
}

/// With which options a command is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Its mark is its id.
    pub own_id: bool,
    /// By its name, as JSON.
    pub by_name: bool,
    /// At this revision only.
    pub expected: Option<Expected>,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// A command that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Done {
    /// The handler's reply.
    pub reply: u64,
    /// The shelf's last revision behind it; 0 for none.
    pub revision: u64,
    /// Whether it had taken effect before.
    pub repeated: bool,
}

impl Done {
    /// What is known.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        Outcome::Done { revision: self.revision, reply: self.reply }
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq)]
pub enum No {
    /// In a way that is part of the soak; its name.
    Known(&'static str),
    /// It took too long, and perhaps it was recorded.
    TooLate,
    /// In a way that should not be.
    Wrong(String),
}

impl No {
    /// What is known.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if matches!(self, Self::Known(_)) { Outcome::Nothing } else { Outcome::Unknown }
    }
}

/// What a client is told.
pub type Told = Result<Done, No>;
/// What a client awaits.
pub type Answer = BoxFuture<'static, Told>;

impl How {
    fn answer<R: Send + 'static, E: fmt::Debug + fmt::Display + Send + 'static>(
        self,
        mut sending: Sending<'_, R, E>,
        mark: Mark,
        number: fn(&R) -> Option<u64>,
    ) -> Answer {
        if self.own_id {
            sending = sending.command_id(mark.to_string());
        }
        if let Some(expected) = self.expected {
            sending = sending.expect(expected);
        }
        if let Some(timeout) = self.timeout {
            sending = sending.timeout(timeout);
        }
        let sending = sending.into_future();
        async move {
            match sending.await {
                Ok(receipt) => {
                    let reply = number(&receipt.reply).ok_or_else(|| No::Wrong("the reply is no number".into()))?;
                    Ok(Done { reply, revision: receipt.revision.map_or(0, u64::from), repeated: receipt.repeated })
                }
                Err(CommandError::Rejected(_)) => Err(No::Known("refused")),
                Err(CommandError::Conflict { .. }) => Err(No::Known("conflict")),
                Err(CommandError::Panicked { message }) if &*message == BURST => Err(No::Known("panicked")),
                Err(CommandError::Timeout { recorded_unknown: false, .. }) => Err(No::Known("timed out")),
                Err(CommandError::Timeout { recorded_unknown: true, .. }) => Err(No::TooLate),
                Err(error) => Err(No::Wrong(with_causes(&error))),
            }
        }
        .boxed()
    }
}
