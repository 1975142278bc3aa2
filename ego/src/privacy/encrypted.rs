//! Encryption at rest: a store around another, which sees no content.

use super::ring::KeyRing;
use super::{PrivacyError, key};
use crate::delegate_store;
use crate::message::{Actor, CommandId, Metadata, Name, Position, Revision, StreamId};
use crate::store::{
    Body, Capabilities, Commit, Committed, Direction, Filter, Page, RecordedEvent, Refusal, Row, RowChange, Snapshot, Step,
    Stepped, Store, StoreError, StoredState, Verdict,
};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seals what a store keeps with the keys of a [`KeyRing`]: the content of events, states, snapshots, rows and replies, and in the
/// metadata the actor and the entries of the sender.
///
/// **Not sealed**, because the store finds things by it: kinds, ids of aggregates, names and versions of events and commands, tags,
/// command ids, correlation, causation, tenants, times, names of tables and consumers, the keys of rows (so also the values of a
/// projection's indexes), and how long everything is. Do not put secrets there.
///
/// What is sealed is bound to its place – an event to its stream, name and command, a row to its table and key – so what was moved
/// elsewhere is found like what was changed: [`StoreError::Sealed`] with [`PrivacyError::Tampered`]. That whole commits were cut off at
/// the end, or a row was put back to what it was before, is not found. A commit may hold an eighth less than in the store below.
///
/// ```standalone_crate
/// use ego::prelude::*;
/// use ego::privacy::{Encrypted, Key, KeyRing};
/// use ego::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Encrypted::open(MemoryStore::new(), KeyRing::new(1, Key::generate())).await?;
/// let engine = Engine::builder().store(store).start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Encrypted<S> {
    inner: S,
    ring: KeyRing,
}

/// One row for each key that was ever current: sealed with it, so that another key under its id is found at once.
const KEYS: &str = "ego/keys";
const PROOF: &[u8] = b"ego";

/// The entry that holds what is sealed of the metadata.
const SEALED: &str = "ego/sealed";

/// What is sealed of the metadata.
#[derive(Default, Serialize, Deserialize)]
struct Origin {
    actor: Option<Actor>,
    entries: BTreeMap<String, String>,
}

impl<S: Store> Encrypted<S> {
    /// Puts the store behind the keys. It has to be empty, or to have been written so from the beginning.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] when the current key is another one than was used under its id before. Nothing was changed.
    pub async fn open(inner: S, ring: KeyRing) -> Result<Self, StoreError> {
        let store = Self { inner, ring };
        let key = Bytes::from(store.ring.current().to_be_bytes().to_vec());
        if store.load_rows(KEYS, std::slice::from_ref(&key)).await?.iter().all(Option::is_none) {
            let rows = vec![RowChange::put(KEYS, key, PROOF)];
            store.step(Step { advance: None, rows }).await?;
        }
        Ok(store)
    }

    /// What a commit may hold: what sealing adds has room beside it.
    fn limit(&self) -> usize {
        let below = self.inner.capabilities().max_commit_bytes;
        below - below / 8
    }

    fn seal(&self, place: &[&str], plain: &[u8]) -> Bytes {
        self.ring.seal(&key::place(place), plain).into()
    }

    fn open_at(&self, place: &[&str], sealed: &[u8]) -> Result<Bytes, StoreError> {
        let opened = self.ring.open(&key::place(place), sealed);
        // Handed out as bytes, which are not wiped: so is everything that a program reads.
        opened.map(|plain| Bytes::copy_from_slice(&plain)).map_err(|source| StoreError::sealed(place.join(" "), source))
    }

    fn seal_row(&self, row: RowChange) -> RowChange {
        let value = row.value.map(|value| self.seal(&row_place(&row.table, &hex(&row.key)), &value));
        RowChange { value, ..row }
    }

    fn open_row(&self, table: &str, key: &[u8], value: &[u8]) -> Result<Bytes, StoreError> {
        self.open_at(&row_place(table, &hex(key)), value)
    }

