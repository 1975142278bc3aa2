//! Reactors: handlers of events that keep no view.

use super::{Aggregate, Delivery, Failure, Rejection};
use std::future::Future;

/// Handlers of events without a state of their own. `#[ego::reactor]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reactor",
    label = "not a reactor",
    note = "add `#[ego::reactor(name = \"…\")]` to an `impl {Self}` block with `#[on(…)]` methods"
)]
pub trait Reactor: Default + Send + Sync + 'static {
    /// The registered name, unique in a program (I10).
    const NAME: &'static str;

    /// Who of several nodes is given an event.
    const AUDIENCE: Audience = Audience::Group;
}

/// Who of several nodes is given an event, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// One of the nodes, by one checkpoint that they share: at least once.
    Group,
    /// Every node, each by a checkpoint of its own: at least once.
    Observer,
    /// Every node that runs, from its start on, without a checkpoint.
    Ephemeral,
}

/// How a reactor handles the events of a kind: what `#[on(Kind)]` implements, and what may be written by hand.
#[diagnostic::on_unimplemented(message = "reactor `{Self}` does not follow `{A}`", label = "`{Self}` has no `#[on({A})]` method")]
pub trait Reacts<A: Aggregate>: Reactor {
    /// Handles the event. It may be given more than once: [`Delivery::token`] is the same each time.
    ///
    /// # Errors
    /// [`Failure`]: what becomes of it says the reactor's policy.
    fn react(&self, event: &A::Event, delivery: &Delivery) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What an `#[on(…)]` method of a reactor may return: nothing, or a `Result` of nothing.
#[diagnostic::on_unimplemented(
    message = "an `#[on(…)]` method of a reactor cannot return `{Self}`",
    label = "expected `()` or `Result<(), _>`"
)]
pub trait ReactOutput {
    /// What it comes to.
    ///
    /// # Errors
    /// The method's own.
    fn outcome(self) -> Result<(), Failure>;
}

impl ReactOutput for () {
    fn outcome(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Rejection> ReactOutput for Result<(), E> {
    fn outcome(self) -> Result<(), Failure> {
        self.map_err(Failure::new)
    }
}
