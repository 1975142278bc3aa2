//! Any store, with its calls counted, and some of them refused, held up or lost on the way back.

use async_trait::async_trait;
use ego::delegate_store;
use ego::message::{Position, Revision, StreamId};
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
    delegate_store!(inner: capabilities, find_command, stream_head, list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot,
        delete_snapshot, load_state, read_states, load_checkpoint, list_checkpoints, delete_checkpoint, load_rows, list_rows,
        delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.rig.appends.fetch_add(1, SeqCst);
        self.rig.appending.acquire().await.unwrap().forget();
        if take(&self.rig.fail_appends) {
            return Err(broken());
        }
        self.inner.append(batch).await
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

    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        if take(&self.rig.fail_checkpoints) {
            return Err(broken());
        }
        self.inner.save_checkpoint(consumer, position).await
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.rig.steps.fetch_add(1, SeqCst);
        if take(&self.rig.fail_steps) {
            return Err(broken());
        }
        let stepped = self.inner.step(step).await;
        if take(&self.rig.lose_steps) { Err(broken()) } else { stepped }
    }
}
