//! A store that stops taking writes after so many, as if the process had been killed there.

use async_trait::async_trait;
use bytes::Bytes;
use ego::delegate_store;
use ego::message::{Position, Revision, StreamId};
use ego::store::{Commit, MemoryStore, Page, Row, Snapshot, Step, Stepped, Store, StoreError, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Clone)]
pub(crate) struct Dying {
    inner: MemoryStore,
    left: Arc<AtomicI64>,
}

impl Dying {
    pub(crate) fn after(writes: i64, inner: MemoryStore) -> Self {
        Self { inner, left: Arc::new(AtomicI64::new(writes)) }
    }

    fn write(&self) -> Result<(), StoreError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 0 { Ok(()) } else { Err(StoreError::Halted { reason: "killed".into() }) }
    }
}

#[async_trait]
impl Store for Dying {
    delegate_store!(inner: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head,
        list_streams, list_erased, list_commands, list_tables, event_types, load_snapshot, load_state, read_states, load_checkpoint,
        list_checkpoints, load_rows, close);

    /// One commit after the other: the store dies between any two.
    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::new();
        for commit in batch {
            self.write()?;
            verdicts.extend(self.inner.append(vec![commit]).await?);
        }
        Ok(verdicts)
    }
    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.write()?;
        self.inner.save_snapshot(stream, snapshot).await
    }
    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.write()?;
        self.inner.delete_snapshot(stream).await
    }
    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.write()?;
        self.inner.save_checkpoint(consumer, position).await
    }
    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.write()?;
        self.inner.delete_checkpoint(consumer).await
    }
    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.write()?;
        self.inner.step(step).await
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
        self.write()?;
        self.inner.delete_up_to(stream, revision).await
    }
    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.write()?;
        self.inner.erase(stream).await
    }
}
