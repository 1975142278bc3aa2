//! Asking consumers how they stand, and telling them what to do.

use super::control::Wanted;
use super::ground::{Consumer, status};
use super::status::{ConsumerKind, Health, Status};
use crate::engine::{Engine, Shared};
use crate::store::StoreError;
use std::fmt;
use std::sync::Arc;

/// A consumer of an engine: a projection, a publisher or a reactor.
#[derive(Clone)]
pub struct ConsumerHandle {
    shared: Arc<Shared>,
    consumer: Arc<dyn Consumer>,
}

impl Engine {
    /// Every consumer, in the order in which they began.
    #[must_use]
    pub fn consumers(&self) -> Vec<ConsumerHandle> {
        let handle =
            |consumer: &Arc<dyn Consumer>| ConsumerHandle { shared: Arc::clone(self.shared()), consumer: Arc::clone(consumer) };
        self.every_consumer().all().iter().map(handle).collect()
    }

    /// The consumer of this kind and name.
    #[must_use]
    pub fn consumer(&self, kind: ConsumerKind, name: &str) -> Option<ConsumerHandle> {
        self.consumers().into_iter().find(|consumer| consumer.kind() == kind && consumer.name() == name)
    }

    /// Whether the consumers go on, and which do not.
    #[must_use]
    pub fn health(&self) -> Health {
        let mut health = self.every_consumer().health();
        self.every_timer().add_to(&mut health);
        health
    }
}

impl ConsumerHandle {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> ConsumerKind {
        self.consumer.control().kind
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.consumer.control().name
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot say where the log ends.
    pub async fn status(&self) -> Result<Status, StoreError> {
        status(&self.shared, &*self.consumer).await
    }

    /// Lets it finish the step that it is at, and keeps it from the next. Until it is resumed or the engine starts again.
    pub fn pause(&self) {
        self.consumer.control().tell(Wanted::Pause);
    }

    /// Lets it go on: one that was paused, stopped or has failed. It begins behind its checkpoint.
    pub fn resume(&self) {
        self.consumer.control().tell(Wanted::Run);
    }

    /// The same as [`pause`](Self::pause), seen as stopped.
    pub fn stop(&self) {
        self.consumer.control().tell(Wanted::Stop);
    }
}

impl fmt::Debug for ConsumerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerHandle").field("kind", &self.kind()).field("name", &self.name()).finish_non_exhaustive()
    }
}
