//! Bringing an aggregate to its last state: the fold of everything recorded for it.

use super::cell::Core;
use super::drive::drive;
use super::error::{RecoveryError, panic_message};
use super::inline::Views;
use super::shared::{Shared, lost};
use super::snapshot::{Replay, in_place_of_history, latest, passed_over};
use crate::message::{Position, Revision, StreamId};
use crate::model::{Aggregate, Event, Stored, fold};
use crate::store::{Direction, RecordedEvent, Store, StoreError};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// An aggregate as it was recorded.
pub(super) struct Recovered<A: Aggregate> {
    pub(super) core: Core<A>,
    /// The position of its last event.
    pub(super) position: Option<Position>,
    /// What it took to get there.
    pub(super) replay: Replay,
}

impl<A: Aggregate> Recovered<A> {
    /// Nothing has happened to it.
    fn new(views: Option<Box<Views<A>>>) -> Self {
        Self { core: Core { state: A::default(), revision: None, views, mark: None }, position: None, replay: Replay::default() }
    }

    fn done(mut self) -> Result<Replayed<A>, RecoveryError> {
        if let Core { views: Some(views), revision: Some(revision), .. } = &mut self.core {
            views.are_recorded().map_err(|unfolded| unfolded.at(*revision))?;
        }
        Ok(Replayed::Whole(self))
    }
}

/// How a replay ended.
enum Replayed<A: Aggregate> {
    Whole(Recovered<A>),
    /// The snapshot that it began with is not of this stream.
    Strange,
    /// What would come next was deleted; this is the first event that is left.
    Deleted {
        first: Revision,
    },
}

/// How often a replay begins again when events are deleted under it.
const BEGINNINGS: u32 = 8;

/// Brings an aggregate to its last state, with its inline views if they are wanted: from its latest snapshot, and what is recorded behind
/// it. Reads only what is durable.
pub(super) async fn recover<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    with_views: bool,
) -> Result<Recovered<A>, RecoveryError> {
    // Never closed, so the error cannot happen; without a permit the replay goes on all the same.
    let _permit = shared.recoveries.acquire().await.ok();
    if A::STATE.is_some() {
        return last_state(shared, stream).await;
    }
    let began = Instant::now();
    let views = || with_views.then(|| shared.inline_views()).flatten();
    let mut begin = latest(shared, stream, views()).await;
    let mut beginnings = 0;
    loop {
        match replay(shared, stream, begin.unwrap_or_else(|| Recovered::new(views()))).await? {
            Replayed::Whole(mut recovered) => {
                recovered.replay.took = began.elapsed();
                return Ok(recovered);
            }
            Replayed::Strange if beginnings == BEGINNINGS => {
                return Err(StoreError::damaged(stream.to_string(), "it ends before what was read of it").into());
            }
            Replayed::Strange => {
                passed_over(stream, &"the stream has no such event");
                begin = None;
            }
            Replayed::Deleted { first } if beginnings == BEGINNINGS => return Err(StoreError::HistoryDeleted { first }.into()),
            Replayed::Deleted { first } => begin = Some(in_place_of_history(shared, stream, first, views).await?),
        }
        beginnings += 1;
    }
}

/// Folds what is recorded behind this state, page by page.
async fn replay<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    mut recovered: Recovered<A>,
) -> Result<Replayed<A>, RecoveryError> {
    let mut events = Vec::new();
    let read = |from| shared.store.read_stream(stream, from, Direction::Forwards, shared.limits.page);
    // Its own last event again, which tells whether a snapshot is of this stream.
    let mut page = read(recovered.core.revision).await?;
    let mut known = 0;
    if let Some(event) = page.items.first().filter(|event| Some(event.revision) == recovered.core.revision) {
        if Some(event.position) != recovered.position {
            return Ok(Replayed::Strange);
        }
        known = 1;
    }
    loop {
        // The store begins with the next page while this one is folded.
        let mut ahead = page.next.map(|from| read(Some(from)));
        let ready = ahead.as_mut().and_then(FutureExt::now_or_never);
        for event in &page.items[known..] {
            if let Some(first) = deleted(shared, stream, recovered.core.revision, event.revision).await? {
                return Ok(Replayed::Deleted { first });
            }
            let Core { state, views, mark, .. } = &mut recovered.core;
            let replay = AssertUnwindSafe(|| {
                decode(shared, event, &mut events)?;
                if let Some(views) = views {
                    views.replay(shared, event, &events).map_err(|unfolded| unfolded.at(event.revision))?;
                }
                events.drain(..).for_each(|event| fold(state, event));
                Ok(())
            });
            caught(replay)?;
            if A::SNAPSHOTS.is_some() {
                mark.get_or_insert_default().since.get_or_insert(event.metadata.time);
            }
            recovered.core.revision = Some(event.revision);
            recovered.position = Some(event.position);
            recovered.replay.events += 1;
        }
        known = 0;
        page = match (ready, ahead) {
            (Some(page), _) => page?,
            (None, Some(ahead)) => ahead.await?,
            (None, None) if page.items.is_empty() => match standing(shared, stream, recovered.core.revision).await? {
                Standing::Here => return recovered.done(),
                Standing::Further => read(Revision::after(recovered.core.revision, 1)).await?,
                Standing::Behind => return Ok(Replayed::Strange),
                Standing::Deleted { first } => return Ok(Replayed::Deleted { first }),
            },
            (None, None) => return recovered.done(),
        };
    }
}

