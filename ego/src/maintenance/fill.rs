//! Making a store of entries, each commit in its place.
//!
//! A store gives positions and revisions itself, one behind the other. So what is not in the log any more is put there again for a moment:
//! a deleted event as an empty one of its kind, which is deleted when everything is there; a state that was replaced as an empty one; a
//! position of an erased stream as a state of the stream [`BLANK`], which is erased in the end. Until then the store is marked as
//! unfinished, and no engine starts on it.

use super::entry::{Entry, Moved, MovedBody};
use super::error::MaintenanceError;
use super::{OnProgress, Progress};
use crate::message::{CommandId, Expected, Metadata, Name, Position, StreamId};
use crate::store::{AnyStore, Body, Commit, EventType, NewEvent, NewState, RowChange, Step, Stepped, Store, StoreError, Verdict};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// The kind of the stream that fills positions that nothing holds any more.
pub(super) const BLANK: &str = "ego.blank";
/// The table of the mark.
pub(super) const MARKS: &str = "ego/maintenance";
const UNFINISHED: &str = "unfinished";
const FINISHED: &str = "finished";

/// What is being done to the store, if it was not finished.
pub(crate) async fn unfinished(store: &AnyStore) -> Result<Option<String>, StoreError> {
    mark(store, UNFINISHED).await
}

/// Where the log ended when the store was filled by `operation`; the outer `None` when it was not.
pub(super) async fn finished(store: &AnyStore, operation: &str) -> Result<Option<Option<Position>>, StoreError> {
    let mark = mark(store, FINISHED).await?;
    let head = mark.as_ref().and_then(|mark| mark.rsplit_once('@')).filter(|(by, _)| *by == operation);
    Ok(head.map(|(_, head)| head.parse().ok().and_then(Position::new)))
}

async fn mark(store: &AnyStore, name: &'static str) -> Result<Option<String>, StoreError> {
    let rows = store.load_rows(MARKS, &[name.into()]).await?;
    Ok(rows.into_iter().flatten().next().map(|mark| String::from_utf8_lossy(&mark).into_owned()))
}

/// A store that is being filled.
pub(super) struct Fill {
    target: AnyStore,
    /// The last position that is filled, counting what is in the batch.
    head: u64,
    /// The head when it began: what stands before it is there.
    resumed: u64,
    batch: Vec<Wanted>,
    bytes: usize,
    rows: Vec<RowChange>,
    /// For each kind a shape that it is known to hold: what a deleted event is put there again as.
    shapes: HashMap<Name, (Name, u32)>,
    progress: Option<OnProgress>,
    end: Option<Position>,
}

/// A commit, and the position that it is to come to.
struct Wanted {
    commit: Commit,
    position: u64,
}

impl Fill {
    const COMMITS: usize = 256;
    const BYTES: usize = 1 << 20;

    /// Begins with an empty store, or goes on with one that `operation` was filling.
    pub(super) async fn begin(
        target: AnyStore,
        operation: &str,
        types: Vec<EventType>,
        end: Option<Position>,
        progress: Option<OnProgress>,
    ) -> Result<Self, MaintenanceError> {
        if unfinished(&target).await?.as_deref() != Some(operation) {
            if let Some(holds) = holds(&target).await? {
                return Err(MaintenanceError::NotEmpty { holds });
            }
            step(&target, vec![RowChange::put(MARKS, UNFINISHED, operation.to_owned())]).await?;
        }
        let head = target.head().await?.map_or(0, Position::get);
        let shapes = types.into_iter().map(|one| (one.kind, (one.name, one.version))).collect();
        let (batch, rows) = (Vec::new(), Vec::new());
        Ok(Self { target, head, resumed: head, batch, bytes: 0, rows, shapes, progress, end })
    }

