//! A store that fails those who fold, now and then: before a step, behind it, or because the step is too large. Everything else is the
//! embedded store's.

use async_trait::async_trait;
use bytes::Bytes;
use ego::delegate_store;
use ego::message::Position;
use ego::store::{Step, Stepped, Store, StoreError};
use ego_sled::SledStore;
use std::time::Duration;

#[derive(Clone)]
pub(crate) struct Shaky {
    pub(crate) sled: SledStore,
    /// One step of so many fails; 0 for none.
    pub(crate) fails: u32,
    /// The most views that a step may change.
    pub(crate) most: usize,
}

fn broken(when: &str) -> StoreError {
    StoreError::other("a step", std::io::Error::other(format!("by chance, {when}")))
}

impl Shaky {
    /// A store that fails is slow at times, too.
    async fn dawdle(&self) {
        if self.fails > 0 && fastrand::u32(..3) == 0 {
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..3000))).await;
        }
    }
}

#[async_trait]
impl Store for Shaky {
    delegate_store!(sled: capabilities, append, find_command, stream_head, read_stream, read_log, head, wait_for_head,
        list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, read_states, load_checkpoint,
        list_checkpoints, delete_checkpoint, list_rows, delete_up_to, erase, close);

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        if step.advance.is_none() {
            return self.sled.step(step).await;
        }
        let views = step.rows.iter().filter(|row| row.table.starts_with("view/")).count();
        if views > self.most {
            return Ok(Stepped::TooLarge { bytes: views, limit: self.most });
        }
        self.dawdle().await;
        let chance = if self.fails == 0 { u32::MAX } else { fastrand::u32(..self.fails * 2) };
        match chance {
            0 => Err(broken("before it")),
            1 => self.sled.step(step).await.and(Err(broken("behind it"))),
            _ => self.sled.step(step).await,
        }
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        if self.fails > 0 && table.starts_with("view/") && fastrand::u32(..self.fails) == 0 {
            return Err(broken("before its views were read"));
        }
        self.sled.load_rows(table, keys).await
    }

    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.dawdle().await;
        self.sled.save_checkpoint(consumer, position).await
    }
}
