//! A store as entries: every commit in the order of the log, then what stands beside it.
//!
//! Each stream is read commit by commit, as the store lists them, so that also what is not in the log any more is met in its place: commits
//! whose events were deleted, states that were replaced, ids and replies of commands that recorded nothing. A heap holds the next commit
//! of each stream: about 200 bytes for each, and together at most [`Walk::BUFFERED`] commits more.

use super::entry::{Entry, Moved, MovedBody};
use super::error::MaintenanceError;
use crate::message::{Position, Revision, StreamId};
use crate::store::{AnyStore, Committed, Direction, RecordedEvent, Store, StoreError, StreamHead};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Which streams are walked.
pub(super) type Wanted = dyn Fn(&StreamId) -> bool + Send + Sync;

/// Reads the commits of a store.
pub(super) struct Walk {
    store: AnyStore,
    heap: BinaryHeap<Next>,
    buffered: usize,
}

/// A stream, and its next commits; the earliest position is the greatest.
struct Next {
    stream: StreamId,
    before: Option<Revision>,
    commits: VecDeque<Committed>,
    /// The ordinal of the commit behind these.
    next: Option<u64>,
    events: VecDeque<RecordedEvent>,
}

impl Next {
    fn place(&self) -> (u64, &StreamId) {
        let position = self.commits.front().and_then(|commit| commit.position);
        (position.map_or(0, Position::get), &self.stream)
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}
impl Eq for Next {}
impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        other.place().cmp(&self.place())
    }
}

impl Walk {
    /// How many commits all streams together have in memory beside their next one.
    const BUFFERED: usize = 1 << 14;
    const PAGE: usize = 1000;

    pub(super) async fn new(store: &AnyStore, wanted: impl Fn(&StreamId) -> bool) -> Result<Self, MaintenanceError> {
        let streams: Vec<_> = streams(store).await?.into_iter().map(|head| head.stream).filter(|stream| wanted(stream)).collect();
        let buffered = (Self::BUFFERED / streams.len().max(1)).clamp(1, 512);
        let mut walk = Self { store: store.clone(), heap: BinaryHeap::with_capacity(streams.len()), buffered };
        for stream in streams {
            let (commits, events) = (VecDeque::new(), VecDeque::new());
            walk.fill(Next { stream, before: None, commits, next: Some(0), events }).await?;
        }
        Ok(walk)
    }

    /// Puts the stream back, unless it is at its end.
    async fn fill(&mut self, mut next: Next) -> Result<(), MaintenanceError> {
        while let (true, Some(from)) = (next.commits.is_empty(), next.next) {
            let page = self.store.list_commands(&next.stream, from, self.buffered).await?;
            next.commits = page.items.into();
            next.next = page.next;
        }
        if !next.commits.is_empty() {
            self.heap.push(next);
        }
        Ok(())
    }

    /// The next commit of the log; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Moved>, MaintenanceError> {
        let Some(mut next) = self.heap.pop() else { return Ok(None) };
        let Some(committed) = next.commits.pop_front() else { return Ok(None) };
        let (stream, before) = (next.stream.clone(), next.before);
        let grown = committed.revision.map_or(0, Revision::get).checked_sub(before.map_or(0, Revision::get));
        let body = match (grown, committed.events) {
            (Some(grown), events) if events > 0 && grown == u64::from(events) => {
                MovedBody::Events(self.events(&mut next, &committed, before).await?)
            }
            (Some(1), 0) => MovedBody::State(self.state(&stream, &committed).await?),
            (Some(0), 0) => MovedBody::Nothing,
            _ => {
                let reason = format!("a commit of {} events leads from {before:?} to {:?}", committed.events, committed.revision);
                return Err(MaintenanceError::Inconsistent { stream, reason });
            }
        };
        next.before = committed.revision;
        self.fill(next).await?;
        Ok(Some(Moved { stream, before, committed, body }))
    }

    /// Those of the commit's events that are left.
    async fn events(
        &self,
        next: &mut Next,
        committed: &Committed,
        before: Option<Revision>,
    ) -> Result<Vec<RecordedEvent>, MaintenanceError> {
        let mut found = Vec::new();
        let mut from = before.map_or(Revision::FIRST, Revision::next);
        while Some(from) <= committed.revision {
            if next.events.is_empty() {
                let limit = self.buffered.max(committed.events as usize);
                let page = self.store.read_stream(&next.stream, Some(from), Direction::Forwards, limit).await?;
                next.events = page.items.into();
            }
            match next.events.front() {
                Some(event) if Some(event.revision) <= committed.revision => {
                    from = event.revision.next();
                    found.extend(next.events.pop_front());
                }
                // What is left begins behind this commit.
                _ => break,
            }
        }
        let last = found.last().is_none_or(|event| Some(event.revision) == committed.revision);
        let whole = found.windows(2).all(|two| two[0].revision.next() == two[1].revision);
        if last && whole {
            return Ok(found);
        }
        let reason = format!("the commit up to revision {:?} has a gap", committed.revision);
        Err(MaintenanceError::Inconsistent { stream: next.stream.clone(), reason })
    }

    async fn state(
        &self,
        stream: &StreamId,
        committed: &Committed,
    ) -> Result<Option<Box<crate::store::StoredState>>, StoreError> {
        let state = self.store.load_state(stream).await?;
        Ok(state.filter(|state| Some(state.revision) == committed.revision).map(Box::new))
    }
}

