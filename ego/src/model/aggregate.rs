//! Aggregates: a state, and how events change it.

use super::{AsState, Event, Snapshots};

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

    /// The version of the state's shape, 1 or more: a snapshot of another version is not read, a durable state is upcast.
    const VERSION: u32 = 1;

    /// How the state is kept as a whole; `None` when events are what is kept. See [`Durable`](super::Durable).
    const STATE: Option<AsState<Self>> = None;

    /// When its state is kept beside its events; `None` never.
    const SNAPSHOTS: Option<Snapshots<Self>> = None;

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
    /// [`Whole`] or [`ByPayload`].
    type Form: Form;
}

/// How an aggregate's appliers are written.
pub trait Form {
    /// Whether one applier takes the enum itself.
    const WHOLE: bool;
    /// Whole, if this or the other is.
    type Or<O: Form>: Form;
}

/// One applier, which takes the event enum.
#[derive(Clone, Copy, Debug)]
pub struct Whole;

/// One applier for each payload.
#[derive(Clone, Copy, Debug)]
pub struct ByPayload;

impl Form for Whole {
    const WHOLE: bool = true;
    type Or<O: Form> = Self;
}

impl Form for ByPayload {
    const WHOLE: bool = false;
    type Or<O: Form> = O;
}

/// An event that finds its applier in `A`, when the appliers are of this form. Derived with [`Event`].
#[diagnostic::on_unimplemented(
    message = "the events of `{Self}` cannot be applied one by one",
    label = "not every variant of `{Self}` has a payload of its own",
    note = "either give each variant a payload type of its own, as in `Opened(Opened)`",
    note = "or write one applier for all: `#[apply] fn apply(&mut self, event: &{Self})`"
)]
pub trait AppliedAs<F, A> {
    /// Calls the applier.
    fn apply_to(&self, state: &mut A);
}

// Where the form is not known, because an applier takes no event at all, this one fits: one mistake makes one error.
impl<E, A> AppliedAs<(), A> for E {
    fn apply_to(&self, _: &mut A) {}
}

impl<E, A: Apply<E>> AppliedAs<Whole, A> for E {
    fn apply_to(&self, state: &mut A) {
        state.apply(self);
    }
}
