//! Aggregates: a state, and how events change it.

use super::Event;

/// A consistency boundary: a state that is the fold of one stream of events. Derive it, or write it by hand:
///
/// ```
/// use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Event, Serialize, Deserialize)]
/// pub enum TallyEvent { Counted { by: u64 } }
///
/// #[derive(Default)]
/// pub struct Tally { total: u64 }
///
/// impl Aggregate for Tally {
///     const KIND: &'static str = "tally";
///     type Event = TallyEvent;
///     fn apply(&mut self, event: &TallyEvent) {
///         match event {
///             TallyEvent::Counted { by } => self.total += by,
///         }
///     }
/// }
/// ```
///
/// `Default` is the state before the first event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    label = "not an aggregate",
    note = "add `#[derive(ego::Aggregate)]` and `#[aggregate(name = \"…\", event = …)]` to it"
)]
pub trait Aggregate: Default + Send + Sync + 'static {
    /// The kind: the registered name, part of every stream of this aggregate (I10).
    const KIND: &'static str;

    /// Everything that can happen to it.
    type Event: Event;

    /// Folds one event into the state: pure, total, infallible (I4).
    fn apply(&mut self, event: &Self::Event);
}

/// How one event changes the state: what `#[apply]` implements, for the whole event enum or for one payload of it.
#[diagnostic::on_unimplemented(
    message = "aggregate `{Self}` has no `#[apply]` method for the event `{E}`",
    label = "missing `#[apply] fn …(&mut self, event: &{E})`",
    note = "every event needs an applier, or replay would lose it",
    note = "for an event that changes no state, write `#[apply] fn ignored(&mut self, _: &{E}) {{}}`"
)]
pub trait Apply<E> {
    /// Folds the event into the state.
    fn apply(&mut self, event: &E);
}

/// All appliers of an aggregate together; implemented by the `#[ego::handlers]` block that holds them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no appliers",
    label = "nothing folds `{E}` into `{Self}`",
    note = "add `#[apply] fn apply(&mut self, event: &{E})` to an `#[ego::handlers] impl {Self}` block"
)]
pub trait Appliers<E> {
    /// Folds the event into the state.
    fn fold(&mut self, event: &E);
}

/// What an applier may take, for aggregates with the events `E`: the enum itself or the payload of one variant. Derived with
/// [`Event`].
#[diagnostic::on_unimplemented(message = "`{Self}` is not an event of `{E}`", label = "no variant of `{E}` carries a `{Self}`")]
pub trait PartOf<E> {
    /// Whether this is the enum itself.
    const WHOLE: bool;
}
