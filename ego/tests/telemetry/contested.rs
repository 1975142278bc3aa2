//! A store in which others were first, so many times.

use async_trait::async_trait;
use ego::delegate_store;
use ego::message::Expected;
use ego::store::{Commit, MemoryStore, Refusal, Store, StoreError, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[derive(Clone)]
pub struct Contested {
    store: MemoryStore,
    losses: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
}

impl Contested {
    pub fn losing(times: u32) -> Self {
        Self { store: MemoryStore::new(), losses: Arc::new(AtomicU32::new(times)), fails: Arc::default() }
    }

    /// Takes no commits any more.
    pub fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for Contested {
    delegate_store!(store: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head,
        list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, read_states, save_checkpoint, load_checkpoint,
        list_checkpoints, delete_checkpoint, step, load_rows, list_rows, delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Closed);
        }
        if self.losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let lost = |commit: &Commit| {
                let actual = match commit.expected {
                    Expected::Exact(revision) => Some(revision),
                    _ => None,
                };
                Verdict::Refused(Refusal::Conflict { expected: commit.expected, actual })
            };
            return Ok(batch.iter().map(lost).collect());
        }
        self.store.append(batch).await
    }
}
