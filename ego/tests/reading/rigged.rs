//! Any store, with its calls counted, and some of them refused, held up or lost on the way back.

use async_trait::async_trait;
use bytes::Bytes;
use ego::message::{CommandId, Position, Revision, StreamId};
use ego::store::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub struct Rigged<S> {
    pub inner: S,
    pub rig: Arc<Rig>,
}

pub struct Rig {
    /// One permit lets one append begin.
    pub appending: Semaphore,
    /// How many appends have begun.
    pub appends: AtomicUsize,
    /// How often somebody asked for events or the head.
    pub calls: AtomicUsize,
    /// How many events of the log were given.
    pub events: AtomicUsize,
    /// How many steps were asked for.
    pub steps: AtomicUsize,
    /// So many appends record nothing and fail; likewise the others.
    pub fail_appends: AtomicUsize,
    pub fail_reads: AtomicUsize,
    pub fail_steps: AtomicUsize,
    pub fail_checkpoints: AtomicUsize,
    /// So many steps take effect, but their answer is lost.
    pub lose_steps: AtomicUsize,
}

/// For ever.
pub const ALL: usize = usize::MAX;

impl<S: Store + Clone> Rigged<S> {
    /// Lets everything through.
    pub fn on(inner: S) -> Self {
        Self::with(inner, Semaphore::MAX_PERMITS / 2)
    }

    /// Holds every append up.
    pub fn closed(inner: S) -> Self {
        Self::with(inner, 0)
    }

    fn with(inner: S, permits: usize) -> Self {
        let rig = Rig {
            appending: Semaphore::new(permits),
            appends: AtomicUsize::default(),
            calls: AtomicUsize::default(),
            events: AtomicUsize::default(),
            steps: AtomicUsize::default(),
            fail_appends: AtomicUsize::default(),
            fail_reads: AtomicUsize::default(),
            fail_steps: AtomicUsize::default(),
            fail_checkpoints: AtomicUsize::default(),
            lose_steps: AtomicUsize::default(),
        };
        Self { inner, rig: Arc::new(rig) }
    }
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(SeqCst, SeqCst, |left| if left == ALL { Some(ALL) } else { left.checked_sub(1) }).is_ok()
}

fn broken() -> StoreError {
    StoreError::io("writing", std::io::Error::other("rigged"))
}

#[async_trait]
impl<S: Store> Store for Rigged<S> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.rig.appends.fetch_add(1, SeqCst);
        self.rig.appending.acquire().await.unwrap().forget();
        if take(&self.rig.fail_appends) {
            return Err(broken());
        }
        self.inner.append(batch).await
    }
    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.inner.find_command(stream, id).await
    }
    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.inner.stream_head(stream).await
    }
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.rig.calls.fetch_add(1, SeqCst);
        self.inner.read_stream(stream, from, direction, limit).await
    }
    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.rig.calls.fetch_add(1, SeqCst);
        if take(&self.rig.fail_reads) {
            return Err(broken());
        }
        let page = self.inner.read_log(after, filter, limit).await?;
        self.rig.events.fetch_add(page.items.len(), SeqCst);
        Ok(page)
    }
    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.rig.calls.fetch_add(1, SeqCst);
        self.inner.head().await
    }
    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        self.rig.calls.fetch_add(1, SeqCst);
        self.inner.wait_for_head(position).await
    }
    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.inner.list_streams(kind, after, limit).await
    }
    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.inner.event_types().await
    }
    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.inner.save_snapshot(stream, snapshot).await
    }
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load_snapshot(stream).await
    }
    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.inner.delete_snapshot(stream).await
    }
    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        self.inner.load_state(stream).await
    }
    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        if take(&self.rig.fail_checkpoints) {
            return Err(broken());
        }
        self.inner.save_checkpoint(consumer, position).await
    }
    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.inner.load_checkpoint(consumer).await
    }
    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.inner.list_checkpoints().await
    }
    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.inner.delete_checkpoint(consumer).await
    }
    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.rig.steps.fetch_add(1, SeqCst);
        if take(&self.rig.fail_steps) {
            return Err(broken());
        }
        let stepped = self.inner.step(step).await;
        if take(&self.rig.lose_steps) { Err(broken()) } else { stepped }
    }
    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.load_rows(table, keys).await
    }
    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        self.inner.list_rows(table, start, end, limit).await
    }
    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.inner.delete_up_to(stream, revision).await
    }
    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.inner.erase(stream).await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
