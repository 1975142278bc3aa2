//! Durable aggregates: their state is what is stored, not the events that led to it.
//!
//! A durable aggregate is one whose only event says what its state is now ([`Saved`]), and whose handlers change a copy of the state
//! ([`Changed`]). So everything that runs an aggregate runs it, too; [`AsState`] tells the few places where it is stored and read.

use super::{
    Aggregate, AppliedAs, DecodeError, Event, EventSchema, Form, HandlerResult, PartOf, Rejection, Reply, Storable, Stored,
};
use crate::codec::{AnyCodec, CodecError};

/// An aggregate whose state is stored as a whole, in place of the one before, and which has no history. Derive it with
/// `#[aggregate(name = "…", durable)]`, or write it by hand:
///
/// ```
/// use ego::codec::AnyCodec;
/// use ego::model::{Aggregate, AsState, DecodeError, Durable, Saved, Stored};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Default, Clone, Serialize, Deserialize)]
/// pub struct Cart { items: Vec<String> }
///
/// impl Aggregate for Cart {
///     const KIND: &'static str = "cart";
///     const STATE: Option<AsState<Self>> = Some(AsState::of());
///     type Event = Saved<Self>;
///     fn apply(&mut self, event: &Saved<Self>) {
///         self.clone_from(event.state());
///     }
/// }
///
/// impl Durable for Cart {
///     fn read(stored: Stored<'_>, codec: &AnyCodec) -> Result<Self, DecodeError> {
///         match stored.version {
///             1 => codec.decode(stored.payload).map_err(|error| DecodeError::content(stored, error)),
///             _ => Err(DecodeError::unknown(stored)),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a durable aggregate",
    label = "`{Self}` is not kept as a state",
    note = "a handler of an event-sourced aggregate takes `&self` and returns events, and `#[apply]` changes the state",
    note = "to keep the state instead of events, write `#[aggregate(name = \"…\", durable)]`; then handlers take `&mut self`"
)]
pub trait Durable: Aggregate<Event = Saved<Self>> + Clone + Storable {
    /// The state that was stored, brought from its version to [`Aggregate::VERSION`] (I7).
    ///
    /// # Errors
    /// [`DecodeError`].
    fn read(stored: Stored<'_>, codec: &AnyCodec) -> Result<Self, DecodeError>;
}

/// The event of a durable aggregate: its state is this now. Readers meet it under the name `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved<A>(A);

impl<A> Saved<A> {
    /// The name that readers know a state by, beside those of events.
    pub const NAME: &'static str = "state";

    /// The state is this now.
    pub const fn new(state: A) -> Self {
        Self(state)
    }

    /// The state.
    pub const fn state(&self) -> &A {
        &self.0
    }

    /// The state.
    pub fn into_state(self) -> A {
        self.0
    }
}

#[diagnostic::do_not_recommend]
impl<A: Durable> Event for Saved<A> {
    const SCHEMAS: &'static [EventSchema] = &[EventSchema::new(Self::NAME, A::VERSION)];

    fn schema(&self) -> &'static EventSchema {
        &Self::SCHEMAS[0]
    }

    fn encode_into(&self, codec: &AnyCodec, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        codec.encode_into(&self.0, bytes)
    }

    fn decode(stored: Stored<'_>, codec: &AnyCodec, events: &mut Vec<Self>) -> Result<(), DecodeError> {
        events.push(Self(A::read(stored, codec)?));
        Ok(())
    }
}

// Whatever is applied to a durable aggregate is refused for one reason.
impl<A, T> PartOf<Saved<A>> for T {
    type Form = Unapplied;
}

/// How something is applied to a durable aggregate: not at all.
#[derive(Clone, Copy, Debug)]
pub struct Unapplied;

impl Form for Unapplied {
    const WHOLE: bool = false;
    type Or<O: Form> = Self;
}

/// Implemented by nothing: to apply events to a durable aggregate is a mistake.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is durable: it has no events to apply",
    label = "a durable aggregate has no `#[apply]`",
    note = "its handlers take `&mut self`, and the state that they leave is stored",
    note = "to keep events instead of the state, write `event = …` instead of `durable`"
)]
pub trait KeepsEvents {}

impl<E, A: KeepsEvents> AppliedAs<Unapplied, A> for E {
    fn apply_to(&self, _: &mut A) {}
}

/// How an aggregate is kept as a state, see [`Aggregate::STATE`].
pub struct AsState<A: Aggregate> {
    pub(crate) encode: fn(&A, &AnyCodec, &mut Vec<u8>) -> Result<(), CodecError>,
    pub(crate) event: fn(A) -> A::Event,
    pub(crate) state: fn(A::Event) -> A,
}

impl<A: Durable> AsState<A> {
    /// As every durable aggregate is.
    #[must_use]
    pub const fn of() -> Self {
        Self { encode: |state, codec, bytes| codec.encode_into(state, bytes), event: Saved::new, state: Saved::into_state }
    }
}

/// Folds an event that nobody needs any more: a state that was saved is not copied.
pub(crate) fn fold<A: Aggregate>(state: &mut A, event: A::Event) {
    match A::STATE {
        Some(as_state) => *state = (as_state.state)(event),
        None => state.apply(&event),
    }
}

/// What a handler of a durable aggregate comes to: the copy of the state that it was given, changed or not, and what it returned.
#[derive(Clone, Debug)]
pub struct Changed<A, T> {
    /// `None` when the handler only reads.
    state: Option<A>,
    returned: T,
}

impl<A, T> Changed<A, T> {
    /// The handler has left this state, and has returned this.
    pub const fn to(state: A, returned: T) -> Self {
        Self { state: Some(state), returned }
    }

    /// The handler has changed nothing, and has returned this.
    pub const fn nothing(returned: T) -> Self {
        Self { state: None, returned }
    }
}

impl<A: Aggregate, T: Returned> HandlerResult<A::Event> for Changed<A, T> {
    type Reply = T::Reply;
    type Error = T::Error;

    fn record(self, events: &mut Vec<A::Event>) -> Result<T::Reply, T::Error> {
        let reply = self.returned.into_result()?;
        if let (Some(state), Some(as_state)) = (self.state, A::STATE) {
            events.push((as_state.event)(state));
        }
        Ok(reply)
    }
}

/// What a handler of a durable aggregate returns: `Result<reply, error>`.
#[diagnostic::on_unimplemented(
    message = "a handler of a durable aggregate cannot return `{Self}`",
    label = "expected `Result<reply, error>`",
    note = "`Ok` holds the reply, `()` for none; what is stored is the state that the handler leaves behind `&mut self`"
)]
pub trait Returned: Send {
    /// What the sender is answered.
    type Reply: Reply;
    /// Why the command is refused.
    type Error: Rejection;

    /// The reply, or the reason of the refusal.
    ///
    /// # Errors
    /// The handler's own.
    fn into_result(self) -> Result<Self::Reply, Self::Error>;
}

impl<R: Reply, X: Rejection> Returned for Result<R, X> {
    type Reply = R;
    type Error = X;

    fn into_result(self) -> Self {
        self
    }
}
