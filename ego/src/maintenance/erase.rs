//! Erasing a stream, and what was derived from it.

use super::Maintenance;
use super::audit::{Operation, Outcome};
use super::error::MaintenanceError;
use crate::engine::remove_kept;
use crate::message::StreamId;
use crate::model::Mode;
use crate::projection::{ProjectionDescriptor, Rebuild, remove_view};
use crate::store::Store;

/// What became of an erased stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Projections whose views or dead letters may hold something of it still. None when they were rebuilt.
    pub held: Vec<StillHeld>,
}

/// A projection that follows the kind of an erased stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StillHeld {
    /// Its name.
    pub projection: String,
    /// Whether the stream has a view of its own there, under its id; otherwise its events are folded into views of other keys.
    pub by_id: bool,
}

impl Maintenance {
    /// Erases a stream for good: its events or state, snapshots, command ids and replies; further commands to it are refused. The aggregate
    /// leaves memory. Inline views of it are removed with it; other views, and dead letters, hold what was folded until they are built
    /// anew: the answer says which.
    ///
    /// Not an error when the stream is erased or holds nothing.
    ///
    /// # Errors
    /// [`MaintenanceError::Store`]. Whether the stream was erased is said by its head; the same call again does what is left.
    pub async fn erase(&self, stream: &StreamId) -> Result<Erased, MaintenanceError> {
        self.erase_and(stream, false).await
    }

    /// The same, and builds the views of every projection that may hold something of it anew, beside those that are read.
    ///
    /// # Errors
    /// As [`erase`](Self::erase); [`MaintenanceError::NotRebuilt`] when a projection is not running. The same call again does what is left.
    pub async fn erase_and_rebuild(&self, stream: &StreamId) -> Result<Erased, MaintenanceError> {
        self.erase_and(stream, true).await
    }

    async fn erase_and(&self, stream: &StreamId, rebuild: bool) -> Result<Erased, MaintenanceError> {
        let entered = self.enter(Operation::Erase { stream: stream.clone() }).await?;
        let erased = self.erase_now(stream, rebuild).await;
        let outcome = match &erased {
            Ok(_) => Outcome::Done { digest: None },
            Err(error) => Outcome::Failed { error: super::said(error) },
        };
        self.end(&entered, &[&self.store], outcome).await?;
        erased
    }

    // 1. the stream: what is decided from here on is refused  2. the state in memory, which nobody may read any more  3. what was derived
    async fn erase_now(&self, stream: &StreamId, rebuild: bool) -> Result<Erased, MaintenanceError> {
        self.store.erase(stream).await?;
        remove_kept(&self.store, stream, None).await?;
        if let Some(engine) = &self.engine {
            engine.forget_state(stream).await;
        }
        let mut held = Vec::new();
        for one in ProjectionDescriptor::linked() {
            let sources = (one.sources)();
            let Some(source) = sources.iter().find(|source| source.kind == stream.kind()) else { continue };
            match one.mode {
                Mode::Live => {}
                Mode::Inline => remove_view(&self.store, one.name, stream.id()).await?,
                Mode::Async => held.push(StillHeld { projection: one.name.to_owned(), by_id: source.by_id }),
            }
        }
        if let (true, Some(engine)) = (rebuild, &self.engine) {
            for StillHeld { projection, .. } in held.drain(..) {
                if let Some(handle) = engine.projection_named(&projection) {
                    let rebuilt = handle.rebuild(Rebuild::beside()).await;
                    rebuilt.map_err(|source| MaintenanceError::NotRebuilt { projection, source })?;
                }
            }
        }
        Ok(Erased { held })
    }
}
