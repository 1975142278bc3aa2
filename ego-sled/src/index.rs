//! The index: what is derived from the log, kept in one table. Layers are applied to it in order, each together with how far it
//! goes, off the hot path. Lost or damaged, it is rebuilt (`recover.rs`).

use crate::engine::{Changes, Engine, Table};
use crate::error;
use crate::key::{self, Chunk, CommitRef, INDEX_FORMAT, Meta, StreamEntry};
use crate::options::Durability;
use crate::row::Row;
use crate::shared::Shared;
use crate::tail::{Layer, LayerStream, Reach};
use ego::message::StreamId;
use ego::store::StoreError;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};

/// How many commits stay in a stream's entry before they move into chunks.
const RECENT: usize = 32;
/// How many rows are applied at a time.
const BATCH_ROWS: usize = if cfg!(test) { 16 } else { 256 };
/// The most commits in a chunk: it stays below the size from which sled keeps values in files of their own.
const CHUNK: usize = 160;
/// How long something waits, at most, before it is applied, though it is not much and more comes all the time.
const LAYER_AGE: Duration = Duration::from_secs(5);
/// The same in the buffered mode, where it is made durable only then.
const BUFFERED_AGE: Duration = Duration::from_secs(1);
/// How often what was applied is made durable.
const FLUSH_AGE: Duration = Duration::from_secs(5);

pub(crate) const NOT_WHOLE: &str = "it does not hold all that was put there";

/// Reads and changes the index.
pub(crate) struct Index {
    pub(crate) engine: Engine,
    meta: Mutex<Meta>,
    /// Held while a snapshot is read or replaced.
    pub(crate) snapshots: Mutex<()>,
}

impl Index {
    /// Takes an engine into use if what it holds is whole and belongs to this store; the error says why not.
    pub(crate) fn open(engine: Engine, store: u64) -> Result<Self, String> {
        let (index, whole) = Self::look(engine, store)?;
        if whole { Ok(index) } else { Err(NOT_WHOLE.to_owned()) }
    }

    /// As [`open`](Self::open), for those who want to know what is wrong: also whether the index holds what was put there.
    pub(crate) fn look(engine: Engine, store: u64) -> Result<(Self, bool), String> {
        let text = |error: StoreError| error.to_string();
        let meta = match engine.index.get(key::META).map_err(text)? {
            Some(bytes) => postcard::from_bytes::<Meta>(&bytes).map_err(|_| "it does not say how far it is".to_owned())?,
            None => Meta { format: INDEX_FORMAT, store, ..Meta::default() },
        };
        if meta.format != INDEX_FORMAT || meta.store != store {
            return Err("it belongs to another store or release".to_owned());
        }
        // sled may lose what it held without a word, so what is there is compared with the sum of what was put there.
        let (mut keys, mut sum) = (0, 0_u64);
        let count = |key: &[u8], value: &[u8]| {
            if key != key::META {
                keys += 1;
                sum = sum.wrapping_add(pair_sum(key, value));
            }
            Ok(true)
        };
        engine.index.scan(&[], None, false, count).map_err(text)?;
        let index = Self { engine, meta: Mutex::new(meta), snapshots: Mutex::new(()) };
        Ok((index, (keys, sum) == (meta.keys, meta.sum)))
    }

    pub(crate) fn meta(&self) -> Meta {
        *self.meta.lock()
    }

    pub(crate) fn table(&self) -> &Table {
        &self.engine.index
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let Some(value) = self.table().get(key)? else { return Ok(None) };
        self.value(&value).map(Some)
    }

    pub(crate) fn value<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, StoreError> {
        postcard::from_bytes(value).map_err(|_| self.table().unreadable())
    }

    pub(crate) fn stream(&self, stream: &StreamId) -> Result<Option<StreamEntry>, StoreError> {
        self.read(&key::stream(stream))
    }

    pub(crate) fn row(&self, name: &[u8]) -> Result<Option<Row>, StoreError> {
        let Some(value) = self.table().get(&key::row(name))? else { return Ok(None) };
        self.row_in(&value).map(Some)
    }

    pub(crate) fn row_in(&self, value: &[u8]) -> Result<Row, StoreError> {
        Row::decode(value).ok_or_else(|| self.table().unreadable())
    }

