//! Asking instances how they stand, and helping those that are parked.

use super::command::{Abandon, Park, Retry, Settle, Tell};
use super::event::SagaEvent;
use super::instance::{Instance, SagaRefusal};
use super::source::SagaSources;
use super::status::{SagaStatus, Status};
use super::view::SagaView;
use crate::engine::{CommandDescriptor, CommandError, Dispatch, Engine, History, Location, ReadError, Receipt, Recorded};
use crate::message::StreamId;
use crate::model::Failure;
use crate::projection::{Cursor, ViewError};
use crate::store::Page;
use crate::subscription::SubscriptionError;
use std::fmt;
use std::marker::PhantomData;

/// An instance of a saga, for whoever asks. Made by [`Engine::saga`].
pub struct SagaHandle<'e, S> {
    engine: &'e Engine,
    id: String,
    saga: PhantomData<fn() -> S>,
}

/// Instances of a saga, by page. Made by [`Engine::sagas`].
#[must_use = "instances are listed by `.page()`"]
pub struct SagaList<'e, S> {
    engine: &'e Engine,
    status: Option<Status>,
    cursor: Option<Cursor>,
    limit: usize,
    saga: PhantomData<fn() -> S>,
}

/// Why something about an instance could not be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SagaError {
    /// What is recorded of it could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// How it stands could not be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The store failed while it was waited for.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// Its state is of a version that the program does not read.
    #[error("its state cannot be read")]
    State(#[source] Failure),
    /// The engine was stopped.
    #[error("the engine is stopped")]
    Stopped,
}

impl Engine {
    /// The instance of this saga with this id.
    #[must_use]
    pub fn saga<S: SagaSources>(&self, id: impl Into<String>) -> SagaHandle<'_, S> {
        SagaHandle { engine: self, id: id.into(), saga: PhantomData }
    }

    /// The instances of this saga, in the order of their ids.
    pub fn sagas<S: SagaSources>(&self) -> SagaList<'_, S> {
        SagaList { engine: self, status: None, cursor: None, limit: SagaList::<S>::LIMIT, saga: PhantomData }
    }
}

impl<S: SagaSources> SagaHandle<'_, S> {
    /// How it stands; `None` when it is not started.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn status(&self) -> Result<Option<SagaStatus>, SagaError> {
        Ok(self.engine.view::<SagaView<S>>(&*self.id).await?.and_then(|view| view.status))
    }

    /// What it remembers; `None` when it is not started.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn state(&self) -> Result<Option<S>, SagaError> {
        let loaded = self.engine.load::<Instance<S>>(&self.id).await?.state;
        loaded.status().map(|_| loaded.state().map_err(SagaError::State)).transpose()
    }

    /// Everything that happened to it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn history(&self) -> Result<History<Recorded<SagaEvent>>, ReadError> {
        self.engine.history::<Instance<S>>(&self.id)
    }

    /// Waits until it has ended, or is parked; also until it is started. Cancel safe.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn settled(&self) -> Result<SagaStatus, SagaError> {
        let stream = StreamId::new(S::KIND, &*self.id).map_err(ReadError::from)?;
        let mut events = self.engine.subscribe().from_now().stream(stream).raw().await?;
        loop {
            if let Some(status) = self.status().await?.filter(|status| status.phase.is_ended() || status.parked.is_some()) {
                return Ok(status);
            }
            events.next().await.ok_or(SagaError::Stopped)??;
        }
    }

    /// Lets a parked instance go on: commands that stopped are sent again, inputs that wait are handled. When a method fails again, it is parked
    /// again.
    ///
    /// # Errors
    /// [`CommandError`], with [`SagaRefusal::NotParked`] for one that goes on, [`SagaRefusal::NotStarted`].
    pub async fn retry(&self) -> Result<Receipt<()>, CommandError<SagaRefusal>> {
        self.engine.send::<Instance<S>>(&self.id, Retry {}).await
    }

    /// Ends an instance as failed. Its commands that nobody has answered are taken back as far as they had no effect; what it did is not
    /// compensated.
    ///
    /// # Errors
    /// [`CommandError`], with [`SagaRefusal::Ended`], [`SagaRefusal::NotStarted`].
    pub async fn abandon(&self, reason: impl Into<String>) -> Result<Receipt<()>, CommandError<SagaRefusal>> {
        self.engine.send::<Instance<S>>(&self.id, Abandon { reason: reason.into() }).await
    }
}

impl<S: SagaSources> SagaList<'_, S> {
    /// How many instances a page holds at most, when nothing is said.
    pub const LIMIT: usize = 100;

    /// Only those that stand so.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// At most so many on the page, 1 or more.
    pub fn limit(mut self, instances: usize) -> Self {
        self.limit = instances.max(1);
        self
    }

    /// Goes on where another page of the same list ended.
    pub fn at(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Reads the page: ids, and how they stand. The end is reached when [`Page::next`] is `None`.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn page(self) -> Result<Page<(String, SagaStatus), Cursor>, ViewError> {
        let mut views = self.engine.views::<SagaView<S>>().limit(self.limit);
        if let Some(status) = self.status {
            views = views.by("status", status.word());
        }
        if let Some(cursor) = self.cursor {
            views = views.at(cursor);
        }
        let Page { items, next } = views.page().await?;
        Ok(Page { items: items.into_iter().filter_map(|(id, view)| Some((id, view.status?))).collect(), next })
    }
}

impl<S: SagaSources> crate::Registers for Instance<S> {
    const COMMANDS: &'static [CommandDescriptor] = &[
        CommandDescriptor::of::<Self, Tell>(Location::new(file!(), line!()), &[]),
        CommandDescriptor::of::<Self, Park>(Location::new(file!(), line!()), &[]),
        CommandDescriptor::of::<Self, Settle>(Location::new(file!(), line!()), &[]),
        CommandDescriptor::of::<Self, Retry>(Location::new(file!(), line!()), &[]),
        CommandDescriptor::of::<Self, Abandon>(Location::new(file!(), line!()), &[]),
    ];
}

impl<S: SagaSources> fmt::Debug for SagaHandle<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaHandle").field("saga", &S::NAME).field("id", &self.id).finish_non_exhaustive()
    }
}

impl<S: SagaSources> fmt::Debug for SagaList<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaList").field("saga", &S::NAME).field("status", &self.status).finish_non_exhaustive()
    }
}
