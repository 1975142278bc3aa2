//! Reading: pages of streams, of the log and of the list of streams. `find.rs` says where things are.

use crate::entry::{self, Entry, RecordedCommit, Texts, read_entry};
use crate::error;
use crate::find::Reader;
use crate::key::{self, Head, StreamEntry};
use crate::log::{Found, Spot};
use crate::record::Entries;
use crate::streams::FEW;
use crate::window::Window;
use ego::message::{Position, Revision, StreamId};
use ego::store::{Body, Direction, Filter, Page, RecordedEvent, StoreError, StreamHead};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The most items in a page.
pub(crate) const PAGE_ITEMS: usize = 16 << 10;
/// How many bytes of payload end a page.
pub(crate) const PAGE_BYTES: usize = 4 << 20;
/// How many bytes of the log are looked through for a page, whatever the filter lets through.
const PAGE_SCAN: u64 = 16 << 20;

impl Reader {
    pub(crate) fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        Ok(self.head(stream)?.map(|head| head.public(stream)))
    }

    pub(crate) fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS);
        let nothing = Page { items: Vec::new(), next: None };
        let Some(head) = self.head(stream)?.filter(Head::readable) else { return Ok(nothing) };
        let (first, last) = (head.deleted + 1, head.revision);
        let forwards = direction == Direction::Forwards;
        let start = match (from.map(Revision::get), forwards) {
            (Some(from), true) => from.max(first),
            (Some(from), false) => from.min(last),
            (None, true) => first,
            (None, false) => last,
        };
        if start < first || start > last {
            return Ok(nothing);
        }
        let (mut items, mut bytes, mut texts) = (Vec::new(), 0, Texts::default());
        let mut expected = start;
        let commits = self.commits(stream, start, direction, limit)?;
        let mut window = Window::new(&self.shared.log);
        items.reserve(limit.min(commits.len()));
        let mut following = commits.iter().map(|commit| commit.place);
        'page: for commit in &commits {
            following.next();
            let content = window.entry(commit.place, following.clone())?;
            let Some(recorded) = self.commit_in(&content, stream, commit.revision, commit.place, &mut texts)? else {
                return Ok(nothing);
            };
            let mut events = events_of(recorded);
            while let Some(event) = if forwards { events.next() } else { events.next_back() } {
                let revision = event.revision.get();
                // A reader sees the stream as it stood when it began: what came later is not of this page.
                if revision < first || revision > last || if forwards { revision < start } else { revision > start } {
                    continue;
                }
                if revision != expected {
                    return self.gap(stream);
                }
                expected = if forwards { expected + 1 } else { expected - 1 };
                bytes += event.payload.len();
                items.push(event);
                if items.len() == limit || bytes >= PAGE_BYTES {
                    break 'page;
                }
            }
        }
        if items.is_empty() {
            return self.gap(stream);
        }
        let next = (first..=last).contains(&expected).then_some(expected).and_then(Revision::new);
        Ok(Page { items, next })
    }

    /// A stream was not found whole: because it was erased meanwhile, or because the index lost something (I1).
    fn gap(&self, stream: &StreamId) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        match self.head(stream)? {
            Some(head) if head.erased => Ok(Page { items: Vec::new(), next: None }),
            _ => Err(self.index.table().unreadable()),
        }
    }

    pub(crate) fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS);
        let mut reached = after.map_or(0, Position::get);
        let (reach, deletions, mark) = {
            let tail = self.shared.tail.read();
            (tail.reach, tail.deletions, tail.mark(reached.saturating_add(1)))
        };
        let mut items = Vec::new();
        if reached >= reach.position {
            return Ok(Page { items, next: None });
        }
        if (1..=FEW).contains(&filter.streams.len()) {
            return self.read_streams(reached, reach.position, filter, limit);
        }
        let mut spot = match mark {
            Some(spot) => spot,
            None => self.index_mark(reached + 1)?,
        };
        let (mut heads, mut texts) = (HashMap::new(), Texts::default());
        let (mut bytes, mut scanned) = (0, 0);
        let mut window = Window::new(&self.shared.log);
        while reached < reach.position && spot != reach.spot && scanned < PAGE_SCAN {
            let bad = |reason| error::damaged(&self.shared.log.path(spot.segment), Some(u64::from(spot.offset)), reason);
            let (header, body) = match window.group_at(spot, Some(reach.spot))? {
                Found::Group(header, body) => (header, body),
                Found::Nothing if spot.segment < reach.spot.segment => {
                    spot = Spot::first(spot.segment + 1);
                    continue;
                }
                Found::Nothing => return Err(bad("the log ends before its head")),
                Found::Bad(reason) => return Err(bad(reason)),
            };
            let end = header.position + u64::from(header.positions);
            if header.position > reached {
                return Err(bad("a part of the log is missing before this"));
            }
            if end > reached {
                scanned += header.room();
                for entry in Entries::of_checked(&body) {
                    let content = entry.map_err(bad)?.content;
                    if entry::commit_position(&content).is_none_or(|position| position <= reached) {
                        continue;
                    }
                    let Entry::Commit(commit) = read_entry(&content, &mut texts).map_err(bad)? else { continue };
                    if commit.position <= reached || commit.places() == 0 {
                        continue;
                    }
                    let last = commit.position;
                    for event in events_of(*commit) {
                        let position = event.position.get();
                        if position <= reached || !filter.matches(&event.stream, &event.name, &event.tags) {
                            continue;
                        }
                        if deletions && self.is_deleted(&event, &mut heads)? {
                            continue;
                        }
                        bytes += event.payload.len();
                        items.push(event);
                        if items.len() == limit || bytes >= PAGE_BYTES {
                            let next = (position < reach.position).then_some(position).and_then(Position::new);
                            return Ok(Page { items, next });
                        }
                    }
                    reached = reached.max(last);
                }
                reached = reached.max(end);
            }
            spot = Spot { offset: spot.offset + header.room() as u32, ..spot };
        }
        let next = (reached < reach.position).then_some(reached).and_then(Position::new);
        Ok(Page { items, next })
    }

    fn index_mark(&self, position: u64) -> Result<Spot, StoreError> {
        let mut found = None;
        let to = key::mark(position.saturating_add(1));
        self.index.table().scan(&key::mark(0), Some(&to), true, |_, value| {
            found = Some(self.index.value(value)?);
            Ok(false)
        })?;
        Ok(found.unwrap_or(Spot::first(1)))
    }

    fn is_deleted(&self, event: &RecordedEvent, heads: &mut HashMap<StreamId, u64>) -> Result<bool, StoreError> {
        if let Some(deleted) = heads.get(&event.stream) {
            return Ok(event.revision.get() <= *deleted);
        }
        let deleted = self.head(&event.stream)?.map_or(0, |head| if head.erased { u64::MAX } else { head.deleted });
        heads.insert(event.stream.clone(), deleted);
        Ok(event.revision.get() <= deleted)
    }

    pub(crate) fn list_streams(
        &self,
        kind: Option<&str>,
        erased: bool,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS);
        let wanted =
            |stream: &StreamId| after.is_none_or(|after| stream > after) && kind.is_none_or(|kind| kind == stream.kind());
        let mut streams: BTreeMap<StreamId, Head> = {
            let tail = self.shared.tail.read();
            let frozen = tail.frozen.iter().flat_map(|frozen| &frozen.streams);
            let layers = frozen.chain(&tail.live.streams);
            layers.filter(|(stream, _)| wanted(stream)).map(|(stream, layer)| (stream.clone(), layer.head.clone())).collect()
        };
        let prefix = key::streams_of(kind);
        let start = after.map_or_else(|| prefix.clone(), |after| key::stream(after).max(prefix.clone()));
        let mut more = 0;
        self.index.table().scan(&start, key::behind(&prefix).as_deref(), false, |key, value| {
            let stream = key::stream_of(key).ok_or_else(|| self.index.table().unreadable())?;
            if wanted(&stream) && !streams.contains_key(&stream) {
                let StreamEntry { head, .. } = self.index.value(value)?;
                more += usize::from(head.erased == erased);
                streams.insert(stream, head);
            }
            Ok(more <= limit)
        })?;
        let mut found = streams.iter().filter(|(_, head)| head.erased == erased);
        let items: Vec<_> = found.by_ref().take(limit).map(|(stream, head)| head.public(stream)).collect();
        let next = found.next().and_then(|_| items.last()).map(|last| last.stream.clone());
        Ok(Page { items, next })
    }
}