    // Whoever reads the index waits while sled applies a batch, so batches are short.
    // 1. the rows, some at a time: each says all that there is to say of it, so after a crash it is applied again  2. the rest in one
    // batch, and how far the index is. Readers find all of it in the layer meanwhile.
    /// Applies a layer.
    pub(crate) fn apply(&self, layer: &Layer) -> Result<(), StoreError> {
        let Some(reach) = layer.reach else { return Ok(()) };
        let mut meta = self.meta.lock();
        let mut batch = Batch { index: self, changes: Vec::new(), meta: *meta };
        self.apply_rows(&mut batch, layer, reach)?;
        for (stream, layered) in &layer.streams {
            self.apply_stream(&mut batch, stream, layered)?;
        }
        for (position, spot) in &layer.marks {
            batch.set(key::mark(*position), encode(spot)?)?;
        }
        for one in &layer.types {
            batch.set(key::event_type(one), Vec::new())?;
        }
        for (consumer, position) in &layer.checkpoints {
            match position {
                Some(position) => batch.set(key::consumer(consumer), encode(position)?)?,
                None => batch.remove(key::consumer(consumer))?,
            }
        }
        batch.meta.sequence = reach.sequence;
        batch.meta.position = reach.position;
        batch.meta.spot = Some(reach.spot);
        batch.meta.deletions |= layer.streams.values().any(|stream| stream.wiped || stream.head.deleted > 0);
        *meta = batch.apply()?;
        Ok(())
    }

    /// Leaves the last of them in the batch.
    fn apply_rows(&self, batch: &mut Batch<'_>, layer: &Layer, reach: Reach) -> Result<(), StoreError> {
        batch.meta.ahead = reach.sequence;
        for (name, row) in &layer.rows {
            if batch.changes.len() == BATCH_ROWS {
                batch.apply()?;
            }
            match row {
                Some(row) => batch.set(key::row(name), row.encode().map_err(encoding)?)?,
                None => batch.remove(key::row(name))?,
            }
        }
        Ok(())
    }

    fn apply_stream(&self, batch: &mut Batch<'_>, stream: &StreamId, layered: &LayerStream) -> Result<(), StoreError> {
        let key = key::stream(stream);
        let old = self.table().get(&key)?;
        let StreamEntry { head: before, mut recent } = match &old {
            Some(old) => self.value(old)?,
            None => StreamEntry::default(),
        };
        if before.save() != layered.head.save() {
            before.save().map_or(Ok(()), |position| batch.remove(key::save(position)))?;
            if let Some(position) = layered.head.save() {
                batch.set(key::save(position), encode(&(stream.kind(), stream.id()))?)?;
            }
        }
        if layered.wiped {
            recent.clear();
            let prefix = key::chunks(stream);
            let mut chunks = Vec::new();
            self.table().scan(&prefix, key::behind(&prefix).as_deref(), false, |key, _| {
                chunks.push(key.to_vec());
                Ok(true)
            })?;
            for chunk in chunks {
                batch.remove(chunk)?;
            }
            self.remove_snapshot(stream)?;
        }
        recent.extend_from_slice(&layered.commits);
        if recent.len() > RECENT {
            let mut first = layered.head.commits.saturating_sub(recent.len() as u64);
            for commits in recent.chunks(CHUNK) {
                let Some(CommitRef { revision, .. }) = commits.last() else { continue };
                let end = first + commits.len() as u64;
                batch.set(key::chunk(stream, *revision, end), encode(&Chunk { first, commits: commits.to_vec() })?)?;
                first = end;
            }
            recent.clear();
        }
        let entry = encode(&StreamEntry { head: layered.head.clone(), recent })?;
        batch.replace(key, Some(entry), old.as_deref());
        Ok(())
    }
}

/// Changes in the making, with what the table says of itself after them.
struct Batch<'a> {
    index: &'a Index,
    changes: Changes,
    meta: Meta,
}

