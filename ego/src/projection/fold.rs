//! Folding one page of events into views, each key's events one after the other, in their order.

use super::dead::Letter;
use super::projected::Projected;
use super::source::{Given, Sources};
use super::table;
use crate::consumer::{ConsumerKind, Then};
use crate::engine::panic_message;
use crate::layer::{EventCall, handle, is_around};
use crate::message::Position;
use crate::model::{Delivery, Failure, Fold, IndexValue, Keys, Projection};
use crate::store::RecordedEvent;
use bytes::Bytes;
use futures_util::FutureExt;
use hashbrown::{DefaultHashBuilder, HashMap};
use smallvec::SmallVec;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A view in memory.
pub(super) struct Slot<P> {
    /// `None` when there is none.
    pub(super) view: Option<P>,
    /// As it was last given to the store.
    pub(super) row: Option<Bytes>,
    /// The values under which that one stands in the indexes.
    pub(super) indexed: Vec<Vec<IndexValue>>,
    /// As it was when it was last taken back on this page, if it was.
    rewound: Option<Option<Bytes>>,
    /// Which items of this page were folded into it since.
    applied: SmallVec<[usize; 2]>,
    /// Whether later events of its key wait behind a dead letter.
    pub(super) parked: bool,
    pub(super) changed: bool,
}

/// Views by their keys. Boxed: they go from memory to a worker and back with each page.
pub(super) type Slots<P> = HashMap<String, Box<Slot<P>>>;

/// An event that is ready to be folded.
pub(super) struct Item<P> {
    pub(super) given: Box<dyn Given<P>>,
    pub(super) delivery: Delivery,
    pub(super) keys: Keys,
    /// What it was read from.
    pub(super) event: usize,
}

/// What is folded at once.
pub(super) struct Page<P> {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) items: Vec<Item<P>>,
}

/// What a page comes to.
pub(super) struct Folded<P> {
    pub(super) slots: Slots<P>,
    pub(super) letters: Vec<Letter>,
}

/// Why a page was not folded. Nothing of it is kept.
#[derive(Debug)]
pub(super) enum Unfolded {
    /// The projection is told not to run.
    Interrupted,
    /// An event could not be folded, and the policy says to stop before it. The control knows why.
    Failed(Option<Position>),
}

impl<P: Sources> Slot<P> {
    /// The view of a row.
    pub(super) fn of(projected: &Projected<P>, row: Option<Bytes>) -> Result<Self, Failure> {
        let view = row.as_deref().map(|row| table::decode::<P>(&projected.shared.codecs, row)).transpose();
        let view = view.map_err(|error| Failure::new(format_args!("a view cannot be read: {error}")))?;
        let indexed = indexed(view.as_ref());
        Ok(Self { view, row, indexed, rewound: None, applied: SmallVec::new(), parked: false, changed: false })
    }

    /// Begins another page.
    pub(super) fn settle(&mut self) {
        self.rewound = None;
        self.applied.clear();
        self.changed = false;
    }
}

/// The values under which a view stands in each index.
pub(super) fn indexed<P: Projection>(view: Option<&P>) -> Vec<Vec<IndexValue>> {
    let values = |index| {
        let mut values = Vec::new();
        if let Some(view) = view {
            view.indexed(index, &mut values);
        }
        values.sort();
        values.dedup();
        values
    };
    (0..P::INDEXES.len()).map(values).collect()
}

/// Whether a method of the projection may have to wait for something.
pub(super) fn waits<P: Sources>() -> bool {
    P::SOURCES.iter().any(|source| source.waits)
}

/// Pages with fewer items than this are not worth a task, when no method waits.
const WORTH_A_TASK: usize = 64;

/// What one worker does.
struct Part<P> {
    /// Items, and which of their keys.
    work: Vec<(usize, usize)>,
    slots: Slots<P>,
}