/// All streams that hold something.
pub(super) async fn streams(store: &AnyStore) -> Result<Vec<StreamHead>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_streams(None, after.as_ref(), Walk::PAGE).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// What stands beside the log, entry by entry.
pub(super) struct Beside {
    store: AnyStore,
    ready: VecDeque<Entry>,
    left: VecDeque<Part>,
}

enum Part {
    Streams(Option<StreamId>),
    Erased(Option<StreamId>),
    Rows { table: crate::message::Name, start: bytes::Bytes },
    Checkpoints,
}

impl Beside {
    /// `tables` and `consumers` that are wanted.
    pub(super) async fn new(store: &AnyStore, tables: impl Fn(&str) -> bool) -> Result<Self, StoreError> {
        let mut left: VecDeque<_> = [Part::Streams(None), Part::Erased(None)].into();
        let tables = store.list_tables().await?.into_iter().filter(|table| tables(table));
        left.extend(tables.map(|table| Part::Rows { table, start: bytes::Bytes::new() }));
        // Last: who has a checkpoint holds up what is deleted.
        left.push_back(Part::Checkpoints);
        Ok(Self { store: store.clone(), ready: VecDeque::new(), left })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            match self.left.pop_front() {
                Some(part) => self.read(part).await?,
                None => return Ok(None),
            }
        }
    }

    fn go_on(&mut self, part: Option<Part>) {
        if let Some(part) = part {
            self.left.push_front(part);
        }
    }

    async fn read(&mut self, part: Part) -> Result<(), StoreError> {
        match part {
            Part::Streams(after) => {
                let page = self.store.list_streams(None, after.as_ref(), Walk::PAGE).await?;
                for head in page.items {
                    if let Some(up_to) = deleted(&head)
                        && self.store.load_state(&head.stream).await?.is_none()
                    {
                        self.ready.push_back(Entry::Deleted { stream: head.stream.clone(), up_to });
                    }
                    if let Some(snapshot) = self.store.load_snapshot(&head.stream).await? {
                        self.ready.push_back(Entry::Snapshot(head.stream, snapshot));
                    }
                }
                self.go_on(page.next.map(|next| Part::Streams(Some(next))));
            }
            Part::Erased(after) => {
                let page = self.store.list_erased(after.as_ref(), Walk::PAGE).await?;
                self.ready.extend(page.items.into_iter().map(|head| Entry::Erased(head.stream)));
                self.go_on(page.next.map(|next| Part::Erased(Some(next))));
            }
            Part::Rows { table, start } => {
                let page = self.store.list_rows(&table, &start, None, Walk::PAGE).await?;
                let row = |row: crate::store::Row| Entry::Row { table: table.clone(), key: row.key, value: row.value };
                self.ready.extend(page.items.into_iter().map(row));
                self.go_on(page.next.map(|start| Part::Rows { table, start }));
            }
            Part::Checkpoints => {
                let checkpoints = self.store.list_checkpoints().await?;
                let entry = |(consumer, position)| Entry::Checkpoint { consumer, position };
                self.ready.extend(checkpoints.into_iter().map(entry));
            }
        }
        Ok(())
    }
}

/// Up to where the stream's events were deleted.
fn deleted(head: &StreamHead) -> Option<Revision> {
    match (head.first, head.revision) {
        (Some(first), _) => Revision::new(first.get() - 1),
        (None, last) => last,
    }
}
