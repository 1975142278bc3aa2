//! What the writer is asked for, prepared where it comes from: whatever needs no decision – encoding, measuring, hashing – is done by
//! the caller, so that the one writer has little to do.

use crate::entry;
use crate::error;
use crate::key::command_hash;
use crate::row::RecordedStep;
use crate::shared::{ROOM_KIB, Shared};
use bytes::Bytes;
use ego::message::{Expected, Metadata, Name, Position, Revision, StreamId};
use ego::store::{Body, Commit, EventType, RowChange, Step, Stepped, StoreError, Verdict};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The most bytes in one commit.
pub(crate) const MAX_COMMIT_BYTES: usize = 16 << 20;

/// What the writer is asked for. Dropping the answer's sender tells the asker that the writer is gone.
pub(crate) struct Request {
    pub(crate) task: Task,
    /// The room that the request takes in the queue, given back when it is answered.
    pub(crate) permit: OwnedSemaphorePermit,
}

pub(crate) type Done = oneshot::Sender<Result<(), StoreError>>;
pub(crate) type Steps = oneshot::Sender<Result<Stepped, StoreError>>;
pub(crate) type Verdicts = oneshot::Sender<Result<Vec<Verdict>, StoreError>>;

pub(crate) enum Task {
    Append {
        batch: Batch,
        answer: Verdicts,
    },
    /// `None` forgets the consumer; `Some(0)` sends it back to the start.
    Checkpoint {
        consumer: String,
        position: Option<u64>,
        answer: Done,
    },
    /// `from` is where the consumer stands, if one moves along.
    Step {
        step: RecordedStep,
        from: Option<Position>,
        answer: Steps,
    },
    Delete {
        stream: StreamId,
        revision: Revision,
        answer: Done,
    },
    Erase {
        stream: StreamId,
        answer: Done,
    },
    /// Makes durable what was acknowledged.
    Sync {
        answer: Done,
    },
    /// Ends the segment that is written to.
    Roll {
        answer: Done,
    },
}

/// Commits as they come to the writer.
pub(crate) struct Batch {
    pub(crate) commits: Vec<Prepared>,
    /// All that was encoded, in one piece: the writer is the one thread that all wait for, and has one piece to give back.
    pub(crate) encoded: Vec<u8>,
}

impl Batch {
    pub(crate) fn new(commits: Vec<Commit>, known: impl Fn(&EventType) -> bool) -> Result<Self, StoreError> {
        let mut encoded = Vec::with_capacity(256 * commits.len());
        let commits = commits.into_iter().map(|commit| Prepared::new(commit, &known, &mut encoded));
        Ok(Self { commits: commits.collect::<Result<_, _>>()?, encoded })
    }

    /// How much room it takes in the queue.
    pub(crate) fn kib(&self) -> usize {
        let rows = self.commits.iter().filter_map(|commit| commit.rows.as_ref());
        self.commits.len() + (self.encoded.len() + rows.map(|rows| rows.content.len()).sum::<usize>()) / 1024
    }
}

/// A commit as it comes to the writer: everything that needs no decision is done.
pub(crate) struct Prepared {
    pub(crate) stream: StreamId,
    pub(crate) expected: Expected,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) codec: Name,
    pub(crate) reply: Bytes,
    pub(crate) places: u32,
    pub(crate) state: bool,
    /// Shapes of events that were not recorded before, as far as is known.
    pub(crate) types: Vec<EventType>,
    pub(crate) size: usize,
    pub(crate) hash: u64,
    /// Whether its rows are as they may be.
    pub(crate) rows_valid: bool,
    /// Where its batch has it encoded: nothing when the commit cannot be recorded.
    pub(crate) encoded: Range<usize>,
    /// What becomes of its rows, if it has any.
    pub(crate) rows: Option<RecordedStep>,
}

impl Prepared {
    fn new(commit: Commit, known: impl Fn(&EventType) -> bool, encoded: &mut Vec<u8>) -> Result<Self, StoreError> {
        let size = commit.size();
        let rows_valid = commit.rows.iter().all(RowChange::is_valid);
        let encoding = |error| StoreError::other("encoding a commit", error);
        let (begin, mut rows) = (encoded.len(), None);
        if size <= MAX_COMMIT_BYTES && rows_valid {
            entry::encode_commit(encoded, &commit).map_err(encoding)?;
            if !commit.rows.is_empty() {
                rows = Some(RecordedStep::new(None, &commit.rows).map_err(encoding)?);
            }
        }
        let mut types: Vec<EventType> = Vec::new();
        if let Body::Events(events) = &commit.body {
            for event in events {
                let (kind, name) = (commit.stream.shared_kind(), event.name.clone());
                let one = EventType { kind, name, version: event.version };
                if !known(&one) && !types.contains(&one) {
                    types.push(one);
                }
            }
        }
        Ok(Self {
            places: entry::places(&commit.body),
            state: matches!(commit.body, Body::State(_)),
            hash: command_hash(commit.metadata.command_id.as_str()),
            stream: commit.stream,
            expected: commit.expected,
            metadata: commit.metadata,
            codec: commit.codec,
            reply: commit.reply,
            types,
            size,
            rows_valid,
            encoded: begin..encoded.len(),
            rows,
        })
    }
}

/// Hands a step to the writer, unless it says itself that it cannot be taken.
pub(crate) async fn step(shared: &Shared, step: Step) -> Result<Stepped, StoreError> {
    let bytes = step.size();
    if !step.rows.iter().all(RowChange::is_valid) {
        return Ok(Stepped::Invalid);
    }
    if bytes > MAX_COMMIT_BYTES {
        return Ok(Stepped::TooLarge { bytes, limit: MAX_COMMIT_BYTES });
    }
    let Step { advance, rows } = &step;
    let to = advance.as_ref().map(|advance| (advance.consumer.as_str(), advance.to.get()));
    let recorded = RecordedStep::new(to, rows).map_err(|error| StoreError::other("encoding a step", error))?;
    let (kib, from) = (recorded.content.len() / 1024 + 1, advance.as_ref().and_then(|advance| advance.from));
    ask(shared, kib, |answer| Task::Step { step: recorded, from, answer }).await
}

/// Hands a task to the writer and waits for its answer. Dropped before the writer has it, nothing happens; dropped later, it happens.
pub(crate) async fn ask<T>(
    shared: &Shared,
    kib: usize,
    task: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Task,
) -> Result<T, StoreError> {
    let kib = u32::try_from(kib.clamp(1, ROOM_KIB)).unwrap_or(u32::MAX);
    let permit = Arc::clone(&shared.room).acquire_many_owned(kib).await.map_err(|_| StoreError::Closed)?;
    let (answer, answered) = oneshot::channel();
    shared.queue.push(Request { task: task(answer), permit })?;
    answered.await.map_err(|_| error::gone("writing"))?
}
