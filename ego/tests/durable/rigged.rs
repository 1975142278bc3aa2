//! A store in memory whose appends can be refused, lost on the way back, or held up.

use async_trait::async_trait;
use ego::delegate_store;
use ego::store::{Commit, MemoryStore, Store, StoreError, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub struct Rigged {
    pub inner: MemoryStore,
    /// So many appends record nothing and fail.
    pub fail: Arc<AtomicUsize>,
    /// So many appends record everything, but their answer is lost.
    pub lose_answer: Arc<AtomicUsize>,
    /// One permit lets one append begin.
    pub gate: Arc<Semaphore>,
    /// How many appends have begun.
    pub begun: Arc<AtomicUsize>,
}

impl Rigged {
    pub fn open() -> Self {
        let rigged = Self::closed();
        rigged.gate.add_permits(Semaphore::MAX_PERMITS / 2);
        rigged
    }

    pub fn closed() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { inner: MemoryStore::new(), fail: Arc::default(), lose_answer: Arc::default(), gate, begun: Arc::default() }
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
    // Not `immediate`: every commit comes through here.
    delegate_store!(inner: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head,
        list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, read_states, save_checkpoint,
        load_checkpoint, list_checkpoints, delete_checkpoint, step, load_rows, list_rows, delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if take(&self.fail) {
            return Err(broken());
        }
        let verdicts = self.inner.append(batch).await;
        if take(&self.lose_answer) { Err(broken()) } else { verdicts }
    }
}
