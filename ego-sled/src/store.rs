//! The store: its life – opened, shared, closed – and the contract, each method handed to the file that knows it.

use crate::append::Writer;
use crate::compact::{self, Compaction};
use crate::error;
use crate::find::Reader;
use crate::folder::Folder;
use crate::group::GroupWriter;
use crate::index;
use crate::key::command_hash;
use crate::mark::Mark;
use crate::options::{Durability, Options};
use crate::recover::{Recovery, recover};
use crate::request::{self, Batch, MAX_COMMIT_BYTES, Task, ask};
use crate::shared::Shared;
use crate::verify::{self, Verification};
use async_trait::async_trait;
use bytes::Bytes;
use ego::message::{CommandId, Name, Position, Revision, StreamId};
use ego::store::{
    Capabilities, Commit, Committed, Direction, EventType, Filter, Page, RecordedEvent, Row, Snapshot, Step, Stepped, Store,
    StoreError, StoredState, StreamHead, Verdict,
};
use parking_lot::Mutex;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A store in a folder of this machine, for one process. Cloning shares it; the last clone closes it when it is dropped, which waits
/// for what is under way. Use [`close`](Store::close) where waiting would hold up other tasks, and to learn whether it went well.
///
/// The futures may be awaited on any executor; on a tokio runtime, reading from the disk happens on its blocking threads.
#[derive(Clone)]
pub struct SledStore {
    pub(crate) shared: Arc<Shared>,
    life: Arc<Life>,
    recovery: Arc<Recovery>,
}

/// Ends the threads with the last clone.
struct Life {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

struct Running {
    writer: JoinHandle<Result<(), StoreError>>,
    indexer: JoinHandle<()>,
    /// Unlocked last.
    folder: Folder,
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = *self.shared.head.borrow();
        f.debug_struct("SledStore").field("folder", &self.shared.options.folder).field("head", &head).finish_non_exhaustive()
    }
}

impl SledStore {
    /// The most bytes in one commit: 16 MiB.
    pub const MAX_COMMIT_BYTES: usize = MAX_COMMIT_BYTES;

    /// Opens the store in this folder with the usual options; creates it when the folder is empty or not there.
    ///
    /// What a crash left is put in order, and told by [`recovery`](Self::recovery). Reads as much of the log as the index lacks, and
    /// the whole index once; blocks meanwhile.
    ///
    /// # Errors
    /// - [`StoreError::InUse`] when another store, in this or another process, has the folder open;
    /// - [`StoreError::NewerFormat`] when a newer release wrote it; it is left as it is;
    /// - [`StoreError::Damaged`] when something that was acknowledged cannot be read; the log is left as it is;
    /// - [`StoreError::Io`] when the operating system refuses something, and when the folder holds other things than a store.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::options(folder).open()
    }

    /// How to open the store in this folder, one option after the other.
    pub fn options(folder: impl Into<PathBuf>) -> Options {
        Options::new(folder.into())
    }

    /// What opening found and did.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Checks a store that nobody has open: every sum, number and place of the log, the index against it, and the snapshots. Changes
    /// nothing, not even a time, so the folder may be read-only; copies the index to the system's folder for temporary files meanwhile.
    /// Blocks until all was read.
    ///
    /// # Errors
    /// As [`open`](Self::open) for what keeps it from looking: somebody has the store open, a newer release wrote it, there is none, the
    /// operating system refuses. Damage is no error but what [`Verification::damage`] lists.
    pub fn verify(folder: impl AsRef<Path>) -> Result<Verification, StoreError> {
        verify::verify(folder.as_ref())
    }

    /// Takes the bytes of erased streams, of deleted events and of rows that were replaced or removed off the disk; until then they are
    /// there, though nothing reads them. Revisions and positions do not change; reading and writing go on meanwhile. Reads the whole log, and
    /// writes again the segments that hold such bytes. (The keys of rows that were removed stay. The index and a file system's own copies
    /// are not looked after.)
    ///
    /// # Errors
    /// [`StoreError`] when something cannot be read or written; what was done until then stays done, and doing it again is safe.
    pub async fn compact(&self) -> Result<Compaction, StoreError> {
        compact::end_segment(&self.shared).await?;
        self.permitted(&self.shared.compacting, compact::compact).await
    }

    pub(crate) fn start(options: Options) -> Result<Self, StoreError> {
        let folder = Folder::open(&*options.disk, &options.folder, options.segment_bytes)?;
        let recovered = recover(&folder, &options)?;
        folder.upgrade(&*options.disk)?;
        let mark = Mark::open(&*options.disk, folder.mark(), folder.store)?;
        let group = GroupWriter::new(Arc::clone(&recovered.log), &options, recovered.end, mark)?;
        let shared = Arc::new(Shared::new(options, recovered.log, Arc::new(recovered.index), recovered.tail));
        let reader = Reader::of(&shared)?;
        let (of_index, index) = (Arc::clone(&shared), Arc::clone(&reader.index));
        let writer = Writer::new(reader, group);
        let spawned = |path| error::io("starting the threads of", path);
        let indexer = thread::Builder::new()
            .name("ego-sled-index".to_owned())
            .spawn(move || index::run(&of_index, &index))
            .map_err(spawned(&shared.options.folder))?;
        let writer = thread::Builder::new().name("ego-sled-write".to_owned()).spawn(move || writer.run()).map_err(|reason| {
            shared.indexing.finish();
            spawned(&shared.options.folder)(reason)
        })?;
        let running = Mutex::new(Some(Running { writer, indexer, folder }));
        let life = Arc::new(Life { shared: Arc::clone(&shared), running });
        Ok(Self { shared, life, recovery: Arc::new(recovered.recovery) })
    }

    fn reader(&self) -> Result<Reader, StoreError> {
        Reader::of(&self.shared)
    }

    /// Reads on a thread that may block.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.permitted(&self.shared.reads, read).await
    }

    /// The same once there is a permit. A caller who goes away leaves the reading to its end, and the permit with it.
    async fn permitted<T: Send + 'static>(
        &self,
        permits: &Arc<Semaphore>,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let reader = self.reader()?;
        blocking(move || {
            let _permit = permit;
            read(&reader)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(|failed| StoreError::other("reading", failed))?,
        Err(_) => work(),
    }
}

