//! What is recorded of an instance: its inputs and what came of them. A replay calls none of the saga's own methods.

use super::input::Input;
use crate::Event;
use crate::codec::JsonValue;
use crate::message::{Revision, StreamId};
use crate::model::Token;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to an instance of a saga.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "nearly all are `Handled`, and none is kept")]
pub enum SagaEvent {
    /// A method was given an input, and this is what it did.
    Handled {
        /// What it was given.
        input: InputRef,
        /// Whether the input had waited in the instance.
        waited: bool,
        /// The version of the state's shape.
        version: u32,
        /// The state after it.
        state: JsonValue,
        /// The commands that are sent now, in this order.
        commands: Vec<Outstanding>,
        /// The commands that are taken back.
        recalled: Vec<Outstanding>,
        /// The timeouts that began, or began anew.
        timeouts: Vec<Timeout>,
        /// The names of the timeouts that do not come any more.
        cancelled: Vec<String>,
        /// How it goes on.
        phase: Phase,
        /// When.
        at: Timestamp,
    },
    /// A command was answered, and no method had to be called.
    Answered {
        /// Which command.
        number: String,
        /// Why it was refused; `None` when it took effect.
        refused: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// A command was not sent, or a compensation was refused, until somebody lets it be tried again.
    Stopped {
        /// Which command.
        number: String,
        /// Why.
        reason: String,
        /// Whether it is certain that it had no effect, and that it never will under this number.
        refused: bool,
        /// When.
        at: Timestamp,
    },
    /// A method could not handle an input. It waits, and those that come after it wait behind it.
    Parked {
        /// Which input.
        input: Box<Input>,
        /// Whether it had waited before.
        waited: bool,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// An input waits behind the one that could not be handled.
    Waited {
        /// Which input.
        input: Box<Input>,
        /// When.
        at: Timestamp,
    },
    /// Somebody wants it to go on: what stopped is sent again.
    Retried {
        /// The commands that are sent now. One that was refused has a new number.
        commands: Vec<Outstanding>,
        /// When.
        at: Timestamp,
    },
    /// Somebody gave it up. What it sent and nobody answered is taken back.
    Abandoned {
        /// Why.
        reason: String,
        /// The commands that are taken back.
        recalled: Vec<Outstanding>,
        /// When.
        at: Timestamp,
    },
}

/// A command that was sent or is to be sent, and is not answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outstanding {
    /// Its number in the instance: the revision that it was recorded with, and which of its commands it is. Its command id is made of it.
    pub number: String,
    /// To an aggregate of this kind.
    pub kind: String,
    /// With this id.
    pub id: String,
    /// The command's registered name.
    pub command: String,
    /// The command.
    pub content: JsonValue,
    /// Whether it takes back an effect of the instance.
    pub compensates: bool,
    /// Why it is not sent any more, until somebody lets it be tried again.
    #[serde(default)]
    pub stopped: Option<Stop>,
}

/// Why a command is not sent any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stop {
    /// Why.
    pub reason: String,
    /// Whether it is certain that it had no effect. Otherwise that is not known, and its number finds out.
    pub refused: bool,
}

/// A timeout that has not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeout {
    /// Its name.
    pub name: String,
    /// Tells it from an earlier one of this name.
    pub number: String,
    /// When it is due.
    pub due: Timestamp,
}

/// What a method was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum InputRef {
    /// An event.
    Event {
        /// Of this stream.
        stream: StreamId,
        /// There.
        revision: Revision,
        /// Its place in the log, and which of the events recorded there it is.
        token: Token,
        /// Its name.
        name: String,
    },
    /// A command of the instance that was refused.
    Rejected {
        /// Its number.
        number: String,
        /// Why.
        reason: String,
    },
    /// A timeout.
    TimedOut {
        /// Its name.
        name: String,
    },
}

/// How far an instance is, whatever holds it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Phase {
    /// It goes on.
    Running,
    /// It takes back its effects, and then it has failed.
    Compensating {
        /// Why.
        reason: String,
    },
    /// It has ended well.
    Completed,
    /// It has failed; everything that was to be compensated is.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Phase {
    /// Whether nothing comes any more.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed { .. })
    }
}
