//! The store of a program with personal data: whoever writes, writes sealed, and whoever reads, reads opened or redacted.
//!
//! It stands below the engine and above the store that was given, so that no reader can be left out: recovery, subscriptions, projections,
//! publishers, tools. Where there is nothing personal nothing is parsed.

use super::json::{self, OfForgotten, Opener, Place, Sealer, Stop};
use super::keychain::{Hand, Keychain};
use super::model::Personal;
use super::parts::parts_of_snapshot;
use crate::delegate_store;
use crate::message::{CommandId, Expected, Name, Position, Revision, StreamId};
use crate::model::Shape;
use crate::store::{
    AnyStore, Body, Commit, Committed, Direction, Filter, Page, PrivacyError, RecordedEvent, Refusal, Row, Snapshot, Step,
    Stepped, Store, StoreError, StoredState, Verdict,
};
use async_trait::async_trait;
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A store that seals what is personal under the keys of its subjects.
pub(crate) struct Vault {
    inner: AnyStore,
    pub(super) personal: Arc<Personal>,
    keychain: Arc<Keychain>,
    /// Whose data some streams hold: all of them, as far as this program knows.
    subjects: Mutex<LruCache<StreamId, BTreeSet<Arc<str>>>>,
}

/// Of so many streams it is kept whose data they hold.
const STREAMS: usize = 10_000;

