//! What an instance is given.

use super::event::InputRef;
use crate::codec::JsonValue;
use crate::message::{Metadata, Revision, StreamId};
use crate::model::{Rejected, Token};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an instance is given: what one of its methods is called for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Input {
    /// An event.
    Event(Happened),
    /// A command of its own was refused.
    Rejected(Rejected),
    /// A timeout came.
    TimedOut {
        /// Its name.
        name: String,
        /// Which of that name.
        number: String,
    },
}

/// An event in the shape that was the newest when it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    pub(crate) stream: StreamId,
    pub(crate) revision: Revision,
    pub(crate) token: Token,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) content: JsonValue,
    /// Whether it may start the instance.
    pub(crate) starts: bool,
    /// Whether it continues the instance.
    pub(crate) continues: bool,
}

impl Input {
    /// What is recorded of it.
    pub(super) fn reference(&self) -> InputRef {
        match self {
            Self::Event(event) => InputRef::Event {
                stream: event.stream.clone(),
                revision: event.revision,
                token: event.token,
                name: event.name.clone(),
            },
            Self::Rejected(rejected) => InputRef::Rejected { number: rejected.number.clone(), reason: rejected.reason.clone() },
            Self::TimedOut { name, .. } => InputRef::TimedOut { name: name.clone() },
        }
    }
}
