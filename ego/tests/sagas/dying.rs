//! A store that dies after so many writes: as a process does that is killed.

use async_trait::async_trait;
use ego::delegate_store;
use ego::store::{Commit, MemoryStore, Step, Stepped, Store, StoreError, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[derive(Clone)]
pub struct Dying {
    inner: MemoryStore,
    /// How many writes are left.
    left: Arc<AtomicUsize>,
    /// Whether the last one takes effect, and nobody hears of it.
    last_is_lost: bool,
}

enum Death {
    Lives,
    /// The write takes effect, its answer does not come.
    Unheard,
    Dead,
}

impl Dying {
    pub fn after(inner: MemoryStore, writes: usize, last_is_lost: bool) -> Self {
        Self { inner, left: Arc::new(AtomicUsize::new(writes)), last_is_lost }
    }

    pub fn is_dead(&self) -> bool {
        self.left.load(SeqCst) == 0
    }

    fn write(&self) -> Death {
        match self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Err(_) => Death::Dead,
            Ok(1) if self.last_is_lost => Death::Unheard,
            Ok(_) => Death::Lives,
        }
    }
}

fn dead() -> StoreError {
    StoreError::io("writing", std::io::Error::other("the process was killed"))
}

#[async_trait]
impl Store for Dying {
    delegate_store!(inner: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head,
        list_streams, event_types, load_snapshot, load_state, read_states, load_checkpoint, list_checkpoints, load_rows, list_rows,
        save_snapshot, delete_snapshot, save_checkpoint, delete_checkpoint, delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        match self.write() {
            Death::Lives => self.inner.append(batch).await,
            Death::Unheard => self.inner.append(batch).await.and(Err(dead())),
            Death::Dead => Err(dead()),
        }
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        match self.write() {
            Death::Lives => self.inner.step(step).await,
            Death::Unheard => self.inner.step(step).await.and(Err(dead())),
            Death::Dead => Err(dead()),
        }
    }
}
