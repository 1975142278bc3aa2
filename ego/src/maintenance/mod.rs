//! What an operator does to a store, and the record of it.
//!
//! ```
//! use ego::maintenance::{Maintenance, digest};
//! use ego::store::{AnyStore, MemoryStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (old, new) = (AnyStore::new(MemoryStore::new()), AnyStore::new(MemoryStore::new()));
//! Maintenance::of(old.clone(), "ann", "moving to another machine")?.copy_to(new.clone()).run().await?;
//! assert_eq!(digest(&old).await?, digest(&new).await?);
//! # Ok(())
//! # }
//! ```
//!
//! Every operation is entered into the [audit](audit::entries) of the store, with who, why and when, before it begins, and again when it has
//! ended: one that was interrupted is seen.
//!
//! Recorded bytes are never rewritten (I7). A stored event that is to have another name keeps it, and an alias of its variant reads it;
//! where that is not enough, or an event must be replaced, a [copy](struct@Copy) of the store is made with the change, which is compared with the
//! store as it was, and takes its place.
//!
//! `walk` reads a store as entries in the order of the log, `fill` makes a store of entries, `lines` are entries as JSON lines; a copy, an
//! export and an import are two of them each.

pub mod audit;
mod copy;
mod digest;
mod entry;
mod erase;
mod error;
mod fill;
mod lines;
mod mapping;
mod transfer;
mod walk;

pub use copy::{Copied, Copy};
pub use digest::{Digest, digest};
pub use erase::{Erased, StillHeld};
pub use error::{LineFault, MaintenanceError};
pub(crate) use fill::unfinished;
pub use mapping::Replacement;
pub use transfer::Transferred;

use crate::clock::{Clock, SystemClock};
use crate::engine::Engine;
use crate::message::{Actor, InvalidText, Position};
use crate::store::{AnyStore, Store};
use std::fmt;
use std::sync::Arc;

/// Operations on one store, by somebody, for a reason.
#[derive(Clone)]
pub struct Maintenance {
    store: AnyStore,
    engine: Option<Engine>,
    clock: Arc<dyn Clock>,
    actor: Actor,
    reason: String,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Up to which position of the log it is done.
    pub position: Option<Position>,
    /// Where the log ends.
    pub head: Option<Position>,
}

/// An error with its causes, for the audit.
fn said(error: &MaintenanceError) -> String {
    crate::consumer::with_causes(error)
}

/// Hears of progress.
type OnProgress = Box<dyn Fn(Progress) + Send + Sync>;

impl Maintenance {
    /// Of a store that no engine works on.
    ///
    /// # Errors
    /// [`InvalidText`] for an actor that is empty, too long, or holds control characters.
    pub fn of(store: impl Store, actor: impl AsRef<str>, reason: impl Into<String>) -> Result<Self, InvalidText> {
        let (clock, actor) = (Arc::new(SystemClock), Actor::new(actor)?);
        Ok(Self { store: AnyStore::new(store), engine: None, clock, actor, reason: reason.into() })
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A copy of all that the store holds in another one; begins with [`Copy::run`].
    pub fn copy_to(&self, target: impl Store) -> Copy {
        Copy::new(self.clone(), AnyStore::new(target))
    }
}

impl Engine {
    /// Maintenance of the engine's store, while it runs.
    ///
    /// # Errors
    /// [`InvalidText`] for an actor that is empty, too long, or holds control characters.
    pub fn maintain(&self, actor: impl AsRef<str>, reason: impl Into<String>) -> Result<Maintenance, InvalidText> {
        // What is personal stays sealed, in copies and exports, too.
        let (store, clock) = (self.store_at_rest().clone(), Arc::clone(&self.shared().clock));
        Ok(Maintenance { store, engine: Some(self.clone()), clock, actor: Actor::new(actor)?, reason: reason.into() })
    }
}

impl fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, actor, reason, .. } = self;
        f.debug_struct("Maintenance").field("store", store).field("actor", actor).field("reason", reason).finish_non_exhaustive()
    }
}
