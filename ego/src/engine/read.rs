//! Reading without a command: an aggregate's state, its history, and which aggregates there are. Only what is durable is seen.

use super::Engine;
use super::error::{RecoveryError, UnknownTarget};
use super::place::Place;
use super::recover::{decode, recover_apart};
use super::shared::Shared;
use crate::message::{InvalidText, Metadata, Name, Position, Revision, StreamId};
use crate::model::{Aggregate, DecodeError, Stored};
use crate::store::{Direction, Page, RecordedEvent, Store, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;

/// Why something could not be read. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The id is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    /// Nobody is registered for the type or the name.
    #[error(transparent)]
    Unknown(#[from] UnknownTarget),
    /// What is recorded could not be read or folded.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A durable aggregate keeps its last state and nothing else.
    #[error("{kind:?} is durable: it keeps its last state, and no events")]
    NoEvents {
        /// Its kind.
        kind: &'static str,
    },
    /// The store could not be read.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// An aggregate as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded<A> {
    /// The fold of all its events, or what was saved last; the default when nothing has happened to it.
    pub state: A,
    /// Its last revision; `None` when nothing has happened to it.
    pub revision: Option<Revision>,
    /// The position of its last event or save.
    pub position: Option<Position>,
}

/// A recorded event, read in its newest shape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded<E> {
    /// What happened. Usually one; none when the event was retired since, several when it was split.
    pub events: Vec<E>,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place in the log.
    pub position: Position,
    /// The name that it was stored under.
    pub name: Name,
    /// The metadata of its command.
    pub metadata: Arc<Metadata>,
}

/// A recorded event as JSON, read by name: for tools that know no types.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedJson {
    /// What happened, in the newest shape: the name of each event and its content.
    pub events: Vec<(&'static str, serde_json::Value)>,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place in the log.
    pub position: Position,
    /// The metadata of its command.
    pub metadata: Arc<Metadata>,
}

type ReadOne<T> = Box<dyn Fn(&Shared, &RecordedEvent) -> Result<T, RecoveryError> + Send>;

/// The events of one aggregate, oldest first, read page by page.
pub struct History<T> {
    shared: Arc<Shared>,
    stream: StreamId,
    read: ReadOne<T>,
    /// Where the next page starts; the outer `None` at the end.
    next: Option<Option<Revision>>,
    page: VecDeque<RecordedEvent>,
}

impl<T> History<T> {
    /// The next event; `None` after the last. Cancel safe: an event that was not returned comes again.
    ///
    /// # Errors
    /// [`ReadError`]; after an unreadable event, the next call goes on behind it.
    pub async fn next(&mut self) -> Option<Result<T, ReadError>> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Some((self.read)(&self.shared, &event).map_err(ReadError::from));
            }
            let from = self.next?;
            match self.shared.store.read_stream(&self.stream, from, Direction::Forwards, self.shared.limits.page).await {
                Ok(Page { items, next }) => {
                    self.page = items.into();
                    self.next = next.map(Some);
                }
                Err(error) => {
                    self.next = None;
                    return Some(Err(error.into()));
                }
            }
        }
    }

    /// All that is left, in memory at once.
    ///
    /// # Errors
    /// The first [`ReadError`].
    pub async fn collect(mut self) -> Result<Vec<T>, ReadError> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event?);
        }
        Ok(all)
    }
}

