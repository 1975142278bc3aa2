//! An orderly end.

use super::Engine;
use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// Why an engine did not end in order.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The time was over before every command was answered. Those that had not begun were refused with
    /// [`CommandError::Stopped`](super::CommandError::Stopped); the store was closed all the same.
    #[error("{unfinished} commands were not finished within {within:?}")]
    Unfinished {
        /// How many were not finished.
        unfinished: usize,
        /// The time that they had.
        within: Duration,
    },
    /// The store could not be closed in order.
    #[error("the store could not be closed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// Stops: takes no more commands, finishes those that it took and makes them durable within this time, then closes the store,
    /// which takes as long as the store needs. Projections, publishers and reactors finish the step that they are at; what takes longer than
    /// this time is given up, and is done again at the next start. Subscriptions come to their end.
    ///
    /// Dropped before it is ready, it leaves the engine stopped, and the store open until `stop` is called again or everything is dropped.
    ///
    /// From the first call on, new commands are refused with [`CommandError::Stopped`](super::CommandError::Stopped). A second call
    /// waits in the same way.
    ///
    /// # Errors
    /// [`StopError`]; the engine is stopped all the same.
    pub async fn stop(&self, within: Duration) -> Result<(), StopError> {
        let shared = &self.inner.shared;
        let began = Instant::now();
        shared.gate.close();
        self.inner.timers.end();
        let emptied = self.doors.empty(&shared.gate, within).await;
        shared.gate.hurry();
        shared.snapshots.end(within.saturating_sub(began.elapsed())).await;
        self.inner.consumers.end(within.saturating_sub(began.elapsed())).await;
        self.inner.timers.ended(within.saturating_sub(began.elapsed())).await;
        shared.store.close().await?;
        emptied.map_err(|unfinished| StopError::Unfinished { unfinished, within })
    }
}
