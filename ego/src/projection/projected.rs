//! A projection in an engine: what those who fold its views share with those who read them.

use super::options::ProjectionOptions;
use super::record::Record;
use super::source::Sources;
use super::table::{Generation, Tables};
use crate::consumer::{Consumer, ConsumerKind, Control, Wanted};
use crate::engine::Shared;
use crate::model::Mode;
use crate::store::{StoreError, Store};
use parking_lot::RwLock;
use std::any::Any;
use std::sync::Arc;

/// An inline or async projection of an engine.
pub(crate) struct Projected<P: Sources> {
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) options: ProjectionOptions,
    /// Changed by whoever folds it, after it was made durable.
    record: RwLock<Record>,
    pub(super) ops: super::ops::Desk,
    folds: std::marker::PhantomData<fn() -> P>,
}

/// Any of them.
pub(crate) trait AnyProjection: Any + Send + Sync {
    /// Whoever folds it beside the aggregates, if it is folded there.
    fn consumer(self: Arc<Self>) -> Option<Arc<dyn Consumer>>;
}

impl<P: Sources> Projected<P> {
    /// The projection as it is kept; a new one begins with its first generation.
    pub(crate) async fn open(shared: &Arc<Shared>, options: ProjectionOptions) -> Result<Arc<Self>, StoreError> {
        let record = match Record::load(&shared.store, P::NAME).await? {
            Some(record) => record,
            None => Record::first(P::VERSION),
        };
        let control = Control::new(ConsumerKind::Projection, P::NAME, Arc::clone(&shared.clock));
        if options.paused {
            control.tell(Wanted::Pause);
        }
        let projected = Self {
            shared: Arc::clone(shared),
            control,
            options,
            record: RwLock::new(record),
            ops: super::ops::Desk::default(),
            folds: std::marker::PhantomData,
        };
        if let Some(generation) = projected.readable() {
            let finished = shared.store.load_checkpoint(&projected.tables(generation).consumer).await?;
            projected.control.reached(finished, 0);
        }
        Ok(Arc::new(projected))
    }

    pub(super) fn record(&self) -> Record {
        *self.record.read()
    }

    pub(super) fn set_record(&self, record: Record) {
        *self.record.write() = record;
    }

    /// The generation whose views can be read; `None` while views of this version are being built.
    pub(super) fn readable(&self) -> Option<Generation> {
        self.record().live.filter(|built| built.version == P::VERSION).map(|built| built.generation)
    }

    pub(super) fn tables(&self, generation: Generation) -> Tables {
        Tables::new(P::NAME, generation, P::INDEXES)
    }
}

impl<P: Sources> AnyProjection for Projected<P> {
    fn consumer(self: Arc<Self>) -> Option<Arc<dyn Consumer>> {
        match P::MODE {
            Mode::Async => Some(self),
            Mode::Inline | Mode::Live => None,
        }
    }
}
