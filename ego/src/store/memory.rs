//! A store in memory: for tests, for trying things out, and for engines that were given none. Keeps every rule but durability.

use super::*;
use crate::message::{CommandId, Expected, Position, Revision, StreamId};
use async_trait::async_trait;
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// A store in memory. A clone is another connection to the same memory, so that two engines can work on one store: closing one
/// leaves the others open. The memory is gone with the last of them.
///
/// ```
/// use ego::store::{MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// assert!(!store.capabilities().persistent);
/// ```
pub struct MemoryStore {
    // Held only while a call copies what it needs, never across an await.
    inner: Arc<RwLock<Inner>>,
    head: Arc<watch::Sender<Option<Position>>>,
    /// Of this connection.
    closed: AtomicBool,
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), head: Arc::clone(&self.head), closed: AtomicBool::new(false) }
    }
}

#[derive(Default)]
struct Inner {
    /// The event of position p stands at p - 1; `None` where a state was saved or an event was deleted.
    log: Vec<Option<RecordedEvent>>,
    streams: HashMap<StreamId, Stream>,
    /// The names of `streams`, in order.
    names: BTreeSet<StreamId>,
    checkpoints: BTreeMap<String, Option<Position>>,
    types: BTreeSet<EventType>,
}

#[derive(Default)]
struct Stream {
    revision: Option<Revision>,
    position: Option<Position>,
    /// How many events were deleted from the front.
    deleted: u64,
    /// The positions of the events that are left: revision r stands at r - 1 - deleted.
    events: Vec<Position>,
    state: Option<StoredState>,
    snapshot: Option<Snapshot>,
    commands: HashMap<CommandId, Committed>,
    erased: bool,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner.read();
        f.debug_struct("MemoryStore")
            .field("streams", &inner.streams.len())
            .field("head", &inner.log.len())
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// The most bytes in one commit: 64 MiB.
    pub const MAX_COMMIT_BYTES: usize = 64 << 20;

    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: Arc::default(), head: Arc::new(watch::Sender::new(None)), closed: AtomicBool::new(false) }
    }

    fn is_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn open<T>(&self, read: impl FnOnce(&Inner) -> T) -> Result<T, StoreError> {
        self.is_open()?;
        Ok(read(&self.inner.read()))
    }

    fn change<T>(&self, write: impl FnOnce(&mut Inner) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.is_open()?;
        write(&mut self.inner.write())
    }
}

impl Inner {
    fn head(&self) -> Option<Position> {
        Position::new(self.log.len() as u64)
    }

    /// The steps of [`Store::append`] for one commit.
    fn decide(&mut self, commit: Commit, broken: &mut HashSet<StreamId>) -> Verdict {
        let stream = self.streams.get(&commit.stream);
        let verdict = match stream {
            Some(stream) if stream.erased => Some(Verdict::Refused(Refusal::Erased)),
            _ => stream
                .and_then(|stream| stream.commands.get(&commit.metadata.command_id))
                .map(|before| Verdict::Repeated(before.clone()))
                .or_else(|| self.refusal(&commit, stream, broken).map(Verdict::Refused)),
        };
        match verdict {
            Some(verdict) => {
                broken.insert(commit.stream);
                verdict
            }
            None => Verdict::Committed(self.record(commit)),
        }
    }

    fn refusal(&self, commit: &Commit, stream: Option<&Stream>, broken: &HashSet<StreamId>) -> Option<Refusal> {
        let actual = stream.and_then(|stream| stream.revision);
        let relies = matches!(commit.expected, Expected::NoStream | Expected::Exact(_));
        if relies && !broken.is_empty() && broken.contains(&commit.stream) {
            return Some(Refusal::Dependent);
        }
        if !commit.expected.holds(actual) {
            return Some(Refusal::Conflict { expected: commit.expected, actual });
        }
        let bytes = commit.size();
        if bytes > MemoryStore::MAX_COMMIT_BYTES {
            return Some(Refusal::TooLarge { bytes, limit: MemoryStore::MAX_COMMIT_BYTES });
        }
        let keeps_state = stream.is_some_and(|stream| stream.state.is_some());
        let mixed = match &commit.body {
            Body::Events(events) => !events.is_empty() && keeps_state,
            Body::State(_) => actual.is_some() && !keeps_state,
        };
        mixed.then_some(Refusal::Mixed)
    }

