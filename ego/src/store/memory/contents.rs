//! What a store in memory holds, and how it decides a commit.

use super::super::{
    Body, Commit, Committed, EventType, NewEvent, NewState, RecordedEvent, Refusal, RowChange, Snapshot, Step, Stepped,
    StoreError, StoredState, StreamHead, Verdict,
};
use super::MemoryStore;
use crate::message::{CommandId, Expected, Metadata, Name, Position, Revision, StreamId};
use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Contents {
    pub(super) log: Log,
    pub(super) streams: HashMap<StreamId, Stream>,
    /// The names of `streams`, in order.
    pub(super) names: BTreeSet<StreamId>,
    /// Those that keep a state, by the position of its last save.
    pub(super) saved: BTreeMap<Position, StreamId>,
    pub(super) checkpoints: BTreeMap<String, Option<Position>>,
    pub(super) types: HashSet<EventType>,
    pub(super) tables: Tables,
    hasher: DefaultHashBuilder,
}

/// The event of position p stands at p - 1; `None` where a state was saved or an event was deleted.
#[derive(Default)]
pub(super) struct Log {
    /// Each full but the last: a log that grows copies none of them.
    parts: Vec<Vec<Option<RecordedEvent>>>,
}

#[derive(Default)]
pub(super) struct Stream {
    pub(super) revision: Option<Revision>,
    pub(super) position: Option<Position>,
    /// How many events were deleted from the front.
    pub(super) deleted: u64,
    /// The positions of the events that are left: revision r stands at r - 1 - deleted.
    pub(super) events: Vec<Position>,
    pub(super) state: Option<StoredState>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) erased: bool,
    /// The last shape that was added to `types` for this stream.
    shape: Option<(Name, u32)>,
    commits: Vec<Done>,
    /// Where a command id stands in `commits`, and its hash.
    places: HashTable<(u64, usize)>,
}

/// What was recorded for a command.
pub(super) struct Done {
    revision: Option<Revision>,
    position: Option<Position>,
    events: u32,
    metadata: Arc<Metadata>,
    codec: Name,
    reply: Bytes,
}

impl Done {
    pub(super) fn committed(&self) -> Committed {
        Committed {
            revision: self.revision,
            position: self.position,
            events: self.events,
            command_id: self.metadata.command_id.clone(),
            command: self.metadata.command.clone(),
            codec: self.codec.clone(),
            reply: self.reply.clone(),
        }
    }
}

impl Contents {
    pub(super) fn head(&self) -> Option<Position> {
        Position::new(self.log.len() as u64)
    }

    pub(super) fn command(&self, stream: &StreamId, id: &CommandId) -> Option<Committed> {
        self.streams.get(stream)?.command(self.hasher.hash_one(id), id).map(Done::committed)
    }

    pub(super) fn knows(&self, stream: &StreamId, id: &CommandId) -> bool {
        self.streams.get(stream).is_some_and(|stream| stream.command(self.hasher.hash_one(id), id).is_some())
    }

    /// The event at a position, if it is still there.
    pub(super) fn event(&self, position: Position) -> Option<&RecordedEvent> {
        self.log.get(position).and_then(Option::as_ref)
    }

    pub(super) fn forget(&mut self, positions: impl IntoIterator<Item = Position>) {
        for position in positions {
            if let Some(slot) = self.log.get_mut(position) {
                *slot = None;
            }
        }
    }

    /// The steps of [`Store::step`](super::super::Store::step).
    pub(super) fn step(&mut self, step: Step) -> Result<Stepped, StoreError> {
        let (bytes, limit) = (step.size(), MemoryStore::MAX_COMMIT_BYTES);
        if !step.rows.iter().all(RowChange::is_valid) {
            return Ok(Stepped::Invalid);
        }
        if bytes > limit {
            return Ok(Stepped::TooLarge { bytes, limit });
        }
        if let Some(advance) = step.advance {
            let checkpoint = self.checkpoints.get(&advance.consumer).copied().flatten();
            if checkpoint != advance.from {
                return Ok(Stepped::Overtaken { checkpoint });
            }
            let head = self.head();
            if Some(advance.to) > head {
                return Err(StoreError::BeyondHead { asked: advance.to.get(), end: head.map_or(0, Position::get) });
            }
            self.checkpoints.insert(advance.consumer, Some(advance.to));
        }
        self.tables.change(step.rows);
        Ok(Stepped::Done)
    }