impl<T> std::fmt::Debug for History<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Engine {
    /// The aggregate as it is recorded now: replayed from the store, without activating it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn load<A: Aggregate>(&self, id: impl AsRef<str>) -> Result<Loaded<A>, ReadError> {
        let stream = self.stream::<A>(id.as_ref())?;
        let recovered = recover_apart::<A>(&self.inner.shared, stream, false).await?;
        Ok(Loaded { state: recovered.core.state, revision: recovered.core.revision, position: recovered.position })
    }

    /// Everything that happened to the aggregate.
    ///
    /// # Errors
    /// [`ReadError::Invalid`] for an id that is not allowed, [`ReadError::Unknown`] for a type that is not registered,
    /// [`ReadError::NoEvents`] for one that is durable.
    pub fn history<A: Aggregate>(&self, id: impl AsRef<str>) -> Result<History<Recorded<A::Event>>, ReadError> {
        let stream = self.stream::<A>(id.as_ref())?;
        keeps_events::<A>()?;
        let read = |shared: &Shared, event: &RecordedEvent| {
            let mut events = Vec::new();
            decode(shared, event, &mut events)?;
            Ok(Recorded {
                events,
                revision: event.revision,
                position: event.position,
                name: event.name.clone(),
                metadata: Arc::clone(&event.metadata),
            })
        };
        Ok(self.history_of(stream, Box::new(read)))
    }

    /// Everything that happened to the aggregate of this kind, by name, as JSON.
    ///
    /// # Errors
    /// [`ReadError::Invalid`] for an id that is not allowed, [`ReadError::Unknown`] for a kind that nobody registered,
    /// [`ReadError::NoEvents`] for one that is durable.
    pub fn history_by_name(&self, kind: &str, id: impl AsRef<str>) -> Result<History<RecordedJson>, ReadError> {
        let Some(found) = self.inner.kinds.get(kind) else {
            let known = self.inner.kinds.keys().copied().collect();
            return Err(UnknownTarget::Kind { kind: kind.to_owned(), known }.into());
        };
        if found.aggregate.durable {
            return Err(ReadError::NoEvents { kind: found.aggregate.kind });
        }
        let to_json = found.aggregate.to_json;
        let stream = StreamId::new(kind, id.as_ref())?;
        let read = move |shared: &Shared, event: &RecordedEvent| {
            let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
            let unreadable = |source: DecodeError| RecoveryError::Unreadable { revision: event.revision, source };
            let codec = shared.codecs.named(&event.codec).map_err(unreadable)?;
            let events = to_json(stored, codec).map_err(unreadable)?;
            let (revision, position, metadata) = (event.revision, event.position, Arc::clone(&event.metadata));
            Ok(RecordedJson { events, revision, position, metadata })
        };
        Ok(self.history_of(stream, Box::new(read)))
    }

    /// The ids of the aggregates of this kind that something was recorded for, in their order, behind `after`; at most `limit`.
    /// [`Page::next`] is the `after` of the next page.
    ///
    /// # Errors
    /// [`ReadError::Store`]; [`ReadError::Invalid`] for an `after` that is no id.
    pub async fn ids<A: Aggregate>(&self, after: Option<&str>, limit: usize) -> Result<Page<String, String>, ReadError> {
        let after = after.map(|id| self.stream::<A>(id)).transpose()?;
        let page = self.inner.shared.store.list_streams(Some(A::KIND), after.as_ref(), limit).await?;
        Ok(Page {
            items: page.items.iter().map(|head| head.stream.id().to_owned()).collect(),
            next: page.next.map(|stream| stream.id().to_owned()),
        })
    }

    pub(super) fn stream<A: Aggregate>(&self, id: &str) -> Result<StreamId, ReadError> {
        self.inner.place::<A>().ok_or(UnknownTarget::Aggregate { aggregate: std::any::type_name::<A>() })?;
        Ok(Place::<A>::stream(id)?)
    }

    fn history_of<T>(&self, stream: StreamId, read: ReadOne<T>) -> History<T> {
        History { shared: Arc::clone(&self.inner.shared), stream, read, next: Some(None), page: VecDeque::new() }
    }
}

/// Whether there are events of this aggregate to read.
pub(crate) fn keeps_events<A: Aggregate>() -> Result<(), ReadError> {
    if A::STATE.is_none() { Ok(()) } else { Err(ReadError::NoEvents { kind: A::KIND }) }
}
