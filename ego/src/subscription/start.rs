//! Beginning a subscription.

use super::reader::{Delivered, DeliveredJson, DeliveredState, ReadInto, Subscription, delivery, unreadable};
use super::tail::{Follows, Tail};
use crate::engine::{Engine, ReadError, Shared, UnknownTarget, keeps_events};
use crate::message::{Name, Position, StreamId};
use crate::model::{Aggregate, DecodeError, Durable, Event, Saved, Stored};
use crate::store::{Filter, RecordedEvent, Store};
use std::collections::VecDeque;
use std::sync::Arc;

/// Which events are wanted, and from where on; made by [`Engine::subscribe`]. From the start of the log unless said otherwise.
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
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().start().await?;
/// engine.send::<Till>("t-1", Pay { amount: 5 }).await?;
///
/// let mut payments = engine.subscribe().events::<Till>().await?;
/// engine.send::<Till>("t-2", Pay { amount: 7 }).await?;
/// for amount in [5, 7] {
///     let paid = payments.next().await.ok_or("stopped")??;
///     assert_eq!(paid.event, TillEvent::Paid { amount });
/// }
/// engine.stop(std::time::Duration::from_secs(1)).await?;
/// assert!(payments.next().await.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a subscription begins when it is said what it gives"]
pub struct Subscribe<'e> {
    engine: &'e Engine,
    filter: Filter,
    from: From,
    buffer: Option<usize>,
}

#[derive(Clone, Debug)]
enum From {
    After(Option<Position>),
    Now,
    Checkpoint(String),
}

impl Engine {
    /// Begins to say which events are wanted.
    pub fn subscribe(&self) -> Subscribe<'_> {
        Subscribe { engine: self, filter: Filter::all(), from: From::After(None), buffer: None }
    }
}

impl<'e> Subscribe<'e> {
    /// From the first event of the log on.
    pub fn from_start(mut self) -> Self {
        self.from = From::After(None);
        self
    }

    /// What was recorded behind this position. One that the log has not reached yet is waited for.
    pub fn after(mut self, position: Position) -> Self {
        self.from = From::After(Some(position));
        self
    }

    /// What is recorded from now on: behind the head at the moment when the subscription begins.
    pub fn from_now(mut self) -> Self {
        self.from = From::Now;
        self
    }

    /// Behind this consumer's checkpoint, or from the start when it has none. [`Subscription::save_checkpoint`] moves it. The names of
    /// projections, publishers and reactors begin with `projection/`, `publisher/` and `reactor/`.
    pub fn from_checkpoint(mut self, consumer: impl Into<String>) -> Self {
        self.from = From::Checkpoint(consumer.into());
        self
    }

    /// Events of this kind, besides those asked for before.
    pub fn kind(mut self, kind: impl Into<Name>) -> Self {
        self.filter = self.filter.kind(kind);
        self
    }

    /// Events of this stored name, besides those asked for before.
    pub fn event(mut self, name: impl Into<Name>) -> Self {
        self.filter = self.filter.name(name);
        self
    }

    /// Events of this stream, besides those asked for before.
    pub fn stream(mut self, stream: StreamId) -> Self {
        self.filter = self.filter.stream(stream);
        self
    }