    fn seal_metadata(&self, stream: &StreamId, metadata: &Arc<Metadata>) -> Arc<Metadata> {
        if metadata.actor.is_none() && metadata.entries.is_empty() {
            return Arc::clone(metadata);
        }
        let mut sealed = Metadata::clone(metadata);
        let origin = Origin { actor: sealed.actor.take(), entries: std::mem::take(&mut sealed.entries) };
        // Texts are always written.
        let plain = serde_json::to_vec(&origin).unwrap_or_default();
        let origin = self.seal(&metadata_place(stream, &metadata.command_id), &plain);
        sealed.entries.insert(SEALED.to_owned(), STANDARD_NO_PAD.encode(origin));
        Arc::new(sealed)
    }

    fn open_metadata(&self, stream: &StreamId, metadata: &Arc<Metadata>) -> Result<Arc<Metadata>, StoreError> {
        let Some(sealed) = metadata.entries.get(SEALED) else { return Ok(Arc::clone(metadata)) };
        let place = metadata_place(stream, &metadata.command_id);
        let tampered = || StoreError::sealed(place.join(" "), PrivacyError::Tampered);
        let sealed = STANDARD_NO_PAD.decode(sealed).map_err(|_| tampered())?;
        let origin: Origin = serde_json::from_slice(&self.open_at(&place, &sealed)?).map_err(|_| tampered())?;
        let mut opened = Metadata::clone(metadata);
        (opened.actor, opened.entries) = (origin.actor, origin.entries);
        Ok(Arc::new(opened))
    }

    fn seal_commit(&self, commit: Commit) -> Commit {
        let Commit { stream, expected, metadata, codec, body, reply, rows } = commit;
        let id = &metadata.command_id;
        let body = match body {
            Body::Events(mut events) => {
                for event in &mut events {
                    event.payload = self.seal(&event_place(&stream, id, &event.name), &event.payload);
                }
                Body::Events(events)
            }
            Body::State(mut state) => {
                state.payload = self.seal(&state_place(&stream), &state.payload);
                Body::State(state)
            }
        };
        let reply = if reply.is_empty() { reply } else { self.seal(&reply_place(&stream, id), &reply) };
        let rows = rows.into_iter().map(|row| self.seal_row(row)).collect();
        let metadata = self.seal_metadata(&stream, &metadata);
        Commit { stream, expected, metadata, codec, body, reply, rows }
    }

    fn open_committed(&self, stream: &StreamId, mut committed: Committed) -> Result<Committed, StoreError> {
        if !committed.reply.is_empty() {
            committed.reply = self.open_at(&reply_place(stream, &committed.command_id), &committed.reply)?;
        }
        Ok(committed)
    }

    fn open_events<N>(&self, mut page: Page<RecordedEvent, N>) -> Result<Page<RecordedEvent, N>, StoreError> {
        // Events of one commit share their metadata, sealed and opened.
        let mut last: Option<(Arc<Metadata>, Arc<Metadata>)> = None;
        for event in &mut page.items {
            event.payload = self.open_at(&event_place(&event.stream, &event.metadata.command_id, &event.name), &event.payload)?;
            let opened = match &last {
                Some((sealed, opened)) if Arc::ptr_eq(sealed, &event.metadata) => Arc::clone(opened),
                _ => self.open_metadata(&event.stream, &event.metadata)?,
            };
            last = Some((std::mem::replace(&mut event.metadata, Arc::clone(&opened)), opened));
        }
        Ok(page)
    }
}

fn event_place<'p>(stream: &'p StreamId, id: &'p CommandId, name: &'p str) -> [&'p str; 5] {
    ["event", stream.kind(), stream.id(), id.as_str(), name]
}

fn reply_place<'p>(stream: &'p StreamId, id: &'p CommandId) -> [&'p str; 4] {
    ["reply", stream.kind(), stream.id(), id.as_str()]
}

fn metadata_place<'p>(stream: &'p StreamId, id: &'p CommandId) -> [&'p str; 4] {
    ["metadata", stream.kind(), stream.id(), id.as_str()]
}

fn state_place(stream: &StreamId) -> [&str; 3] {
    ["state", stream.kind(), stream.id()]
}

fn snapshot_place(stream: &StreamId) -> [&str; 3] {
    ["snapshot", stream.kind(), stream.id()]
}