    fn record(&mut self, commit: Commit) -> Committed {
        let Commit { stream: id, metadata, codec, body, reply, .. } = commit;
        if !self.streams.contains_key(&id) {
            self.names.insert(id.clone());
        }
        let stream = self.streams.entry(id.clone()).or_default();
        let mut recorded = 0;
        match body {
            Body::Events(events) => {
                for event in events {
                    let NewEvent { name, version, payload, tags } = event;
                    let kind = id.shared_kind();
                    self.types.insert(EventType { kind, name: Arc::clone(&name), version });
                    let revision = stream.revision.map_or(Revision::FIRST, Revision::next);
                    let position = stream.advance(revision, self.log.len());
                    stream.events.push(position);
                    self.log.push(Some(RecordedEvent {
                        stream: id.clone(),
                        revision,
                        position,
                        name,
                        version,
                        codec: Arc::clone(&codec),
                        payload,
                        tags,
                        metadata: Arc::clone(&metadata),
                    }));
                    recorded += 1;
                }
            }
            Body::State(NewState { version, payload }) => {
                let revision = stream.revision.map_or(Revision::FIRST, Revision::next);
                let position = stream.advance(revision, self.log.len());
                stream.state = Some(StoredState {
                    revision,
                    position,
                    version,
                    codec: Arc::clone(&codec),
                    payload,
                    metadata: Arc::clone(&metadata),
                });
                self.log.push(None);
            }
        }
        let committed = Committed {
            revision: stream.revision,
            position: stream.position,
            events: recorded,
            command_id: metadata.command_id.clone(),
            command: Arc::clone(&metadata.command),
            codec,
            reply,
        };
        stream.commands.insert(metadata.command_id.clone(), committed.clone());
        committed
    }

    /// The event at a position, if it is still there.
    fn event(&self, position: Position) -> Option<&RecordedEvent> {
        usize::try_from(position.get() - 1).ok().and_then(|index| self.log.get(index)).and_then(Option::as_ref)
    }

    fn forget(&mut self, positions: impl IntoIterator<Item = Position>) {
        for position in positions {
            if let Some(slot) = usize::try_from(position.get() - 1).ok().and_then(|index| self.log.get_mut(index)) {
                *slot = None;
            }
        }
    }
}

impl Stream {
    fn advance(&mut self, revision: Revision, log: usize) -> Position {
        let position = Position::after(None, log as u64 + 1).unwrap_or(Position::FIRST);
        self.revision = Some(revision);
        self.position = Some(position);
        position
    }

    fn first(&self) -> Option<Revision> {
        if self.events.is_empty() { None } else { Revision::new(self.deleted + 1) }
    }