    /// Takes the next entry.
    pub(super) async fn take(&mut self, entry: Entry) -> Result<(), MaintenanceError> {
        match entry {
            Entry::Commit(moved) => self.commit(*moved).await,
            Entry::Head(head) => {
                self.blanks(head.map_or(0, Position::get)).await?;
                self.flush().await
            }
            Entry::Deleted { stream, up_to } => Ok(self.target.delete_up_to(&stream, up_to).await?),
            Entry::Erased(stream) => Ok(self.target.erase(&stream).await?),
            Entry::Snapshot(stream, snapshot) => Ok(self.target.save_snapshot(&stream, snapshot).await?),
            Entry::Row { table, key, value } => {
                self.bytes += table.len() + key.len() + value.len();
                self.rows.push(RowChange { table, key, value: Some(value) });
                self.flush_rows(false).await
            }
            Entry::Checkpoint { consumer, position } => {
                self.flush_rows(true).await?;
                Ok(self.target.save_checkpoint(&consumer, position).await?)
            }
        }
    }

    /// Everything is there, but not compared yet: what stood in for something else goes.
    pub(super) async fn settle(&mut self) -> Result<(), MaintenanceError> {
        self.flush().await?;
        self.flush_rows(true).await?;
        let blank = blank()?;
        if self.target.stream_head(&blank).await?.is_some() {
            self.target.erase(&blank).await?;
        }
        Ok(())
    }

    /// It is compared: engines may start on it.
    pub(super) async fn finish(self, operation: &str) -> Result<(), MaintenanceError> {
        let finished = RowChange::put(MARKS, FINISHED, format!("{operation}@{}", self.head));
        step(&self.target, vec![RowChange::remove(MARKS, UNFINISHED), finished]).await
    }

    async fn commit(&mut self, moved: Moved) -> Result<(), MaintenanceError> {
        let (position, takes) = (moved.position(), moved.takes());
        // What recorded nothing takes no position: whether it is there says its id.
        let there = if takes > 0 { position <= self.resumed } else { position < self.resumed };
        if there {
            return Ok(());
        }
        if takes > 0 {
            let before = position.saturating_sub(takes);
            self.blanks(before).await?;
            if self.head != before {
                let reason = format!("a commit ends at position {position}, but {} is taken already", self.head);
                return Err(MaintenanceError::Inconsistent { stream: moved.stream, reason });
            }
            self.head = position;
        }
        let may_be_there = takes == 0 && position <= self.resumed;
        if may_be_there && self.target.find_command(&moved.stream, &moved.committed.command_id).await?.is_some() {
            return Ok(());
        }
        let commit = self.commit_of(moved);
        self.push(Wanted { commit, position }).await
    }

    fn commit_of(&self, moved: Moved) -> Commit {
        let hidden = moved.hidden();
        let Moved { stream, before, committed, body } = moved;
        let unknown =
            || Arc::new(Metadata::new(committed.command_id.clone(), committed.command.clone(), jiff::Timestamp::UNIX_EPOCH));
        let (metadata, body) = match body {
            MovedBody::Events(events) => {
                let metadata = events.first().map_or_else(unknown, |event| Arc::clone(&event.metadata));
                let (name, version) = self.shapes.get(stream.kind()).cloned().unwrap_or_else(|| (Name::fixed("deleted"), 1));
                let blank = || NewEvent { name: name.clone(), version, payload: Bytes::new(), tags: Vec::new() };
                let kept = events.into_iter().map(|event| NewEvent {
                    name: event.name,
                    version: event.version,
                    payload: event.payload,
                    tags: event.tags,
                });
                (metadata, Body::Events(std::iter::repeat_with(blank).take(hidden).chain(kept).collect()))
            }
            MovedBody::State(Some(state)) => {
                (Arc::clone(&state.metadata), Body::State(NewState { version: state.version, payload: state.payload }))
            }
            MovedBody::State(None) => (unknown(), Body::State(NewState { version: 1, payload: Bytes::new() })),
            MovedBody::Nothing => (unknown(), Body::Events(Vec::new())),
        };
        let (expected, rows) = (Expected::last(before), Vec::new());
        Commit { stream, expected, metadata, codec: committed.codec, body, reply: committed.reply, rows }
    }

