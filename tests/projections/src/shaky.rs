//! A store that fails those who fold, now and then: before a step, behind it, or because the step is too large. Everything else is the
//! embedded store's.

use async_trait::async_trait;
use bytes::Bytes;
use ego::message::{CommandId, Position, Revision, StreamId};
use ego::store::{
    Capabilities, Commit, Committed, Direction, EventType, Filter, Page, RecordedEvent, Row, Snapshot, Step, Stepped, Store,
    StoreError, StoredState, StreamHead, Verdict,
};
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

    fn capabilities(&self) -> Capabilities {
        self.sled.capabilities()
    }
    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.sled.append(batch).await
    }
    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.sled.find_command(stream, id).await
    }
    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.sled.stream_head(stream).await
    }
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.sled.read_stream(stream, from, direction, limit).await
    }
    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.sled.read_log(after, filter, limit).await
    }
    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.sled.head().await
    }
    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        self.sled.wait_for_head(position).await
    }
    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.sled.list_streams(kind, after, limit).await
    }
    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.sled.event_types().await
    }
    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.sled.save_snapshot(stream, snapshot).await
    }
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.sled.load_snapshot(stream).await
    }
    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.sled.delete_snapshot(stream).await
    }
    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        self.sled.load_state(stream).await
    }
    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.dawdle().await;
        self.sled.save_checkpoint(consumer, position).await
    }
    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.sled.load_checkpoint(consumer).await
    }
    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.sled.list_checkpoints().await
    }
    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.sled.delete_checkpoint(consumer).await
    }
    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        self.sled.list_rows(table, start, end, limit).await
    }
    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.sled.delete_up_to(stream, revision).await
    }
    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.sled.erase(stream).await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.sled.close().await
    }
}