    fn head(&self, stream: &StreamId) -> StreamHead {
        StreamHead {
            stream: stream.clone(),
            revision: self.revision,
            position: self.position,
            first: self.first(),
            erased: self.erased,
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::volatile(Self::MAX_COMMIT_BYTES)
    }

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.is_open()?;
        let mut inner = self.inner.write();
        let mut broken = HashSet::new();
        let verdicts = batch.into_iter().map(|commit| inner.decide(commit, &mut broken)).collect();
        let head = inner.head();
        // Still under the lock, so that heads are published in order (I3).
        self.head.send_if_modified(|seen| std::mem::replace(seen, head) != head);
        Ok(verdicts)
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.open(|inner| inner.streams.get(stream).and_then(|stream| stream.commands.get(id)).cloned())
    }

    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.open(|inner| inner.streams.get(stream).map(|found| found.head(stream)))
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        let limit = limit.max(1);
        self.open(|inner| {
            let Some(found) = inner.streams.get(stream) else { return Page { items: Vec::new(), next: None } };
            let index =
                |revision: Revision| usize::try_from((revision.get() - 1).saturating_sub(found.deleted)).unwrap_or(usize::MAX);
            let events =
                |range: &[Position]| range.iter().filter_map(|position| inner.event(*position)).cloned().collect::<Vec<_>>();
            let revision_at = |index: usize| Revision::new(found.deleted + index as u64 + 1);
            match direction {
                Direction::Forwards => {
                    let start = from.map_or(0, index).min(found.events.len());
                    let end = start.saturating_add(limit).min(found.events.len());
                    let next = if end < found.events.len() { revision_at(end) } else { None };
                    Page { items: events(&found.events[start..end]), next }
                }
                Direction::Backwards => {
                    let below_first = from.is_some_and(|from| from.get() <= found.deleted);
                    let end = match from {
                        _ if below_first => 0,
                        Some(from) => index(from).saturating_add(1).min(found.events.len()),
                        None => found.events.len(),
                    };
                    let start = end.saturating_sub(limit);
                    let next = if start > 0 { revision_at(start - 1) } else { None };
                    let mut items = events(&found.events[start..end]);
                    items.reverse();
                    Page { items, next }
                }
            }
        })
    }

    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        let limit = limit.max(1);
        self.open(|inner| {
            let start = after.map_or(0, |after| usize::try_from(after.get()).unwrap_or(usize::MAX)).min(inner.log.len());
            let mut items = Vec::new();
            for (index, event) in inner.log.iter().enumerate().skip(start) {
                if items.len() == limit {
                    return Page { items, next: Position::new(index as u64) };
                }
                if let Some(event) = event
                    && filter.matches(event.stream.kind(), &event.name, &event.tags)
                {
                    items.push(event.clone());
                }
            }
            Page { items, next: None }
        })
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.open(Inner::head)
    }

    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        let mut head = self.head.subscribe();
        loop {
            self.is_open()?;
            if let Some(now) = *head.borrow_and_update()
                && Some(now) > position
            {
                return Ok(now);
            }
            head.changed().await.map_err(|_| StoreError::Closed)?;
        }
    }

    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        let limit = limit.max(1);
        self.open(|inner| {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut items: Vec<StreamHead> = Vec::new();
            for name in inner.names.range::<StreamId, _>((start, Bound::Unbounded)) {
                let Some(stream) = inner.streams.get(name) else { continue };
                if stream.erased || kind.is_some_and(|kind| kind != name.kind()) {
                    continue;
                }
                if items.len() == limit {
                    let next = items.last().map(|last| last.stream.clone());
                    return Page { items, next };
                }
                items.push(stream.head(name));
            }
            Page { items, next: None }
        })
    }

    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.open(|inner| inner.types.iter().cloned().collect())
    }

    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.change(|inner| {
            // An erased stream keeps its revision, but a late snapshot must not bring its content back.
            let found = inner.streams.get_mut(stream).filter(|found| !found.erased);
            let end = found.as_ref().and_then(|found| found.revision);
            let beyond = StoreError::BeyondHead { asked: snapshot.revision.get(), end: end.map_or(0, Revision::get) };
            let Some(found) = found.filter(|_| Some(snapshot.revision) <= end) else { return Err(beyond) };
            if found.snapshot.as_ref().is_none_or(|kept| kept.revision <= snapshot.revision) {
                found.snapshot = Some(snapshot);
            }
            Ok(())
        })
    }

    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.open(|inner| inner.streams.get(stream).and_then(|found| found.snapshot.clone()))
    }

    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.change(|inner| {
            if let Some(found) = inner.streams.get_mut(stream) {
                found.snapshot = None;
            }
            Ok(())
        })
    }

    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        self.open(|inner| inner.streams.get(stream).and_then(|found| found.state.clone()))
    }

    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.change(|inner| {
            let head = inner.head();
            if position > head {
                return Err(StoreError::BeyondHead {
                    asked: position.map_or(0, Position::get),
                    end: head.map_or(0, Position::get),
                });
            }
            inner.checkpoints.insert(consumer.to_owned(), position);
            Ok(())
        })
    }

    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.open(|inner| inner.checkpoints.get(consumer).copied().flatten())
    }

    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.open(|inner| inner.checkpoints.iter().map(|(name, position)| (name.clone(), *position)).collect())
    }

    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.change(|inner| {
            inner.checkpoints.remove(consumer);
            Ok(())
        })
    }

    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.change(|inner| {
            let Inner { streams, checkpoints, .. } = inner;
            let found = streams.get_mut(stream);
            let end = found.as_ref().and_then(|found| found.revision).map_or(0, Revision::get);
            let beyond = StoreError::BeyondHead { asked: revision.get(), end };
            let Some(found) = found.filter(|_| revision.get() <= end) else { return Err(beyond) };
            let count =
                usize::try_from(revision.get().saturating_sub(found.deleted)).unwrap_or(usize::MAX).min(found.events.len());
            let Some(needed) = found.events[..count].last().copied() else { return Ok(()) };
            if let Some((consumer, checkpoint)) = checkpoints.iter().find(|(_, checkpoint)| **checkpoint < Some(needed)) {
                return Err(StoreError::HeldBack { consumer: consumer.clone(), checkpoint: *checkpoint, needed });
            }
            found.deleted += count as u64;
            let positions: Vec<_> = found.events.drain(..count).collect();
            inner.forget(positions);
            Ok(())
        })
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.change(|inner| {
            inner.names.insert(stream.clone());
            let found = inner.streams.entry(stream.clone()).or_default();
            let positions = std::mem::take(&mut found.events);
            *found = Stream { revision: found.revision, position: found.position, erased: true, ..Stream::default() };
            inner.forget(positions);
            Ok(())
        })
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Release);
        self.head.send_modify(|_| ());
        Ok(())
    }
}
