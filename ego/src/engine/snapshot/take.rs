//! When a snapshot is taken of an aggregate in memory: after a commit, when it was loaded, before it leaves.

use super::content::{Draft, encode};
use super::writer::{Place, failed};
use crate::codec::CodecError;
use crate::engine::cell::{Cell, Core, Seat};
use crate::engine::committer::{Wake, Want};
use crate::engine::error::panic_message;
use crate::engine::recover::Recovered;
use crate::engine::retention;
use crate::engine::shared::Shared;
use crate::message::{Name, Position, Revision, StreamId};
use crate::model::{Aggregate, Snapshots};
use crate::store::Snapshot;
use jiff::Timestamp;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// What the last snapshot of an aggregate in memory has seen, be it that it was saved or that this was tried.
#[derive(Clone, Copy, Default)]
pub(in crate::engine) struct Mark {
    /// The last event that it has seen.
    pub(in crate::engine) revision: Option<Revision>,
    /// When the first was recorded that it has not seen.
    pub(in crate::engine) since: Option<Timestamp>,
}

/// What it took to load an aggregate.
#[derive(Clone, Copy, Default)]
pub(in crate::engine) struct Replay {
    pub(in crate::engine) events: u64,
    pub(in crate::engine) took: Duration,
}

/// After something was recorded, or is about to be, at this time. The caller lets the pipeline run.
#[inline]
pub(in crate::engine) fn after_commit<A: Aggregate>(cell: &Arc<Cell<A>>, seat: &mut Seat<A>, time: Timestamp) -> Option<Wake> {
    A::SNAPSHOTS.and_then(|snapshots| look(cell, seat, &snapshots, time, |_| false))
}

/// After an aggregate was loaded.
pub(in crate::engine) fn after_load<A: Aggregate>(cell: &Arc<Cell<A>>, seat: &mut Seat<A>, replay: &Replay) {
    if let Some(snapshots) = A::SNAPSHOTS {
        let is_worth = |snapshots: &Snapshots<A>| snapshots.is_worth(replay.events, replay.took);
        let wake = look(cell, seat, &snapshots, cell.shared.clock.now(), is_worth);
        wake.into_iter().for_each(Wake::run);
    }
}

/// Before an aggregate leaves memory, with nothing under way.
pub(in crate::engine) fn before_leaving<A: Aggregate>(cell: &Arc<Cell<A>>, seat: &mut Seat<A>) {
    if let Some(snapshots) = A::SNAPSHOTS {
        let wake = look(cell, seat, &snapshots, cell.shared.clock.now(), |_| false);
        wake.into_iter().for_each(Wake::run);
    }
}

#[inline(never)]
fn look<A: Aggregate>(
    cell: &Arc<Cell<A>>,
    seat: &mut Seat<A>,
    snapshots: &Snapshots<A>,
    now: Timestamp,
    or_else: impl FnOnce(&Snapshots<A>) -> bool,
) -> Option<Wake> {
    let Core { revision, mark, .. } = seat.core.as_deref_mut()?;
    let mark = mark.get_or_insert_default();
    let number = |revision: &Option<Revision>| revision.map_or(0, Revision::get);
    let unseen = number(revision).saturating_sub(number(&mark.revision));
    if unseen == 0 {
        return None;
    }
    let since = *mark.since.get_or_insert(now);
    let age = || Duration::try_from(now.duration_since(since)).unwrap_or(Duration::ZERO);
    if snapshots.is_due(unseen, age) || or_else(snapshots) { take(cell, seat, snapshots) } else { None }
}

/// Takes a snapshot of the state as it is now, and has it saved as soon as that is durable: at once, or behind the commits that are
/// under way. If one of them is not recorded, it is thrown away with the state (I2).
fn take<A: Aggregate>(cell: &Arc<Cell<A>>, seat: &mut Seat<A>, snapshots: &Snapshots<A>) -> Option<Wake> {
    let Seat { core: Some(core), lineage, .. } = seat else { return None };
    let revision = core.revision.filter(|_| !lineage.is_broken())?;
    let mut place = cell.shared.snapshots.enter(&cell.stream)?;
    // Also when it fails: then the next one is tried at its time.
    core.mark = Some(Box::new(Mark { revision: Some(revision), since: None }));
    let write = || encode(&cell.shared.codecs, snapshots, revision, &core.state, core.views.as_deref());
    let draft = match caught(write) {
        Ok(draft) => draft,
        Err(error) => {
            failed(&cell.stream, &error);
            return None;
        }
    };
    place.hold(draft.len());
    let taken = Taken { place, draft, shared: Arc::clone(&cell.shared) };
    if lineage.is_settled() {
        taken.save::<A>(lineage.position()?);
        return None;
    }
    let room = cell.shared.committer.try_reserve(0)?;
    let relied_on = Arc::clone(lineage);
    let durable = move |_| {
        if !relied_on.is_broken()
            && let Some(position) = relied_on.position()
        {
            taken.save::<A>(position);
        }
    };
    Some(cell.shared.committer.push(cell.lane(), Want::Settle, lineage, room, Box::new(durable)))
}

/// A snapshot that was taken.
struct Taken {
    place: Place,
    draft: Draft,
    shared: Arc<Shared>,
}

impl Taken {
    fn save<A: Aggregate>(self, position: Position) {
        let Self { place, draft, shared } = self;
        let codec = shared.codecs.name.clone();
        let stream = place.stream().clone();
        let of = stream.clone();
        let snapshot = move || snapshot::<A>(&of, draft, position, codec);
        place.save(snapshot, move || async move { retention::after_snapshot::<A>(&shared, &stream).await });
    }
}

fn snapshot<A: Aggregate>(stream: &StreamId, draft: Draft, position: Position, codec: Name) -> Snapshot {
    Snapshot { revision: draft.revision, position, version: A::VERSION, codec, payload: draft.seal(stream, position) }
}

/// A snapshot of what was loaded; `None` of an aggregate that nothing has happened to.
pub(in crate::engine) fn of<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    snapshots: &Snapshots<A>,
    loaded: &Recovered<A>,
) -> Result<Option<Snapshot>, CodecError> {
    let Recovered { core: Core { state, revision: Some(revision), views, .. }, position: Some(position), .. } = loaded else {
        return Ok(None);
    };
    let write = || encode(&shared.codecs, snapshots, *revision, state, views.as_deref());
    Ok(Some(snapshot::<A>(stream, caught(write)?, *position, shared.codecs.name.clone())))
}

/// What the user's code writes; a panic of it is an error.
fn caught(write: impl FnOnce() -> Result<Draft, CodecError>) -> Result<Draft, CodecError> {
    let panicked = |panic: Box<dyn Any + Send>| Err(CodecError::new(format_args!("it panicked: {}", panic_message(&*panic))));
    std::panic::catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(panicked)
}
