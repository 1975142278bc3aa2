//! What operators see of a projection and ask of it.

use super::dead::{self, DeadLetter};
use super::ops::{Done, Op};
use super::projected::AnyProjection;
use crate::consumer::{ConsumerHandle, ConsumerKind, State};
use crate::engine::{Engine, Shared};
use crate::message::Position;
use crate::model::Projection;
use crate::store::{Page, Store, StoreError};
use bytes::Bytes;
use std::any::TypeId;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A projection of an engine that is folded beside the aggregates, for whoever operates it. What all consumers have – status, pause,
/// resume, stop – it has as a [`ConsumerHandle`].
#[derive(Clone)]
pub struct ProjectionHandle {
    shared: Arc<Shared>,
    consumer: ConsumerHandle,
    projection: Arc<dyn AnyProjection>,
}

/// How views are built anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuild {
    pub(super) only_if_same: bool,
}

impl Rebuild {
    /// Beside those that are read, which are read on until the new ones take their place in one step.
    #[must_use]
    pub fn beside() -> Self {
        Self::default()
    }

    /// The same, but the new ones are thrown away when they are not the same: to find out whether views are what the log says.
    #[must_use]
    pub fn only_if_same(mut self) -> Self {
        self.only_if_same = true;
        self
    }
}

/// What a rebuild came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// Up to where both were folded when they were compared.
    pub position: Option<Position>,
    /// How many views there are now.
    pub views: u64,
    /// How many there were.
    pub before: u64,
    /// Whether all views are byte for byte what they were: their sums are the same.
    pub same: bool,
    /// Whether the new ones are read now.
    pub swapped: bool,
}

/// What became of the dead letters of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many events were folded and are dead letters no more.
    pub folded: u64,
    /// How many are left: one that failed again, and those behind it.
    pub left: u64,
}

/// Why an operation was not done. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// Whoever folds the projection is not running, so there is nobody to do it.
    #[error("the projection is {state}: it does this only while it runs")]
    NotRunning {
        /// What it is doing.
        state: State,
    },
    /// The views are being built already.
    #[error("the views are being built already")]
    Rebuilding,
    /// The new views could not be built. Those that were read are still read.
    #[error("the views could not be built anew: {error}")]
    NotBuilt {
        /// What was said.
        error: String,
    },
    /// The key has no dead letter.
    #[error("{key:?} has no dead letter")]
    NoDeadLetter {
        /// The key.
        key: String,
    },
    /// The projection stopped before it was done. It goes on where it was when it is resumed: a rebuild, too.
    #[error("the projection stopped before it was done")]
    Stopped,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// The async projection of this type, for whoever operates it.
    ///
    /// `None` when it is not registered, or is folded with the commits or on read: there is nothing to operate then.
    #[must_use]
    pub fn projection<P: Projection>(&self) -> Option<ProjectionHandle> {
        let projection = self.projection_of(TypeId::of::<P>())?;
        self.projection_handle(projection)
    }

    /// The same by its name.
    #[must_use]
    pub fn projection_named(&self, name: &str) -> Option<ProjectionHandle> {
        let projection = self.every_projection().find(|projection| projection.control().name == name)?;
        self.projection_handle(Arc::clone(projection))
    }

    fn projection_handle(&self, projection: Arc<dyn AnyProjection>) -> Option<ProjectionHandle> {
        let consumer = self.consumer(ConsumerKind::Projection, &projection.control().name)?;
        Some(ProjectionHandle { shared: Arc::clone(self.shared()), consumer, projection })
    }
}

impl ProjectionHandle {
    /// How far the views are that are being built, as a position, and where the log ends; `None` when none are being built.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot say where the log ends.
    pub async fn rebuilding(&self) -> Result<Option<(Option<Position>, Option<Position>)>, StoreError> {
        match self.projection.rebuilding() {
            None => Ok(None),
            Some(built) => Ok(Some((built, self.shared.store.head().await?))),
        }
    }

    /// Builds all views anew from the beginning of the log, compares them with those that are read, and lets them take their place in one
    /// step. Until then the old ones are read and kept up to date. Commands go on. Dropped before it is ready, the rebuild goes on;
    /// so it does after a restart.
    ///
    /// # Errors
    /// [`OpError`]; the views that were read are still read.
    pub async fn rebuild(&self, how: Rebuild) -> Result<Rebuilt, OpError> {
        match self.ask(Op::Rebuild(how)).await? {
            Done::Rebuilt(rebuilt) => Ok(rebuilt),
            Done::Letters(_) | Done::Reset => Err(OpError::Stopped),
        }
    }

    /// Throws all views away and builds them anew from the beginning of the log, visibly: whoever reads sees them grow. When this is ready,
    /// there are none. Dead letters are gone, too; those events are folded again.
    ///
    /// # Errors
    /// [`OpError`]; nothing was thrown away.
    pub async fn reset(&self) -> Result<(), OpError> {
        self.ask(Op::Reset).await.map(drop)
    }

    /// Dead letters of all keys, in the order of the keys, and of the log for each. `start` is the [`Page::next`] of the page before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dead_letters(&self, start: Option<&[u8]>, limit: usize) -> Result<Page<DeadLetter, Bytes>, StoreError> {
        match self.projection.dead() {
            Some(table) => dead::list(&self.shared.store, &table, None, start, limit).await,
            None => Ok(Page { items: Vec::new(), next: None }),
        }
    }

    /// Folds the dead letters of this key again, in their order, until one fails.
    ///
    /// # Errors
    /// [`OpError`].
    pub async fn replay(&self, key: impl Into<String>) -> Result<Replayed, OpError> {
        self.letters(Op::Replay(key.into())).await
    }

    /// Gives up the event of this key that could not be folded, and folds those that wait behind it.
    ///
    /// # Errors
    /// [`OpError`].
    pub async fn discard(&self, key: impl Into<String>) -> Result<Replayed, OpError> {
        self.letters(Op::Discard(key.into())).await
    }

    async fn letters(&self, op: Op) -> Result<Replayed, OpError> {
        match self.ask(op).await? {
            Done::Letters(replayed) => Ok(replayed),
            Done::Rebuilt(_) | Done::Reset => Err(OpError::Stopped),
        }
    }

    async fn ask(&self, op: Op) -> Result<Done, OpError> {
        let control = self.projection.control();
        let (answer, mut answered) = oneshot::channel();
        let mut said = control.listen();
        let idle = |state: State| matches!(state, State::Paused | State::Stopped | State::Failed);
        if idle(said.borrow().state) {
            return Err(OpError::NotRunning { state: said.borrow().state });
        }
        self.projection.desk().ask.send((op, answer)).await.map_err(|_| OpError::Stopped)?;
        tokio::select! {
            biased;
            answered = &mut answered => answered.unwrap_or(Err(OpError::Stopped)),
            // It stopped with the request before it.
            _ = said.wait_for(|said| idle(said.state)) => answered.try_recv().unwrap_or(Err(OpError::Stopped)),
        }
    }
}

impl Deref for ProjectionHandle {
    type Target = ConsumerHandle;
    fn deref(&self) -> &ConsumerHandle {
        &self.consumer
    }
}

impl fmt::Debug for ProjectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectionHandle").field("name", &self.name()).finish_non_exhaustive()
    }
}
