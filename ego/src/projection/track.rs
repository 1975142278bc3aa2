//! One generation of a projection on its way through the log.

use super::cache::Cache;
use super::dead::{self, Letter};
use super::fold::{Item, Page, Slot, Slots, Unfolded, fold, indexed, waits};
use super::projected::Projected;
use super::source::Sources;
use super::table::{self, Generation, Tables};
use crate::consumer::{Then, progress};
use crate::message::Position;
use crate::model::{Delivery, Failure, Keys, Stored};
use crate::privacy::Privacy;
use crate::store::{Advance, Filter, RecordedEvent, RowChange, Step, Stepped, Store, StoreError};
use crate::subscription::{Follows, Tail, delivery};
use bytes::Bytes;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Why a track goes no further.
#[derive(Debug)]
pub(super) enum Halt {
    /// The projection is told not to run.
    Interrupted,
    /// An event could not be folded into this generation, and the policy says to stop before it.
    Failed(Generation, Option<Position>),
    /// The store failed: what was not made durable is folded again.
    Store(StoreError),
    /// Somebody else moved the checkpoint.
    Overtaken,
    /// The step of a page holds more than the store takes: fewer events at once may do.
    TooLarge,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

// I6: views, dead letters and the checkpoint go to the store in one step, which is refused when the checkpoint stands elsewhere. What is
// in memory runs ahead of it by one page, and is thrown away when the step does not succeed.
pub(super) struct Track<P: Sources> {
    projected: Arc<Projected<P>>,
    pub(super) generation: Generation,
    pub(super) tables: Tables,
    tail: Tail,
    /// The checkpoint as it will be when `pending` is done.
    saved: Option<Position>,
    saved_at: Instant,
    /// Up to where everything is durable and visible. Events that are not followed do not move the checkpoint at once.
    pub(super) reached: Option<Position>,
    views: Cache<P>,
    /// The keys that have dead letters.
    dead: HashSet<String>,
    /// How many subjects had been forgotten when the views were read.
    forgotten: u64,
    pending: Option<Pending>,
    batch: usize,
    /// The most that `batch` becomes.
    most: usize,
}

/// A step that the store is making durable.
struct Pending {
    /// On its own task, so that it goes on while the next page is folded.
    step: JoinHandle<Result<Stepped, StoreError>>,
    upto: Position,
    events: u64,
}

/// How long folding a page should take at most.
const SLOW: Duration = Duration::from_secs(1);

impl<P: Sources> Track<P> {
    /// Goes on behind the checkpoint of this generation.
    pub(super) async fn begin(projected: &Arc<Projected<P>>, generation: Generation) -> Result<Self, StoreError> {
        let tables = projected.tables(generation);
        let store = &projected.shared.store;
        // A track that failed may have left a step that the store is still at.
        drop(projected.steps.write().await);
        let saved = store.load_checkpoint(&tables.consumer).await?;
        projected.enter(&tables).await?;
        let dead = dead_keys(store, &tables).await?;
        let has_all = saved.is_none() && store.list_rows(&tables.views, &[], None, 1).await?.items.is_empty();
        Ok(Self {
            tail: Tail::new(Arc::clone(&projected.shared), follows::<P>(), saved),
            projected: Arc::clone(projected),
            generation,
            tables,
            saved,
            saved_at: Instant::now(),
            reached: saved,
            views: Cache::new(has_all),
            forgotten: forgotten(projected),
            dead,
            pending: None,
            // Methods that wait may be slow: how slow is found out with few events.
            batch: if waits::<P>() { projected.options.workers } else { projected.options.batch },
            most: projected.options.batch,
        })
    }

    /// Whether there is something behind what was read.
    pub(super) async fn is_behind(&self) -> Result<bool, StoreError> {
        Ok(self.tail.ahead().await?.is_some())
    }

