//! How rules look at a store: the one place that touches its API where errors are not a rule's subject.

use super::commit::Draft;
use crate::message::{CommandId, Position, Revision, StreamId};
use crate::store::{
    AnyStore, Committed, Direction, EventType, Filter, Page, RecordedEvent, Refusal, Store, StoreError, StreamHead, Verdict,
};
use std::fmt::Debug;
use std::ops::Deref;

/// A store under test. Dereferences to the store for calls whose errors matter.
#[derive(Clone)]
pub(super) struct Probe {
    store: AnyStore,
}

/// All that can be seen of a store without knowing what was written.
#[derive(Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) head: Option<Position>,
    pub(super) log: Vec<RecordedEvent>,
    pub(super) streams: Vec<StreamHead>,
    pub(super) types: Vec<EventType>,
    pub(super) checkpoints: Vec<(String, Option<Position>)>,
}

impl Deref for Probe {
    type Target = AnyStore;
    fn deref(&self) -> &AnyStore {
        &self.store
    }
}

/// What an operation gave that a rule takes for granted.
pub(super) fn ok<T>(given: Result<T, StoreError>, what: &str) -> T {
    given.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Paging that never ends is a broken rule, not a hang.
fn bounded<N: Debug>(pages: &mut usize, next: Option<&N>) {
    *pages += 1;
    assert!(*pages < 20_000, "paging does not end; it is at {next:?}");
}

impl Probe {
    pub(super) fn new(store: AnyStore) -> Self {
        Self { store }
    }

    pub(super) async fn batch(&self, drafts: impl IntoIterator<Item = Draft>) -> Vec<Verdict> {
        let batch: Vec<_> = drafts.into_iter().map(|draft| draft.commit).collect();
        let count = batch.len();
        let verdicts = ok(self.store.append(batch).await, "appending");
        assert_eq!(verdicts.len(), count, "one verdict per commit");
        verdicts
    }

    /// Appends where the store may be closed.
    pub(super) async fn try_append(&self, draft: Draft) -> Result<Vec<Verdict>, StoreError> {
        match self.store.immediate() {
            Some(store) => store.append_one(draft.commit).map(|verdict| vec![verdict]),
            None => self.store.append(vec![draft.commit]).await,
        }
    }

    /// One commit: at once, by a store that says that it can.
    pub(super) async fn append(&self, draft: Draft) -> Verdict {
        if let Some(store) = self.store.immediate() {
            return ok(store.append_one(draft.commit), "appending at once");
        }
        let mut verdicts = self.batch([draft]).await;
        verdicts.pop().unwrap_or_else(|| panic!("no verdict"))
    }

    /// What was recorded is never taken for new.
    fn is_known(&self, stream: &StreamId, id: &CommandId) {
        assert!(!self.store.is_new_command(stream, id), "the command {id} was recorded in {stream}, and is said to be new");
    }

    /// Appends what must be committed.
    pub(super) async fn commit(&self, draft: Draft) -> Committed {
        let stream = draft.commit.stream.clone();
        match self.append(draft).await {
            Verdict::Committed(committed) => {
                self.is_known(&stream, &committed.command_id);
                committed
            }
            other => panic!("expected a commit to be recorded, found {other:?}"),
        }
    }

    /// Appends what must be known already.
    pub(super) async fn repeat(&self, draft: Draft) -> Committed {
        let (stream, id) = (draft.commit.stream.clone(), draft.commit.metadata.command_id.clone());
        self.is_known(&stream, &id);
        match self.append(draft).await {
            Verdict::Repeated(committed) => committed,
            other => panic!("expected a commit to be repeated, found {other:?}"),
        }
    }

    /// Appends what must be refused.
    pub(super) async fn refuse(&self, draft: Draft) -> Refusal {
        match self.append(draft).await {
            Verdict::Refused(refusal) => refusal,
            other => panic!("expected a commit to be refused, found {other:?}"),
        }
    }

    pub(super) async fn find(&self, draft: &Draft) -> Option<Committed> {
        ok(self.store.find_command(&draft.commit.stream, draft.command_id()).await, "finding a command")
    }

    pub(super) async fn stands(&self, stream: &StreamId) -> Option<StreamHead> {
        ok(self.store.stream_head(stream).await, "reading a stream's head")
    }

    pub(super) async fn last(&self) -> Option<Position> {
        ok(self.store.head().await, "reading the head")
    }

    pub(super) async fn page(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Page<RecordedEvent, Revision> {
        let page = ok(self.store.read_stream(stream, from, direction, limit).await, "reading a stream");
        let found = page.items.len();
        assert!(found <= limit.max(1), "a page of a stream holds {found} items, at most {limit} were asked for");
        page
    }

    /// Everything from `from` on, in pages of `limit`.
    pub(super) async fn pages(
        &self,
        stream: &StreamId,
        mut from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Vec<RecordedEvent> {
        let (mut all, mut pages) = (Vec::new(), 0);
        loop {
            let page = self.page(stream, from, direction, limit).await;
            all.extend(page.items);
            if page.next.is_none() {
                return all;
            }
            bounded(&mut pages, page.next.as_ref());
            from = page.next;
        }
    }

    /// A whole stream, forwards.
    pub(super) async fn events(&self, stream: &StreamId) -> Vec<RecordedEvent> {
        self.pages(stream, None, Direction::Forwards, 1000).await
    }

    pub(super) async fn log_page(&self, after: Option<Position>, filter: &Filter, limit: usize) -> Page<RecordedEvent, Position> {
        let page = ok(self.store.read_log(after, filter, limit).await, "reading the log");
        let found = page.items.len();
        assert!(found <= limit.max(1), "a page of the log holds {found} items, at most {limit} were asked for");
        if let Some(next) = page.next {
            assert!(Some(next) > after, "a page after {after:?} leads on to {next}, which is no step forward");
        }
        page
    }

    /// Everything behind `after` that the filter lets through, in pages of `limit`.
    pub(super) async fn log_pages(&self, mut after: Option<Position>, filter: &Filter, limit: usize) -> Vec<RecordedEvent> {
        let (mut all, mut pages) = (Vec::new(), 0);
        loop {
            let page = self.log_page(after, filter, limit).await;
            all.extend(page.items);
            if page.next.is_none() {
                return all;
            }
            bounded(&mut pages, page.next.as_ref());
            after = page.next;
        }
    }

    /// The whole log.
    pub(super) async fn log(&self) -> Vec<RecordedEvent> {
        self.log_pages(None, &Filter::all(), 1000).await
    }

    /// The streams of one kind or of all, in pages of `limit`.
    pub(super) async fn streams(&self, kind: Option<&str>, limit: usize) -> Vec<StreamHead> {
        let (mut all, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = ok(self.store.list_streams(kind, after.as_ref(), limit).await, "listing streams");
            let found = page.items.len();
            assert!(found <= limit.max(1), "a page of streams holds {found} items, at most {limit} were asked for");
            all.extend(page.items);
            if page.next.is_none() {
                return all;
            }
            bounded(&mut pages, page.next.as_ref());
            after = page.next;
        }
    }

    pub(super) async fn types(&self) -> Vec<EventType> {
        ok(self.store.event_types().await, "listing the event types")
    }

    pub(super) async fn sight(&self) -> Sight {
        Sight {
            head: self.last().await,
            log: self.log().await,
            streams: self.streams(None, 1000).await,
            types: self.types().await,
            checkpoints: ok(self.store.list_checkpoints().await, "listing checkpoints"),
        }
    }
}

/// The revisions of events, as numbers.
pub(super) fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.revision.get()).collect()
}

/// The positions of events, as numbers.
pub(super) fn positions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.position.get()).collect()
}

/// The payloads of events, as text.
pub(super) fn payloads(events: &[RecordedEvent]) -> Vec<String> {
    events.iter().map(|event| String::from_utf8_lossy(&event.payload).into_owned()).collect()
}

pub(super) fn assert_growing(positions: &[u64]) {
    assert!(positions.is_sorted_by(|before, after| before < after), "positions must grow, found {positions:?}");
}