    /// Events with this tag, besides those asked for before.
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.filter = self.filter.tag(tag);
        self
    }

    /// How many recorded events are read at once, and held at most, 1 or more; [`Limits::page`](crate::engine::Limits) unless said
    /// otherwise.
    pub fn buffer(mut self, events: usize) -> Self {
        self.buffer = Some(events.max(1));
        self
    }

    /// The events of this aggregate, in their newest shape.
    ///
    /// # Errors
    /// [`ReadError::Unknown`] for an aggregate that is not registered, [`ReadError::NoEvents`] for one that is durable, [`ReadError::Store`].
    pub async fn events<A: Aggregate>(self) -> Result<Subscription<Delivered<A::Event>>, ReadError> {
        self.engine.knows::<A>()?;
        keeps_events::<A>()?;
        self.kind(A::KIND).begin(Follows::Events, Box::new(read_typed::<A::Event>)).await
    }

    /// The states of this durable aggregate, in their newest shape: of each instance the last one, again each time when it was saved, in the
    /// order of the positions. What was saved several times since the reader came by is given once, as it is then. An instance that was
    /// erased is not given.
    ///
    /// ```standalone_crate
    /// # use ego::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Command, Serialize, Deserialize)]
    /// # struct Add { item: String }
    /// # #[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
    /// # #[aggregate(name = "cart", durable)]
    /// # struct Cart { items: Vec<String> }
    /// # #[ego::handlers]
    /// # impl Cart {
    /// #     #[handle]
    /// #     fn add(&mut self, cmd: Add) -> Result<(), String> { self.items.push(cmd.item); Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder().start().await?;
    /// for item in ["tea", "milk"] {
    ///     engine.send::<Cart>("c-1", Add { item: item.into() }).await?;
    /// }
    /// let mut carts = engine.subscribe().states::<Cart>().await?;
    /// let cart = carts.next().await.ok_or("stopped")??;
    /// assert_eq!((cart.delivery.id(), cart.state.items.len()), ("c-1", 2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ReadError::Unknown`] for an aggregate that is not registered, [`ReadError::Store`].
    pub async fn states<A: Durable>(self) -> Result<Subscription<DeliveredState<A>>, ReadError> {
        self.engine.knows::<A>()?;
        self.kind(A::KIND)
            .begin(
                Follows::States,
                Box::new(|shared, event, ready| {
                    let mut saved = VecDeque::with_capacity(1);
                    read_typed::<Saved<A>>(shared, event, &mut saved)?;
                    ready.extend(saved.into_iter().map(|saved: Delivered<Saved<A>>| DeliveredState {
                        state: saved.event.into_state(),
                        delivery: saved.delivery,
                    }));
                    Ok(())
                }),
            )
            .await
    }

    /// The states of durable aggregates of any kind in their newest shape, as JSON, under the name `state`; else as
    /// [`states`](Self::states).
    ///
    /// # Errors
    /// [`ReadError::Unknown`] for a kind that nobody registered, [`ReadError::Store`].
    pub async fn json_states(self) -> Result<Subscription<DeliveredJson>, ReadError> {
        self.knows_kinds()?;
        self.begin(Follows::States, Box::new(read_json_into)).await
    }

    /// Events of any kind in their newest shape, as JSON.
    ///
    /// # Errors
    /// [`ReadError::Unknown`] for a kind that nobody registered, [`ReadError::NoEvents`] for one that is durable, [`ReadError::Store`].
    pub async fn json(self) -> Result<Subscription<DeliveredJson>, ReadError> {
        self.knows_kinds()?;
        if let Some(kind) = self.filter.kinds.iter().find_map(|kind| self.engine.durable_kind(kind)) {
            return Err(ReadError::NoEvents { kind });
        }
        self.begin(Follows::Events, Box::new(read_json_into)).await
    }

    /// Events of any kind as they are recorded.
    ///
    /// # Errors
    /// [`ReadError::Store`].
    pub async fn raw(self) -> Result<Subscription<RecordedEvent>, ReadError> {
        self.begin(
            Follows::Events,
            Box::new(|_, event, ready| {
                ready.push_back(event);
                Ok(())
            }),
        )
        .await
    }

    fn knows_kinds(&self) -> Result<(), UnknownTarget> {
        let kinds = &self.engine.shared().to_json;
        if let Some(kind) = self.filter.kinds.iter().find(|kind| !kinds.contains_key(kind.as_str())) {
            let known = kinds.keys().copied().collect();
            return Err(UnknownTarget::Kind { kind: kind.to_string(), known });
        }
        Ok(())
    }

    async fn begin<T>(self, follows: fn(Filter) -> Follows, read: ReadInto<T>) -> Result<Subscription<T>, ReadError> {
        let shared = Arc::clone(self.engine.shared());
        let (after, consumer) = match self.from {
            From::After(after) => (after, None),
            From::Now => (shared.store.head().await?, None),
            From::Checkpoint(consumer) => (shared.store.load_checkpoint(&consumer).await?, Some(consumer)),
        };
        let limit = self.buffer.unwrap_or(shared.limits.page);
        let tail = Tail::new(Arc::clone(&shared), follows(self.filter), after);
        Ok(Subscription::new(shared, tail, read, consumer, limit))
    }
}

pub(crate) use crate::engine::ToJson;

fn read_typed<E: Event>(
    shared: &Shared,
    event: RecordedEvent,
    ready: &mut VecDeque<Delivered<E>>,
) -> Result<(), super::SubscriptionError> {
    let mut events = Vec::with_capacity(1);
    let codec = shared.codecs.named(&event.codec);
    let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
    codec.and_then(|codec| E::decode(stored, codec, &mut events)).map_err(|source| unreadable(&event, source))?;
    let delivery = delivery(shared, &event);
    if let [_] = &*events
        && let Some(one) = events.pop()
    {
        ready.push_back(Delivered { event: one, name: event.name, delivery });
        return Ok(());
    }
    ready.extend((0..).zip(events).map(|(ordinal, one)| {
        let delivery = delivery.clone().with_ordinal(ordinal);
        Delivered { event: one, name: event.name.clone(), delivery }
    }));
    Ok(())
}

fn read_json_into(
    shared: &Shared,
    event: RecordedEvent,
    ready: &mut VecDeque<DeliveredJson>,
) -> Result<(), super::SubscriptionError> {
    let Some(to_json) = shared.to_json.get(event.stream.kind()) else {
        // A retired kind: nobody reads it.
        return Ok(());
    };
    let events = read_json(shared, *to_json, &event).map_err(|source| unreadable(&event, source))?;
    let delivery = delivery(shared, &event);
    ready.extend((0..).zip(events).map(|(ordinal, (name, event))| {
        let delivery = delivery.clone().with_ordinal(ordinal);
        DeliveredJson { name, event, delivery }
    }));
    Ok(())
}

/// A recorded event in its newest shape.
pub(crate) fn read_json(
    shared: &Shared,
    to_json: ToJson,
    event: &RecordedEvent,
) -> Result<Vec<(&'static str, serde_json::Value)>, DecodeError> {
    let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
    to_json(stored, shared.codecs.named(&event.codec)?)
}