impl Head {
    pub(crate) fn readable(&self) -> bool {
        !self.erased && self.state.is_none() && self.deleted < self.revision
    }

    pub(crate) fn public(&self, stream: &StreamId) -> StreamHead {
        StreamHead {
            stream: stream.clone(),
            revision: Revision::new(self.revision),
            position: Position::new(self.position),
            first: if self.readable() { Revision::new(self.deleted + 1) } else { None },
            erased: self.erased,
        }
    }
}

/// The events of a commit with their places; none for a state.
pub(crate) fn events_of(commit: RecordedCommit) -> impl DoubleEndedIterator<Item = RecordedEvent> {
    let RecordedCommit { revision, position, stream, metadata, codec, body, .. } = commit;
    let events = if let Body::Events(events) = body { events } else { Vec::new() };
    let before = events.len() as u64;
    let (revision, position) = (revision.saturating_sub(before), position.saturating_sub(before));
    events.into_iter().enumerate().filter_map(move |(before, event)| {
        let number = before as u64 + 1;
        Some(RecordedEvent {
            stream: stream.clone(),
            revision: Revision::new(revision + number)?,
            position: Position::new(position + number)?,
            name: event.name,
            version: event.version,
            codec: codec.clone(),
            payload: event.payload,
            tags: event.tags,
            metadata: Arc::clone(&metadata),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SledStore;
    use ego::message::{CommandId, Expected, Metadata};
    use ego::store::{Commit, NewEvent, Store, Verdict};

    fn one(stream: &StreamId, id: &str) -> Commit {
        let event = NewEvent { name: "e".into(), version: 1, payload: "x".into(), tags: vec![] };
        Commit {
            stream: stream.clone(),
            expected: Expected::Any,
            metadata: Arc::new(Metadata::new(CommandId::new(id).unwrap(), "c", jiff::Timestamp::UNIX_EPOCH)),
            codec: "json".into(),
            body: Body::Events(vec![event]),
            reply: "".into(),
            rows: vec![],
        }
    }

    /// A layer is in the index before it leaves the tail: who reads in between finds it in both.
    #[tokio::test]
    async fn what_is_in_the_tail_and_in_the_index_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::options(folder.path()).segment_bytes(1 << 16).open().unwrap();
        let stream = StreamId::new("account", "a").unwrap();
        let fill = async |from: u64, to: u64| {
            for number in from..to {
                let verdicts = store.append(vec![one(&stream, &number.to_string())]).await.unwrap();
                assert!(matches!(verdicts[0], Verdict::Committed(_)));
            }
        };
        let (mut all, shared) = (0, &store.shared);
        for count in [5, 20, 40, 3] {
            fill(all, all + count).await;
            all += count;
            // What the indexer does, stopped before it drops the layer.
            let layer = shared.tail.write().freeze();
            if let Some(layer) = layer {
                shared.index().unwrap().apply(&layer).unwrap();
            }
            fill(all, all + 2).await;
            all += 2;
            for direction in [Direction::Forwards, Direction::Backwards] {
                let page = store.read_stream(&stream, None, direction, 1000).await.unwrap();
                let mut revisions: Vec<u64> = page.items.iter().map(|event| event.revision.get()).collect();
                if direction == Direction::Backwards {
                    revisions.reverse();
                }
                assert_eq!(revisions, (1..=all).collect::<Vec<_>>());
            }
        }
    }

    /// The indexer takes over every few commits meanwhile.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_moves_into_the_index_is_found_at_every_moment() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::options(folder.path()).segment_bytes(1 << 16).open().unwrap();
        let stream = StreamId::new("account", "a").unwrap();
        let mut last = None;
        for round in 0..400_u64 {
            let batch: Vec<_> = (0..10).map(|number| one(&stream, &format!("{round}-{number}"))).collect();
            let verdicts = store.append(batch).await.unwrap();
            let Some(Verdict::Committed(done)) = verdicts.last() else { panic!("{verdicts:?}") };
            assert_eq!(done.revision, Revision::after(last, 10));
            last = done.revision;
            assert_eq!(store.stream_head(&stream).await.unwrap().unwrap().revision, last);
            let from = Revision::new((round * 10).saturating_sub(300) + 1);
            let page = store.read_stream(&stream, from, Direction::Forwards, 400).await.unwrap();
            assert_eq!(page.items.last().map(|event| event.revision), last);
            let found = store.find_command(&stream, &CommandId::new(format!("{round}-0")).unwrap()).await.unwrap();
            assert!(found.is_some(), "round {round}");
        }
        assert!(store.shared.index().unwrap().meta().sequence > 300, "nothing was applied meanwhile");
    }
}
