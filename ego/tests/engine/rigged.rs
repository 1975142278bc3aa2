//! A store in memory whose appends can be held up, refused or lost on the way back.

use async_trait::async_trait;
use bytes::Bytes;
use ego::delegate_store;
use ego::message::{CommandId, Revision, StreamId};
use ego::store::*;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub struct Rigged {
    pub inner: MemoryStore,
    /// One permit lets one append begin.
    pub gate: Arc<Semaphore>,
    /// How many commits each append held.
    pub batches: Arc<Mutex<Vec<usize>>>,
    /// So many appends record nothing and fail.
    pub fail: Arc<AtomicUsize>,
    /// So many appends record everything, but their answer is lost.
    pub lose_answer: Arc<AtomicUsize>,
    /// So many steps are made; those behind them do nothing and fail.
    pub steps_left: Arc<AtomicUsize>,
    /// Rows of this table are looked up once they are let.
    pub held_table: Arc<Mutex<Option<&'static str>>>,
    /// One permit for each such look-up.
    pub look_ups: Arc<Semaphore>,
    /// How many look-ups have waited.
    pub looking_up: Arc<AtomicUsize>,
    /// Reads of streams are not ready at once.
    pub slow_reads: Arc<AtomicBool>,
    /// How many appends have begun.
    pub begun: Arc<AtomicUsize>,
    /// What each call waits for when it is held: before it does something, and behind it.
    pub steps: Arc<Steps>,
}

/// Lets calls go on one step at a time.
pub struct Steps {
    held: AtomicBool,
    permits: Semaphore,
}

impl Steps {
    /// From now on, each step waits until it is let.
    pub fn hold(&self) {
        self.permits.forget_permits(usize::MAX);
        self.held.store(true, Ordering::SeqCst);
    }

    /// Lets whoever waits longest go one step on.
    pub fn let_one(&self) {
        self.permits.forget_permits(usize::MAX);
        self.permits.add_permits(1);
    }

    /// From now on, nobody waits.
    pub fn free(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.permits.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    async fn next(&self) {
        if self.held.load(Ordering::SeqCst) {
            self.permits.acquire().await.unwrap().forget();
        }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        self.next().await;
        let result = call.await;
        self.next().await;
        result
    }
}

impl Rigged {
    pub fn open() -> Self {
        let rigged = Self::closed();
        rigged.gate.add_permits(Semaphore::MAX_PERMITS / 2);
        rigged
    }

    pub fn closed() -> Self {
        Self {
            inner: MemoryStore::new(),
            gate: Arc::new(Semaphore::new(0)),
            batches: Arc::default(),
            fail: Arc::default(),
            lose_answer: Arc::default(),
            steps_left: Arc::new(AtomicUsize::new(usize::MAX)),
            held_table: Arc::default(),
            look_ups: Arc::new(Semaphore::new(0)),
            looking_up: Arc::default(),
            slow_reads: Arc::default(),
            begun: Arc::default(),
            steps: Arc::new(Steps { held: AtomicBool::new(false), permits: Semaphore::new(0) }),
        }
    }

    pub fn let_through(&self, appends: usize) {
        self.gate.add_permits(appends);
    }

    pub async fn wait_until_begun(&self, appends: usize) {
        crate::until(|| self.begun.load(Ordering::SeqCst) >= appends).await;
    }

    pub fn batch_sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn broken() -> StoreError {
    StoreError::io("writing", std::io::Error::other("rigged"))
}

#[async_trait]
impl Store for Rigged {
    delegate_store!(inner: capabilities, read_log, head, wait_for_head, event_types, save_snapshot, load_snapshot,
        delete_snapshot, load_state, read_states, save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint,
        list_rows, delete_up_to, erase);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.batches.lock().unwrap().push(batch.len());
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if take(&self.fail) {
            return Err(broken());
        }
        let verdicts = self.steps.around(self.inner.append(batch)).await;
        if take(&self.lose_answer) { Err(broken()) } else { verdicts }
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.steps.around(self.inner.find_command(stream, id)).await
    }

    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.steps.around(self.inner.stream_head(stream)).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        if self.slow_reads.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.steps.around(self.inner.read_stream(stream, from, direction, limit)).await
    }

    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.steps.around(self.inner.list_streams(kind, after, limit)).await
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        if take(&self.steps_left) { self.inner.step(step).await } else { Err(broken()) }
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let is_held = *self.held_table.lock().unwrap() == Some(table);
        if is_held {
            self.looking_up.fetch_add(1, Ordering::SeqCst);
            self.look_ups.acquire().await.unwrap().forget();
        }
        self.inner.load_rows(table, keys).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.steps.around(self.inner.close()).await
    }
}