/// Folds a page into the views of its keys, which `slots` holds.
pub(super) async fn fold<P: Sources>(
    projected: &Arc<Projected<P>>,
    page: &Arc<Page<P>>,
    mut slots: Slots<P>,
) -> Result<Folded<P>, Unfolded> {
    let is_short = page.items.len() < WORTH_A_TASK && !waits::<P>();
    let workers = if is_short { 1 } else { projected.options.workers };
    if workers == 1 {
        let work = page.items.iter().enumerate().flat_map(|(item, found)| (0..found.keys.len()).map(move |key| (item, key)));
        let mut letters = Vec::new();
        Worker { projected, page, slots: &mut slots, letters: &mut letters }.run(work).await?;
        return Ok(Folded { slots, letters });
    }
    // One part for each worker: a key stands in one of them.
    let hasher = DefaultHashBuilder::default();
    let part_of = |key: &str| (hasher.hash_one(key) % workers as u64) as usize;
    let mut parts: Vec<Part<P>> = (0..workers).map(|_| Part { work: Vec::new(), slots: HashMap::new() }).collect();
    for (item, found) in page.items.iter().enumerate() {
        for (at, key) in found.keys.iter().enumerate() {
            parts[part_of(key)].work.push((item, at));
        }
    }
    for (key, slot) in slots {
        parts[part_of(&key)].slots.insert(key, slot);
    }
    let mut tasks = JoinSet::new();
    for Part { work, mut slots } in parts {
        let runtime = projected.shared.runtime.clone();
        let (projected, page) = (Arc::clone(projected), Arc::clone(page));
        let part = async move {
            let mut letters = Vec::new();
            Worker { projected: &projected, page: &page, slots: &mut slots, letters: &mut letters }.run(work.into_iter()).await?;
            Ok::<_, Unfolded>(Folded { slots, letters })
        };
        tasks.spawn_on(part, &runtime);
    }
    let mut whole = Folded { slots: HashMap::new(), letters: Vec::new() };
    while let Some(part) = tasks.join_next().await {
        let part = part.map_err(|lost| {
            projected.control.failed(&lost, None, 1);
            Unfolded::Failed(None)
        })??;
        whole.slots.extend(part.slots);
        whole.letters.extend(part.letters);
    }
    Ok(whole)
}

struct Worker<'w, P: Sources> {
    projected: &'w Projected<P>,
    page: &'w Page<P>,
    slots: &'w mut Slots<P>,
    letters: &'w mut Vec<Letter>,
}

impl<P: Sources> Worker<'_, P> {
    async fn run(mut self, work: impl Iterator<Item = (usize, usize)>) -> Result<(), Unfolded> {
        for (item, key) in work {
            let found = &self.page.items[item];
            let key = &found.keys[key];
            // The track has put a slot there for each key of the page.
            let Some(slot) = self.slots.get_mut(key) else { continue };
            if slot.parked {
                let event = &self.page.events[found.event];
                self.letters.push(Letter::parked(key, event, found.delivery.ordinal()));
            } else {
                self.fold_or_give_up(item, key).await?;
            }
        }
        Ok(())
    }

    async fn fold_or_give_up(&mut self, item: usize, key: &str) -> Result<(), Unfolded> {
        let Self { projected, page, slots, letters } = self;
        let (control, policy) = (&projected.control, projected.options.policy);
        let Some(slot) = slots.get_mut(key) else { return Ok(()) };
        let found = &page.items[item];
        let mut attempts = 1;
        let failure = loop {
            match fold_layered(projected, key, &*found.given, &mut slot.view, &found.delivery, attempts).await {
                Ok(()) => {
                    slot.changed = true;
                    slot.applied.push(item);
                    return Ok(());
                }
                Err(failure) => {
                    let position = found.delivery.position();
                    control.failed(&failure, Some(position), attempts);
                    tracing::warn!(projection = P::NAME, key, %position, attempts, %failure, "an event could not be folded");
                    rewind(projected, page, key, slot).await?;
                    match policy.wait_after(attempts) {
                        Some(wait) if !control.wait_to_retry(wait).await => return Err(Unfolded::Interrupted),
                        Some(_) => attempts = attempts.saturating_add(1),
                        None => break failure,
                    }
                }
            }
        };
        let event = &page.events[found.event];
        match policy.then {
            Then::Fail => return Err(Unfolded::Failed(Some(event.position))),
            Then::Skip => {
                control.skipped();
                tracing::error!(projection = P::NAME, key, position = %event.position, %failure, "an event was skipped");
            }
            Then::DeadLetter => {
                tracing::error!(projection = P::NAME, key, position = %event.position, %failure, "an event became a dead letter");
                letters.push(Letter::failed(projected, key, event, found.delivery.ordinal(), &failure, attempts));
                slot.parked = true;
            }
        }
        Ok(())
    }
}

