//! What a reader of events knows about the event that it is given.

use super::{MissingService, Services};
use crate::message::{Metadata, Position, Revision, StreamId};
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

/// An event on its way to a projection, a reactor or a publisher: where it stands, what it came from, and the services that were given.
#[derive(Clone, Debug)]
pub struct Delivery {
    stream: StreamId,
    revision: Revision,
    position: Position,
    ordinal: u32,
    attempt: u32,
    metadata: Arc<Metadata>,
    services: Arc<Services>,
}

impl Delivery {
    /// The first attempt at the first event of what is recorded here.
    #[must_use]
    pub fn new(
        stream: StreamId,
        revision: Revision,
        position: Position,
        metadata: Arc<Metadata>,
        services: Arc<Services>,
    ) -> Self {
        Self { stream, revision, position, ordinal: 0, attempt: 1, metadata, services }
    }

    /// The first attempt at an event that is recorded with what is folded from it, so that its position is not known: its revision's
    /// number stands for it, also when it is read again.
    pub(crate) fn inline(stream: StreamId, revision: Revision, metadata: Arc<Metadata>, services: Arc<Services>) -> Self {
        let position = Position::after(None, revision.get()).unwrap_or(Position::FIRST);
        Self::new(stream, revision, position, metadata, services)
    }

    /// The same for another of the events that an upcaster made of one recorded event, counted from 0.
    #[must_use]
    pub fn with_ordinal(mut self, ordinal: u32) -> Self {
        self.ordinal = ordinal;
        self
    }

    /// The same for another attempt, counted from 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// The aggregate's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.stream.id()
    }

    /// The aggregate's stream: kind and id.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The event's place in the stream.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The event's place in the log. An inline projection is folded before its event has one: there it is the place in the stream, as a
    /// number.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Which of the events it is that an upcaster made of one recorded event, counted from 0.
    #[must_use]
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// How often the event was given to this handler, this time included. Counted from 1 again after a restart.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The metadata of the command that led to the event.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn shared_metadata(&self) -> &Arc<Metadata> {
        &self.metadata
    }

    /// When the command was taken, by the engine's clock.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.metadata.time
    }

    /// The event's identity, the same each time it is delivered: what an effect outside of the store is made idempotent with.
    #[must_use]
    pub fn token(&self) -> Token {
        Token { position: self.position, ordinal: self.ordinal }
    }

    /// A service by its type.
    ///
    /// # Errors
    /// [`MissingService`] when it was not given to the engine.
    pub fn service<S: ?Sized + Send + Sync + 'static>(&self) -> Result<&S, MissingService> {
        self.services.get()
    }
}

/// The identity of a delivered event in one store: its position, and which of the events recorded there it is. Shown as `17.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Token {
    position: Position,
    ordinal: u32,
}

impl Token {
    /// The place in the log.
    #[must_use]
    pub fn position(self) -> Position {
        self.position
    }

    /// Which of the events it is that are recorded there, counted from 0.
    #[must_use]
    pub fn ordinal(self) -> u32 {
        self.ordinal
    }

    /// What [`Display`](fmt::Display) showed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, ordinal) = text.split_once('.')?;
        Some(Self { position: Position::new(position.parse().ok()?)?, ordinal: ordinal.parse().ok()? })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.position, self.ordinal)
    }
}
