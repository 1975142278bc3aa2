//! Rows: what readers of the log derive from it and keep beside their checkpoint – views, their indexes, dead letters.

use crate::message::{Name, Position, StreamId};
use bytes::Bytes;

/// One change of derived things, whole and durable in one step (I6): rows, and the checkpoint of whoever derived them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Whose checkpoint moves with the rows.
    pub advance: Option<Advance>,
    /// What changes, in order: of several changes of one row the last stands.
    pub rows: Vec<RowChange>,
}

/// A consumer's way from one checkpoint to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The consumer's name.
    pub consumer: String,
    /// Where it stands; `None` when it has not begun. If it stands elsewhere, somebody else has moved it, and the step is refused.
    pub from: Option<Position>,
    /// What it has finished after the step.
    pub to: Position,
}

/// A row that is put in place of an earlier one of its key, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Its table: a name of 1 to 255 bytes. A table is there when it has a row.
    pub table: Name,
    /// Its place in the table, which is ordered by the bytes of the keys: up to [`RowChange::MAX_KEY`] bytes.
    pub key: Bytes,
    /// Its new content; `None` removes it. Removing what is not there is no error.
    pub value: Option<Bytes>,
}

impl RowChange {
    /// The most bytes in a key.
    pub const MAX_KEY: usize = 2048;

    /// Puts a row.
    pub fn put(table: impl Into<Name>, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { table: table.into(), key: key.into(), value: Some(value.into()) }
    }

    /// Removes a row.
    pub fn remove(table: impl Into<Name>, key: impl Into<Bytes>) -> Self {
        Self { table: table.into(), key: key.into(), value: None }
    }

    /// How many bytes it counts for: its table, key and content.
    #[must_use]
    pub fn size(&self) -> usize {
        self.table.len() + self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }

    /// Whether its table and key are of a length that is allowed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (1..=255).contains(&self.table.len()) && self.key.len() <= Self::MAX_KEY
    }
}

impl Step {
    /// How many bytes it counts for against [`Capabilities::max_commit_bytes`](super::Capabilities): its rows and the consumer's name.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rows.iter().map(RowChange::size).sum::<usize>() + self.advance.as_ref().map_or(0, |advance| advance.consumer.len())
    }
}

/// Whether a consumer of this name holds up the deletion of events of this stream, while it has not finished them. Every consumer does,
/// but for one named `@SCOPE/NAME`: of the kinds `SCOPE.KIND` it holds up what `NAME` holds up of `KIND`, of others nothing.
#[must_use]
pub fn holds_up(consumer: &str, stream: &StreamId) -> bool {
    let (mut consumer, mut kind) = (consumer, stream.kind());
    while let Some((scope, name)) = consumer.strip_prefix('@').and_then(|scoped| scoped.split_once('/')) {
        let Some(rest) = kind.strip_prefix(scope).and_then(|rest| rest.strip_prefix('.')) else { return false };
        (consumer, kind) = (name, rest);
    }
    true
}

/// A store's answer to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// All of it is durable.
    Done,
    /// Nothing was written: the consumer does not stand where the step starts.
    Overtaken {
        /// Where it stands.
        checkpoint: Option<Position>,
    },
    /// Nothing was written: the step holds more than the store takes at once.
    TooLarge {
        /// How much it holds.
        bytes: usize,
        /// How much the store takes.
        limit: usize,
    },
    /// Nothing was written: a table's name is empty or longer than 255 bytes, or a key longer than [`RowChange::MAX_KEY`].
    Invalid,
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the table.
    pub key: Bytes,
    /// Its content.
    pub value: Bytes,
}
