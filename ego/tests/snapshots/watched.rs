//! A store around another that tells what it was asked, and where snapshots and appends can be held up, refused and changed.

use async_trait::async_trait;
use ego::delegate_store;
use ego::message::{Revision, StreamId};
use ego::store::*;
use parking::Gate;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the store was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Read { from: Option<u64>, items: usize },
    Save(u64),
    Step(usize),
    Delete(u64),
}

type Change = Box<dyn Fn(&StreamId, Option<Snapshot>) -> Option<Snapshot> + Send>;

#[derive(Clone)]
pub struct Watched<S> {
    pub inner: S,
    pub calls: Arc<Mutex<Vec<Call>>>,
    pub saves: Gate,
    pub appends: Gate,
    pub deletes: Gate,
    /// So many saves fail.
    pub fail_saves: Arc<AtomicUsize>,
    /// So many appends record nothing and fail.
    pub fail_appends: Arc<AtomicUsize>,
    /// Snapshots cannot be loaded.
    pub fail_loads: Arc<AtomicBool>,
    /// Rows come back as others.
    pub spoil_rows: Arc<AtomicBool>,
    /// What is given instead of a snapshot.
    pub change: Arc<Mutex<Option<Change>>>,
    pub slow_reads: Option<Duration>,
}

mod parking {
    //! Where calls wait.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    #[derive(Clone)]
    pub struct Gate {
        permits: Arc<Semaphore>,
        /// How many have come to it.
        pub begun: Arc<AtomicUsize>,
    }

    impl Gate {
        pub fn open() -> Self {
            Self { permits: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), begun: Arc::default() }
        }

        pub fn close(&self) {
            self.permits.forget_permits(usize::MAX);
        }

        pub fn let_through(&self, calls: usize) {
            self.permits.add_permits(calls);
        }

        pub(super) async fn pass(&self) {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.permits.acquire().await.unwrap().forget();
        }

        pub async fn until_begun(&self, calls: usize) {
            crate::until(|| async { (self.begun.load(Ordering::SeqCst) >= calls).then_some(()) }).await;
        }
    }
}

impl<S: Store> Watched<S> {
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            calls: Arc::default(),
            saves: Gate::open(),
            appends: Gate::open(),
            deletes: Gate::open(),
            fail_saves: Arc::default(),
            fail_appends: Arc::default(),
            fail_loads: Arc::default(),
            spoil_rows: Arc::default(),
            change: Arc::default(),
            slow_reads: None,
        }
    }

    fn told(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    /// What it was asked since this was called last.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Gives another snapshot than the one that is kept.
    pub fn instead(&self, change: impl Fn(&StreamId, Option<Snapshot>) -> Option<Snapshot> + Send + 'static) {
        *self.change.lock().unwrap() = Some(Box::new(change));
    }
}

fn fails(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn failure(what: &str) -> StoreError {
    StoreError::io(what, std::io::Error::other("as told"))
}

#[async_trait]
impl<S: Store> Store for Watched<S> {
    delegate_store!(inner: capabilities, is_new_command, find_command, stream_head, read_log, head, wait_for_head, list_streams,
        event_types, delete_snapshot, load_state, read_states, save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint, list_rows,
        erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.appends.pass().await;
        if fails(&self.fail_appends) {
            return Err(failure("appending"));
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
        if let Some(slow) = self.slow_reads {
            tokio::time::sleep(slow).await;
        }
        let page = self.inner.read_stream(stream, from, direction, limit).await?;
        self.told(Call::Read { from: from.map(Revision::get), items: page.items.len() });
        Ok(page)
    }

    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.saves.pass().await;
        if fails(&self.fail_saves) {
            return Err(failure("saving a snapshot"));
        }
        let revision = snapshot.revision;
        self.inner.save_snapshot(stream, snapshot).await?;
        self.told(Call::Save(revision.get()));
        Ok(())
    }

    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        if self.fail_loads.load(Ordering::SeqCst) {
            return Err(failure("loading a snapshot"));
        }
        let kept = self.inner.load_snapshot(stream).await?;
        Ok(match &*self.change.lock().unwrap() {
            Some(change) => change(stream, kept),
            None => kept,
        })
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.told(Call::Step(step.rows.len()));
        self.inner.step(step).await
    }

    async fn load_rows(&self, table: &str, keys: &[bytes::Bytes]) -> Result<Vec<Option<bytes::Bytes>>, StoreError> {
        let mut rows = self.inner.load_rows(table, keys).await?;
        if self.spoil_rows.load(Ordering::SeqCst) {
            for row in rows.iter_mut().flatten() {
                let mut spoilt = row.to_vec();
                *spoilt.last_mut().unwrap() ^= 1;
                *row = spoilt.into();
            }
        }
        Ok(rows)
    }

    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.deletes.pass().await;
        self.inner.delete_up_to(stream, revision).await?;
        self.told(Call::Delete(revision.get()));
        Ok(())
    }
}