    /// Reads, folds and saves what comes next, up to this position if one is given. To be run to its end, and when there is something.
    pub(super) async fn round(&mut self, limit: Option<Position>) -> Result<(), Halt> {
        let projected = Arc::clone(&self.projected);
        let control = &projected.control;
        let mut tailed = tokio::select! {
            biased;
            () = control.interrupted() => return self.interrupted().await,
            tailed = self.tail.next(self.batch) => tailed?,
        };
        if let Some(limit) = limit
            && tailed.upto > limit
        {
            tailed.events.retain(|event| event.position <= limit);
            tailed.upto = limit;
            self.tail = Tail::new(Arc::clone(&projected.shared), follows::<P>(), Some(limit));
        }
        if tailed.events.is_empty() {
            return self.pass_over(tailed.upto).await;
        }
        let is_full = tailed.events.len() >= self.batch;
        let events = tailed.events.len() as u64;
        let mut letters = Vec::new();
        let page = Arc::new(self.ready(tailed.events, &mut letters)?);
        self.forget_with_subjects().await?;
        let slots = self.load(&page).await?;
        let began = Instant::now();
        let mut folding = pin!(fold(&projected, &page, slots));
        let folded = loop {
            tokio::select! {
                biased;
                () = control.interrupted() => return self.interrupted().await,
                folded = &mut folding => break folded,
                // The page before is told of as soon as it is durable, however long this one takes.
                settled = self.settle(), if self.pending.is_some() => settled?,
            }
        };
        let folded = match folded {
            Err(Unfolded::Interrupted) => return self.interrupted().await,
            Err(Unfolded::Failed(at)) => return Err(Halt::Failed(self.generation, at)),
            Ok(folded) => folded,
        };
        letters.extend(folded.letters);
        self.adapt(began.elapsed(), is_full);
        self.settle().await?;
        self.trim();
        let rows = self.rows(folded.slots, &letters)?;
        self.step(rows, tailed.upto, events);
        // With more to come, the next page is folded while this one is made durable.
        if is_full && limit.is_none() { Ok(()) } else { self.settle().await }
    }

    /// A page is not saved before all of it is folded: slow methods are given fewer events at once.
    fn adapt(&mut self, took: Duration, was_full: bool) {
        if took > SLOW {
            self.batch = (self.batch / 2).max(self.projected.options.workers).min(self.most);
        } else if took < SLOW / 4 && was_full {
            self.batch = self.batch.saturating_mul(2).min(self.most);
        }
    }

    pub(super) async fn interrupted(&mut self) -> Result<(), Halt> {
        self.settle().await?;
        self.save_at_last().await?;
        Err(Halt::Interrupted)
    }

    /// What the events mean today, and whose views they change.
    fn ready(&mut self, events: Vec<RecordedEvent>, letters: &mut Vec<Letter>) -> Result<Page<P>, Halt> {
        let mut items = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let before = items.len();
            if let Err(failure) = read(&self.projected, event, index, &mut items) {
                items.truncate(before);
                letters.extend(self.unreadable(event, &failure)?);
            }
        }
        Ok(Page { events, items })
    }

    /// An event that nobody can read, or whose keys cannot be told. It becomes a dead letter under its aggregate's id; where that is the key, too, the
    /// other events of the key wait behind it.
    fn unreadable(&mut self, event: &RecordedEvent, failure: &Failure) -> Result<Option<Letter>, Halt> {
        let (position, key) = (event.position, event.stream.id());
        self.projected.control.failed(failure, Some(position), 1);
        match self.projected.options.policy.then {
            Then::Fail => Err(Halt::Failed(self.generation, Some(position))),
            Then::Skip => {
                tracing::error!(projection = P::NAME, %position, %failure, "an event was skipped");
                self.projected.control.skipped();
                Ok(None)
            }
            Then::DeadLetter => {
                tracing::error!(projection = P::NAME, key, %position, %failure, "an event became a dead letter");
                if P::SOURCES.iter().any(|source| source.kind == event.stream.kind() && source.by_id) {
                    self.dead.insert(key.to_owned());
                }
                Ok(Some(Letter::failed(&self.projected, key, event, 0, failure, 1)))
            }
        }
    }

    /// Views that were read before somebody was forgotten may hold their data.
    async fn forget_with_subjects(&mut self) -> Result<(), Halt> {
        let forgotten = forgotten(&self.projected);
        if self.forgotten != forgotten {
            self.settle().await?;
            (self.views, self.forgotten) = (Cache::new(false), forgotten);
        }
        Ok(())
    }

    /// The views of a page: those in memory, and the others from the store, in one call.
    async fn load(&mut self, page: &Page<P>) -> Result<Slots<P>, Halt> {
        let mut slots = Slots::with_capacity(page.items.len());
        let mut missing = Vec::new();
        for key in page.items.iter().flat_map(|item| &item.keys) {
            if slots.contains_key(key) {
                continue;
            }
            match self.views.take(key) {
                Some((key, slot)) => drop(slots.insert(key, slot)),
                None => {
                    if self.views.may_lack() {
                        missing.push(Bytes::copy_from_slice(key.as_bytes()));
                    }
                    slots.insert(key.clone(), Box::new(self.slot(None)?));
                }
            }
        }
        if !missing.is_empty() {
            let rows = self.projected.shared.store.load_rows(&self.tables.views, &missing).await?;
            for (key, row) in missing.iter().zip(rows) {
                if row.is_some()
                    && let Ok(key) = str::from_utf8(key)
                    && let Some(slot) = slots.get_mut(key)
                {
                    **slot = self.slot(row)?;
                }
            }
        }
        if !self.dead.is_empty() {
            for (key, slot) in &mut slots {
                slot.parked = self.dead.contains(key);
            }
        }
        Ok(slots)
    }