fn row_place<'p>(table: &'p str, key: &'p str) -> [&'p str; 3] {
    ["row", table, key]
}

/// Keys of rows are bytes, a place is text.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl<S: Store> Store for Encrypted<S> {
    delegate_store!(inner: is_new_command, stream_head, head, wait_for_head, list_streams, list_erased, list_tables, event_types,
        delete_snapshot, save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint, delete_up_to, erase, close);

    fn capabilities(&self) -> Capabilities {
        Capabilities { max_commit_bytes: self.limit(), ..self.inner.capabilities() }
    }

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        let (limit, below) = (self.limit(), self.inner.capabilities().max_commit_bytes);
        let known: Vec<_> = batch.iter().map(|commit| (commit.stream.clone(), commit.size())).collect();
        let sealed = batch.into_iter().map(|commit| {
            let is_too_large = commit.size() > limit;
            let mut commit = self.seal_commit(commit);
            if is_too_large {
                // The store below has the word: what comes before the size in its order is looked at first.
                commit.reply = vec![0; below + 1].into();
            }
            commit
        });
        let verdicts = self.inner.append(sealed.collect()).await?;
        let opened = verdicts.into_iter().zip(known).map(|(verdict, (stream, size))| {
            Ok(match verdict {
                Verdict::Committed(committed) => Verdict::Committed(self.open_committed(&stream, committed)?),
                Verdict::Repeated(committed) => Verdict::Repeated(self.open_committed(&stream, committed)?),
                Verdict::Refused(Refusal::TooLarge { .. }) if size > limit => {
                    Verdict::Refused(Refusal::TooLarge { bytes: size, limit })
                }
                refused @ Verdict::Refused(_) => refused,
            })
        });
        opened.collect()
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        let found = self.inner.find_command(stream, id).await?;
        found.map(|committed| self.open_committed(stream, committed)).transpose()
    }

    async fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        let Page { items, next } = self.inner.list_commands(stream, from, limit).await?;
        let items = items.into_iter().map(|committed| self.open_committed(stream, committed)).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.open_events(self.inner.read_stream(stream, from, direction, limit).await?)
    }

    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.open_events(self.inner.read_log(after, filter, limit).await?)
    }

    async fn save_snapshot(&self, stream: &StreamId, mut snapshot: Snapshot) -> Result<(), StoreError> {
        snapshot.payload = self.seal(&snapshot_place(stream), &snapshot.payload);
        self.inner.save_snapshot(stream, snapshot).await
    }

    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        let Some(mut snapshot) = self.inner.load_snapshot(stream).await? else { return Ok(None) };
        snapshot.payload = self.open_at(&snapshot_place(stream), &snapshot.payload)?;
        Ok(Some(snapshot))
    }

    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        let Some(mut state) = self.inner.load_state(stream).await? else { return Ok(None) };
        state.payload = self.open_at(&state_place(stream), &state.payload)?;
        state.metadata = self.open_metadata(stream, &state.metadata)?;
        Ok(Some(state))
    }

    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        let mut page = self.inner.read_states(after, kinds, limit).await?;
        for state in &mut page.items {
            state.payload = self.open_at(&state_place(&state.stream), &state.payload)?;
            state.metadata = self.open_metadata(&state.stream, &state.metadata)?;
        }
        Ok(page)
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        let (bytes, limit) = (step.size(), self.limit());
        // As in the store below: what is not valid comes before the size.
        if bytes > limit && step.rows.iter().all(RowChange::is_valid) {
            return Ok(Stepped::TooLarge { bytes, limit });
        }
        let Step { advance, rows } = step;
        self.inner.step(Step { advance, rows: rows.into_iter().map(|row| self.seal_row(row)).collect() }).await
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let found = self.inner.load_rows(table, keys).await?;
        let opened =
            found.into_iter().zip(keys).map(|(value, key)| value.map(|value| self.open_row(table, key, &value)).transpose());
        opened.collect()
    }

    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        let mut page = self.inner.list_rows(table, start, end, limit).await?;
        for row in &mut page.items {
            row.value = self.open_row(table, &row.key, &row.value)?;
        }
        Ok(page)
    }
}