    /// The steps of [`Store::append`](super::super::Store::append) for one commit.
    pub(super) fn decide(&mut self, mut commit: Commit, broken: &mut std::collections::HashSet<StreamId>) -> Verdict {
        let Self { log, streams, names, saved, types, hasher, tables, .. } = self;
        let mut new = Stream::default();
        let found = streams.get_mut(&commit.stream);
        let is_new = found.is_none();
        let stream = found.unwrap_or(&mut new);
        let hash = hasher.hash_one(&commit.metadata.command_id);
        if let Some(verdict) = stream.objection(hash, &commit, broken) {
            broken.insert(commit.stream);
            return verdict;
        }
        let id = is_new.then(|| commit.stream.clone());
        tables.change(std::mem::take(&mut commit.rows));
        let state = matches!(commit.body, Body::State(_)).then(|| (stream.position, commit.stream.clone()));
        let committed = stream.record(commit, hash, log, types);
        if let (Some((before, id)), Some(position)) = (state, committed.position) {
            before.map(|before| saved.remove(&before));
            saved.insert(position, id);
        }
        if let Some(id) = id {
            names.insert(id.clone());
            streams.insert(id, new);
        }
        Verdict::Committed(committed)
    }
}

/// Rows, ordered by their keys, by the names of their tables.
#[derive(Default)]
pub(super) struct Tables(HashMap<Name, BTreeMap<Bytes, Bytes>>);

impl Tables {
    pub(super) fn get(&self, table: &str) -> Option<&BTreeMap<Bytes, Bytes>> {
        self.0.get(table)
    }

    pub(super) fn names(&self) -> Vec<Name> {
        let mut names: Vec<_> = self.0.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    fn change(&mut self, rows: Vec<RowChange>) {
        for RowChange { table, key, value } in rows {
            match value {
                Some(value) => drop(self.0.entry(table).or_default().insert(key, value)),
                None => {
                    if let Some(found) = self.0.get_mut(&table) {
                        found.remove(&key);
                        if found.is_empty() {
                            self.0.remove(&table);
                        }
                    }
                }
            }
        }
    }
}

impl Log {
    const PART: usize = 4096;

    pub(super) fn len(&self) -> usize {
        self.parts.last().map_or(0, |last| (self.parts.len() - 1) * Self::PART + last.len())
    }

    fn push(&mut self, event: Option<RecordedEvent>) {
        match self.parts.last_mut() {
            Some(last) if last.len() < Self::PART => last.push(event),
            last => {
                // The first part grows as it needs, so that a small store stays small.
                let mut part = Vec::with_capacity(if last.is_some() { Self::PART } else { 0 });
                part.push(event);
                self.parts.push(part);
            }
        }
    }

    fn place(position: Position) -> Option<(usize, usize)> {
        let index = usize::try_from(position.get() - 1).ok()?;
        Some((index / Self::PART, index % Self::PART))
    }

    fn get(&self, position: Position) -> Option<&Option<RecordedEvent>> {
        let (part, index) = Self::place(position)?;
        self.parts.get(part)?.get(index)
    }

    fn get_mut(&mut self, position: Position) -> Option<&mut Option<RecordedEvent>> {
        let (part, index) = Self::place(position)?;
        self.parts.get_mut(part)?.get_mut(index)
    }

    /// What stands at this index and behind it.
    pub(super) fn from(&self, index: usize) -> impl Iterator<Item = &Option<RecordedEvent>> {
        let skipped = index / Self::PART;
        self.parts.iter().skip(skipped).flatten().skip(index - skipped * Self::PART)
    }
}

impl Stream {
    /// In the order of recording.
    pub(super) fn commits(&self) -> &[Done] {
        &self.commits
    }

