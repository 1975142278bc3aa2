//! A store in memory: for tests, for trying things out, and for engines that were given none. Keeps every rule but durability.

mod contents;

use super::*;
use crate::message::{CommandId, Name, Position, Revision, StreamId};
use async_trait::async_trait;
use bytes::Bytes;
use contents::{Contents, Done, Stream};
use parking_lot::RwLock;
use std::collections::HashSet;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

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
    inner: Arc<RwLock<Contents>>,
    /// The head moved, or a connection was closed.
    moved: Arc<Notify>,
    /// Of this connection.
    closed: AtomicBool,
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), moved: Arc::clone(&self.moved), closed: AtomicBool::new(false) }
    }
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
        Self { inner: Arc::default(), moved: Arc::default(), closed: AtomicBool::new(false) }
    }

    fn is_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn open<T>(&self, read: impl FnOnce(&Contents) -> T) -> Result<T, StoreError> {
        self.is_open()?;
        Ok(read(&self.inner.read()))
    }

    fn change<T>(&self, write: impl FnOnce(&mut Contents) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.is_open()?;
        write(&mut self.inner.write())
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::volatile(Self::MAX_COMMIT_BYTES)
    }

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        let verdicts = self.change(|inner| {
            let mut broken = HashSet::new();
            Ok(batch.into_iter().map(|commit| inner.decide(commit, &mut broken)).collect())
        });
        self.moved.notify_waiters();
        verdicts
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        Some(self)
    }

    fn is_new_command(&self, stream: &StreamId, id: &CommandId) -> bool {
        self.open(|inner| !inner.knows(stream, id)).unwrap_or(false)
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.open(|inner| inner.command(stream, id))
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
            for (index, event) in (start..).zip(inner.log.from(start)) {
                if items.len() == limit {
                    return Page { items, next: Position::new(index as u64) };
                }
                if let Some(event) = event
                    && filter.matches(&event.stream, &event.name, &event.tags)
                {
                    items.push(event.clone());
                }
            }
            Page { items, next: None }
        })
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.open(Contents::head)
    }

    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        loop {
            // Before the look at the head: what moves it from here on is heard of.
            let moved = self.moved.notified();
            if let Some(now) = self.open(Contents::head)?
                && Some(now) > position
            {
                return Ok(now);
            }
            moved.await;
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

    async fn list_erased(&self, after: Option<&StreamId>, limit: usize) -> Result<Page<StreamHead, StreamId>, StoreError> {
        let limit = limit.max(1);
        self.open(|inner| {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let names = inner.names.range::<StreamId, _>((start, Bound::Unbounded));
            let heads = names.filter_map(|name| inner.streams.get(name).map(|stream| stream.head(name)));
            let mut erased = heads.filter(|head| head.erased);
            let items: Vec<_> = erased.by_ref().take(limit).collect();
            let next = erased.next().and(items.last()).map(|last| last.stream.clone());
            Page { items, next }
        })
    }

    async fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        self.open(|inner| {
            let found = inner.streams.get(stream).map_or(&[][..], Stream::commits);
            let start = usize::try_from(from).unwrap_or(usize::MAX).min(found.len());
            let end = start.saturating_add(limit.max(1)).min(found.len());
            let items = found[start..end].iter().map(Done::committed).collect();
            Page { items, next: (end < found.len()).then_some(end as u64) }
        })
    }

    async fn list_tables(&self) -> Result<Vec<Name>, StoreError> {
        self.open(|inner| inner.tables.names())
    }

    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.open(|inner| {
            let mut types: Vec<EventType> = inner.types.iter().cloned().collect();
            types.sort_unstable();
            types
        })
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

    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        let limit = limit.max(1);
        self.open(|inner| {
            let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
            let wanted = |stream: &StreamId| kinds.is_empty() || kinds.iter().any(|kind| kind == stream.kind());
            let of = |stream: &StreamId| inner.streams.get(stream)?.state.clone();
            let mut states = inner.saved.range(behind).filter(|(_, stream)| wanted(stream)).filter_map(|(_, stream)| of(stream));
            let items: Vec<_> = states.by_ref().take(limit).collect();
            let next = states.next().and(items.last()).map(|last| last.position);
            Page { items, next }
        })
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

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.change(|inner| inner.step(step))
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.open(|inner| {
            let found = inner.tables.get(table);
            keys.iter().map(|key| found.and_then(|rows| rows.get(key)).cloned()).collect()
        })
    }

    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        let limit = limit.max(1);
        if end.is_some_and(|end| end <= start) {
            return self.open(|_| Page { items: Vec::new(), next: None });
        }
        self.open(|inner| {
            let range = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
            let mut rows = inner.tables.get(table).into_iter().flat_map(|rows| rows.range::<[u8], _>(range));
            let items = rows.by_ref().take(limit).map(|(key, value)| Row { key: key.clone(), value: value.clone() }).collect();
            Page { items, next: rows.next().map(|(key, _)| key.clone()) }
        })
    }

    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.change(|inner| {
            let Contents { streams, checkpoints, .. } = inner;
            let found = streams.get_mut(stream);
            let end = found.as_ref().and_then(|found| found.revision).map_or(0, Revision::get);
            let beyond = StoreError::BeyondHead { asked: revision.get(), end };
            let Some(found) = found.filter(|_| revision.get() <= end) else { return Err(beyond) };
            let count =
                usize::try_from(revision.get().saturating_sub(found.deleted)).unwrap_or(usize::MAX).min(found.events.len());
            let Some(needed) = found.events[..count].last().copied() else { return Ok(()) };
            let late =
                |(consumer, checkpoint): &(&String, &Option<Position>)| **checkpoint < Some(needed) && holds_up(consumer, stream);
            if let Some((consumer, checkpoint)) = checkpoints.iter().find(late) {
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
            if let Some(state) = &found.state {
                inner.saved.remove(&state.position);
            }
            let positions = found.erase();
            inner.forget(positions);
            Ok(())
        })
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Release);
        self.moved.notify_waiters();
        Ok(())
    }
}

impl Immediate for MemoryStore {
    fn append_one(&self, commit: Commit) -> Result<Verdict, StoreError> {
        let verdict = self.change(|inner| Ok(inner.decide(commit, &mut HashSet::new())));
        self.moved.notify_waiters();
        verdict
    }
}
