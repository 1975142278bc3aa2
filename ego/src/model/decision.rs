//! What a handler returns: what happened, and a reply.

use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;
use std::any::Any;
use std::fmt;

/// Events to record and a reply for the sender. Made by [`emit`] or [`Decision::nothing`].
///
/// ```
/// use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
/// enum Change { Credited { by: u64 }, Flagged }
///
/// let decision: Decision<Change, u64> = emit(Change::Credited { by: 2 }).and(Change::Flagged).reply(12);
/// assert_eq!(decision.into_parts(), (vec![Change::Credited { by: 2 }, Change::Flagged], 12));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision has an effect only when the handler returns it"]
pub struct Decision<E, R = ()> {
    /// One event is kept without an allocation.
    events: SmallVec<[E; 1]>,
    reply: R,
}

/// A decision that records this: an event, a payload of one, or several of them.
pub fn emit<E>(outcome: impl Outcome<E, Reply = ()>) -> Decision<E> {
    Decision::nothing().and(outcome)
}

impl<E> Decision<E> {
    /// Records nothing; usually followed by a reply.
    pub const fn nothing() -> Self {
        Self { events: SmallVec::new_const(), reply: () }
    }
}

impl<E, R> Decision<E, R> {
    /// Records this too, after the events before.
    pub fn and(mut self, outcome: impl Outcome<E, Reply = ()>) -> Self {
        match outcome.only() {
            Ok(event) => self.events.push(event),
            Err(outcome) => {
                let mut recorded = Vec::new();
                outcome.record(&mut recorded);
                self.events.extend(recorded);
            }
        }
        self
    }

    /// Answers the sender with this instead of the reply before.
    pub fn reply<S>(self, reply: S) -> Decision<E, S> {
        Decision { events: self.events, reply }
    }

    /// The events in order, and the reply.
    pub fn into_parts(self) -> (Vec<E>, R) {
        (self.events.into_vec(), self.reply)
    }
}

/// What a handler may return as `Ok` for an aggregate with the events `E`: an event, a payload of one, `Vec`, `Option`, arrays and
/// tuples of them, `()` for nothing to record, or a [`Decision`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a handler of an aggregate with events `{E}` can return",
    label = "expected `{E}`, a payload of it, `()`, a `Vec`, `Option`, array or tuple of them, or `Decision<{E}, _>`"
)]
pub trait Outcome<E> {
    /// What the sender is answered.
    type Reply: Reply;

    /// Adds the events in order and gives the reply.
    fn record(self, events: &mut Vec<E>) -> Self::Reply;

    /// The event, if this is one and nothing else; otherwise this again. Only saves a list for a single event.
    fn only(self) -> Result<E, Self>
    where
        Self: Sized,
    {
        Err(self)
    }
}

impl<E> Outcome<E> for () {
    type Reply = ();
    fn record(self, _: &mut Vec<E>) {}
}

impl<E, R: Reply> Outcome<E> for Decision<E, R> {
    type Reply = R;
    fn record(self, events: &mut Vec<E>) -> R {
        events.extend(self.events);
        self.reply
    }
}

impl<E, T: Outcome<E, Reply = ()>> Outcome<E> for Vec<T> {
    type Reply = ();
    fn record(self, events: &mut Vec<E>) {
        self.into_iter().for_each(|outcome| outcome.record(events));
    }
}

impl<E, T: Outcome<E, Reply = ()>> Outcome<E> for Option<T> {
    type Reply = ();
    fn record(self, events: &mut Vec<E>) {
        self.into_iter().for_each(|outcome| outcome.record(events));
    }
}

impl<E, T: Outcome<E, Reply = ()>, const N: usize> Outcome<E> for [T; N] {
    type Reply = ();
    fn record(self, events: &mut Vec<E>) {
        self.into_iter().for_each(|outcome| outcome.record(events));
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {
        $(impl<E, $($name: Outcome<E, Reply = ()>),+> Outcome<E> for ($($name,)+) {
            type Reply = ();
            #[allow(non_snake_case, reason = "one binding per type parameter")]
            fn record(self, events: &mut Vec<E>) {
                let ($($name,)+) = self;
                $($name.record(events);)+
            }
        })*
    };
}
tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D F;
    A B C D F G;
    A B C D F G H;
    A B C D F G H I;
}

/// What a handler returns: `Result<D, E>` with an [`Outcome`] and a [`Rejection`].
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "expected `Result<events, error>`",
    note = "`Ok` holds what is recorded: an event of `{E}`, a payload of one, several of them, `()`, or `emit(..).reply(..)`"
)]
pub trait HandlerResult<E>: Send {
    /// What the sender is answered.
    type Reply: Reply;
    /// Why the command is refused.
    type Error: Rejection;

    /// Adds the events in order and gives the reply, or the reason of the refusal.
    ///
    /// # Errors
    /// The handler's own.
    fn record(self, events: &mut Vec<E>) -> Result<Self::Reply, Self::Error>;
}

impl<E, D: Outcome<E> + Send, X: Rejection> HandlerResult<E> for Result<D, X> {
    type Reply = D::Reply;
    type Error = X;
    fn record(self, events: &mut Vec<E>) -> Result<D::Reply, X> {
        self.map(|outcome| outcome.record(events))
    }
}

/// What a handler may reply: it is stored with the commit, so that a repeated command gets it again (I11).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the reply of a command handler",
    label = "a reply is stored and given again, so it must be `Serialize + Deserialize`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`"
)]
pub trait Reply: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Reply for T {}

/// Why a handler may refuse: any type that can be shown.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler",
    label = "an error must be `Debug + Display + Send + Sync + 'static`",
    note = "derive `Debug` and `thiserror::Error`, or implement `Display` by hand"
)]
pub trait Rejection: Any + fmt::Debug + fmt::Display + Send + Sync {}

#[diagnostic::do_not_recommend]
impl<T: fmt::Debug + fmt::Display + Send + Sync + 'static> Rejection for T {}
