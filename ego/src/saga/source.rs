//! Where a saga's events come from: one kind each, with its types erased.

use super::input::Happened;
use crate::codec::{AnyCodec, JsonValue};
use crate::engine::{Location, TypeRef};
use crate::model::{Aggregate, Continues, DecodeError, Delivery, Event, Failure, Keys, Saga, SagaContext, Starts, Stored};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The kinds that a saga follows: what `#[ego::saga]` implements beside the [`Starts`] and [`Continues`] of each of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a saga",
    label = "not a saga",
    note = "add `#[ego::saga(name = \"…\")]` to an `impl {Self}` block with a `#[start(…)]` method"
)]
pub trait SagaSources: Saga {
    /// One for each method.
    const SOURCES: &'static [SagaSource<Self>];

    /// What the methods for rejections and timeouts ask for.
    const SERVICES: &'static [TypeRef] = &[];
}

/// A kind that a saga follows.
pub struct SagaSource<S: 'static> {
    pub(super) kind: &'static str,
    pub(super) aggregate: TypeRef,
    pub(super) services: &'static [TypeRef],
    pub(super) location: Location,
    /// Whether its events start instances; otherwise they continue them.
    pub(super) starts: bool,
    read: Read,
    pub(super) call: Call<S>,
}

/// What a recorded event means today, and whose it is.
struct Found {
    event: Happened,
    keys: Keys,
}

type Read = fn(Stored<'_>, &AnyCodec, &Delivery) -> Result<Vec<Found>, DecodeError>;
type Call<S> = for<'c> fn(&'c mut S, &'c Happened, &'c mut SagaContext<S>, &'c Delivery) -> BoxFuture<'c, Result<(), Failure>>;

impl<S: Saga> SagaSource<S> {
    /// The events of this aggregate start instances; the method at `location` asks for these services.
    #[must_use]
    pub const fn starts<A: Aggregate>(location: Location, services: &'static [TypeRef]) -> Self
    where
        S: Starts<A>,
    {
        let read: Read = |stored, codec, delivery| read::<A>(stored, codec, delivery, <S as Starts<A>>::keys);
        let call: Call<S> = |saga, event, cx, delivery| {
            Box::pin(async move {
                for event in decode::<A>(event)? {
                    saga.start(&event, cx, delivery).await?;
                }
                Ok(())
            })
        };
        let (kind, aggregate) = (A::KIND, TypeRef::of::<A>());
        Self { kind, aggregate, services, location, starts: true, read, call }
    }

    /// The events of this aggregate continue instances; the method at `location` asks for these services.
    #[must_use]
    pub const fn continues<A: Aggregate>(location: Location, services: &'static [TypeRef]) -> Self
    where
        S: Continues<A>,
    {
        let read: Read = |stored, codec, delivery| {
            read::<A>(stored, codec, delivery, |event, delivery| {
                if S::BY_KEY { <S as Continues<A>>::keys(event, delivery) } else { origin(S::KIND, delivery) }
            })
        };
        let call: Call<S> = |saga, event, cx, delivery| {
            Box::pin(async move {
                for event in decode::<A>(event)? {
                    saga.on(&event, cx, delivery).await?;
                }
                Ok(())
            })
        };
        let (kind, aggregate) = (A::KIND, TypeRef::of::<A>());
        Self { kind, aggregate, services, location, starts: false, read, call }
    }
}

impl<S> fmt::Debug for SagaSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaSource").field("kind", &self.kind).field("location", &self.location).finish_non_exhaustive()
    }
}

/// The instance whose command led to the event: everything that follows from a command carries the entry that the saga gave it.
fn origin(kind: &str, delivery: &Delivery) -> Keys {
    delivery.metadata().entries.get(kind).cloned().into_iter().collect()
}

/// To which instances the event is given, in order.
pub(super) fn given<S: SagaSources>(
    stored: Stored<'_>,
    codec: &AnyCodec,
    delivery: &Delivery,
) -> Result<impl Iterator<Item = (String, Happened)> + use<S>, DecodeError> {
    // One that starts an instance and continues it is given once: the instance knows which of the two it is.
    let mut given: BTreeMap<(u32, String), Happened> = BTreeMap::new();
    for source in S::SOURCES.iter().filter(|source| source.kind == delivery.stream().kind()) {
        for Found { event, keys } in (source.read)(stored, codec, delivery)? {
            for key in keys {
                let given = given.entry((event.token.ordinal(), key)).or_insert_with(|| event.clone());
                given.starts |= source.starts;
                given.continues |= !source.starts;
            }
        }
    }
    Ok(given.into_iter().map(|((_, instance), event)| (instance, event)))
}

/// Written again as JSON in its newest shape: an instance may keep it until a later version of the program.
fn read<A: Aggregate>(
    stored: Stored<'_>,
    codec: &AnyCodec,
    delivery: &Delivery,
    keys: impl Fn(&A::Event, &Delivery) -> Keys,
) -> Result<Vec<Found>, DecodeError> {
    let mut events = Vec::with_capacity(1);
    A::Event::decode(stored, codec, &mut events)?;
    let json = AnyCodec::default();
    let found = |(ordinal, event): (u32, A::Event)| {
        let delivery = delivery.clone().with_ordinal(ordinal);
        let keys = keys(&event, &delivery);
        let unwritable = |error| DecodeError::content(stored, error);
        let content = if keys.is_empty() {
            serde_json::Value::Null
        } else {
            event.encode(&json).and_then(|bytes| json.decode(&bytes)).map_err(unwritable)?
        };
        let schema = event.schema();
        let event = Happened {
            stream: delivery.stream().clone(),
            revision: delivery.revision(),
            token: delivery.token(),
            metadata: Arc::clone(delivery.shared_metadata()),
            name: schema.name.to_owned(),
            version: schema.version,
            content: JsonValue(content),
            starts: false,
            continues: false,
        };
        Ok(Found { event, keys })
    };
    (0..).zip(events).map(found).collect()
}

fn decode<A: Aggregate>(event: &Happened) -> Result<Vec<A::Event>, Failure> {
    let json = AnyCodec::default();
    let mut events = Vec::with_capacity(1);
    let payload = json.encode(&event.content.0).map_err(Failure::new)?;
    let stored = Stored { name: &event.name, version: event.version, payload: &payload };
    A::Event::decode(stored, &json, &mut events).map_err(|error| Failure::new(crate::consumer::with_causes(&error)))?;
    Ok(events)
}
