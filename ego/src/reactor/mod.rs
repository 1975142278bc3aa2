//! Reactors that are linked into the program, and how they are run.

mod run;

pub use run::ReactorOptions;

pub(crate) use run::Reacting;

use crate::codec::AnyCodec;
use crate::engine::{Location, Party, TypeRef};
use crate::model::{Aggregate, Audience, DecodeError, Delivery, Event, Failure, Reactor, Reacts, Stored};
use futures_util::future::BoxFuture;
use std::any::Any;
use std::fmt;

/// The kinds that a reactor follows: what `#[ego::reactor]` implements beside the [`Reacts`] of each of them.
pub trait ReactorSources: Reactor {
    /// One for each kind.
    const SOURCES: &'static [ReactorSource<Self>];
}

/// A kind that a reactor follows.
pub struct ReactorSource<R: 'static> {
    pub(crate) kind: &'static str,
    pub(crate) aggregate: TypeRef,
    pub(crate) services: &'static [TypeRef],
    pub(crate) location: Location,
    read: Read<R>,
}

type Read<R> = fn(Stored<'_>, &AnyCodec, &mut Vec<Box<dyn Given<R>>>) -> Result<(), DecodeError>;

impl<R: Reactor> ReactorSource<R> {
    /// The events of this aggregate; the method at `location` asks for these services.
    #[must_use]
    pub const fn of<A: Aggregate>(location: Location, services: &'static [TypeRef]) -> Self
    where
        R: Reacts<A>,
    {
        Self { kind: A::KIND, aggregate: TypeRef::of::<A>(), services, location, read: read::<R, A> }
    }
}

impl<R> ReactorSource<R> {
    fn reacted(&self) -> Reacted {
        let Self { aggregate, services, location, .. } = *self;
        Reacted { aggregate, services, location }
    }
}

impl<R> fmt::Debug for ReactorSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReactorSource").field("kind", &self.kind).field("location", &self.location).finish_non_exhaustive()
    }
}

/// What a recorded event means today, ready for `R`.
trait Given<R>: Send + Sync {
    /// The event, and its name in its newest shape.
    fn event(&self) -> (&'static str, &(dyn Any + Send + Sync));

    fn react<'r>(&'r self, reactor: &'r R, delivery: &'r Delivery) -> BoxFuture<'r, Result<(), Failure>>;
}

struct Typed<A: Aggregate>(A::Event);

impl<R: Reacts<A>, A: Aggregate> Given<R> for Typed<A> {
    fn event(&self) -> (&'static str, &(dyn Any + Send + Sync)) {
        (self.0.schema().name, &self.0)
    }

    fn react<'r>(&'r self, reactor: &'r R, delivery: &'r Delivery) -> BoxFuture<'r, Result<(), Failure>> {
        Box::pin(reactor.react(&self.0, delivery))
    }
}

fn read<R: Reacts<A>, A: Aggregate>(
    stored: Stored<'_>,
    codec: &AnyCodec,
    given: &mut Vec<Box<dyn Given<R>>>,
) -> Result<(), DecodeError> {
    let mut events = Vec::with_capacity(1);
    A::Event::decode(stored, codec, &mut events)?;
    given.extend(events.into_iter().map(|event| Box::new(Typed::<A>(event)) as Box<dyn Given<R>>));
    Ok(())
}

/// A reactor that is linked in; `#[ego::reactor]` submits it.
#[derive(Clone, Copy)]
pub struct ReactorDescriptor {
    pub(crate) name: &'static str,
    pub(crate) audience: Audience,
    pub(crate) reactor: TypeRef,
    pub(crate) location: Location,
    pub(crate) sources: fn() -> Vec<Reacted>,
    default: fn(Location) -> Reacting,
}

/// What is known of a source without the reactor's type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reacted {
    pub(crate) aggregate: TypeRef,
    pub(crate) services: &'static [TypeRef],
    pub(crate) location: Location,
}

inventory::collect!(ReactorDescriptor);

impl ReactorDescriptor {
    /// Describes a reactor that is defined at `location`.
    #[must_use]
    pub const fn of<R: ReactorSources>(location: Location) -> Self {
        Self {
            name: R::NAME,
            audience: R::AUDIENCE,
            reactor: TypeRef::of::<R>(),
            location,
            sources: || R::SOURCES.iter().map(ReactorSource::reacted).collect(),
            default: |location| Reacting::new(R::default(), ReactorOptions::new(), location),
        }
    }

    pub(crate) fn party(&self) -> Party {
        Party { name: self.reactor.name(), location: self.location }
    }
}

impl fmt::Debug for ReactorDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReactorDescriptor").field("name", &self.name).field("location", &self.location).finish_non_exhaustive()
    }
}
