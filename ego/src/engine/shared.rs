//! What all aggregates of an engine share.

use super::committer::Committer;
use super::limits::Limits;
use crate::clock::{Clock, IdSource};
use crate::codec::AnyCodec;
use crate::model::{DecodeError, Services};
use crate::store::{AnyStore, StoreError};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

pub(super) struct Shared {
    pub(super) store: AnyStore,
    pub(super) committer: Arc<Committer>,
    pub(super) limits: Limits,
    pub(super) services: Arc<Services>,
    pub(super) codecs: Codecs,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) runtime: Handle,
    pub(super) recoveries: Semaphore,
    pub(super) gate: Gate,
    pub(super) started: Instant,
}

impl Shared {
    /// Milliseconds since the engine's start.
    pub(super) fn uptime(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Some work was dropped before its end. What became of a commit is not known then.
#[derive(Debug, thiserror::Error)]
#[error("it was lost on its way: the runtime that the engine was started on has ended, or something panicked, as the log says")]
struct Lost;

/// Why `action` was not finished.
pub(super) fn lost(action: &str) -> StoreError {
    StoreError::other(action, Lost)
}

/// The codec that is written with, and those that are still read.
pub(super) struct Codecs {
    pub(super) write: AnyCodec,
    pub(super) name: Arc<str>,
    pub(super) read: Vec<AnyCodec>,
}

impl Codecs {
    pub(super) fn named(&self, name: &str) -> Result<&AnyCodec, DecodeError> {
        std::iter::once(&self.write)
            .chain(&self.read)
            .find(|codec| codec.name() == name)
            .ok_or_else(|| DecodeError::Codec { codec: name.into() })
    }
}

/// Counts the commands that were taken and not answered, and closes.
#[derive(Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    /// Set when the time for an orderly end is over: what has not begun is refused.
    hurried: AtomicBool,
    inside: AtomicUsize,
    left: Notify,
}

/// Somebody inside the gate.
pub(super) struct Pass(Arc<Shared>);

impl Gate {
    /// Lets a command in, unless the engine is stopping.
    pub(super) fn enter(shared: &Arc<Shared>) -> Option<Pass> {
        let gate = &shared.gate;
        // SeqCst on both sides: either the command sees the gate closed, or `stop` sees the command inside.
        gate.inside.fetch_add(1, Ordering::SeqCst);
        let pass = Pass(Arc::clone(shared));
        if gate.closed.load(Ordering::SeqCst) { None } else { Some(pass) }
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        // SeqCst: who leaves either sees the gate closed, or `stop` sees that he left.
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn hurry(&self) {
        self.hurried.store(true, Ordering::Release);
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire)
    }

    /// How many are inside.
    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }

    /// Waits until nobody is inside; says how many still are when the time is over.
    pub(super) async fn empty(&self, within: Duration) -> Result<(), usize> {
        let waiting = async {
            loop {
                let left = self.left.notified();
                if self.inside() == 0 {
                    return;
                }
                left.await;
            }
        };
        match tokio::time::timeout(within, waiting).await.map_or_else(|_| self.inside(), |()| 0) {
            0 => Ok(()),
            left => Err(left),
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let gate = &self.0.gate;
        if gate.inside.fetch_sub(1, Ordering::SeqCst) == 1 && gate.is_closed() {
            gate.left.notify_waiters();
        }
    }
}
