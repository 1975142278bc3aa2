//! A subscription that was begun.

use super::tail::Tail;
use crate::engine::{ReadError, Shared};
use crate::message::{Name, Position, Revision, StreamId};
use crate::model::{DecodeError, Delivery};
use crate::store::{RecordedEvent, Store, StoreError};
use futures_util::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Why a subscription has no event to give.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// What is recorded could not be read. The next call goes on behind it.
    #[error("revision {revision} of {stream} (position {position}) cannot be read")]
    Unreadable {
        /// Of which stream.
        stream: StreamId,
        /// Its place in the stream.
        revision: Revision,
        /// Its place in the log.
        position: Position,
        /// Why not.
        #[source]
        source: DecodeError,
    },
    /// The store failed. The next call asks again.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// There is nobody to keep a checkpoint for: the subscription has no name.
    #[error("the subscription has no name to keep a checkpoint under: begin it with `.from_checkpoint(…)`")]
    Unnamed,
}

/// An event in its newest shape, and where it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered<E> {
    /// What happened.
    pub event: E,
    /// The name that it was stored under.
    pub name: Name,
    /// Its place, its metadata, its identity.
    pub delivery: Delivery,
}

/// An event in its newest shape, as JSON: for those who know no types.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveredJson {
    /// The name of the event in its newest shape.
    pub name: &'static str,
    /// What happened.
    pub event: serde_json::Value,
    /// Its place, its metadata, its identity.
    pub delivery: Delivery,
}

/// The state that a durable aggregate was last saved with, in its newest shape.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveredState<A> {
    /// The state.
    pub state: A,
    /// Its place, the metadata of the command that saved it, its identity.
    pub delivery: Delivery,
}

/// Makes items of a recorded event and adds them.
pub(super) type ReadInto<T> =
    Box<dyn Fn(&Shared, RecordedEvent, &mut VecDeque<T>) -> Result<(), SubscriptionError> + Send + Sync>;

/// Events in the order of their positions, each once: those that are there, then those that come. Made by [`Subscribe`](super::Subscribe).
///
/// It reads when it is asked: a slow reader holds up nobody but itself, and holds at most one page in memory. While nothing is recorded,
/// waiting costs nothing.
pub struct Subscription<T> {
    shared: Arc<Shared>,
    tail: Tail,
    read: ReadInto<T>,
    consumer: Option<String>,
    limit: usize,
    page: VecDeque<RecordedEvent>,
    ready: VecDeque<T>,
    ended: bool,
}

impl<T> Subscription<T> {
    pub(super) fn new(shared: Arc<Shared>, tail: Tail, read: ReadInto<T>, consumer: Option<String>, limit: usize) -> Self {
        Self { shared, tail, read, consumer, limit, page: VecDeque::new(), ready: VecDeque::new(), ended: false }
    }

    /// The next event; waits until there is one. `None` once the engine was stopped. Cancel safe: an event that was not returned comes again.
    ///
    /// # Errors
    /// [`SubscriptionError`]; the next call goes on, as each of them says.
    pub async fn next(&mut self) -> Option<Result<T, SubscriptionError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if let Some(event) = self.page.pop_front() {
                match (self.read)(&self.shared, event, &mut self.ready) {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            if self.ended {
                return None;
            }
            match self.tail.next(self.limit).await {
                Ok(tailed) => self.page = tailed.events.into(),
                Err(StoreError::Closed) => self.ended = true,
                Err(error) => return Some(Err(error.into())),
            }
        }
    }

    /// Whether nothing is left of what was read: the next call of [`next`](Self::next) asks the store.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.ready.is_empty() && self.page.is_empty()
    }

    /// Up to where everything that is wanted was read from the store; not all of it may have been returned yet.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.tail.position()
    }

    /// Keeps durably that everything up to this position is finished: the next subscription with this name's
    /// [`from_checkpoint`](super::Subscribe::from_checkpoint) begins behind it. Until then no event behind it is deleted by
    /// retention.
    ///
    /// # Errors
    /// [`SubscriptionError::Unnamed`] for a subscription that did not begin with a checkpoint; [`SubscriptionError::Store`], also for a
    /// position that the log has not reached. The former checkpoint stands.
    pub async fn save_checkpoint(&self, position: Position) -> Result<(), SubscriptionError> {
        let consumer = self.consumer.as_deref().ok_or(SubscriptionError::Unnamed)?;
        Ok(self.shared.store.save_checkpoint(consumer, Some(position)).await?)
    }

    /// The same events as a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = Result<T, SubscriptionError>> {
        futures_util::stream::unfold(self, |mut subscription| async {
            let item = subscription.next().await?;
            Some((item, subscription))
        })
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("position", &self.position())
            .field("consumer", &self.consumer)
            .field("held", &(self.page.len() + self.ready.len()))
            .finish_non_exhaustive()
    }
}

/// Where an event stands, for its reader.
pub(crate) fn delivery(shared: &Shared, event: &RecordedEvent) -> Delivery {
    let RecordedEvent { stream, revision, position, metadata, .. } = event;
    Delivery::new(stream.clone(), *revision, *position, Arc::clone(metadata), Arc::clone(&shared.services))
}

pub(super) fn unreadable(event: &RecordedEvent, source: DecodeError) -> SubscriptionError {
    SubscriptionError::Unreadable { stream: event.stream.clone(), revision: event.revision, position: event.position, source }
}

impl From<ReadError> for SubscriptionError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => Self::Store(error),
            other => Self::Store(StoreError::other("reading", other)),
        }
    }
}
