//! Reading on: what is behind a place in the log, and then what comes.

use crate::engine::Shared;
use crate::message::{Position, Revision, StreamId};
use crate::store::{Direction, Filter, Page, RecordedEvent, Store, StoreError};
use std::sync::Arc;

/// What is read of the log.
#[derive(Clone, Debug)]
pub(crate) enum Follows {
    /// The events that the filter lets through.
    Events(Filter),
    /// The last states of durable aggregates that it lets through, each as an event named `state`: what was saved again since is passed
    /// over.
    States(Filter),
}

impl Follows {
    /// What is there behind `after`, in the order of the positions.
    pub(crate) async fn read(
        &self,
        store: &impl Store,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        match self {
            Self::Events(filter) => store.read_log(after, filter, limit).await,
            Self::States(filter) => {
                let page = store.read_states(after, &filter.kinds, limit).await?;
                let states = page.items.into_iter().map(RecordedEvent::from);
                let items = states.filter(|state| filter.matches(&state.stream, &state.name, &state.tags)).collect();
                Ok(Page { items, next: page.next })
            }
        }
    }
}

/// Follows the log, or one stream of it. Catching up and going on are the same thing: it reads behind where it is, and waits for the head
/// to move when nothing is there. So there is no seam.
pub(crate) struct Tail {
    shared: Arc<Shared>,
    follows: Follows,
    /// Of the only stream that it follows: what it reads next.
    stream: Option<(StreamId, Option<Revision>)>,
    after: Option<Position>,
}

/// What was read at once.
pub(crate) struct Tailed {
    /// In the order of their positions; perhaps none.
    pub(crate) events: Vec<RecordedEvent>,
    /// Up to where all that is wanted was read.
    pub(crate) upto: Position,
}

impl Tail {
    /// What comes behind `after`.
    pub(crate) fn new(shared: Arc<Shared>, follows: Follows, after: Option<Position>) -> Self {
        // A stream is found by its index; the log would be read as a whole.
        let stream = match &follows {
            Follows::Events(filter) if filter.streams.len() == 1 => filter.streams.first().map(|stream| (stream.clone(), None)),
            _ => None,
        };
        Self { shared, follows, stream, after }
    }

    /// Up to where it has read.
    pub(crate) fn position(&self) -> Option<Position> {
        self.after
    }

    /// The last position of the log, if there is one behind where it is.
    pub(crate) async fn ahead(&self) -> Result<Option<Position>, StoreError> {
        Ok(self.shared.store.head().await?.filter(|head| Some(*head) > self.after))
    }

    /// What comes next: at most `limit` events, perhaps none. Waits until there is something behind where it is. Cancel safe: what was not
    /// returned is read again.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Tailed, StoreError> {
        let head = match self.ahead().await? {
            Some(head) => head,
            None => self.shared.store.wait_for_head(self.after).await?,
        };
        match self.stream.clone() {
            None => self.of_log(head, limit).await,
            Some((stream, from)) => self.of_stream(stream, from, head, limit).await,
        }
    }

    async fn of_log(&mut self, head: Position, limit: usize) -> Result<Tailed, StoreError> {
        let page = self.follows.read(&self.shared.store, self.after, limit).await?;
        let last = page.items.last().map(|event| event.position);
        // At the end of the log, everything up to the head that was seen before was looked at.
        let upto = page.next.unwrap_or_else(|| last.map_or(head, |last| last.max(head)));
        self.after = Some(upto);
        Ok(Tailed { events: page.items, upto })
    }

    async fn of_stream(
        &mut self,
        stream: StreamId,
        from: Option<Revision>,
        head: Position,
        limit: usize,
    ) -> Result<Tailed, StoreError> {
        let page = self.shared.store.read_stream(&stream, from, Direction::Forwards, limit).await?;
        let (last, next) = (page.items.last().map(|event| (event.revision, event.position)), page.next);
        let mut events = page.items;
        let (Follows::Events(filter) | Follows::States(filter)) = &self.follows;
        events.retain(|event| Some(event.position) > self.after && filter.matches(&stream, &event.name, &event.tags));
        let upto = match (next, last) {
            (Some(_), Some((_, position))) => position,
            (_, last) => last.map_or(head, |(_, position)| position.max(head)),
        };
        self.stream = Some((stream, last.map_or(from, |(revision, _)| Some(revision.next()))));
        // A stream may begin far behind where the reader wants to begin.
        self.after = self.after.max(Some(upto));
        Ok(Tailed { events, upto: self.after.unwrap_or(upto) })
    }
}