/// What cannot be read or written is told with where it is.
pub(super) fn at(place: Place<'_>) -> impl Fn(PrivacyError) -> StoreError + '_ {
    move |source| StoreError::sealed(place.join(" "), source)
}

impl Vault {
    pub(super) fn new(inner: AnyStore, personal: Arc<Personal>, keychain: Arc<Keychain>) -> Self {
        Self { inner, personal, keychain, subjects: Mutex::new(LruCache::unbounded()) }
    }

    /// Does the work, with the keys that it turns out to need.
    pub(super) async fn with_keys<T>(
        &self,
        hand: &mut Hand,
        create: bool,
        mut work: impl FnMut(&Hand) -> Result<T, Stop> + Send,
    ) -> Result<T, PrivacyError> {
        loop {
            match work(hand) {
                Ok(done) => return Ok(done),
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Needs(subject)) => {
                    let held = self.keychain.held(&subject, create).await?;
                    hand.insert(subject, held);
                }
            }
        }
    }

    /// The content, sealed, and whose it is.
    pub(super) async fn seal(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        shape: Option<&'static Shape>,
        of_forgotten: OfForgotten,
        content: &Bytes,
    ) -> Result<(Bytes, BTreeSet<Arc<str>>), PrivacyError> {
        let Some(shape) = shape else {
            return match str::from_utf8(content) {
                Ok(raw) if json::may_hold_sealed(content) => {
                    json::refuse_forged(raw).map(|()| (content.clone(), BTreeSet::new()))
                }
                _ => Ok((content.clone(), BTreeSet::new())),
            };
        };
        let raw = str::from_utf8(content).map_err(|_| PrivacyError::NotFound { field: "/…".into() })?;
        let sealed = self.with_keys(hand, true, |hand| Sealer::new(place, hand, of_forgotten).seal(shape, raw)).await;
        sealed.map(|(sealed, subjects)| (sealed.into(), subjects))
    }

    /// The content, opened; and a subject whose part of it was redacted.
    pub(super) async fn open(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        content: &Bytes,
    ) -> Result<(Bytes, Option<Arc<str>>), PrivacyError> {
        let raw = match str::from_utf8(content) {
            Ok(raw) if json::may_hold_sealed(content) => raw,
            _ => return Ok((content.clone(), None)),
        };
        let opened = self.with_keys(hand, false, |hand| Opener::new(place, hand).open(raw)).await;
        opened.map(|(opened, forgotten)| (opened.into(), forgotten))
    }

    async fn seal_commit(&self, hand: &mut Hand, commit: &mut Commit) -> Result<(), PrivacyError> {
        let Commit { stream, metadata, body, reply, rows, .. } = commit;
        let mut subjects = BTreeSet::new();
        match body {
            Body::Events(events) => {
                for event in events {
                    self.refuse_waiting(stream, event)?;
                    let shape = self.personal.in_event(stream.kind(), &event.name);
                    let place = ["event", stream.kind(), stream.id(), &event.name];
                    let (sealed, of) = self.seal(hand, &place, shape, OfForgotten::Refuse, &event.payload).await?;
                    event.payload = sealed;
                    subjects.extend(of);
                }
            }
            Body::State(state) => {
                let shape = self.personal.in_state(stream.kind());
                let place = ["state", stream.kind(), stream.id()];
                let (sealed, of) = self.seal(hand, &place, shape, OfForgotten::Refuse, &state.payload).await?;
                state.payload = sealed;
                subjects.extend(of);
            }
        }
        for row in rows {
            self.seal_row(hand, row).await?;
        }
        self.know(stream, || subjects.clone());
        if self.personal.is_in(stream.kind()) && may_tell_of_somebody(reply) {
            subjects.extend(self.subjects_before(stream).await?);
            let place = ["reply", stream.kind(), stream.id(), metadata.command_id.as_str()];
            // Whoever was forgotten before may still be in the memory of another program: such a reply is given once.
            *reply = self.seal_whole(hand, &place, &subjects, OfForgotten::Mark, reply).await?;
        }
        Ok(())
    }

    async fn open_reply(&self, hand: &mut Hand, stream: &StreamId, committed: &mut Committed) -> Result<(), PrivacyError> {
        let place = ["reply", stream.kind(), stream.id(), committed.command_id.as_str()];
        let (opened, forgotten) = self.open(hand, &place, &committed.reply).await?;
        committed.reply = opened;
        forgotten.map_or(Ok(()), |subject| Err(PrivacyError::Forgotten { subject }))
    }

    async fn open_events<N: Send>(&self, mut page: Page<RecordedEvent, N>) -> Result<Page<RecordedEvent, N>, StoreError> {
        let mut hand = Hand::new();
        for event in &mut page.items {
            if json::may_hold_sealed(&event.payload) {
                self.know(&event.stream, || subjects_of(&event.payload));
                let place = ["event", event.stream.kind(), event.stream.id(), &event.name];
                let opened = self.open(&mut hand, &place, &event.payload).await.map_err(at(&place));
                event.payload = opened?.0;
            }
        }
        Ok(page)
    }

    /// Adds to what is known of a stream.
    fn know(&self, stream: &StreamId, subjects: impl FnOnce() -> BTreeSet<Arc<str>>) {
        if let Some(known) = self.subjects.lock().get_mut(stream) {
            known.extend(subjects());
        }
    }

    /// Whose data the stream holds already: a reply may speak of them.
    async fn subjects_before(&self, stream: &StreamId) -> Result<BTreeSet<Arc<str>>, PrivacyError> {
        if let Some(known) = self.subjects.lock().get(stream) {
            return Ok(known.clone());
        }
        let mut subjects = BTreeSet::new();
        let mut add = |payload: &[u8]| subjects.extend(subjects_of(payload));
        let failed = |error: StoreError| PrivacyError::keys("looking for whom a reply may speak of", error);
        if let Some(snapshot) = self.inner.load_snapshot(stream).await.map_err(failed)? {
            parts_of_snapshot(stream, &snapshot.payload).iter().for_each(|part| add(part));
        }
        let mut from = None;
        loop {
            let page = self.inner.read_stream(stream, from, Direction::Forwards, 1000).await.map_err(failed)?;
            page.items.iter().for_each(|event| add(&event.payload));
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        let mut all = self.subjects.lock();
        all.put(stream.clone(), subjects.clone());
        while all.len() > STREAMS {
            all.pop_lru();
        }
        drop(all);
        Ok(subjects)
    }

    /// What the store would have said of a commit before anybody looked into it: it was recorded already, or its stream was erased.
    async fn said_before(&self, hand: &mut Hand, commit: &Commit) -> Result<Option<Verdict>, StoreError> {
        if self.inner.stream_head(&commit.stream).await?.is_some_and(|head| head.erased) {
            return Ok(Some(Verdict::Refused(Refusal::Erased)));
        }
        let Some(mut found) = self.inner.find_command(&commit.stream, &commit.metadata.command_id).await? else {
            return Ok(None);
        };
        let opened = self.open_reply(hand, &commit.stream, &mut found).await;
        Ok(Some(opened.map_or_else(|error| Verdict::Refused(error.into()), |()| Verdict::Repeated(found))))
    }
}

/// Whose data are sealed in it.
pub(super) fn subjects_of(payload: &[u8]) -> BTreeSet<Arc<str>> {
    let mut subjects = BTreeSet::new();
    json::each_sealed(str::from_utf8(payload).unwrap_or_default(), &mut |sealed| {
        subjects.insert(sealed.of.as_ref().into());
    });
    subjects
}

/// Nobody is told by a number, a truth or nothing.
pub(super) fn may_tell_of_somebody(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'"' | b'{' | b'[')) && reply != b"[]" && reply != b"{}" && reply != b"\"\""
}

