//! The doors of an engine: who is inside, and nobody comes in any more once it stops.

use super::Inner;
use super::gate::{Gate, Inside};
use crate::model::Services;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Where commands come in. There are several, so that threads do not wait for each other's cache lines: all that every command
/// counts and clones is here, once for each door.
#[repr(align(128))]
pub(super) struct Door {
    inside: Inside,
    pub(super) services: Arc<Services>,
    pub(super) inner: Arc<Inner>,
}

/// All doors of an engine.
#[derive(Clone)]
pub(super) struct Doors(Arc<[Arc<Door>]>);

/// The doors of an engine that may be gone.
#[derive(Clone)]
pub(super) struct WeakDoors(Weak<[Arc<Door>]>);

/// Somebody inside.
pub(super) struct Pass(Arc<Door>);

impl Doors {
    pub(super) fn of(inner: &Arc<Inner>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(64);
        // More than there are threads, so that few share one when a runtime was ended and another began.
        let doors = (0..2 * threads).map(|_| {
            let services = Arc::new(Services::clone(&inner.shared.services));
            Arc::new(Door { inside: Inside::default(), services, inner: Arc::clone(inner) })
        });
        Self(doors.collect())
    }

    pub(super) fn downgrade(&self) -> WeakDoors {
        WeakDoors(Arc::downgrade(&self.0))
    }

    /// The door of this thread.
    pub(super) fn here(&self) -> &Arc<Door> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed));
        &self.0[THREAD.try_with(|thread| *thread).unwrap_or(0) % self.0.len()]
    }

    /// How many are inside. Once the gate is closed and this was 0, nobody comes in any more.
    pub(super) fn inside(&self) -> usize {
        self.0.iter().map(|door| door.inside.count()).sum()
    }

    /// Waits until nobody is inside; says how many still are when the time is over.
    pub(super) async fn empty(&self, gate: &Gate, within: Duration) -> Result<(), usize> {
        let waiting = gate.emptied(|| self.inside());
        match tokio::time::timeout(within, waiting).await.map_or_else(|_| self.inside(), |()| 0) {
            0 => Ok(()),
            left => Err(left),
        }
    }
}

impl WeakDoors {
    pub(super) fn upgrade(&self) -> Option<Doors> {
        self.0.upgrade().map(Doors)
    }
}

impl Pass {
    /// Lets a command in, unless the engine is stopping.
    pub(super) fn enter(door: Arc<Door>) -> Option<Self> {
        door.inside.enter(&door.inner.shared.gate).then(|| Self(door))
    }

    pub(super) fn door(&self) -> &Door {
        &self.0
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.inside.leave(&self.0.inner.shared.gate);
    }
}
