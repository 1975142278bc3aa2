//! Reading the log of a few streams: each by what the index knows of it, instead of past everything else.

use crate::entry::Texts;
use crate::find::Reader;
use crate::key::Head;
use crate::read::{PAGE_BYTES, PAGE_ITEMS};
use ego::message::{Position, Revision, StreamId};
use ego::store::{Direction, Filter, Page, RecordedEvent, StoreError};

/// With more streams than this, the whole log is read past.
pub(crate) const FEW: usize = 16;

impl Reader {
    // I3: what came behind `reach` meanwhile is left out, also where it was seen: of another stream an earlier event may have been missed.
    /// Events of the filter's streams behind `after`, up to `reach`, which was the head before.
    pub(crate) fn read_streams(
        &self,
        after: u64,
        reach: u64,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        let mut streams = filter.streams.clone();
        streams.sort_unstable();
        streams.dedup();
        // Up to here nothing of any stream is missing.
        let (mut whole, mut items) = (reach, Vec::new());
        for stream in &streams {
            whole = whole.min(self.part(stream, after, filter, limit, &mut items)?);
        }
        items.retain(|event| event.position.get() <= whole);
        items.sort_unstable_by_key(|event| event.position);
        let mut bytes = 0;
        let fits = |event: &&RecordedEvent| {
            let fits = bytes < PAGE_BYTES;
            bytes += event.payload.len();
            fits
        };
        let count = items.iter().take(limit).take_while(fits).count();
        if count < items.len() {
            items.truncate(count);
            whole = items.last().map_or(whole, |last| last.position.get());
        }
        Ok(Page { items, next: Position::new(whole).filter(|_| whole < reach) })
    }

    /// Gathers what the filter lets through of one stream behind `after`: a page of it at most. Up to which position that is all.
    fn part(
        &self,
        stream: &StreamId,
        after: u64,
        filter: &Filter,
        limit: usize,
        items: &mut Vec<RecordedEvent>,
    ) -> Result<u64, StoreError> {
        let head = self.head(stream)?.filter(|head| head.readable() && head.position > after);
        let Some(mut from) = head.map(|head| self.first_behind(stream, &head, after)).transpose()?.flatten() else {
            return Ok(u64::MAX);
        };
        let (mut taken, mut bytes, mut seen) = (0, 0, 0);
        loop {
            let page = self.read_stream(stream, Some(from), Direction::Forwards, limit.saturating_add(1))?;
            for event in page.items {
                let position = event.position.get();
                seen += 1;
                if filter.matches(&event.stream, &event.name, &event.tags) {
                    taken += 1;
                    bytes += event.payload.len();
                    items.push(event);
                }
                if taken > limit || bytes >= PAGE_BYTES || seen >= PAGE_ITEMS {
                    return Ok(position);
                }
            }
            let Some(next) = page.next else { return Ok(u64::MAX) };
            from = next;
        }
    }

    /// The first revision behind a position; `None` when there is none any more.
    fn first_behind(&self, stream: &StreamId, head: &Head, after: u64) -> Result<Option<Revision>, StoreError> {
        // Before `low` all stand at or before `after`, from `high` on behind it.
        let (mut low, mut high) = (head.deleted + 1, head.revision);
        while after > 0 && low < high {
            let middle = low + (high - low) / 2;
            let Some(position) = self.position_of(stream, middle)? else { return Ok(None) };
            if position.get() > after { high = middle } else { low = middle + 1 }
        }
        Ok(Revision::new(low))
    }

    /// The position of a stream's event that is published and not deleted; `None` when the stream was erased meanwhile.
    pub(crate) fn position_of(&self, stream: &StreamId, revision: u64) -> Result<Option<Position>, StoreError> {
        let found = self.commits(stream, revision, Direction::Forwards, 1)?;
        let commit = found.first().filter(|commit| commit.revision.saturating_sub(u64::from(commit.events)) < revision);
        let recorded = commit.map(|commit| self.commit(stream, commit, &mut Texts::default())).transpose()?.flatten();
        match recorded {
            Some(recorded) => Ok(Position::new(recorded.position.saturating_sub(recorded.revision - revision))),
            None if self.head(stream)?.is_some_and(|head| head.erased) => Ok(None),
            None => Err(self.index.table().unreadable()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FEW;
    use crate::SledStore;
    use ego::message::{CommandId, Expected, Metadata, Position, StreamId};
    use ego::store::{Body, Commit, Filter, NewEvent, Store};
    use std::sync::Arc;

    fn stream(id: &str) -> StreamId {
        StreamId::new("account", id).unwrap()
    }

    async fn add(store: &SledStore, to: &str, id: &str, size: usize) {
        let event = NewEvent { name: "e".into(), version: 1, payload: vec![7; size].into(), tags: vec![] };
        let metadata = Metadata::new(CommandId::new(id).unwrap(), "c", jiff::Timestamp::UNIX_EPOCH);
        let (stream, body) = (stream(to), Body::Events(vec![event]));
        let (expected, metadata) = (Expected::Any, Arc::new(metadata));
        let commit = Commit { stream, expected, metadata, codec: "json".into(), body, reply: "".into(), rows: vec![] };
        store.append(vec![commit]).await.unwrap();
    }

    #[tokio::test]
    async fn a_few_streams_are_read_without_all_that_stands_between_their_events() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        add(&store, "a", "first", 1).await;
        for number in 0..3 {
            // More than a page looks through.
            add(&store, "other", &number.to_string(), 6 << 20).await;
        }
        add(&store, "a", "last", 1).await;
        let few = Filter::all().stream(stream("a")).stream(stream("none"));
        let many = (0..FEW).fold(few.clone(), |filter, number| filter.stream(stream(&format!("none-{number}"))));
        let page = store.read_log(Position::new(1), &few, 10).await.unwrap();
        assert_eq!((page.items.len(), page.items[0].position.get(), page.next), (1, 5, None));
        let page = store.read_log(Position::new(1), &many, 10).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (0, true));
        let first = store.read_log(None, &few, 1).await.unwrap();
        assert_eq!((first.items.len(), first.next), (1, Position::new(1)));
        store.erase(&stream("a")).await.unwrap();
        assert_eq!(store.read_log(None, &few, 10).await.unwrap().items, []);
    }
}
