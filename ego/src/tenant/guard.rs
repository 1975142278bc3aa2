//! Whoever uses a tenant's engine.

use super::pool::Slot;
use crate::engine::Engine;
use crate::message::Tenant;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;

/// A tenant's engine, kept running while this is held. A clone of the [`Engine`] itself is not counted: it may be stopped.
#[must_use = "the engine may be stopped once nobody holds it"]
pub struct TenantEngine {
    pub(super) engine: Engine,
    pub(super) held: Held,
}

impl TenantEngine {
    /// Whose engine it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.held.0.tenant
    }
}

impl Deref for TenantEngine {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl fmt::Debug for TenantEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantEngine").field("tenant", self.tenant()).finish_non_exhaustive()
    }
}

/// Somebody who needs a slot to stay.
pub(super) struct Held(pub(super) Arc<Slot>);

/// How many need a slot, and since when nobody does.
pub(super) struct Holders {
    count: AtomicUsize,
    free_since: parking_lot::Mutex<Instant>,
}

impl Holders {
    pub(super) fn none() -> Self {
        Self { count: AtomicUsize::new(0), free_since: parking_lot::Mutex::new(Instant::now()) }
    }

    pub(super) fn are(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn free_since(&self) -> Instant {
        *self.free_since.lock()
    }
}

impl Held {
    /// To be called while the slots are locked: so nobody finds it free and sends it away.
    pub(super) fn new(slot: &Arc<Slot>) -> Self {
        slot.holders.count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(slot))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.holders.free_since.lock() = Instant::now();
        self.0.holders.count.fetch_sub(1, Ordering::AcqRel);
    }
}