    fn slot(&self, row: Option<Bytes>) -> Result<Slot<P>, Halt> {
        Slot::of(&self.projected, row).map_err(|failure| {
            self.projected.control.failed(&failure, None, 1);
            Halt::Failed(self.generation, None)
        })
    }

    /// What changes in the store, and the views back to memory.
    fn rows(&mut self, slots: Slots<P>, letters: &[Letter]) -> Result<Vec<RowChange>, Halt> {
        let mut rows: Vec<_> = letters.iter().map(|letter| letter.row(&self.tables.dead)).collect();
        for (key, mut slot) in slots {
            if slot.changed {
                self.change(&key, &mut slot, &mut rows)?;
            }
            if slot.parked {
                self.dead.insert(key.clone());
            }
            slot.settle();
            self.views.put(key, slot);
        }
        Ok(rows)
    }

    fn change(&self, key: &str, slot: &mut Slot<P>, rows: &mut Vec<RowChange>) -> Result<(), Halt> {
        let row = slot.view.as_ref().map(|view| table::encode(&self.projected.shared.codecs, view)).transpose();
        let row = row.map_err(|error| {
            self.projected.control.failed(&format_args!("the view {key:?} cannot be written: {error}"), None, 1);
            Halt::Failed(self.generation, None)
        })?;
        if row == slot.row {
            return Ok(());
        }
        let now = indexed(slot.view.as_ref());
        self.tables.change(P::INDEXES, key, row.clone(), (&slot.indexed, &now), rows);
        (slot.row, slot.indexed) = (row, now);
        Ok(())
    }

    fn step(&mut self, rows: Vec<RowChange>, to: Position, events: u64) {
        let advance = Advance { consumer: self.tables.consumer.clone(), from: self.saved, to };
        (self.saved, self.saved_at) = (Some(to), Instant::now());
        let store = self.projected.shared.store.clone();
        let under_way = Arc::clone(&self.projected.steps).try_read_owned();
        let step = async move {
            let stepped = store.step(Step { advance: Some(advance), rows }).await;
            drop(under_way);
            stepped
        };
        self.pending = Some(Pending { step: self.projected.shared.runtime.spawn(step), upto: to, events });
    }

    /// Waits until what was saved is durable. Cancel safe.
    pub(super) async fn settle(&mut self) -> Result<(), Halt> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        let stepped = (&mut pending.step).await;
        let Some(Pending { upto, events, .. }) = self.pending.take() else { return Ok(()) };
        match stepped.unwrap_or_else(|lost| Err(StoreError::other("making a step durable", lost)))? {
            Stepped::Done => {
                self.reached = Some(upto);
                self.tell(events);
                Ok(())
            }
            Stepped::Overtaken { .. } => Err(Halt::Overtaken),
            Stepped::TooLarge { bytes, limit } if self.most > 1 => {
                tracing::warn!(projection = P::NAME, bytes, limit, "a step was too large; smaller ones follow");
                Err(Halt::TooLarge)
            }
            Stepped::TooLarge { bytes, limit } => {
                self.refused(&format_args!("one event changes {bytes} bytes, the store takes {limit}"))
            }
            Stepped::Invalid => self.refused(&"a key is too long"),
        }
    }

    fn refused(&self, reason: &dyn std::fmt::Display) -> Result<(), Halt> {
        self.projected.control.failed(reason, self.reached, 1);
        Err(Halt::Failed(self.generation, None))
    }

    /// Nothing that is followed lies up to here.
    async fn pass_over(&mut self, upto: Position) -> Result<(), Halt> {
        self.settle().await?;
        self.reached = Some(upto);
        let behind = upto.get() - self.saved.map_or(0, Position::get);
        if behind >= progress::POSITIONS || self.saved_at.elapsed() >= progress::TIME {
            self.save_at_last().await?;
        }
        self.tell(0);
        Ok(())
    }

    /// Saves the checkpoint where everything is finished, when that is behind.
    async fn save_at_last(&mut self) -> Result<(), Halt> {
        match self.reached {
            Some(reached) if self.saved != Some(reached) => self.finish(Vec::new(), reached).await,
            _ => Ok(()),
        }
    }

    /// Changes rows and waits until they are durable.
    pub(super) async fn finish(&mut self, rows: Vec<RowChange>, upto: Position) -> Result<(), Halt> {
        self.settle().await?;
        self.step(rows, upto, 0);
        self.settle().await
    }

    /// Says how far it is, if it is the one that is read.
    fn tell(&self, events: u64) {
        if self.projected.readable() == Some(self.generation) {
            self.projected.control.reached(self.reached, events);
        } else {
            self.projected.built(self.reached);
        }
    }

    fn trim(&mut self) {
        self.views.trim(self.projected.options.cached_views);
    }

    /// Takes fewer events at once from here on.
    pub(super) fn in_batches_of(mut self, batch: usize) -> Self {
        self.most = batch.max(1);
        self.batch = self.batch.min(self.most);
        self
    }

    /// How many events it takes at once.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// A view as the next page would find it, without its place in memory.
    pub(super) async fn take(&mut self, key: &str) -> Result<Slot<P>, Halt> {
        self.settle().await?;
        self.views.leave(key);
        let rows = self.projected.shared.store.load_rows(&self.tables.views, &[Bytes::copy_from_slice(key.as_bytes())]).await?;
        self.slot(rows.into_iter().next().flatten())
    }

    /// The rows of a view that was changed apart from the pages.
    pub(super) fn put(&mut self, key: &str, mut slot: Slot<P>, rows: &mut Vec<RowChange>) -> Result<(), Halt> {
        self.change(key, &mut slot, rows)?;
        slot.settle();
        slot.parked = false;
        self.views.put(key.to_owned(), Box::new(slot));
        Ok(())
    }

    /// Events of the key wait behind a dead letter, or do not any more.
    pub(super) fn park(&mut self, key: &str, parked: bool) {
        if parked {
            self.dead.insert(key.to_owned());
        } else {
            self.dead.remove(key);
        }
    }

    /// Changes rows without going on.
    pub(super) async fn keep(&mut self, rows: Vec<RowChange>) -> Result<(), Halt> {
        self.settle().await?;
        if let Some(reached) = self.reached {
            return self.finish(rows, reached).await;
        }
        match self.projected.shared.store.step(Step { advance: None, rows }).await? {
            Stepped::Done => Ok(()),
            refused => self.refused(&format_args!("{refused:?}")),
        }
    }

    /// Waits until there is something behind what was read. Cancel safe once everything is settled.
    pub(super) async fn wait(&self) -> Result<(), StoreError> {
        self.projected.shared.store.wait_for_head(self.tail.position()).await.map(drop)
    }
}