#[async_trait]
impl Store for Vault {
    delegate_store!(inner: capabilities, is_new_command, stream_head, head, wait_for_head, list_streams, list_erased, list_tables, event_types,
        delete_snapshot, save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint, delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        let mut hand = Hand::new();
        // What is decided here, and what the store below is asked, with the reply as it was.
        let (mut verdicts, mut asked, mut replies) =
            (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()), Vec::new());
        let mut refused: HashSet<StreamId> = HashSet::new();
        for mut commit in batch {
            let relies = refused.contains(&commit.stream) && !matches!(commit.expected, Expected::Any | Expected::Exists);
            let reply = commit.reply.clone();
            let sealed = if relies {
                Err(Refusal::Dependent)
            } else {
                self.seal_commit(&mut hand, &mut commit).await.map_err(Refusal::from)
            };
            match sealed {
                Ok(()) => {
                    verdicts.push(None);
                    replies.push((commit.stream.clone(), reply));
                    asked.push(commit);
                }
                Err(refusal) => {
                    let said = self.said_before(&mut hand, &commit).await?;
                    verdicts.push(Some(said.unwrap_or(Verdict::Refused(refusal))));
                    refused.insert(commit.stream);
                }
            }
        }
        let mut said = if asked.is_empty() { Vec::new() } else { self.inner.append(asked).await? }.into_iter().zip(replies);
        let mut all = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            let verdict = match verdict {
                Some(verdict) => verdict,
                None => match said.next() {
                    Some((Verdict::Committed(committed), (_, reply))) => Verdict::Committed(Committed { reply, ..committed }),
                    Some((Verdict::Repeated(mut before), (stream, _))) => {
                        let opened = self.open_reply(&mut hand, &stream, &mut before).await;
                        opened.map_or_else(|error| Verdict::Refused(error.into()), |()| Verdict::Repeated(before))
                    }
                    Some((refused @ Verdict::Refused(_), _)) => refused,
                    None => Verdict::Refused(Refusal::Dependent),
                },
            };
            all.push(verdict);
        }
        Ok(all)
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        let Some(mut found) = self.inner.find_command(stream, id).await? else { return Ok(None) };
        let place = ["reply", stream.kind(), stream.id(), id.as_str()];
        self.open_reply(&mut Hand::new(), stream, &mut found).await.map_err(at(&place))?;
        Ok(Some(found))
    }

    async fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        let mut page = self.inner.list_commands(stream, from, limit).await?;
        let mut hand = Hand::new();
        for committed in &mut page.items {
            let place = ["reply", stream.kind(), stream.id(), committed.command_id.as_str()].map(str::to_owned);
            let place = place.each_ref().map(String::as_str);
            self.open_reply(&mut hand, stream, committed).await.map_err(at(&place))?;
        }
        Ok(page)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.open_events(self.inner.read_stream(stream, from, direction, limit).await?).await
    }

    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.open_events(self.inner.read_log(after, filter, limit).await?).await
    }

    async fn save_snapshot(&self, stream: &StreamId, mut snapshot: Snapshot) -> Result<(), StoreError> {
        let place = ["snapshot", stream.kind(), stream.id()];
        let sealed = self.seal_snapshot(&mut Hand::new(), &place, stream, &snapshot.payload).await;
        snapshot.payload = sealed.map_err(at(&place))?;
        self.inner.save_snapshot(stream, snapshot).await
    }

    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        let Some(mut snapshot) = self.inner.load_snapshot(stream).await? else { return Ok(None) };
        let place = ["snapshot", stream.kind(), stream.id()];
        snapshot.payload = self.open_snapshot(&mut Hand::new(), &place, stream, &snapshot.payload).await.map_err(at(&place))?;
        Ok(Some(snapshot))
    }

    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        let Some(mut state) = self.inner.load_state(stream).await? else { return Ok(None) };
        let place = ["state", stream.kind(), stream.id()];
        state.payload = self.open(&mut Hand::new(), &place, &state.payload).await.map_err(at(&place))?.0;
        Ok(Some(state))
    }

    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        let mut page = self.inner.read_states(after, kinds, limit).await?;
        let mut hand = Hand::new();
        for state in &mut page.items {
            let place = ["state", state.stream.kind(), state.stream.id()];
            let opened = self.open(&mut hand, &place, &state.payload).await.map_err(at(&place));
            state.payload = opened?.0;
        }
        Ok(page)
    }

    async fn step(&self, mut step: Step) -> Result<Stepped, StoreError> {
        let mut hand = Hand::new();
        for row in &mut step.rows {
            let sealed = self.seal_row(&mut hand, row).await;
            sealed.map_err(|error| StoreError::sealed(format!("a row of {}", row.table), error))?;
        }
        self.inner.step(step).await
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut found = self.inner.load_rows(table, keys).await?;
        let mut hand = Hand::new();
        for (value, key) in found.iter_mut().zip(keys) {
            if let Some(sealed) = value.take() {
                *value = Some(self.open_row(&mut hand, table, key, sealed).await?);
            }
        }
        Ok(found)
    }

    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        let mut page = self.inner.list_rows(table, start, end, limit).await?;
        let mut hand = Hand::new();
        for row in &mut page.items {
            row.value = self.open_row(&mut hand, table, &row.key, std::mem::take(&mut row.value)).await?;
        }
        Ok(page)
    }
}
