//! What a handler may know besides the state and the command.

use super::{MissingService, Services};
use crate::message::{Metadata, Revision, StreamId};
use jiff::Timestamp;
use std::sync::Arc;

/// What a handler may know besides the state and the command: plain data, and the services that were given.
#[derive(Clone, Debug)]
pub struct Context {
    stream: StreamId,
    revision: Option<Revision>,
    metadata: Arc<Metadata>,
    services: Arc<Services>,
}

impl Context {
    /// The context of one command.
    #[must_use]
    pub fn new(stream: StreamId, revision: Option<Revision>, metadata: Arc<Metadata>, services: Arc<Services>) -> Self {
        Self { stream, revision, metadata, services }
    }

    /// The aggregate's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.stream.id()
    }

    /// The aggregate's stream: kind and id.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The last revision that the state has seen; `None` when nothing has happened yet.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The command's metadata, as it will stand with the events.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The time of the command, by the engine's clock. The only time that a handler should know.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.metadata.time
    }

    /// A service by its type.
    ///
    /// # Errors
    /// [`MissingService`] when it was not given to the engine or the test.
    pub fn service<S: ?Sized + Send + Sync + 'static>(&self) -> Result<&S, MissingService> {
        self.services.get()
    }

    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
    }
}