fn forgotten<P: Sources>(projected: &Projected<P>) -> u64 {
    projected.shared.privacy.as_ref().map_or(0, Privacy::forgotten)
}

pub(super) fn follows<P: Sources>() -> Follows {
    Follows::Events(P::SOURCES.iter().fold(Filter::all(), |filter, source| filter.kind(source.kind)))
}

/// What a recorded event means today, and whose views that changes.
pub(super) fn read<P: Sources>(
    projected: &Projected<P>,
    event: &RecordedEvent,
    index: usize,
    items: &mut Vec<Item<P>>,
) -> Result<(), Failure> {
    let Some(source) = P::SOURCES.iter().find(|source| event.stream.kind() == source.kind) else { return Ok(()) };
    let mut given = Vec::with_capacity(1);
    let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
    let codec = projected.shared.codecs.named(&event.codec);
    codec.and_then(|codec| (source.read)(stored, codec, &mut given)).map_err(Failure::new)?;
    let delivery = delivery(&projected.shared, event);
    for (ordinal, given) in (0..).zip(given) {
        let delivery = if ordinal == 0 { delivery.clone() } else { delivery.clone().with_ordinal(ordinal) };
        let keys = keys(&*given, &delivery)?;
        items.push(Item { given, delivery, keys, event: index });
    }
    Ok(())
}

fn keys<P>(given: &dyn super::source::Given<P>, delivery: &Delivery) -> Result<Keys, Failure> {
    let mut keys = std::panic::catch_unwind(AssertUnwindSafe(|| given.keys(delivery)))
        .map_err(|panic| Failure::new(format_args!("its keys cannot be told: {}", crate::engine::panic_message(&*panic))))?;
    if keys.len() > 1 {
        // An event is folded once into each view.
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
    }
    match keys.iter().find(|key| key.len() > RowChange::MAX_KEY / 2) {
        Some(key) => Err(Failure::new(format_args!("a key has {} bytes, {} are allowed", key.len(), RowChange::MAX_KEY / 2))),
        None => Ok(keys),
    }
}

async fn dead_keys(store: &crate::store::AnyStore, tables: &Tables) -> Result<HashSet<String>, StoreError> {
    let mut keys = HashSet::new();
    let mut start = None;
    loop {
        let page = dead::list(store, &tables.dead, None, start.as_deref(), 1000).await?;
        keys.extend(page.items.into_iter().map(|letter| letter.key));
        match page.next {
            Some(next) => start = Some(next),
            None => return Ok(keys),
        }
    }
}