impl Life {
    // 1. take no more requests; a compaction ends with the segment that it is at; the writer answers those that wait and seals the log
    // 2. the indexer applies the rest and flushes  3. let go of the index  4. unlock. A crash before the end is one that opening knows.
    fn end(&self) -> Result<(), StoreError> {
        let mut running = self.running.lock();
        let Some(Running { writer, indexer, folder }) = running.take() else { return Ok(()) };
        self.shared.queue.close();
        *self.shared.compacted.lock() = true;
        let sealed = writer.join().unwrap_or_else(|_| Err(error::gone("closing")));
        self.shared.indexing.finish();
        let indexed = indexer.join().map_err(|_| error::gone("closing"));
        drop(self.shared.index.write().take());
        self.shared.head.send_modify(|_| ());
        drop(folder);
        sealed.and(indexed)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the store was not closed well");
        }
    }
}

#[async_trait]
impl Store for SledStore {
    fn capabilities(&self) -> Capabilities {
        // The writer makes one group of all that wait.
        Capabilities::persistent(MAX_COMMIT_BYTES).together(4)
    }

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        let known = Arc::clone(&self.shared.tail.read().types);
        let batch = Batch::new(batch, |one| known.contains(one))?;
        ask(&self.shared, batch.kib(), |answer| Task::Append { batch, answer }).await
    }

    fn is_new_command(&self, stream: &StreamId, id: &CommandId) -> bool {
        // The writer holds the lock for about a microsecond. When it reads from the disk meanwhile, the caller does so apart.
        let Some(hot) = self.shared.hot.try_lock_for(Duration::from_micros(50)) else { return false };
        hot.knows(stream, command_hash(id.as_str())) == Some(false) && self.reader().is_ok()
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        let (stream, id) = (stream.clone(), id.clone());
        self.reading(move |reader| reader.find_command(&stream, &id)).await
    }

    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.reader()?.stream_head(stream)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        let stream = stream.clone();
        self.reading(move |reader| reader.read_stream(&stream, from, direction, limit)).await
    }

    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        let filter = filter.clone();
        self.reading(move |reader| reader.read_log(after, &filter, limit)).await
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.reader()?;
        Ok(*self.shared.head.borrow())
    }

    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        let mut head = self.shared.head.subscribe();
        loop {
            self.reader()?;
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
        let (kind, after) = (kind.map(str::to_owned), after.cloned());
        self.reading(move |reader| reader.list_streams(kind.as_deref(), false, after.as_ref(), limit)).await
    }

    async fn list_erased(&self, after: Option<&StreamId>, limit: usize) -> Result<Page<StreamHead, StreamId>, StoreError> {
        let after = after.cloned();
        self.reading(move |reader| reader.list_streams(None, true, after.as_ref(), limit)).await
    }

    async fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        let stream = stream.clone();
        self.reading(move |reader| reader.list_commands(&stream, from, limit)).await
    }

    async fn list_tables(&self) -> Result<Vec<Name>, StoreError> {
        self.reading(Reader::list_tables).await
    }

    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.reader()?;
        Ok(self.shared.tail.read().types.iter().cloned().collect())
    }

    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        if self.shared.options.durability == Durability::Buffered {
            ask(&self.shared, 1, |answer| Task::Sync { answer }).await?;
        }
        let stream = stream.clone();
        self.reading(move |reader| reader.save_snapshot(&stream, &snapshot)).await
    }

    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        let stream = stream.clone();
        self.reading(move |reader| reader.load_snapshot(&stream)).await
    }

    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        let stream = stream.clone();
        self.reading(move |reader| reader.delete_snapshot(&stream)).await
    }

    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        let stream = stream.clone();
        self.reading(move |reader| reader.load_state(&stream)).await
    }

    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        let kinds = kinds.to_vec();
        self.reading(move |reader| reader.read_states(after, &kinds, limit)).await
    }

    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        let (consumer, position) = (consumer.to_owned(), Some(position.map_or(0, Position::get)));
        ask(&self.shared, 1, |answer| Task::Checkpoint { consumer, position, answer }).await
    }

    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.reader()?;
        Ok(self.shared.tail.read().checkpoints.get(consumer).copied().flatten())
    }

    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.reader()?;
        Ok(self.shared.tail.read().checkpoints.iter().map(|(name, position)| (name.clone(), *position)).collect())
    }

    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        let consumer = consumer.to_owned();
        ask(&self.shared, 1, |answer| Task::Checkpoint { consumer, position: None, answer }).await
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.reader()?;
        request::step(&self.shared, step).await
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let (table, keys) = (table.to_owned(), keys.to_vec());
        self.reading(move |reader| reader.load_rows(&table, &keys)).await
    }

    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        let (table, start, end) = (table.to_owned(), start.to_vec(), end.map(<[u8]>::to_vec));
        self.reading(move |reader| reader.list_rows(&table, &start, end.as_deref(), limit)).await
    }

    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        let stream = stream.clone();
        ask(&self.shared, 1, |answer| Task::Delete { stream, revision, answer }).await
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        let stream = stream.clone();
        ask(&self.shared, 1, |answer| Task::Erase { stream, answer }).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let life = Arc::clone(&self.life);
        blocking(move || life.end()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::reads_together;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    /// Whoever opens the folder next would meet a compaction that writes into it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_is_not_closed_before_its_compaction_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        let under_way = store.shared.compacted.lock();
        let closing = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        thread::sleep(Duration::from_millis(100));
        assert!(!closing.is_finished());
        assert!(matches!(SledStore::open(folder.path()), Err(StoreError::InUse { .. })));
        drop(under_way);
        closing.await.unwrap().unwrap();
        assert!(matches!(store.compact().await, Err(StoreError::Closed)));
        SledStore::open(folder.path()).unwrap();
    }

    /// I12: a read takes a thread, so only so many are under way; the others wait for their turn and get it, also when a caller left.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_reads_are_under_way_than_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        let (limit, all) = (reads_together(), reads_together() + 40);
        let (entered, entries) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let (gate, under_way, most) = (Arc::new(Mutex::new(gate)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let read = || {
            let (store, entered, gate) = (store.clone(), entered.clone(), Arc::clone(&gate));
            let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
            tokio::spawn(async move {
                let reading = store.reading(move |_| {
                    most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // Heard only by who waits for the first ones.
                    let _ = entered.send(());
                    gate.lock().recv().unwrap();
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                });
                reading.await
            })
        };
        let mut reads: Vec<_> = (0..all).map(|_| read()).collect();
        let first = move || (0..limit).for_each(|_| entries.recv().unwrap());
        tokio::task::spawn_blocking(first).await.unwrap();
        assert_eq!((store.shared.reads.available_permits(), under_way.load(Ordering::SeqCst)), (0, limit));
        // If its read is under way, it goes on without it and keeps its permit.
        reads.remove(0).abort();
        (0..all).for_each(|_| release.send(()).unwrap());
        for read in reads {
            read.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), limit);
        assert!(store.head().await.unwrap().is_none());
    }
}
