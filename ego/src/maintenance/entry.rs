//! What a store is made of, piece by piece, in an order in which another store can be made of it.

use crate::message::{Name, Position, Revision, StreamId};
use crate::store::StoredState;
use crate::store::{Committed, RecordedEvent, Snapshot};
use bytes::Bytes;

/// One piece.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A commit, in the order of positions.
    Commit(Box<Moved>),
    /// Where the log ends: behind the last commit.
    Head(Option<Position>),
    /// A stream whose events up to this revision were deleted.
    Deleted { stream: StreamId, up_to: Revision },
    /// An erased stream.
    Erased(StreamId),
    /// A stream's snapshot: disposable, so no part of what is compared.
    Snapshot(StreamId, Snapshot),
    /// A row of a table.
    Row { table: Name, key: Bytes, value: Bytes },
    /// A consumer's checkpoint.
    Checkpoint { consumer: String, position: Option<Position> },
}

/// A commit on its way.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) stream: StreamId,
    /// The stream's last revision before it.
    pub(super) before: Option<Revision>,
    pub(super) committed: Committed,
    pub(super) body: MovedBody,
}

/// What it holds.
#[derive(Clone, Debug)]
pub(super) enum MovedBody {
    /// Events; the first of the commit's may have been deleted.
    Events(Vec<RecordedEvent>),
    /// A state; `None` when a later one took its place.
    State(Option<Box<StoredState>>),
    /// Nothing but its id and reply.
    Nothing,
}

impl Moved {
    /// How many positions it takes.
    pub(super) fn takes(&self) -> u64 {
        match &self.body {
            MovedBody::Events(_) => u64::from(self.committed.events),
            MovedBody::State(_) => 1,
            MovedBody::Nothing => 0,
        }
    }

    /// Where it ends in the log, 0 for nowhere.
    pub(super) fn position(&self) -> u64 {
        self.committed.position.map_or(0, Position::get)
    }

    /// How many of its events were deleted.
    pub(super) fn hidden(&self) -> usize {
        match &self.body {
            MovedBody::Events(events) => (self.committed.events as usize).saturating_sub(events.len()),
            _ => 0,
        }
    }
}
