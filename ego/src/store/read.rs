//! What is read: recorded events in pages, heads, snapshots, states.

use crate::message::{Metadata, Name, Position, Revision, StreamId};
use bytes::Bytes;
use std::sync::Arc;

/// An event as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place in the log.
    pub position: Position,
    /// Its stored name.
    pub name: Name,
    /// The version of the schema that it was written with.
    pub version: u32,
    /// The codec that the payload was encoded with.
    pub codec: Name,
    /// Its encoded content.
    pub payload: Bytes,
    /// What readers may filter by.
    pub tags: Vec<Arc<str>>,
    /// The metadata of its command, shared by all events of the commit.
    pub metadata: Arc<Metadata>,
}

/// Some items, and where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, N> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<N>,
}

/// Which way a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first event to the last.
    Forwards,
    /// From the last event to the first.
    Backwards,
}

/// Which events of the log are wanted: those that match every list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of one of these kinds.
    pub kinds: Vec<Name>,
    /// With one of these stored names.
    pub names: Vec<Name>,
    /// With at least one of these tags.
    pub tags: Vec<Arc<str>>,
    /// Of one of these streams.
    pub streams: Vec<StreamId>,
}

impl Filter {
    /// Lets everything through.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Events of this kind, besides those asked for before.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Name>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// Events of this name, besides those asked for before.
    #[must_use]
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Events with this tag, besides those asked for before.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Events of this stream, besides those asked for before.
    #[must_use]
    pub fn stream(mut self, stream: StreamId) -> Self {
        self.streams.push(stream);
        self
    }

    /// Whether an event with these properties is let through.
    #[must_use]
    pub fn matches(&self, stream: &StreamId, name: &str, tags: &[Arc<str>]) -> bool {
        let one_of = |wanted: &[Name], found: &str| wanted.is_empty() || wanted.iter().any(|one| one == found);
        one_of(&self.kinds, stream.kind())
            && one_of(&self.names, name)
            && (self.tags.is_empty() || tags.iter().any(|tag| self.tags.contains(tag)))
            && (self.streams.is_empty() || self.streams.contains(stream))
    }
}

/// Where a stream stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// Which stream.
    pub stream: StreamId,
    /// Its last revision, also when it was erased since; `None` when commits of nothing are all that it holds.
    pub revision: Option<Revision>,
    /// The position of its last event or state.
    pub position: Option<Position>,
    /// The first revision that can still be read; `None` when there is none (all deleted, a state, or nothing but commits of nothing).
    pub first: Option<Revision>,
    /// Whether it was erased.
    pub erased: bool,
}

/// One shape of event that a store holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType {
    /// Of which kind.
    pub kind: Name,
    /// Under which stored name.
    pub name: Name,
    /// In which version of its schema.
    pub version: u32,
}

/// A disposable copy of a state, as of a revision (I8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which events it has seen.
    pub revision: Revision,
    /// The position of the last of them.
    pub position: Position,
    /// The version of the state's schema.
    pub version: u32,
    /// The codec of the payload.
    pub codec: Name,
    /// The encoded state.
    pub payload: Bytes,
}

/// The state of a durable aggregate as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// Its stream.
    pub stream: StreamId,
    /// How often it was saved.
    pub revision: Revision,
    /// The position of its last save in the log.
    pub position: Position,
    /// The version of its schema.
    pub version: u32,
    /// The codec of the payload.
    pub codec: Name,
    /// The encoded state.
    pub payload: Bytes,
    /// The metadata of the command that saved it.
    pub metadata: Arc<Metadata>,
}

/// A state as readers of events meet it: under the name `state`.
impl From<StoredState> for RecordedEvent {
    fn from(state: StoredState) -> Self {
        let StoredState { stream, revision, position, version, codec, payload, metadata } = state;
        Self { stream, revision, position, name: Name::fixed("state"), version, codec, payload, tags: Vec::new(), metadata }
    }
}