    /// Fills positions that nothing holds any more, up to this one.
    async fn blanks(&mut self, up_to: u64) -> Result<(), MaintenanceError> {
        while self.head < up_to {
            self.head += 1;
            let id = CommandId::trusted(&format!("blank-{}", self.head));
            let commit = Commit {
                stream: blank()?,
                expected: Expected::Any,
                metadata: Arc::new(Metadata::new(id, "blank", jiff::Timestamp::UNIX_EPOCH)),
                codec: Name::fixed("json"),
                body: Body::State(NewState { version: 1, payload: Bytes::new() }),
                reply: Bytes::new(),
                rows: Vec::new(),
            };
            let position = self.head;
            self.push(Wanted { commit, position }).await?;
        }
        Ok(())
    }

    async fn push(&mut self, wanted: Wanted) -> Result<(), MaintenanceError> {
        self.bytes += wanted.commit.size();
        self.batch.push(wanted);
        if self.batch.len() >= Self::COMMITS || self.bytes >= Self::BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), MaintenanceError> {
        self.bytes = 0;
        let (mut commits, mut wanted) = (Vec::new(), Vec::new());
        for Wanted { commit, position } in self.batch.drain(..) {
            wanted.push((commit.stream.clone(), position));
            commits.push(commit);
        }
        if commits.is_empty() {
            return Ok(());
        }
        let verdicts = self.target.append(commits).await?;
        for ((stream, position), verdict) in wanted.into_iter().zip(verdicts) {
            let committed = match verdict {
                Verdict::Committed(committed) => committed,
                Verdict::Repeated(committed) => {
                    let source = crate::store::Refusal::Conflict { expected: Expected::NoStream, actual: committed.revision };
                    return Err(MaintenanceError::Refused { stream, revision: committed.revision, source });
                }
                Verdict::Refused(source) => return Err(MaintenanceError::Refused { stream, revision: None, source }),
            };
            let found = committed.position.map_or(0, Position::get);
            if let Some(wanted) = Position::new(position).filter(|_| found != position) {
                return Err(MaintenanceError::Misplaced { stream, wanted, found });
            }
        }
        if let Some(progress) = &self.progress {
            progress(Progress { position: Position::new(self.head), head: self.end });
        }
        Ok(())
    }

    async fn flush_rows(&mut self, all: bool) -> Result<(), MaintenanceError> {
        if self.rows.is_empty() || !(all || self.rows.len() >= Self::COMMITS || self.bytes >= Self::BYTES) {
            return Ok(());
        }
        self.bytes = 0;
        step(&self.target, std::mem::take(&mut self.rows)).await
    }
}

fn blank() -> Result<StreamId, MaintenanceError> {
    StreamId::new(Name::fixed(BLANK), "positions").map_err(|error| StoreError::other("naming a stream", error).into())
}

/// What an empty store would not hold.
async fn holds(store: &AnyStore) -> Result<Option<&'static str>, StoreError> {
    if store.head().await?.is_some() {
        return Ok(Some("a log"));
    }
    if !store.list_streams(None, None, 1).await?.items.is_empty() {
        return Ok(Some("streams"));
    }
    if !store.list_erased(None, 1).await?.items.is_empty() {
        return Ok(Some("erased streams"));
    }
    if !store.list_checkpoints().await?.is_empty() {
        return Ok(Some("checkpoints"));
    }
    Ok((!store.list_tables().await?.is_empty()).then_some("tables"))
}

async fn step(store: &AnyStore, rows: Vec<RowChange>) -> Result<(), MaintenanceError> {
    #[derive(Debug, thiserror::Error)]
    #[error("{0:?}")]
    struct NotTaken(Stepped);
    match store.step(Step { advance: None, rows }).await? {
        Stepped::Done => Ok(()),
        other => Err(StoreError::other("writing rows", NotTaken(other)).into()),
    }
}