    fn command(&self, hash: u64, id: &CommandId) -> Option<&Done> {
        let of_id = |place: usize| self.commits[place].metadata.command_id == *id;
        let (_, place) = self.places.find(hash, |(known, place)| *known == hash && of_id(*place))?;
        self.commits.get(*place)
    }

    /// Why the commit is not recorded.
    fn objection(&self, hash: u64, commit: &Commit, broken: &std::collections::HashSet<StreamId>) -> Option<Verdict> {
        if self.erased {
            return Some(Verdict::Refused(Refusal::Erased));
        }
        match self.command(hash, &commit.metadata.command_id) {
            Some(before) => Some(Verdict::Repeated(before.committed())),
            None => self.refusal(commit, broken).map(Verdict::Refused),
        }
    }

    fn refusal(&self, commit: &Commit, broken: &std::collections::HashSet<StreamId>) -> Option<Refusal> {
        let actual = self.revision;
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
        if !commit.rows.iter().all(RowChange::is_valid) {
            return Some(Refusal::InvalidRow);
        }
        let keeps_state = self.state.is_some();
        let mixed = match &commit.body {
            Body::Events(events) => !events.is_empty() && keeps_state,
            Body::State(_) => actual.is_some() && !keeps_state,
        };
        mixed.then_some(Refusal::Mixed)
    }

    fn record(&mut self, commit: Commit, hash: u64, log: &mut Log, types: &mut HashSet<EventType>) -> Committed {
        let Commit { stream, metadata, codec, body, reply, .. } = commit;
        let mut recorded = 0;
        match body {
            Body::Events(events) => {
                for event in events {
                    let NewEvent { name, version, payload, tags } = event;
                    if self.shape.as_ref().is_none_or(|(last, known)| *last != name || *known != version) {
                        types.insert(EventType { kind: stream.shared_kind(), name: name.clone(), version });
                        self.shape = Some((name.clone(), version));
                    }
                    let (revision, position) = self.advance(log);
                    self.events.push(position);
                    log.push(Some(RecordedEvent {
                        stream: stream.clone(),
                        revision,
                        position,
                        name,
                        version,
                        codec: codec.clone(),
                        payload,
                        tags,
                        metadata: Arc::clone(&metadata),
                    }));
                    recorded += 1;
                }
            }
            Body::State(NewState { version, payload }) => {
                let (revision, position) = self.advance(log);
                let (codec, metadata) = (codec.clone(), Arc::clone(&metadata));
                self.state = Some(StoredState { stream, revision, position, version, codec, payload, metadata });
                log.push(None);
            }
        }
        let done = Done { revision: self.revision, position: self.position, events: recorded, metadata, codec, reply };
        let committed = done.committed();
        self.places.insert_unique(hash, (hash, self.commits.len()), |(hash, _)| *hash);
        self.commits.push(done);
        committed
    }

    /// Keeps nothing but where it stood; gives the positions of its events.
    pub(super) fn erase(&mut self) -> Vec<Position> {
        let erased = Self { revision: self.revision, position: self.position, erased: true, ..Self::default() };
        std::mem::replace(self, erased).events
    }

    /// The next revision, and the next position.
    fn advance(&mut self, log: &Log) -> (Revision, Position) {
        let revision = self.revision.map_or(Revision::FIRST, Revision::next);
        let position = Position::after(None, log.len() as u64 + 1).unwrap_or(Position::FIRST);
        (self.revision, self.position) = (Some(revision), Some(position));
        (revision, position)
    }

    fn first(&self) -> Option<Revision> {
        if self.events.is_empty() { None } else { Revision::new(self.deleted + 1) }
    }

    pub(super) fn head(&self, stream: &StreamId) -> StreamHead {
        StreamHead {
            stream: stream.clone(),
            revision: self.revision,
            position: self.position,
            first: self.first(),
            erased: self.erased,
        }
    }
}