/// The state that a durable aggregate was last saved with; the default when it never was.
async fn last_state<A: Aggregate>(shared: &Shared, stream: &StreamId) -> Result<Recovered<A>, RecoveryError> {
    let mut recovered = Recovered::new(None);
    let mut saved = shared.store.load_state(stream).await?;
    if saved.is_none()
        && let Some(head) = shared.store.stream_head(stream).await?
    {
        if head.erased {
            return Err(RecoveryError::Erased);
        }
        if head.revision.is_some() {
            // Saved just now, or never.
            saved = Some(shared.store.load_state(stream).await?.ok_or(RecoveryError::Mixed { state: false })?);
        }
    }
    if let Some(saved) = saved {
        let mut events = Vec::with_capacity(1);
        let event = RecordedEvent::from(saved);
        caught(AssertUnwindSafe(|| {
            decode(shared, &event, &mut events)?;
            events.drain(..).for_each(|event| fold(&mut recovered.core.state, event));
            Ok(())
        }))?;
        (recovered.core.revision, recovered.position) = (Some(event.revision), Some(event.position));
    }
    Ok(recovered)
}

/// What the user's code comes to; a panic of it is an error.
fn caught(run: AssertUnwindSafe<impl FnOnce() -> Result<(), RecoveryError>>) -> Result<(), RecoveryError> {
    std::panic::catch_unwind(run).unwrap_or_else(|panic| Err(RecoveryError::Panicked { message: panic_message(&*panic) }))
}

/// The same for a caller who may be dropped or never polled again: activation waits for the permit that a replay holds.
pub(super) async fn recover_apart<A: Aggregate>(
    shared: &Arc<Shared>,
    stream: StreamId,
    with_views: bool,
) -> Result<Recovered<A>, RecoveryError> {
    let (mut answerer, answer) = oneshot::channel();
    let work = {
        let shared = Arc::clone(shared);
        async move {
            let replay = AssertUnwindSafe(recover::<A>(&shared, &stream, with_views)).catch_unwind();
            tokio::select! {
                biased;
                () = answerer.closed() => {}
                replayed = replay => {
                    let panicked = |panic: Box<dyn Any + Send>| Err(RecoveryError::Panicked { message: panic_message(&*panic) });
                    // A caller who is gone does not hear it.
                    let _ = answerer.send(replayed.unwrap_or_else(panicked));
                }
            }
        }
    };
    drive(&shared.runtime, work);
    answer.await.unwrap_or_else(|_| Err(lost("replaying").into()))
}

/// What a recorded event means today, added to `events`.
pub(super) fn decode<E: Event>(shared: &Shared, event: &RecordedEvent, events: &mut Vec<E>) -> Result<(), RecoveryError> {
    let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
    shared
        .codecs
        .named(&event.codec)
        .and_then(|codec| E::decode(stored, codec, events))
        .map_err(|source| RecoveryError::Unreadable { revision: event.revision, source })
}

/// I1: a fold over a stream with a gap would be a wrong state. Says where the stream begins now, when what would come next was deleted.
async fn deleted(
    shared: &Shared,
    stream: &StreamId,
    last: Option<Revision>,
    found: Revision,
) -> Result<Option<Revision>, RecoveryError> {
    let expected = Revision::after(last, 1);
    match last {
        _ if expected == Some(found) => Ok(None),
        None => Ok(Some(found)),
        Some(last) => match shared.store.stream_head(stream).await?.and_then(|head| head.first) {
            Some(first) if Some(first) > expected => Ok(Some(first)),
            _ => Err(StoreError::damaged(stream.to_string(), format!("revision {found} follows revision {last}")).into()),
        },
    }
}

/// Where a stream stands of which nothing was found behind a revision.
enum Standing {
    /// That is its last one.
    Here,
    /// More was recorded meanwhile.
    Further,
    /// It has not come so far.
    Behind,
    /// What would come next was deleted.
    Deleted { first: Revision },
}

async fn standing(shared: &Shared, stream: &StreamId, last: Option<Revision>) -> Result<Standing, RecoveryError> {
    let head = shared.store.stream_head(stream).await?;
    if head.as_ref().is_some_and(|head| head.erased) {
        return Err(RecoveryError::Erased);
    }
    let (revision, first) = head.map_or((None, None), |head| (head.revision, head.first));
    Ok(match (revision, first) {
        _ if revision == last => Standing::Here,
        _ if revision < last => Standing::Behind,
        (Some(revision), None) => match shared.store.load_state(stream).await? {
            Some(_) => return Err(RecoveryError::Mixed { state: true }),
            None => Standing::Deleted { first: revision.next() },
        },
        _ => Standing::Further,
    })
}
