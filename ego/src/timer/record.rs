//! What is kept of a timer, in three tables of the store:
//!
//! - `ego/timers`: the timer of each stream and key;
//! - `ego/timers/due`: the same in the order of time. A command that replaces or cancels a timer does not know when it was due, so what
//!   stands here counts only while it is what stands in `ego/timers`; the rest is swept when its time comes;
//! - `ego/timers/failed`: those whose command was refused.

use crate::clock::IdSource;
use crate::message::{CommandId, Metadata, MetadataDraft, Name, StreamId, TimerKey};
use crate::model::{Cron, Indexable, Scheduled, TimerChange};
use crate::store::{RowChange, StoreError};
use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) const TIMERS: &str = "ego/timers";
pub(super) const DUE: &str = "ego/timers/due";
pub(crate) const FAILED: &str = "ego/timers/failed";

/// A command that is sent later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timer {
    /// The aggregate that scheduled it, and that its command is sent to.
    pub stream: StreamId,
    /// Its key among the timers of the aggregate.
    pub key: TimerKey,
    /// When it is due; of one that ticks, when it ticks next.
    pub due: Timestamp,
    /// When it ticks; `None` for one that is due once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<Cron>,
    /// The registered name of its command.
    pub command: Name,
    /// The command.
    pub content: serde_json::Value,
    /// The id that its command is sent under, each tick with another: so it has one effect (I11).
    pub command_id: CommandId,
    /// What its command follows from: the command that scheduled it.
    pub metadata: MetadataDraft,
}

/// A timer whose command was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailedTimer {
    /// The timer. When it is sent again, it is under this command id.
    pub timer: Timer,
    /// What the handler said.
    pub reason: String,
    /// How often timers of this key were refused since somebody looked after it. Of these, this is the last.
    pub times: u32,
    /// When, by the engine's clock.
    pub time: Timestamp,
}

impl Timer {
    /// As it is scheduled by a command.
    fn new(stream: &StreamId, key: &TimerKey, scheduled: &Scheduled, parent: &Metadata, command_id: CommandId) -> Self {
        let cron = match &scheduled.when {
            crate::model::When::Cron(cron) => Some(cron.clone()),
            _ => None,
        };
        Self {
            stream: stream.clone(),
            key: key.clone(),
            due: scheduled.due,
            cron,
            command: Name::fixed(scheduled.command),
            content: scheduled.content.clone(),
            command_id,
            metadata: MetadataDraft::following(parent),
        }
    }

    /// The same for its next tick.
    pub(super) fn ticking(&self, due: Timestamp, command_id: CommandId) -> Self {
        Self { due, command_id, ..self.clone() }
    }

    /// Its place in `ego/timers`, and in `ego/timers/failed`.
    pub(super) fn row_key(&self) -> Bytes {
        row_key(&self.stream, &self.key)
    }

    /// Its place in the order of time. No two timers ever have the same: removing it removes no other.
    pub(super) fn due_key(&self) -> Bytes {
        let mut bytes = due_from(self.due);
        self.command_id.as_str().write(&mut bytes);
        bytes.extend(self.row_key());
        bytes.into()
    }

    /// Puts it in place of another of its key.
    pub(super) fn arm(&self, rows: &mut Vec<RowChange>) {
        rows.push(RowChange::put(Name::fixed(TIMERS), self.row_key(), written(self)));
        rows.push(RowChange::put(Name::fixed(DUE), self.due_key(), self.row_key()));
    }

    /// Removes it.
    pub(super) fn disarm(&self, rows: &mut Vec<RowChange>) {
        rows.push(RowChange::remove(Name::fixed(TIMERS), self.row_key()));
        rows.push(RowChange::remove(Name::fixed(DUE), self.due_key()));
    }
}

impl FailedTimer {
    pub(super) fn put(&self, rows: &mut Vec<RowChange>) {
        rows.push(RowChange::put(Name::fixed(FAILED), self.timer.row_key(), written(self)));
    }

    pub(super) fn remove(&self, rows: &mut Vec<RowChange>) {
        rows.push(RowChange::remove(Name::fixed(FAILED), self.timer.row_key()));
    }
}

/// What a command's changes of timers come to; with when the first of them is due.
pub(crate) fn change(
    stream: &StreamId,
    changes: &[TimerChange],
    parent: &Metadata,
    ids: &dyn IdSource,
    rows: &mut Vec<RowChange>,
) -> Option<Timestamp> {
    let mut first: Option<Timestamp> = None;
    for TimerChange { key, timer } in changes {
        match timer {
            None => rows.push(RowChange::remove(Name::fixed(TIMERS), row_key(stream, key))),
            Some(scheduled) => {
                Timer::new(stream, key, scheduled, parent, ids.next()).arm(rows);
                first = Some(first.map_or(scheduled.due, |first| first.min(scheduled.due)));
            }
        }
    }
    first
}

pub(super) fn row_key(stream: &StreamId, key: &TimerKey) -> Bytes {
    let mut bytes = of_stream(stream);
    key.as_str().write(&mut bytes);
    bytes.into()
}

/// How the keys of a stream's timers begin.
pub(super) fn of_stream(stream: &StreamId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(stream.kind().len() + stream.id().len() + 32);
    stream.kind().write(&mut bytes);
    stream.id().write(&mut bytes);
    bytes
}

/// How the keys begin of what is due at this time.
pub(super) fn due_from(time: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    time.write(&mut bytes);
    bytes
}

/// When that is due which stands at this key.
pub(super) fn due_of(key: &[u8]) -> Option<Timestamp> {
    let sorted = i128::from_be_bytes(*key.first_chunk()?);
    Timestamp::from_nanosecond(sorted ^ i128::MIN).ok()
}

fn written(record: &impl Serialize) -> Bytes {
    // Texts, numbers and JSON: always written.
    serde_json::to_vec(record).unwrap_or_default().into()
}

pub(super) fn read<T: DeserializeOwned>(row: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(row).map_err(|error| StoreError::damaged("a timer", error.to_string()))
}
