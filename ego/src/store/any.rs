//! Any store behind one type: the one address of dynamic dispatch over stores.

use super::*;
use crate::message::{CommandId, Position, Revision, StreamId};
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// Any [`Store`]; cloning shares it.
#[derive(Clone)]
pub struct AnyStore(Arc<dyn Store>);

impl AnyStore {
    /// Takes a store.
    pub fn new<S: Store>(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").field("capabilities", &self.0.capabilities()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for AnyStore {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.0.append(batch).await
    }
    fn immediate(&self) -> Option<&dyn Immediate> {
        self.0.immediate()
    }
    fn is_new_command(&self, stream: &StreamId, id: &CommandId) -> bool {
        self.0.is_new_command(stream, id)
    }
    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.0.find_command(stream, id).await
    }
    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.0.stream_head(stream).await
    }
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.0.read_stream(stream, from, direction, limit).await
    }
    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.0.read_log(after, filter, limit).await
    }
    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.0.head().await
    }
    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        self.0.wait_for_head(position).await
    }
    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.0.list_streams(kind, after, limit).await
    }
    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.0.event_types().await
    }
    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.0.save_snapshot(stream, snapshot).await
    }
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.0.load_snapshot(stream).await
    }
    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.0.delete_snapshot(stream).await
    }
    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        self.0.load_state(stream).await
    }
    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.0.save_checkpoint(consumer, position).await
    }
    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.0.load_checkpoint(consumer).await
    }
    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.0.list_checkpoints().await
    }
    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.0.delete_checkpoint(consumer).await
    }
    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.0.step(step).await
    }
    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.0.load_rows(table, keys).await
    }
    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        self.0.list_rows(table, start, end, limit).await
    }
    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.0.delete_up_to(stream, revision).await
    }
    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.0.erase(stream).await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}
