//! The store itself: every method with its faults. Appending and reading have files of their own.

use super::append::LIMIT;
use super::faults::Fault;
use super::store::Broken;
use async_trait::async_trait;
use bytes::Bytes;
use ego::message::{CommandId, Metadata, Name, Position, Revision, StreamId};
use ego::store::{
    Body, Capabilities, Commit, Committed, Direction, EventType, Filter, NewEvent, Page, RecordedEvent, Row, Snapshot, Step,
    Stepped, Store, StoreError, StoredState, StreamHead, Verdict,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn failed<T>() -> Result<T, StoreError> {
    Err(StoreError::other("working", std::fmt::Error))
}

impl Broken {
    /// Records something that should take no position.
    pub(crate) async fn log_it(&self) -> Result<(), StoreError> {
        let body = Body::Events(vec![NewEvent { name: "Kept".into(), version: 1, payload: bytes::Bytes::new(), tags: vec![] }]);
        let (stream, expected) = (StreamId::new("log", "it").unwrap(), ego::message::Expected::Any);
        let metadata = Arc::new(Metadata::new(self.fresh_id(), "Keep", jiff::Timestamp::UNIX_EPOCH));
        self.inner
            .append(vec![Commit { stream, expected, metadata, codec: "".into(), body, reply: bytes::Bytes::new(), rows: vec![] }])
            .await?;
        Ok(())
    }

    fn consumer<'a>(&self, consumer: &'a str) -> &'a str {
        let end = consumer.chars().next().map_or(0, char::len_utf8);
        if self.has(Fault::ShortConsumers) { &consumer[..end] } else { consumer }
    }

    async fn read_shared<T>(&self, read: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        if !self.has(Fault::CountsReaders) {
            return read.await;
        }
        if self.notes.readers.fetch_add(1, Ordering::SeqCst) > 20 {
            return failed();
        }
        tokio::task::yield_now().await;
        let given = read.await;
        self.notes.readers.fetch_sub(1, Ordering::SeqCst);
        given
    }

    async fn wait_broken(&self, position: Option<Position>) -> Result<Position, StoreError> {
        match self.fault {
            Some(Fault::NeverWakes) if self.inner.head().await? <= position => std::future::pending().await,
            Some(Fault::WaitsThoughBehind) => {
                let head = self.inner.head().await?;
                self.inner.wait_for_head(head.max(position)).await
            }
            Some(Fault::WakesForNothing) if self.inner.head().await? <= position => {
                let mut appended = self.notes.appended.subscribe();
                let _ = appended.changed().await;
                Ok(self.inner.head().await?.unwrap_or(Position::FIRST))
            }
            Some(Fault::WakesOne) => {
                let woken = self.inner.wait_for_head(position).await?;
                if self.notes.waiters.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(woken)
            }
            Some(Fault::CountsWaiters) => {
                if self.notes.waiters.fetch_add(1, Ordering::SeqCst) > 20 {
                    return failed();
                }
                let woken = self.inner.wait_for_head(position).await;
                self.notes.waiters.fetch_sub(1, Ordering::SeqCst);
                woken
            }
            Some(Fault::HeadEarly) => {
                let mut early = self.notes.early.subscribe();
                match early.wait_for(|head| *head > position).await {
                    Ok(head) => Ok((*head).unwrap_or(Position::FIRST)),
                    Err(_) => Err(StoreError::Closed),
                }
            }
            Some(Fault::StatesDoNotMoveTheHead) => loop {
                let head = self.head_broken().await?;
                match head {
                    Some(head) if Some(head) > position => return Ok(head),
                    _ => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
                }
            },
            _ => self.inner.wait_for_head(position).await,
        }
    }

    async fn note_before_deletion(&self, stream: &StreamId, up_to: Option<Revision>) -> Result<(), StoreError> {
        let events = self
            .all()
            .await?
            .into_iter()
            .filter(|event| event.stream == *stream && up_to.is_none_or(|up_to| event.revision <= up_to));
        let head = self.inner.stream_head(stream).await?;
        let mut kept = self.kept();
        kept.events.extend(events);
        kept.forgotten.insert(stream.clone());
        if let Some(head) = head {
            kept.heads.insert(stream.clone(), head);
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Broken {
    fn capabilities(&self) -> Capabilities {
        match self.fault {
            Some(Fault::NoSizeLimit) => Capabilities::persistent(LIMIT / 4),
            Some(Fault::SaysItIsVolatile) => Capabilities::volatile(LIMIT),
            _ => Capabilities::persistent(LIMIT),
        }
    }
    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.open_unless(Fault::AppendsAfterClose)?;
        self.append_broken(batch).await
    }
    fn is_new_command(&self, _: &StreamId, _: &CommandId) -> bool {
        self.has(Fault::EveryCommandIsNew)
    }
    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        let noted = self.kept().commands.get(id).cloned();
        match self.fault {
            Some(Fault::FindsNoCommand) => return Ok(None),
            Some(Fault::ForgetsCommandsWhenClosed) if self.again => return Ok(None),
            Some(Fault::ErasedCommandsStay | Fault::CommandIdsAreGlobal | Fault::RemembersRefusedCommands) if noted.is_some() => {
                return Ok(noted);
            }
            _ => {}
        }
        self.inner.find_command(&self.name(stream), &self.command(id)).await
    }
    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        let mut head = self.inner.stream_head(&self.name(stream)).await?;
        if self.has(Fault::ErasedIsUnknown) {
            head = head.filter(|head| !head.erased);
        }
        head.iter_mut().for_each(|head| self.head_seen(head));
        Ok(head)
    }
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        self.read_shared(self.read_stream_broken(stream, from, direction, limit)).await
    }
    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        self.read_shared(self.read_log_broken(after, filter, limit)).await
    }
    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.open_unless(Fault::HeadAfterClose)?;
        self.head_broken().await
    }
    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        self.open_unless(Fault::HeadAfterClose)?;
        let mut closed = self.closed.subscribe();
        tokio::select! {
            head = self.wait_broken(position) => head,
            _ = closed.wait_for(|closed| *closed), if !self.has(Fault::SleepsThroughClose) => Err(StoreError::Closed),
        }
    }
    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        self.list_broken(kind, after, limit).await
    }
    async fn list_erased(&self, after: Option<&StreamId>, limit: usize) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        self.erased_broken(after, limit).await
    }
    async fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        self.commands_broken(stream, from, limit).await
    }
    async fn list_tables(&self) -> Result<Vec<Name>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        self.tables_broken().await
    }
    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.open_unless(Fault::ReadsAfterClose)?;
        let mut types = self.inner.event_types().await?;
        match self.fault {
            Some(Fault::TypesWithoutVersions) => {
                types.iter_mut().for_each(|one| one.version = 1);
                types.dedup();
            }
            Some(Fault::TypesOfRefusedEvents) => {
                types.extend(self.kept().types.iter().cloned());
                types.sort();
                types.dedup();
            }
            Some(Fault::TypesOfWhatIsLeft) => {
                let left = self.all().await?;
                types.retain(|one| left.iter().any(|event| event.name == one.name));
            }
            _ => {}
        }
        Ok(types)
    }
    async fn save_snapshot(&self, stream: &StreamId, mut snapshot: Snapshot) -> Result<(), StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        let stream = &self.name(stream);
        match self.fault {
            Some(Fault::LastSnapshotWins) if self.stream_revision(stream).await? >= Some(snapshot.revision) => {
                self.inner.delete_snapshot(stream).await?;
            }
            Some(Fault::FirstSnapshotWins) if self.inner.load_snapshot(stream).await?.is_some() => return Ok(()),
            Some(Fault::SnapshotBeyondHead | Fault::OneSnapshot | Fault::LateSnapshot) => {
                let key = if self.has(Fault::OneSnapshot) { StreamId::new("all", "of-them").unwrap() } else { stream.clone() };
                let erased = self.inner.stream_head(stream).await?.is_some_and(|head| head.erased);
                if !self.has(Fault::LateSnapshot) || erased {
                    self.kept().snapshots.insert(key, snapshot);
                    return Ok(());
                }
            }
            Some(Fault::SnapshotsAreLogged) => self.log_it().await?,
            Some(Fault::SnapshotWithoutVersion) => snapshot.version = 1,
            _ => {}
        }
        self.inner.save_snapshot(stream, snapshot).await
    }
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        if self.has(Fault::OneSnapshot) {
            return Ok(self.kept().snapshots.values().next().cloned());
        }
        let noted = self.kept().snapshots.get(stream).cloned();
        Ok(noted.or(self.inner.load_snapshot(&self.name(stream)).await?))
    }
    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        if self.has(Fault::KeepsSnapshots) {
            return Ok(());
        }
        self.kept().snapshots.clear();
        self.inner.delete_snapshot(&self.name(stream)).await
    }
    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        if self.has(Fault::OneState) {
            let first = self.inner.list_streams(Some(stream.kind()), None, 1).await?.items;
            return match first.first() {
                Some(head) => self.inner.load_state(&head.stream).await,
                None => Ok(None),
            };
        }
        if self.has(Fault::DeletionDropsState) && self.kept().forgotten.contains(stream) {
            return Ok(None);
        }
        self.inner.load_state(&self.name(stream)).await
    }
    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        self.read_states_broken(after, kinds, limit).await
    }
    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        let consumer = self.consumer(consumer);
        match self.fault {
            Some(Fault::CheckpointBeyondHead) => {
                self.kept().checkpoints.insert(consumer.to_owned(), position);
                return Ok(());
            }
            Some(Fault::CheckpointsOnlyGrow) if position < self.inner.load_checkpoint(consumer).await? => return Ok(()),
            Some(Fault::CheckpointsAreLogged) => self.log_it().await?,
            _ => {}
        }
        self.inner.save_checkpoint(consumer, position).await
    }
    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        let noted = self.kept().checkpoints.get(consumer).copied();
        match noted {
            Some(noted) => Ok(noted),
            None => self.inner.load_checkpoint(self.consumer(consumer)).await,
        }
    }
    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        let mut all = self.inner.list_checkpoints().await?;
        all.extend(self.kept().checkpoints.clone());
        match self.fault {
            Some(Fault::ListsNoneAsNothing) => all.retain(|(_, position)| position.is_some()),
            Some(Fault::CheckpointsReversed) => all.reverse(),
            Some(Fault::ForgetsCheckpointsWhenClosed) if self.again => all.clear(),
            _ => {}
        }
        Ok(all)
    }
    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.open_unless(Fault::KeepsAfterClose)?;
        match self.fault {
            Some(Fault::KeepsCheckpoints) => return Ok(()),
            Some(Fault::DeletingNothingFails) if self.inner.load_checkpoint(consumer).await?.is_none() => return failed(),
            _ => {}
        }
        self.kept().checkpoints.remove(consumer);
        self.inner.delete_checkpoint(self.consumer(consumer)).await
    }
    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.open_unless(Fault::RowsAfterClose)?;
        self.step_broken(step).await
    }
    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.open_unless(Fault::RowsAfterClose)?;
        self.load_rows_broken(table, keys).await
    }
    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        self.open_unless(Fault::RowsAfterClose)?;
        self.list_rows_broken(table, start, end, limit).await
    }
    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.open_unless(Fault::DeletesAfterClose)?;
        let stream = &self.name(stream);
        let head = self.inner.stream_head(stream).await?;
        let last = head.as_ref().and_then(|head| head.revision);
        let mut to = revision;
        let before = self.inner.list_checkpoints().await?;
        match (self.fault, last) {
            (Some(Fault::IgnoresConsumers), _) => {
                for (name, _) in &before {
                    self.inner.delete_checkpoint(name).await?;
                }
            }
            (Some(Fault::IgnoresConsumersAtTheStart), _) => {
                for (name, _) in before.iter().filter(|(_, position)| position.is_none()) {
                    self.inner.delete_checkpoint(name).await?;
                }
            }
            (Some(Fault::DeletesOneMore), Some(last)) if revision < last => to = revision.next(),
            (Some(Fault::DeletesBeyondHead), Some(last)) => to = revision.min(last),
            (Some(Fault::DeletesBeyondHead), None) => return Ok(()),
            (Some(Fault::DeletingAgainFails), _) if head.and_then(|head| head.first) > Some(revision) => return failed(),
            (Some(Fault::DeletesWholeCommits), Some(_)) => {
                let events = self.inner.read_stream(stream, Some(revision), Direction::Forwards, usize::MAX).await?.items;
                let commit = events.first().map(|event| event.metadata.clone());
                let same = events.iter().take_while(|event| Some(&event.metadata) == commit.as_ref()).last();
                to = same.map_or(revision, |event| event.revision).max(revision);
            }
            _ => {}
        }
        let noting = [Fault::DeletedEventsInTheLog, Fault::DeletionForgetsCommands, Fault::DeletionDropsState];
        if noting.iter().any(|fault| self.has(*fault)) {
            self.note_before_deletion(stream, Some(revision)).await?;
        }
        self.drop_rows_of(stream).await?;
        let deleted = self.inner.delete_up_to(stream, to).await;
        for (name, position) in before {
            self.inner.save_checkpoint(&name, position).await?;
        }
        if self.has(Fault::DeletionDropsSnapshot) {
            self.inner.delete_snapshot(stream).await?;
        }
        deleted
    }
    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.open_unless(Fault::DeletesAfterClose)?;
        let stream = &self.name(stream);
        self.note_before_deletion(stream, None).await?;
        match self.fault {
            Some(Fault::ErasesOnlyWhatIsThere) if self.inner.stream_head(stream).await?.is_none() => return Ok(()),
            Some(Fault::ErasureWaits) if !self.inner.list_checkpoints().await?.is_empty() => return failed(),
            Some(Fault::ErasesToo) => {
                for head in self.inner.list_streams(None, None, usize::MAX).await?.items {
                    if head.stream.id().starts_with(stream.id()) {
                        self.inner.erase(&head.stream).await?;
                    }
                }
            }
            _ => {}
        }
        self.drop_rows_of(stream).await?;
        self.inner.erase(stream).await
    }
    async fn close(&self) -> Result<(), StoreError> {
        let before = self.closed.send_replace(true);
        if before && self.has(Fault::ClosingTwiceFails) { Err(StoreError::Closed) } else { Ok(()) }
    }
}
