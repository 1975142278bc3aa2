//! Waiting for one event.

use super::reader::{Delivered, Subscription, SubscriptionError};
use crate::engine::{Engine, ReadError};
use crate::message::Position;
use crate::model::Aggregate;
use std::fmt;
use std::time::Duration;

/// Waits for the first event that somebody wants. Made by [`Engine::wait_for`] or, of any subscription, by [`Subscription::first`].
///
/// It has begun when it is there: an event that is recorded then is not missed, however late it is waited for.
///
/// ```standalone_crate
/// # use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// # enum TillEvent { Paid { amount: u64 } }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Pay { amount: u64 }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "till", event = TillEvent)]
/// # struct Till { sum: u64 }
/// # #[ego::handlers]
/// # impl Till {
/// #     #[handle]
/// #     fn pay(&self, cmd: Pay) -> Result<TillEvent, String> { Ok(TillEvent::Paid { amount: cmd.amount }) }
/// #     #[apply]
/// #     fn apply(&mut self, event: &TillEvent) { let TillEvent::Paid { amount } = event; self.sum += amount; }
/// # }
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder().start().await?;
/// let mut paid = engine.wait_for::<Till>(|paid| paid.delivery.id() == "t-2").await?;
/// engine.send::<Till>("t-1", Pay { amount: 5 }).await?;
/// engine.send::<Till>("t-2", Pay { amount: 7 }).await?;
///
/// assert_eq!(paid.within(Duration::from_secs(5)).await?.event, TillEvent::Paid { amount: 7 });
/// # engine.stop(Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it waits when it is asked with `within`"]
pub struct Waiter<T> {
    subscription: Subscription<T>,
    wanted: Box<dyn FnMut(&T) -> bool + Send>,
}

/// Why no event came that is wanted. The same [`Waiter`] may be asked again, and goes on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// None was recorded within the time.
    #[error("nothing that is wanted was recorded within {within:?}; looked at {}", upto(*.position))]
    Timeout {
        /// The time.
        within: Duration,
        /// Up to where everything was looked at.
        position: Option<Position>,
    },
    /// The engine was stopped.
    #[error("the engine is stopped")]
    Stopped,
    /// The store failed, or an event could not be read. Asked again, it goes on behind that.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
}

fn upto(position: Option<Position>) -> String {
    position.map_or_else(|| "nothing".to_owned(), |position| format!("everything up to position {position}"))
}

impl Engine {
    /// Begins to wait for the first event of this aggregate's kind that is wanted, of those that are recorded from now on.
    ///
    /// # Errors
    /// [`ReadError::Unknown`] for an aggregate that is not registered, [`ReadError::Store`].
    pub async fn wait_for<A: Aggregate>(
        &self,
        wanted: impl FnMut(&Delivered<A::Event>) -> bool + Send + 'static,
    ) -> Result<Waiter<Delivered<A::Event>>, ReadError> {
        Ok(self.subscribe().from_now().events::<A>().await?.first(wanted))
    }
}

impl<T> Subscription<T> {
    /// Waits for the first event that is wanted, of those that it has not given yet.
    pub fn first(self, wanted: impl FnMut(&T) -> bool + Send + 'static) -> Waiter<T> {
        Waiter { subscription: self, wanted: Box::new(wanted) }
    }
}

impl<T> Waiter<T> {
    /// The event; waits for it, but not longer than this. Asked again after an answer or an error, it goes on with the events behind. Cancel safe.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn within(&mut self, time: Duration) -> Result<T, WaitError> {
        let found = async {
            loop {
                let event = self.subscription.next().await.ok_or(WaitError::Stopped)??;
                if (self.wanted)(&event) {
                    return Ok(event);
                }
            }
        };
        match tokio::time::timeout(time, found).await {
            Ok(found) => found,
            Err(_) => Err(WaitError::Timeout { within: time, position: self.subscription.position() }),
        }
    }
}

impl<T> fmt::Debug for Waiter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}
