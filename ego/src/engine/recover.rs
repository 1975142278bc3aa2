//! Bringing an aggregate to its last state: the fold of everything recorded for it.

use super::cell::Core;
use super::drive::drive;
use super::error::{RecoveryError, panic_message};
use super::inline::Views;
use super::shared::{Shared, lost};
use crate::message::{Position, Revision, StreamId};
use crate::model::{Aggregate, Event, Stored, fold};
use crate::store::{Direction, RecordedEvent, Store, StoreError, StreamHead};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;

/// An aggregate as it was recorded.
pub(super) struct Recovered<A: Aggregate> {
    pub(super) core: Core<A>,
    /// The position of its last event.
    pub(super) position: Option<Position>,
}

/// Replays a stream, page by page, with its inline views if they are wanted. Reads only what is durable.
pub(super) async fn recover<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    views: Option<Box<Views<A>>>,
) -> Result<Recovered<A>, RecoveryError> {
    // Never closed, so the error cannot happen; without a permit the replay goes on all the same.
    let _permit = shared.recoveries.acquire().await.ok();
    if A::STATE.is_some() {
        return last_state(shared, stream, views).await;
    }
    let mut recovered = Recovered { core: Core { state: A::default(), revision: None, views }, position: None };
    let mut events = Vec::new();
    let read = |from| shared.store.read_stream(stream, from, Direction::Forwards, shared.limits.page);
    let mut page = read(None).await?;
    loop {
        // The store begins with the next page while this one is folded.
        let mut ahead = page.next.map(|from| read(Some(from)));
        let ready = ahead.as_mut().and_then(FutureExt::now_or_never);
        for event in &page.items {
            next_in_order(stream, recovered.core.revision, event.revision)?;
            let Core { state, views, .. } = &mut recovered.core;
            let replay = AssertUnwindSafe(|| {
                decode(shared, event, &mut events)?;
                if let Some(views) = views {
                    views.replay(shared, event, &events).map_err(|unfolded| unfolded.at(event.revision))?;
                }
                events.drain(..).for_each(|event| fold(state, event));
                Ok(())
            });
            caught(replay)?;
            recovered.core.revision = Some(event.revision);
            recovered.position = Some(event.position);
        }
        page = match (ready, ahead) {
            (Some(page), _) => page?,
            (None, Some(ahead)) => ahead.await?,
            (None, None) if recovered.core.revision.is_none() && began_meanwhile(shared, stream).await? => read(None).await?,
            (None, None) => {
                if let Core { views: Some(views), revision: Some(revision), .. } = &mut recovered.core {
                    views.are_recorded().map_err(|unfolded| unfolded.at(*revision))?;
                }
                return Ok(recovered);
            }
        };
    }
}

/// The state that a durable aggregate was last saved with; the default when it never was.
async fn last_state<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    views: Option<Box<Views<A>>>,
) -> Result<Recovered<A>, RecoveryError> {
    let mut recovered = Recovered { core: Core { state: A::default(), revision: None, views }, position: None };
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
pub(super) async fn recover_apart<A: Aggregate>(shared: &Arc<Shared>, stream: StreamId) -> Result<Recovered<A>, RecoveryError> {
    let (mut answerer, answer) = oneshot::channel();
    let work = {
        let shared = Arc::clone(shared);
        async move {
            let replay = AssertUnwindSafe(recover::<A>(&shared, &stream, None)).catch_unwind();
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

/// I1: a fold over a stream with a gap would be a wrong state, so it is an error.
fn next_in_order(stream: &StreamId, last: Option<Revision>, found: Revision) -> Result<(), StoreError> {
    let expected = Revision::after(last, 1);
    match last {
        _ if expected == Some(found) => Ok(()),
        None => Err(StoreError::HistoryDeleted { first: found }),
        Some(last) => Err(StoreError::damaged(stream.to_string(), format!("revision {found} follows revision {last}"))),
    }
}

/// An empty stream is a new aggregate only if nothing was recorded before. True when it is to be read again: its first event came
/// after it was found empty.
async fn began_meanwhile(shared: &Shared, stream: &StreamId) -> Result<bool, RecoveryError> {
    match shared.store.stream_head(stream).await? {
        Some(head) if head.erased => Err(RecoveryError::Erased),
        Some(StreamHead { revision: Some(last), first: None, .. }) => match shared.store.load_state(stream).await? {
            Some(_) => Err(RecoveryError::Mixed { state: true }),
            None => Err(StoreError::HistoryDeleted { first: last.next() }.into()),
        },
        Some(head) => Ok(head.revision.is_some()),
        None => Ok(false),
    }
}
