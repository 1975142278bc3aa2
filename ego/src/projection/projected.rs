//! A projection in an engine: what those who fold its views share with those who read them.

use super::error::ViewError;
use super::follow::Folder;
use super::ops::Desk;
use super::options::ProjectionOptions;
use super::record::Record;
use super::source::Sources;
use super::table::{Generation, Tables};
use super::view::Wait;
use super::views::{Listed, Query};
use crate::consumer::{Consumer, ConsumerKind, Control, State, Wanted};
use crate::engine::{AnyInline, Shared};
use crate::message::{Name, Position};
use crate::model::Mode;
use crate::store::{Page, Store, StoreError};
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
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
    /// Up to where the generation that is being built was folded.
    built: RwLock<Option<Position>>,
    pub(super) ops: Desk,
    /// Held by every step that is under way, so that whoever begins anew finds what the last one came to.
    pub(super) steps: Arc<tokio::sync::RwLock<()>>,
    folds: std::marker::PhantomData<fn() -> P>,
}

/// Any of them.
pub(crate) trait AnyProjection: Any + Send + Sync {
    /// Whoever folds it beside the aggregates, if it is folded there.
    fn consumer(self: Arc<Self>) -> Option<Arc<dyn Consumer>>;

    fn desk(&self) -> &Desk;

    /// Where its dead letters stand; `None` while nothing can be read.
    fn dead(&self) -> Option<Name>;

    /// The tables that hold what was folded from events: views and dead letters of what is read and of what is being built.
    fn tables_with_events(&self) -> Vec<Name>;

    /// The version of the views that are kept, if it is another than this program's.
    fn other_version(&self) -> Option<u32>;

    /// How far the rebuild is, if there is one.
    fn rebuilding(&self) -> Option<Option<Position>>;

    fn control(&self) -> &Arc<Control>;

    /// What folds it beside the aggregates, if it is folded there; its views are built before.
    fn inline(&self) -> BoxFuture<'_, Result<Option<AnyInline>, ViewError>>;

    /// A view, for those who know no types.
    fn view_json(self: Arc<Self>, key: String, wait: Wait) -> BoxFuture<'static, Result<Option<serde_json::Value>, ViewError>>;

    /// A page of views, for those who know no types.
    fn page_json(self: Arc<Self>, query: Query) -> BoxFuture<'static, Listed<serde_json::Value>>;
}

impl<P: Sources> Projected<P> {
    /// The projection as it is kept; a new one begins with its first generation.
    pub(crate) async fn open(shared: &Arc<Shared>, options: ProjectionOptions) -> Result<Arc<Self>, StoreError> {
        let record = match Record::load(&shared.store, P::NAME, P::MODE).await? {
            Some(record) => record,
            None => Record::first(P::VERSION, P::MODE),
        };
        let control = Control::new(ConsumerKind::Projection, P::NAME, Arc::clone(&shared.clock));
        if options.paused {
            control.tell(Wanted::Pause);
            control.say(State::Paused);
        }
        let projected = Self {
            shared: Arc::clone(shared),
            control,
            options,
            record: RwLock::new(record),
            built: RwLock::default(),
            ops: Desk::default(),
            steps: Arc::default(),
            folds: std::marker::PhantomData,
        };
        if let Some(generation) = projected.readable() {
            let tables = projected.tables(generation);
            if P::MODE == Mode::Async {
                projected.enter(&tables).await?;
            }
            let finished = shared.store.load_checkpoint(&tables.consumer).await?;
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

    /// How far the generation is that is being built, if one is.
    pub(super) fn building(&self) -> Option<Option<Position>> {
        self.record().building.map(|_| *self.built.read())
    }

    pub(super) fn built(&self, position: Option<Position>) {
        *self.built.write() = position;
    }

    /// The generation whose views can be read; `None` while views of this version are being built.
    pub(super) fn readable(&self) -> Option<Generation> {
        self.record().live.filter(|built| built.version == P::VERSION).map(|built| built.generation)
    }

    /// From here on, retention keeps what these tables have not seen, also while the projection is paused.
    pub(super) async fn enter(&self, tables: &Tables) -> Result<(), StoreError> {
        let store = &self.shared.store;
        // Not again: a checkpoint that another engine has moved meanwhile would be sent back.
        let is_known = store.list_checkpoints().await?.iter().any(|(consumer, _)| *consumer == tables.consumer);
        if is_known { Ok(()) } else { store.save_checkpoint(&tables.consumer, None).await }
    }

    pub(super) fn tables(&self, generation: Generation) -> Tables {
        Tables::new(P::NAME, generation)
    }
}

impl<P: Sources> AnyProjection for Projected<P> {
    fn consumer(self: Arc<Self>) -> Option<Arc<dyn Consumer>> {
        match P::MODE {
            Mode::Async => Some(Arc::new(Folder(self))),
            Mode::Inline | Mode::Live => None,
        }
    }

    fn desk(&self) -> &Desk {
        &self.ops
    }

    fn dead(&self) -> Option<Name> {
        self.readable().map(|generation| self.tables(generation).dead)
    }

    fn tables_with_events(&self) -> Vec<Name> {
        let record = self.record();
        let tables = record.live.into_iter().chain(record.building).map(|built| self.tables(built.generation));
        tables.flat_map(|tables| [tables.views, tables.dead]).collect()
    }

    fn other_version(&self) -> Option<u32> {
        self.record().live.map(|built| built.version).filter(|version| *version != P::VERSION)
    }

    fn rebuilding(&self) -> Option<Option<Position>> {
        self.building()
    }

    fn control(&self) -> &Arc<Control> {
        &self.control
    }

    fn inline(&self) -> BoxFuture<'_, Result<Option<AnyInline>, ViewError>> {
        match P::MODE {
            Mode::Inline => self.fill().boxed(),
            Mode::Async | Mode::Live => future::ready(Ok(None)).boxed(),
        }
    }

    fn view_json(self: Arc<Self>, key: String, wait: Wait) -> BoxFuture<'static, Result<Option<serde_json::Value>, ViewError>> {
        async move {
            let view = self.view(&key, wait).await?;
            view.map(|view| json(&key, &view)).transpose()
        }
        .boxed()
    }

    fn page_json(self: Arc<Self>, query: Query) -> BoxFuture<'static, Listed<serde_json::Value>> {
        async move {
            let Page { items, next } = self.page(&query).await?;
            let items = items.into_iter().map(|(key, view)| json(&key, &view).map(|json| (key, json)));
            Ok(Page { items: items.collect::<Result<_, _>>()?, next })
        }
        .boxed()
    }
}

fn json<P: Sources>(key: &str, view: &P) -> Result<serde_json::Value, ViewError> {
    serde_json::to_value(view).map_err(|error| ViewError::Unreadable {
        projection: P::NAME,
        key: key.to_owned(),
        reason: error.to_string(),
    })
}
