//! Everything else that the store keeps and the engine shows: streams and their heads, states, snapshots, checkpoints, deletions.

use super::Checked;
use super::log::Log;
use crate::domain::{Hall, Till};
use crate::house::{CONSUMERS, HALL, NOTE, PILE, TILL, digest, snapshot, stream};
use crate::known::{Checkpoint, Known};
use crate::outcome::{Outcome, hold, whole};
use crate::tried::{Answer, Asked};
use crate::views::VIEWS;
use ego::Engine;
use ego::message::{Position, Revision, StreamId};
use ego::store::{Direction, Store, StreamHead};
use ego_sled::SledStore;

pub(super) async fn check(known: &mut Known, log: &Log, store: &SledStore, engine: &Engine, checked: &mut Checked) -> Outcome {
    each_stream_is_its_part_of_the_log(log, store).await?;
    states_are_folds(log, engine).await?;
    notes(known, store).await?;
    checked.snapshots += snapshots(known, log, store).await?;
    checkpoints(known, store).await?;
    piles(known, log, store).await
}

/// I1: read by itself, in pages, a stream is what the log says, and so is its head.
async fn each_stream_is_its_part_of_the_log(log: &Log, store: &SledStore) -> Outcome {
    for (stream, line) in &log.streams {
        let (mut digests, mut from) = (Vec::new(), None);
        loop {
            let page = store.read_stream(stream, from, Direction::Forwards, 50).await?;
            digests.extend(page.items.iter().map(digest));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        hold!(digests == line.digests, "{stream} has {} events, in the log {} (I1)", digests.len(), line.digests.len());
        let head = store.stream_head(stream).await?;
        let revision = head.and_then(|head| head.revision).map(u64::from);
        hold!(revision == Some(line.revision), "{stream} is at {revision:?} instead of {} (I1)", line.revision);
    }
    Ok(())
}

/// What the engine shows is the fold of the log, and the history has as many events.
async fn states_are_folds(log: &Log, engine: &Engine) -> Outcome {
    for (stream, line) in &log.streams {
        let (revision, id) = (Revision::new(line.revision), stream.id());
        let same = match stream.kind() {
            TILL => {
                let loaded = engine.load::<Till>(id).await.map_err(|error| whole(&error))?;
                let history = engine.history::<Till>(id)?.collect().await.map_err(|error| whole(&error))?;
                let same = loaded.state.total == line.model.total && loaded.revision == revision;
                same && history.len() == line.digests.len()
            }
            HALL => {
                let loaded = engine.load::<Hall>(id).await.map_err(|error| whole(&error))?;
                let history = engine.history::<Hall>(id)?.collect().await.map_err(|error| whole(&error))?;
                let same = loaded.state.guests == line.model.guests && loaded.revision == revision;
                same && history.len() == line.digests.len()
            }
            _ => true,
        };
        hold!(same, "{stream} is not loaded as the fold of its events");
    }
    Ok(())
}

/// States: the last one that was promised, or one that was tried since.
async fn notes(known: &Known, store: &SledStore) -> Outcome {
    for id in ["0", "1", "2", "large"] {
        let stream = stream(NOTE, id)?;
        let of = |stream: &StreamId| known.tries.values().filter(|track| track.tried.stream == *stream).collect::<Vec<_>>();
        let tries = of(&stream);
        let promised = tries.iter().filter_map(|track| match &track.answer {
            Some(Answer::Promised(promise)) => promise.revision,
            _ => None,
        });
        let last = promised.max();
        let Some(state) = store.load_state(&stream).await? else {
            hold!(last.is_none(), "{stream} was saved {last:?} times and has no state (I2)");
            continue;
        };
        let (revision, position) = (Some(state.revision.get()), Some(state.position.get()));
        hold!(revision >= last, "{stream} went back from {last:?} to {revision:?} (I2)");
        let kept = |payload: &[u8]| {
            tries.iter().find(|track| {
                let Asked::Keep { size } = track.tried.asked else { return false };
                payload == format!("{}{}", track.tried.token, "y".repeat(size)).as_bytes()
            })
        };
        let track = kept(&state.payload).ok_or_else(|| format!("nobody kept what {stream} holds at {revision:?}"))?;
        match &track.answer {
            Some(Answer::Promised(promise)) => {
                let promised = (promise.revision, promise.position);
                hold!(
                    promised == (revision, position),
                    "{stream} was promised {promise:?} and is at {revision:?}, {position:?} (I2)"
                );
            }
            Some(answer) => return Err(format!("{} was {answer:?} and is kept (I4)", track.tried.token).into()),
            None => hold!(revision > last, "{stream} holds an older state in place of revision {last:?} (I2)"),
        }
    }
    Ok(())
}

/// A snapshot may be lost (I8). What is there was kept by somebody, of a revision that there is.
async fn snapshots(known: &Known, log: &Log, store: &SledStore) -> Outcome<u64> {
    let mut found = 0;
    for id in 0..16 {
        let stream = stream(TILL, id)?;
        let Some(kept) = store.load_snapshot(&stream).await? else { continue };
        let revision = kept.revision.get();
        hold!(known.snapshots.contains(&(stream.clone(), revision)), "nobody kept a snapshot of {stream} at {revision}");
        let end = log.streams.get(&stream).map_or(0, |line| line.revision);
        hold!(revision <= end, "a snapshot of {stream} is of revision {revision}, the last is {end}");
        let (revision, position) = (Some(kept.revision), Some(kept.position));
        let as_it_was = snapshot(&StreamHead { stream: stream.clone(), revision, position, first: None, erased: false });
        hold!(as_it_was.as_ref() == Some(&kept), "the snapshot of {stream} at {revision:?} is another than was kept");
        found += 1;
    }
    Ok(found)
}

async fn checkpoints(known: &mut Known, store: &SledStore) -> Outcome {
    for consumer in CONSUMERS.into_iter().chain(VIEWS.map(|(view, _)| view)) {
        let stands = store.load_checkpoint(consumer).await?.map(Position::get);
        let Checkpoint { done, begun } = known.checkpoints.get(consumer).copied().unwrap_or_default();
        let zero_is_none = |number: Option<u64>| number.filter(|number| *number > 0);
        let possible = stands == zero_is_none(done) || begun.is_some() && stands == zero_is_none(begun);
        hold!(possible, "{consumer} has finished {stands:?}, it said {done:?}, perhaps {begun:?} (I6)");
        hold!(stands <= Some(known.head) || stands.is_none(), "{consumer} is ahead of the log (I6)");
        known.checkpoints.insert(consumer.to_owned(), Checkpoint { done: stands, begun: None });
    }
    Ok(())
}

/// What was deleted is gone, what was not tried is there.
async fn piles(known: &mut Known, log: &Log, store: &SledStore) -> Outcome {
    for track in known.tries.values().filter(|track| track.tried.stream.kind() == PILE) {
        known.piles.entry(track.tried.stream.clone()).or_default();
    }
    for (stream, pile) in &mut known.piles {
        let head = store.stream_head(stream).await?;
        let erased = head.as_ref().is_some_and(|head| head.erased);
        hold!(erased || !pile.erased, "{stream} was erased and is there");
        hold!(!erased || pile.erasing, "{stream} was erased by nobody");
        pile.erased = erased;
        pile.erasing = erased;
        let line = log.streams.get(stream);
        hold!(line.is_none() || !erased, "{stream} was erased and has events");
        let Some(head) = head.filter(|_| !erased) else { continue };
        let last = head.revision.map_or(0, u64::from);
        let first = line.map_or(last + 1, |line| line.revision + 1 - line.digests.len() as u64);
        let deleted = first - 1;
        let possible = (pile.deleted..=pile.deleting).contains(&deleted);
        hold!(possible, "{stream} was deleted up to {}, perhaps {}, and begins at {first}", pile.deleted, pile.deleting);
        (pile.deleted, pile.deleting) = (deleted, deleted);
    }
    Ok(())
}