/// Folds an event into the view of a key, within the layers. After an error the view may hold a part of it.
pub(super) async fn fold_layered<P: Sources>(
    projected: &Projected<P>,
    key: &str,
    given: &dyn Given<P>,
    view: &mut Option<P>,
    delivery: &Delivery,
    attempt: u32,
) -> Result<(), Failure> {
    let layers = &projected.shared.event_layers;
    if !is_around(layers) {
        return fold_once(given, view, delivery, attempt).await;
    }
    let again = delivery.clone().with_attempt(attempt);
    let (name, event) = given.event();
    let call = EventCall { consumer: ConsumerKind::Projection, handler: P::NAME, key: Some(key), name, event, delivery: &again };
    let folding = async { handle(layers, call, Box::pin(fold_once(given, view, delivery, attempt))).await };
    AssertUnwindSafe(folding).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    Failure::new(format_args!("it panicked: {}", panic_message(panic)))
}

/// Folds an event into a view. After an error the view may hold a part of it.
pub(super) async fn fold_once<P: Sources>(
    given: &dyn Given<P>,
    view: &mut Option<P>,
    delivery: &Delivery,
    attempt: u32,
) -> Result<(), Failure> {
    let again;
    let delivery = if attempt == 1 {
        delivery
    } else {
        again = delivery.clone().with_attempt(attempt);
        &again
    };
    let folded = {
        let view = view.get_or_insert_default();
        if given.waits() {
            AssertUnwindSafe(given.fold(view, delivery)).catch_unwind().await
        } else {
            std::panic::catch_unwind(AssertUnwindSafe(|| given.fold_now(view, delivery)))
        }
    };
    let fold = folded.unwrap_or_else(|panic| Err(panicked(&*panic)))?;
    if fold == Fold::Remove {
        *view = None;
    }
    Ok(())
}

/// Brings a view to what it was before the event that failed: a method may have changed a part of it. What its page brought before that is
/// folded again, with the same patience: what fails for a while fails here, too.
async fn rewind<P: Sources>(projected: &Projected<P>, page: &Page<P>, key: &str, slot: &mut Slot<P>) -> Result<(), Unfolded> {
    let (control, codecs) = (&projected.control, &projected.shared.codecs);
    let gave_up = |failure: &dyn std::fmt::Display| {
        control.failed(&format_args!("a view could not be taken back: {failure}"), None, 1);
        Unfolded::Failed(None)
    };
    let view_of = |row: &Option<Bytes>| row.as_deref().map(|row| table::decode::<P>(codecs, row)).transpose();
    let mut row = slot.rewound.take().unwrap_or_else(|| slot.row.clone());
    slot.view = view_of(&row).map_err(|error| gave_up(&error))?;
    for item in std::mem::take(&mut slot.applied) {
        let Item { given, delivery, .. } = &page.items[item];
        let mut attempts = 1;
        while let Err(failure) = fold_layered(projected, key, &**given, &mut slot.view, delivery, attempts).await {
            control.failed(&failure, Some(delivery.position()), attempts);
            slot.view = view_of(&row).map_err(|error| gave_up(&error))?;
            match projected.options.policy.wait_after(attempts) {
                Some(wait) if !control.wait_to_retry(wait).await => return Err(Unfolded::Interrupted),
                Some(_) => attempts = attempts.saturating_add(1),
                None => return Err(Unfolded::Failed(Some(delivery.position()))),
            }
        }
        row = slot.view.as_ref().map(|view| table::encode(codecs, view)).transpose().map_err(|error| gave_up(&error))?;
    }
    slot.rewound = Some(row);
    Ok(())
}
