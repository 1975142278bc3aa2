//! What operators see of timers and ask of them.

use super::firing::{Firing, From};
use super::record::{self, FAILED, FailedTimer, TIMERS, Timer, read};
use super::run;
use crate::engine::{AnyRejection, CommandError, Engine, Unaltered};
use crate::message::{InvalidText, StreamId, TimerKey};
use crate::model::Aggregate;
use crate::store::{Page, Store, StoreError};
use bytes::Bytes;
use std::sync::Arc;

/// Why timers could not be asked for or changed. Nothing was changed, unless the store says otherwise.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimerError {
    /// The aggregate's id or the timer's key is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    /// The aggregate is not registered.
    #[error("the kind {kind:?} is not registered")]
    Unknown {
        /// Its kind.
        kind: String,
    },
    /// The engine is stopping or stopped.
    #[error("the engine is stopped")]
    Stopped,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// The timers of an aggregate that wait, in the order of their keys.
    ///
    /// # Errors
    /// [`TimerError`] when the id is not allowed or the store fails.
    pub async fn timers<A: Aggregate>(&self, id: impl AsRef<str>) -> Result<Vec<Timer>, TimerError> {
        let stream = StreamId::new(A::KIND, id.as_ref())?;
        let (mut timers, prefix) = (Vec::new(), record::of_stream(&stream));
        let mut start = Some(Bytes::from(prefix.clone()));
        while let Some(from) = start {
            let page = self.store().list_rows(TIMERS, &from, None, 256).await?;
            let of_stream = page.items.iter().take_while(|row| row.key.starts_with(&prefix));
            let before = timers.len();
            for row in of_stream {
                timers.push(read(&row.value)?);
            }
            start = page.next.filter(|_| timers.len() - before == page.items.len());
        }
        Ok(timers)
    }

    /// Takes a timer of an aggregate back, as [`Context::cancel`](crate::model::Context::cancel) does in a handler. `false` when there was
    /// none. From `true` on it has no effect any more, also when it was due.
    ///
    /// # Errors
    /// [`TimerError`]; when the store failed, whether it was taken back is not known.
    pub async fn cancel_timer<A: Aggregate>(&self, id: impl AsRef<str>, key: impl AsRef<str>) -> Result<bool, TimerError> {
        let stream = StreamId::new(A::KIND, id.as_ref())?;
        let key = record::row_key(&stream, &TimerKey::new(key)?);
        let taken_back = self.alter(&stream, (TIMERS, key), |row| {
            let mut rows = Vec::new();
            if let Some(timer) = row.as_deref().map(read::<Timer>).transpose()? {
                timer.disarm(&mut rows);
            }
            Ok(rows)
        });
        taken_back.await.map_err(|unaltered| not_altered(&stream, unaltered))
    }

    /// Timers whose commands were refused, of each aggregate and key the last, by kind, id and key, from `start` on (inclusive).
    /// [`Page::next`] is the `start` of the next page.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails.
    pub async fn failed_timers(&self, start: Option<&[u8]>, limit: usize) -> Result<Page<FailedTimer, Bytes>, StoreError> {
        let page = self.store().list_rows(FAILED, start.unwrap_or_default(), None, limit).await?;
        let items = page.items.iter().map(|row| read(&row.value)).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    }

    /// Sends the command of a timer that was refused again, now. Once it is accepted, the timer has failed no more; refused again, it is
    /// kept again.
    ///
    /// # Errors
    /// As sending a command; [`CommandError::Unscheduled`] when it is not among those that failed any more, or failed again meanwhile.
    pub async fn retry_timer(&self, failed: &FailedTimer) -> Result<(), CommandError<AnyRejection>> {
        let firing = Arc::new(Firing { timer: failed.timer.clone(), from: From::Failed });
        run::sending(self, &firing, failed.timer.due).await
    }

    /// Forgets a timer that was refused. `false` when it is not among those that failed any more, or failed again meanwhile.
    ///
    /// # Errors
    /// [`TimerError`]; when the store failed, whether it was forgotten is not known.
    pub async fn discard_timer(&self, failed: &FailedTimer) -> Result<bool, TimerError> {
        let (stream, key, failed) = (failed.timer.stream.clone(), failed.timer.row_key(), failed.clone());
        let forgotten = self.alter(&stream, (FAILED, key), move |row| {
            let mut rows = Vec::new();
            let found = row.as_deref().map(read::<FailedTimer>).transpose()?;
            if found.is_some_and(|found| found.timer.command_id == failed.timer.command_id) {
                failed.remove(&mut rows);
            }
            Ok(rows)
        });
        forgotten.await.map_err(|unaltered| not_altered(&stream, unaltered))
    }
}

fn not_altered(stream: &StreamId, unaltered: Unaltered) -> TimerError {
    match unaltered {
        Unaltered::Stopped => TimerError::Stopped,
        Unaltered::Unknown => TimerError::Unknown { kind: stream.kind().to_owned() },
        Unaltered::Store(error) => TimerError::Store(error),
    }
}