impl Batch<'_> {
    /// Makes all of the changes or none; the batch is empty then.
    fn apply(&mut self) -> Result<Meta, StoreError> {
        self.changes.push((key::META.to_vec(), Some(encode(&self.meta)?)));
        self.index.table().apply(std::mem::take(&mut self.changes))?;
        Ok(self.meta)
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let old = self.index.table().get(&key)?;
        self.replace(key, Some(value), old.as_deref());
        Ok(())
    }

    fn remove(&mut self, key: Vec<u8>) -> Result<(), StoreError> {
        let old = self.index.table().get(&key)?;
        self.replace(key, None, old.as_deref());
        Ok(())
    }

    // No key is changed twice in a batch, so what it replaces stands in the table.
    fn replace(&mut self, key: Vec<u8>, new: Option<Vec<u8>>, old: Option<&[u8]>) {
        if let Some(old) = old {
            self.meta.keys -= 1;
            self.meta.sum = self.meta.sum.wrapping_sub(pair_sum(&key, old));
        }
        if let Some(new) = &new {
            self.meta.keys += 1;
            self.meta.sum = self.meta.sum.wrapping_add(pair_sum(&key, new));
        }
        self.changes.push((key, new));
    }
}

fn pair_sum(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = crc32fast::Hasher::new_with_initial(key.len() as u32);
    hasher.update(key);
    let high = hasher.clone().finalize();
    hasher.update(value);
    u64::from(high) << 32 ^ u64::from(hasher.finalize()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_stdvec(value).map_err(encoding)
}

fn encoding(error: postcard::Error) -> StoreError {
    StoreError::other("encoding for the index", error)
}

// 1. freeze what is durable  2. in the buffered mode, sync the log: the index is never ahead of it  3. apply it
// 4. drop the layer. Readers find it in the layer until after 3. A crash at any time leaves the index at the end of some batch.
/// What the indexer's thread does until the writer is done.
pub(crate) fn run(shared: &Shared, index: &Index) {
    let _watch = Watch(shared);
    let buffered = shared.options.durability == Durability::Buffered;
    let age = if buffered { BUFFERED_AGE } else { LAYER_AGE };
    let mut flushed = Instant::now();
    let mut unflushed = false;
    loop {
        let done = shared.indexing.wait(age, &shared.tail);
        let frozen = shared.tail.write().freeze();
        if let Some(layer) = frozen {
            let synced = if buffered { shared.sync_log() } else { Ok(()) };
            if let Err(error) = synced.and_then(|()| index.apply(&layer)) {
                tracing::error!(%error, "the index fell behind for good; the store takes no writes until it is opened again");
                shared.indexing.fail(&error);
                return;
            }
            shared.tail.write().frozen = None;
            shared.indexing.applied();
            unflushed = true;
        }
        if unflushed && (done || flushed.elapsed() > FLUSH_AGE) {
            if let Err(error) = index.engine.flush() {
                tracing::warn!(%error, "the index could not be flushed; some of it may be applied again");
            }
            flushed = Instant::now();
            unflushed = false;
        }
        if done {
            return;
        }
    }
}

/// Tells the writer of an indexer that panicked: it would wait for room for ever.
struct Watch<'a>(&'a Shared);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.indexing.fail(&error::gone("indexing"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SledStore;
    use crate::compare::copy_folder;
    use crate::key::Head;
    use crate::log::Spot;
    use crate::row::Kept;
    use bytes::Bytes;
    use ego::store::{RowChange, Step, Store};

    fn open(folder: &std::path::Path) -> Result<Index, String> {
        Engine::open(folder, 1 << 20).and_then(|engine| Index::open(engine, 7))
    }

    #[test]
    fn an_index_that_lost_or_changed_a_key_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let stream = StreamId::new("account", "a").unwrap();
        let name = crate::row::name("t", b"key").unwrap();
        let other = Row { spot: Spot::first(1), kept: Kept::Logged { len: 4000, crc: 2 } };
        let changes: [Changes; 6] = [
            vec![(key::stream(&stream), None)],
            vec![(key::row(&name), None)],
            vec![(key::row(&name), Some(other.encode().unwrap()))],
            vec![(key::mark(1), Some(encode(&Spot::first(2)).unwrap()))],
            vec![(key::consumer("extra"), Some(encode(&1_u64).unwrap()))],
            vec![(key::META.to_vec(), None)],
        ];
        for change in changes {
            let index = open(folder.path()).unwrap();
            let mut layer = Layer::default();
            let head = Head { revision: 1, position: 1, commits: 1, ..Head::default() };
            layer.streams.insert(stream.clone(), LayerStream { head, ..LayerStream::default() });
            layer.marks.push((1, Spot::first(1)));
            let row = Row { kept: Kept::Logged { len: 4000, crc: 1 }, ..other.clone() };
            layer.rows.insert(name.clone().into(), Some(row));
            layer.reach = Some(Reach { sequence: 1, position: 1, spot: Spot::first(1) });
            index.apply(&layer).unwrap();
            index.apply(&layer).unwrap();
            let meta = index.meta();
            assert_eq!(meta.keys, 3);
            drop(index);
            let index = open(folder.path()).unwrap();
            assert_eq!(index.meta(), meta);
            index.table().apply(change.clone()).unwrap();
            drop(index);
            assert!(open(folder.path()).is_err(), "{change:?}");
            Engine::remove(folder.path()).unwrap();
        }
        assert!(open(folder.path()).is_ok());
    }

    /// A layer's rows come before the rest of it: a kill in between leaves some that are newer than the index says it is.
    #[tokio::test]
    async fn a_layer_that_was_applied_in_part_is_no_damage_and_ends_as_the_log_says() {
        let folder = tempfile::tempdir().unwrap();
        let (path, kept) = (folder.path().join("store"), folder.path().join("kept"));
        let (open, index) = (|| SledStore::open(&path).unwrap(), || Engine::open(&path.join("index"), 1 << 20).unwrap());
        let keys: Vec<Bytes> = (0..2 * BATCH_ROWS as u8 + 5).map(|key| vec![key].into()).collect();
        let change = async |change: &dyn Fn(&Bytes) -> RowChange| {
            let store = open();
            store.step(Step { advance: None, rows: keys.iter().map(change).collect() }).await.unwrap();
            store.close().await.unwrap();
        };
        change(&|key| RowChange::put("t", key.clone(), "before")).await;
        copy_folder(&path.join("index"), &kept).unwrap();
        let removed = |key: &Bytes| key[0].is_multiple_of(3);
        change(&|key| if removed(key) { RowChange::remove("t", key.clone()) } else { RowChange::put("t", key.clone(), "after") })
            .await;
        let newer = index();
        let meta: Meta = postcard::from_bytes(&newer.index.get(key::META).unwrap().unwrap()).unwrap();
        let newer = Index::open(newer, meta.store).unwrap();
        let reach = Reach { sequence: meta.sequence, position: meta.position, spot: meta.spot.unwrap() };
        let mut layer = Layer { reach: Some(reach), ..Layer::default() };
        for key in &keys {
            let name = crate::row::name("t", key).unwrap();
            layer.rows.insert(name.clone().into(), newer.row(&name).unwrap());
        }
        drop(newer);
        for told in [true, false] {
            Engine::remove(&path.join("index")).unwrap();
            copy_folder(&kept, &path.join("index")).unwrap();
            let half = Index::open(index(), meta.store).unwrap();
            let before = half.meta();
            let mut batch = Batch { index: &half, changes: Vec::new(), meta: before };
            half.apply_rows(&mut batch, &layer, reach).unwrap();
            assert_eq!(batch.changes.len(), 5);
            let mut now: Meta = half.read(key::META).unwrap().unwrap();
            assert_eq!((now.sequence, now.spot, now.ahead), (before.sequence, before.spot, reach.sequence));
            if !told {
                now.ahead = now.sequence;
                half.table().apply(vec![(key::META.to_vec(), Some(encode(&now).unwrap()))]).unwrap();
            }
            drop(half);
            let mut damage = SledStore::verify(&path).unwrap().damage;
            damage.retain(|damage| !damage.contains("of a store that was closed; opening applies them"));
            assert_eq!(damage.is_empty(), told, "{damage:?}");
            let store = open();
            assert_eq!(store.recovery().index_rebuilt, None);
            let found = store.load_rows("t", &keys).await.unwrap();
            assert!(found.iter().zip(&keys).all(|(row, key)| row.as_deref() == (!removed(key)).then_some(b"after")), "{found:?}");
            store.close().await.unwrap();
            assert_eq!(SledStore::verify(&path).unwrap().damage, Vec::<String>::new());
        }
    }

    #[test]
    fn an_index_that_failed_is_not_used_again() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap().table().unreadable());
        assert!(open(folder.path()).is_err());
        Engine::remove(folder.path()).unwrap();
        assert!(open(folder.path()).is_ok());
    }
}
