//! Dead letters: events that could not be folded, and those that wait behind them.

use super::projected::Projected;
use super::source::Sources;
use super::table::{dead_key, dead_prefix};
use crate::message::{Metadata, Name, Position, Revision, StreamId};
use crate::model::Failure;
use crate::store::{AnyStore, Page, RecordedEvent, RowChange, Store, StoreError};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An event that a projection could not fold, or that waits behind one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The key of the view.
    pub key: String,
    /// Why it is here.
    pub cause: Cause,
    /// The event as it was recorded.
    pub event: RecordedEvent,
    /// Which of the events that an upcaster made of it, counted from 0.
    pub ordinal: u32,
}

/// Why an event is a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// It could not be folded.
    Failed {
        /// What was said the last time.
        error: String,
        /// How often it was tried.
        attempts: u32,
        /// When it was tried last, by the engine's clock.
        time: Timestamp,
    },
    /// An earlier event of its key could not be folded.
    Parked,
}

/// A dead letter on its way to its row.
#[derive(Clone, Debug)]
pub(super) struct Letter(DeadLetter);

impl Letter {
    pub(super) fn parked(key: &str, event: &RecordedEvent, ordinal: u32) -> Self {
        Self(DeadLetter { key: key.to_owned(), cause: Cause::Parked, event: event.clone(), ordinal })
    }

    pub(super) fn failed<P: Sources>(
        projected: &Projected<P>,
        key: &str,
        event: &RecordedEvent,
        ordinal: u32,
        failure: &Failure,
        attempts: u32,
    ) -> Self {
        metrics::counter!("ego_dead_letters_total", "kind" => "projection", "name" => P::NAME).increment(1);
        let cause = Cause::Failed { error: failure.to_string(), attempts, time: projected.shared.clock.now() };
        Self(DeadLetter { key: key.to_owned(), cause, event: event.clone(), ordinal })
    }

    /// The row that keeps it.
    pub(super) fn row(&self, table: &Name) -> RowChange {
        let value = serde_json::to_vec(&Kept::of(&self.0)).unwrap_or_default();
        RowChange::put(table.clone(), self.0.row_key(), value)
    }
}

impl DeadLetter {
    fn row_key(&self) -> Bytes {
        dead_key(&self.key, self.event.position.get(), self.ordinal)
    }

    pub(super) fn remove(&self, table: &Name) -> RowChange {
        RowChange::remove(table.clone(), self.row_key())
    }

    /// How often it was tried before.
    pub(super) fn attempts(&self) -> u32 {
        match self.cause {
            Cause::Failed { attempts, .. } => attempts,
            Cause::Parked => 0,
        }
    }
}

/// Dead letters of one key or of all, in the order of the keys, and of the log for each; from the row `start` on.
pub(super) async fn list(
    store: &AnyStore,
    table: &Name,
    key: Option<&str>,
    start: Option<&[u8]>,
    limit: usize,
) -> Result<Page<DeadLetter, Bytes>, StoreError> {
    let prefix = key.map(dead_prefix).unwrap_or_default();
    let end = super::table::behind(&prefix);
    let page = store.list_rows(table, start.unwrap_or(&prefix), end.as_deref(), limit).await?;
    let letter = |value: &[u8]| {
        let kept: Result<Kept, _> = serde_json::from_slice(value);
        let letter = kept.map_err(|error| error.to_string()).and_then(Kept::letter);
        letter.map_err(|reason| StoreError::damaged(format!("a dead letter of {table}"), reason))
    };
    let items = page.items.iter().map(|row| letter(&row.value)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// A row with a dead letter, for whoever seals and opens what is personal in it.
pub(crate) struct Row(Kept);

impl Row {
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok().map(Self)
    }

    /// The kind and the name of its event.
    pub(crate) fn event(&self) -> (&str, &str) {
        (&self.0.kind, &self.0.name)
    }

    /// The content of its event, if that is text.
    pub(crate) fn content(&mut self) -> Option<&mut String> {
        match &mut self.0.payload {
            Payload::Text(text) => Some(text),
            Payload::Bytes(_) => None,
        }
    }

    /// Why it failed.
    pub(crate) fn error(&mut self) -> Option<&mut String> {
        match &mut self.0.cause {
            Cause::Failed { error, .. } => Some(error),
            Cause::Parked => None,
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }
}

/// The shape of a row. It holds the whole event, so that retention may delete it from the log.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    cause: Cause,
    kind: String,
    id: String,
    revision: Revision,
    position: Position,
    ordinal: u32,
    name: String,
    version: u32,
    codec: String,
    payload: Payload,
    tags: Vec<Arc<str>>,
    metadata: Metadata,
}

/// Most codecs write text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Payload {
    Text(String),
    Bytes(Vec<u8>),
}

impl Kept {
    fn of(letter: &DeadLetter) -> Self {
        let DeadLetter { key, cause, event, ordinal } = letter;
        let payload = match str::from_utf8(&event.payload) {
            Ok(text) => Payload::Text(text.to_owned()),
            Err(_) => Payload::Bytes(event.payload.to_vec()),
        };
        Self {
            key: key.clone(),
            cause: cause.clone(),
            kind: event.stream.kind().to_owned(),
            id: event.stream.id().to_owned(),
            revision: event.revision,
            position: event.position,
            ordinal: *ordinal,
            name: event.name.to_string(),
            version: event.version,
            codec: event.codec.to_string(),
            payload,
            tags: event.tags.clone(),
            metadata: (*event.metadata).clone(),
        }
    }

    fn letter(self) -> Result<DeadLetter, String> {
        let stream = StreamId::new(self.kind.as_str(), self.id).map_err(|error| error.to_string())?;
        let payload = match self.payload {
            Payload::Text(text) => text.into(),
            Payload::Bytes(bytes) => bytes.into(),
        };
        let event = RecordedEvent {
            stream,
            revision: self.revision,
            position: self.position,
            name: self.name.into(),
            version: self.version,
            codec: self.codec.into(),
            payload,
            tags: self.tags,
            metadata: Arc::new(self.metadata),
        };
        Ok(DeadLetter { key: self.key, cause: self.cause, event, ordinal: self.ordinal })
    }
}
