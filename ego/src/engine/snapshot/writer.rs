//! Who saves snapshots: in the background, a few at a time, one of an aggregate, and never more than there is room for (I12).

use crate::message::StreamId;
use crate::store::{AnyStore, Snapshot, Store};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

pub(in crate::engine) struct Writer {
    store: AnyStore,
    runtime: Handle,
    /// How many bytes may wait.
    room: usize,
    under_way: Mutex<UnderWay>,
    turns: Semaphore,
    done: Notify,
}

#[derive(Default)]
struct UnderWay {
    streams: HashSet<StreamId>,
    bytes: usize,
    closed: bool,
}

impl Writer {
    /// How many are saved at once.
    const AT_ONCE: usize = 2;

    pub(in crate::engine) fn new(store: AnyStore, runtime: Handle, room: usize) -> Arc<Self> {
        let (under_way, turns) = (Mutex::default(), Semaphore::new(Self::AT_ONCE));
        Arc::new(Self { store, runtime, room, under_way, turns, done: Notify::new() })
    }

    /// Takes the place of this aggregate, if none of its snapshots is under way, and there is any room.
    pub(super) fn enter(self: &Arc<Self>, stream: &StreamId) -> Option<Place> {
        let mut under_way = self.under_way.lock();
        let enters = !under_way.closed && under_way.bytes < self.room && under_way.streams.insert(stream.clone());
        enters.then(|| Place { writer: Arc::clone(self), stream: stream.clone(), bytes: 0 })
    }

    /// The place of this aggregate, as soon as it is free; `None` when no more are taken.
    pub(in crate::engine) async fn wait_for(self: &Arc<Self>, stream: &StreamId) -> Option<Place> {
        loop {
            let done = self.done.notified();
            {
                let mut under_way = self.under_way.lock();
                if under_way.closed {
                    return None;
                }
                if under_way.streams.insert(stream.clone()) {
                    return Some(Place { writer: Arc::clone(self), stream: stream.clone(), bytes: 0 });
                }
            }
            done.await;
        }
    }

    /// Takes no more, and waits until all are saved that were taken, but not longer than this.
    pub(in crate::engine) async fn end(&self, within: Duration) {
        self.under_way.lock().closed = true;
        // Whoever waits for a place gets none any more.
        self.done.notify_waiters();
        let saved = async {
            loop {
                let done = self.done.notified();
                if self.under_way.lock().streams.is_empty() {
                    return;
                }
                done.await;
            }
        };
        if tokio::time::timeout(within, saved).await.is_err() {
            tracing::warn!("some snapshots were not saved before the engine stopped");
        }
    }
}

/// The place of an aggregate whose snapshot is under way.
pub(in crate::engine) struct Place {
    writer: Arc<Writer>,
    stream: StreamId,
    bytes: usize,
}

impl Place {
    pub(super) fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Counts what waits to be saved. The first is taken whatever its size.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.writer.under_way.lock().bytes += bytes;
        self.bytes += bytes;
    }

    /// Saves the snapshot in the background, then does what follows it; says when that failed.
    pub(super) fn save<F: Future<Output = ()> + Send>(
        self,
        snapshot: impl FnOnce() -> Snapshot + Send + 'static,
        then: impl FnOnce() -> F + Send + 'static,
    ) {
        let writer = Arc::clone(&self.writer);
        let work = async move {
            // Never closed, so the error cannot happen.
            let _turn = self.writer.turns.acquire().await.ok();
            let (stream, snapshot) = (&self.stream, snapshot());
            let revision = snapshot.revision;
            match self.writer.store.save_snapshot(stream, snapshot).await {
                Ok(()) => {
                    tracing::debug!(%stream, %revision, "a snapshot was saved");
                    metrics::counter!("ego_snapshots_total", "kind" => stream.kind().to_owned()).increment(1);
                    then().await;
                }
                Err(error) => failed(stream, &error),
            }
        };
        writer.runtime.spawn(work);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.writer.under_way.lock();
        under_way.bytes -= self.bytes;
        under_way.streams.remove(&self.stream);
        self.writer.done.notify_waiters();
    }
}

/// Nothing is lost: the events are there.
pub(super) fn failed(stream: &StreamId, error: &dyn std::fmt::Display) {
    tracing::warn!(%stream, %error, "a snapshot was not saved; the next one is tried at its time");
    metrics::counter!("ego_snapshots_failed_total", "kind" => stream.kind().to_owned()).increment(1);
}
