//! Inline projections: their views are folded beside the aggregates' states, and recorded in the same commits as the events.

use super::error::ViewError;
use super::fold::indexed;
use super::projected::Projected;
use super::record::Record;
use super::source::{Sources, fold_now};
use super::sweep::Sweep;
use super::table::{self, Tables};
use crate::engine::{AnyInline, Codecs, Inline, InlineView, Shared};
use crate::message::StreamId;
use crate::model::{Aggregate, Delivery, Failure, Fold, IndexValue, On};
use crate::store::{Page, RecordedEvent, RowChange, Step, Stepped, Store, StoreError};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::marker::PhantomData;
use std::sync::Arc;

/// `P`, as the engine sees it.
struct Inlined<P> {
    tables: Arc<Tables>,
    folds: PhantomData<fn() -> P>,
}

pub(super) fn inline<P: On<A>, A: Aggregate>(tables: Arc<Tables>) -> AnyInline {
    AnyInline::of::<A>(Inlined::<P> { tables, folds: PhantomData })
}

impl<P: On<A>, A: Aggregate> Inline<A> for Inlined<P> {
    fn begin(&self) -> Box<dyn InlineView<A>> {
        let tables = Arc::clone(&self.tables);
        Box::new(View::<P> { tables, view: None, changed: false, exists: false, indexed: indexed::<P>(None) })
    }
}

/// A view, and what the store holds of it once everything before is recorded.
struct View<P> {
    tables: Arc<Tables>,
    /// `None` when there is none.
    view: Option<P>,
    /// Whether something was folded that is not recorded.
    changed: bool,
    exists: bool,
    indexed: Vec<Vec<IndexValue>>,
}

impl<P: On<A>, A: Aggregate> InlineView<A> for View<P> {
    fn projection(&self) -> &'static str {
        P::NAME
    }

    fn version(&self) -> u32 {
        P::VERSION
    }

    fn fold(&mut self, event: &A::Event, delivery: &Delivery) -> Result<(), Failure> {
        self.changed = true;
        if fold_now(self.view.get_or_insert_default(), event, delivery)? == Fold::Remove {
            self.view = None;
        }
        Ok(())
    }

    fn is_recorded(&mut self) {
        (self.changed, self.exists, self.indexed) = (false, self.view.is_some(), indexed(self.view.as_ref()));
    }

    fn record(&mut self, key: &str, codecs: &Codecs, rows: &mut Vec<RowChange>) -> Result<(), Failure> {
        if !self.changed || !self.exists && self.view.is_none() {
            return Ok(());
        }
        let row = self.view.as_ref().map(|view| table::encode(codecs, view)).transpose().map_err(Failure::new)?;
        let now = indexed(self.view.as_ref());
        self.tables.change(P::INDEXES, key, row, (&self.indexed, &now), rows);
        (self.changed, self.exists, self.indexed) = (false, self.view.is_some(), now);
        Ok(())
    }

    fn keep(&self, codecs: &Codecs) -> Result<Option<Bytes>, Failure> {
        self.view.as_ref().map(|view| table::encode(codecs, view)).transpose().map_err(Failure::new)
    }

    fn restore(&mut self, kept: Option<&[u8]>, codecs: &Codecs) -> Result<(), Failure> {
        self.view = kept.map(|row| table::decode(codecs, row)).transpose().map_err(Failure::new)?;
        Ok(())
    }
}

/// Where an event stands for an inline projection, also when it is read again.
fn delivery(shared: &Shared, event: &RecordedEvent) -> Delivery {
    let RecordedEvent { stream, revision, metadata, .. } = event;
    Delivery::inline(stream.clone(), *revision, Arc::clone(metadata), Arc::clone(&shared.services))
}

/// How many streams are folded at the same time.
const AT_ONCE: usize = 16;
/// How many bytes go to the store in one step.
const STEP: usize = 256 << 10;

impl<P: Sources> Projected<P> {
    /// Builds the views of all that is recorded, if there are none of this version; removes what is left of others. Before the engine
    /// takes commands: from then on each commit brings its own. A crash in between begins again, in other tables.
    pub(super) async fn fill(&self) -> Result<Option<AnyInline>, ViewError> {
        let mut record = self.record();
        if self.readable().is_none() {
            record = record.with_building(P::VERSION, false);
            self.keep(record, Vec::new()).await?;
            let tables = self.tables(record.newest);
            tracing::info!(projection = P::NAME, version = P::VERSION, "its views are built");
            let (views, rows) = self.fill_tables(&tables).await?;
            record = record.swapped();
            // The last rows and the word that they are read, in one step.
            self.keep(record, rows).await?;
            tracing::info!(projection = P::NAME, views, "its views were built");
        }
        let mut sweep = Sweep::of(&record);
        while !sweep.is_done() {
            sweep.on(self).await?;
        }
        let tables = self.readable().map(|generation| Arc::new(self.tables(generation)));
        Ok(tables.zip(P::SOURCES.first()).map(|(tables, source)| (source.inline)(tables)))
    }

    async fn keep(&self, record: Record, mut rows: Vec<RowChange>) -> Result<(), StoreError> {
        rows.push(record.row(P::NAME));
        self.write(rows).await?;
        self.set_record(record);
        Ok(())
    }

    /// The number of views, and the rows that are still to be written.
    async fn fill_tables(&self, tables: &Tables) -> Result<(u64, Vec<RowChange>), ViewError> {
        let (mut views, mut rows, mut size, mut after) = (0_u64, Vec::new(), 0, None::<StreamId>);
        let Some(source) = P::SOURCES.first() else { return Ok((0, rows)) };
        loop {
            let page = self.shared.store.list_streams(Some(source.kind), after.as_ref(), self.shared.limits.page).await?;
            let Page { items, next } = page;
            let fold = |head: crate::store::StreamHead| async move {
                let key = head.stream.id();
                Ok::<_, ViewError>((self.fold_streams(key, None, delivery).await?, head.stream.clone()))
            };
            let mut folded = stream::iter(items).map(fold).buffered(AT_ONCE);
            while let Some((view, stream)) = folded.try_next().await? {
                let Some(view) = view else { continue };
                let before = rows.len();
                self.add(tables, stream.id(), &view, &mut rows)?;
                size += rows[before..].iter().map(RowChange::size).sum::<usize>();
                views += 1;
                if size >= STEP {
                    self.write(std::mem::take(&mut rows)).await?;
                    size = 0;
                }
            }
            after = next;
            if after.is_none() {
                return Ok((views, rows));
            }
            tracing::info!(projection = P::NAME, views, "its views are being built");
        }
    }

    fn add(&self, tables: &Tables, key: &str, view: &P, rows: &mut Vec<RowChange>) -> Result<(), ViewError> {
        let row = table::encode(&self.shared.codecs, view).map_err(|error| ViewError::Unwritable {
            projection: P::NAME,
            key: key.to_owned(),
            reason: error.to_string(),
        })?;
        tables.change(P::INDEXES, key, Some(row), (&indexed::<P>(None), &indexed(Some(view))), rows);
        Ok(())
    }

    async fn write(&self, rows: Vec<RowChange>) -> Result<(), StoreError> {
        match self.shared.store.step(Step { advance: None, rows }).await? {
            Stepped::Done => Ok(()),
            stepped => Err(StoreError::other(format!("keeping views of {:?}", P::NAME), NotKept(stepped))),
        }
    }
}

/// Why a store did not keep views.
#[derive(Debug, thiserror::Error)]
#[error("the store answered {0:?}")]
struct NotKept(Stepped);
