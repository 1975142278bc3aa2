//! Inline projections: views that are folded beside an aggregate's state and recorded with its events, in one commit.
//!
//! They are a part of what is in memory of an aggregate ([`Core`](super::cell::Core)), and rely on the same expected revision: whatever
//! makes the state be forgotten makes them be forgotten, and both are folded anew from what is recorded.

use super::error::{RecoveryError, panic_message};
use super::shared::{Codecs, Shared};
use super::snapshot::{KeptView, Unusable};
use crate::message::{Metadata, Revision, StreamId};
use crate::model::{Aggregate, Delivery, Failure};
use crate::store::{RecordedEvent, RowChange};
use bytes::Bytes;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// An inline projection of a kind.
pub(crate) trait Inline<A: Aggregate>: Send + Sync {
    /// The view of an aggregate that nothing has happened to.
    fn begin(&self) -> Box<dyn InlineView<A>>;
}

/// A view beside an aggregate's state.
pub(crate) trait InlineView<A: Aggregate>: Send + Sync {
    fn projection(&self) -> &'static str;

    /// The version of the view's shape.
    fn version(&self) -> u32;

    fn fold(&mut self, event: &A::Event, delivery: &Delivery) -> Result<(), Failure>;

    /// What was folded is recorded already.
    fn is_recorded(&mut self);

    /// Adds what is to be recorded with what was folded.
    fn record(&mut self, key: &str, codecs: &Codecs, rows: &mut Vec<RowChange>) -> Result<(), Failure>;

    /// The view, to go on with later; `None` when there is none.
    fn keep(&self, codecs: &Codecs) -> Result<Option<Bytes>, Failure>;

    /// Goes on with a view that was kept.
    fn restore(&mut self, kept: Option<&[u8]>, codecs: &Codecs) -> Result<(), Failure>;
}

/// An [`Inline`] of any kind.
pub(crate) struct AnyInline {
    aggregate: TypeId,
    /// A `Box<dyn Inline<A>>` of that aggregate.
    inline: Box<dyn Any + Send + Sync>,
}

impl AnyInline {
    pub(crate) fn of<A: Aggregate>(inline: impl Inline<A> + 'static) -> Self {
        let inline: Box<dyn Inline<A>> = Box::new(inline);
        Self { aggregate: TypeId::of::<A>(), inline: Box::new(inline) }
    }
}

/// All that are linked in, by their aggregates.
#[derive(Default)]
pub(crate) struct Inlines(HashMap<TypeId, Vec<AnyInline>>);

impl Inlines {
    pub(super) fn add(&mut self, inline: AnyInline) {
        self.0.entry(inline.aggregate).or_default().push(inline);
    }

    /// The views of an aggregate that nothing has happened to; `None` when its kind has none.
    pub(super) fn views<A: Aggregate>(&self) -> Option<Box<Views<A>>> {
        let all = self.0.get(&TypeId::of::<A>())?;
        let of_kind = |one: &AnyInline| Some(one.inline.downcast_ref::<Box<dyn Inline<A>>>()?.begin());
        Some(Box::new(Views(all.iter().filter_map(of_kind).collect())))
    }
}

/// The inline views of one aggregate. After an error they are not to be used any more.
pub(super) struct Views<A: Aggregate>(Vec<Box<dyn InlineView<A>>>);

/// Why events were not folded into an inline view.
pub(super) struct Unfolded {
    pub(super) projection: &'static str,
    pub(super) failure: Failure,
}

impl Unfolded {
    /// Of an event that is recorded there.
    pub(super) fn at(self, revision: Revision) -> RecoveryError {
        RecoveryError::Projection { projection: self.projection, revision, source: self.failure }
    }
}

impl<A: Aggregate> Views<A> {
    /// Folds what a recorded event means today.
    pub(super) fn replay(&mut self, shared: &Shared, recorded: &RecordedEvent, events: &[A::Event]) -> Result<(), Unfolded> {
        for (event, ordinal) in events.iter().zip(0..) {
            let delivery = beside(shared, &recorded.stream, recorded.revision, &recorded.metadata).with_ordinal(ordinal);
            self.each(|view| view.fold(event, &delivery))?;
        }
        Ok(())
    }

    /// Everything that was folded is recorded already.
    pub(super) fn are_recorded(&mut self) -> Result<(), Unfolded> {
        self.each(|view| {
            view.is_recorded();
            Ok(())
        })
    }

    /// Folds events that are about to be recorded behind `last`, and adds the rows that are to be recorded with them. Not a part of its
    /// caller: most kinds have no inline views, and their way is to stay short.
    #[inline(never)]
    pub(super) fn decide(
        &mut self,
        shared: &Shared,
        stream: &StreamId,
        last: Option<Revision>,
        metadata: &Arc<Metadata>,
        events: &[A::Event],
        rows: &mut Vec<RowChange>,
    ) -> Result<(), Unfolded> {
        let mut revision = last;
        for event in events {
            let next = revision.map_or(Revision::FIRST, Revision::next);
            let delivery = beside(shared, stream, next, metadata);
            self.each(|view| view.fold(event, &delivery))?;
            revision = Some(next);
        }
        self.each(|view| view.record(stream.id(), &shared.codecs, rows))
    }

    /// All views, to go on with later.
    pub(super) fn keep(&self, codecs: &Codecs) -> Result<Vec<KeptView>, Failure> {
        let keep = |view: &dyn InlineView<A>| {
            Ok(KeptView { projection: view.projection().to_owned(), version: view.version(), view: view.keep(codecs)? })
        };
        self.0.iter().map(|view| keep(&**view)).collect()
    }

    /// Goes on with views that were kept. After an error they are not to be used any more.
    pub(super) fn restore(&mut self, kept: &[KeptView], codecs: &Codecs) -> Result<(), Unusable> {
        for view in &mut self.0 {
            let (projection, version) = (view.projection(), view.version());
            let found = kept.iter().find(|kept| kept.projection == projection && kept.version == version);
            let found = found.ok_or(Unusable::View { projection, version })?;
            view.restore(found.view.as_deref(), codecs).map_err(|failure| Unusable::Unreadable(failure.to_string()))?;
        }
        Ok(())
    }

    fn each(&mut self, mut call: impl FnMut(&mut dyn InlineView<A>) -> Result<(), Failure>) -> Result<(), Unfolded> {
        for view in &mut self.0 {
            let called = std::panic::catch_unwind(AssertUnwindSafe(|| call(&mut **view)));
            called
                .unwrap_or_else(|panic| Err(Failure::new(format_args!("it panicked: {}", panic_message(&*panic)))))
                .map_err(|failure| Unfolded { projection: view.projection(), failure })?;
        }
        Ok(())
    }
}

fn beside(shared: &Shared, stream: &StreamId, revision: Revision, metadata: &Arc<Metadata>) -> Delivery {
    Delivery::inline(stream.clone(), revision, Arc::clone(metadata), Arc::clone(&shared.services))
}
