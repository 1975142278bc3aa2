//! What is written: a commit, and the store's verdict on it.

use super::{PrivacyError, RowChange};
use crate::message::{CommandId, Expected, Metadata, Name, Position, Revision, StreamId};
use bytes::Bytes;
use std::sync::Arc;

/// Everything that one command records, atomically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Where it is recorded.
    pub stream: StreamId,
    /// What the decision relied on.
    pub expected: Expected,
    /// The command's metadata, shared by all events of the commit. Its command id is recorded once per stream.
    pub metadata: Arc<Metadata>,
    /// The codec that the payloads, the state and the reply were encoded with, by its stored name.
    pub codec: Name,
    /// What is recorded.
    pub body: Body,
    /// The encoded reply, given again when the command is repeated (I11).
    pub reply: Bytes,
    /// What is derived from the commit and must never be without it: the rows of inline projections.
    pub rows: Vec<RowChange>,
}

/// What a commit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Events, in order. None at all is allowed: only the command id and the reply are kept then.
    Events(Vec<NewEvent>),
    /// The whole state of a durable aggregate, replacing the one before.
    State(NewState),
}

/// An event that is not recorded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its stored name (I10).
    pub name: Name,
    /// The version of its schema, 1 or more.
    pub version: u32,
    /// Its encoded content.
    pub payload: Bytes,
    /// What readers may filter by, besides kind and name.
    pub tags: Vec<Arc<str>>,
}

/// The state of a durable aggregate that is not saved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewState {
    /// The version of its schema, 1 or more.
    pub version: u32,
    /// Its encoded content.
    pub payload: Bytes,
}

/// A store's answer to one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Recorded, durable.
    Committed(Committed),
    /// Its command id was recorded before; nothing was written, this is what was recorded then.
    Repeated(Committed),
    /// Nothing was written.
    Refused(Refusal),
}

/// What was recorded for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The stream's last revision after this commit; `None` when the stream still holds nothing.
    pub revision: Option<Revision>,
    /// The position of the commit's last event or state; when it recorded none, of the stream's last one.
    pub position: Option<Position>,
    /// How many events were recorded (0 for a state).
    pub events: u32,
    /// Under which command id.
    pub command_id: CommandId,
    /// The command's registered name.
    pub command: Name,
    /// The codec of the reply.
    pub codec: Name,
    /// The encoded reply.
    pub reply: Bytes,
}

/// Why a store did not record a commit. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The stream is not where the writer expected it.
    #[error("expected {expected}, found {}", found(*.actual))]
    Conflict {
        /// What the writer expected.
        expected: Expected,
        /// The stream's last revision.
        actual: Option<Revision>,
    },
    /// An earlier commit to the same stream in the same batch was not recorded.
    #[error("the commit relied on one that was not recorded")]
    Dependent,
    /// The stream was erased.
    #[error("the stream was erased")]
    Erased,
    /// The commit holds more than the store keeps in one.
    #[error("the commit holds {bytes} bytes, the store takes {limit}")]
    TooLarge {
        /// How much it holds.
        bytes: usize,
        /// How much the store takes.
        limit: usize,
    },
    /// One of its rows is not [valid](RowChange::is_valid).
    #[error("the commit changes a row whose table or key has no allowed length")]
    InvalidRow,
    /// It holds something personal that cannot be sealed, for instance because its subject was forgotten; or what it is a repetition of
    /// was sealed, and its reply cannot be opened.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// Events for a stream that keeps a state, or a state for a stream that keeps events.
    #[error("a stream keeps either events or a state")]
    Mixed,
}

pub(crate) fn found(actual: Option<Revision>) -> String {
    actual.map_or_else(|| "no stream".to_owned(), |revision| format!("revision {revision}"))
}

impl Commit {
    /// How many bytes the commit counts for against [`Capabilities::max_commit_bytes`](super::Capabilities): its payloads, reply,
    /// names, tags, ids and metadata entries, without the overhead of any format.
    #[must_use]
    pub fn size(&self) -> usize {
        let metadata = &self.metadata;
        let text = |text: Option<&str>| text.map_or(0, str::len);
        let content: usize = match &self.body {
            Body::Events(events) => events
                .iter()
                .map(|event| event.name.len() + event.payload.len() + event.tags.iter().map(|tag| tag.len()).sum::<usize>())
                .sum(),
            Body::State(state) => state.payload.len(),
        };
        content
            + self.reply.len()
            + self.stream.kind().len()
            + self.stream.id().len()
            + metadata.command_id.as_str().len()
            + metadata.command.len()
            + metadata.correlation_id.as_str().len()
            + text(metadata.causation_id.as_ref().map(AsRef::as_ref))
            + text(metadata.actor.as_ref().map(AsRef::as_ref))
            + text(metadata.tenant.as_ref().map(AsRef::as_ref))
            + self.rows.iter().map(RowChange::size).sum::<usize>()
            + metadata.entries.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
    }
}
