//! Where a projection's events come from: one kind each, with its types erased.

use super::inline::inline;
use super::table::Tables;
use crate::codec::AnyCodec;
use crate::engine::{AnyInline, Location, TypeRef};
use crate::model::{Aggregate, DecodeError, Delivery, Event, Failure, Fold, Keys, On, Projection, Stored};
use futures_util::future::BoxFuture;
use std::any::Any;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The kinds that a projection follows: what `#[ego::projection]` implements beside the [`On`] of each of them.
pub trait Sources: Projection {
    /// One for each kind.
    const SOURCES: &'static [Source<Self>];
}

/// A kind that a projection follows.
pub struct Source<P: 'static> {
    pub(crate) kind: &'static str,
    pub(crate) aggregate: TypeRef,
    pub(crate) services: &'static [TypeRef],
    pub(crate) location: Location,
    pub(crate) by_id: bool,
    pub(crate) waits: bool,
    pub(super) inline: fn(Arc<Tables>) -> AnyInline,
    pub(super) read: Read<P>,
}

type Read<P> = fn(Stored<'_>, &AnyCodec, &mut Vec<Box<dyn Given<P>>>) -> Result<(), DecodeError>;

impl<P: Projection> Source<P> {
    /// The events of this aggregate; the method at `location` asks for these services.
    #[must_use]
    pub const fn of<A: Aggregate>(location: Location, services: &'static [TypeRef]) -> Self
    where
        P: On<A>,
    {
        Self {
            kind: A::KIND,
            aggregate: TypeRef::of::<A>(),
            services,
            location,
            by_id: P::BY_ID,
            waits: P::WAITS,
            inline: inline::<P, A>,
            read: read::<P, A>,
        }
    }
}

impl<P> fmt::Debug for Source<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("kind", &self.kind).field("location", &self.location).finish_non_exhaustive()
    }
}

/// What a recorded event means today, ready to be folded into views of `P`.
pub(super) trait Given<P>: Send + Sync {
    fn keys(&self, delivery: &Delivery) -> Keys;

    /// The event, and its name in its newest shape.
    fn event(&self) -> (&'static str, &(dyn Any + Send + Sync));

    /// Whether [`fold`](Given::fold) is to be awaited, and [`fold_now`](Given::fold_now) not to be called.
    fn waits(&self) -> bool;

    fn fold_now(&self, view: &mut P, delivery: &Delivery) -> Result<Fold, Failure>;

    fn fold<'f>(&'f self, view: &'f mut P, delivery: &'f Delivery) -> BoxFuture<'f, Result<Fold, Failure>>;
}

struct Typed<A: Aggregate>(A::Event);

impl<P: On<A>, A: Aggregate> Given<P> for Typed<A> {
    fn keys(&self, delivery: &Delivery) -> Keys {
        P::keys(&self.0, delivery)
    }

    fn event(&self) -> (&'static str, &(dyn Any + Send + Sync)) {
        (self.0.schema().name, &self.0)
    }

    fn waits(&self) -> bool {
        P::WAITS
    }

    fn fold_now(&self, view: &mut P, delivery: &Delivery) -> Result<Fold, Failure> {
        fold_now(view, &self.0, delivery)
    }

    fn fold<'f>(&'f self, view: &'f mut P, delivery: &'f Delivery) -> BoxFuture<'f, Result<Fold, Failure>> {
        Box::pin(view.on(&self.0, delivery))
    }
}

/// Folds an event with a method that does not wait.
pub(super) fn fold_now<P: On<A>, A: Aggregate>(view: &mut P, event: &A::Event, delivery: &Delivery) -> Result<Fold, Failure> {
    match pin!(view.on(event, delivery)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(folded) => folded,
        Poll::Pending => Err(Failure::new("it waits, though its `WAITS` says that it does not")),
    }
}

fn read<P: On<A>, A: Aggregate>(
    stored: Stored<'_>,
    codec: &AnyCodec,
    given: &mut Vec<Box<dyn Given<P>>>,
) -> Result<(), DecodeError> {
    let mut events = Vec::with_capacity(1);
    A::Event::decode(stored, codec, &mut events)?;
    given.extend(events.into_iter().map(|event| Box::new(Typed::<A>(event)) as Box<dyn Given<P>>));
    Ok(())
}
