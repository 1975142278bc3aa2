//! The log against what was asked and answered: each commit is one that somebody asked for, whole, once, where it was promised, and
//! what the command decides on the state right before it.

use super::Checked;
use crate::house::{HALL, PILE, TILL, digest, rolled};
use crate::known::{Known, Seen};
use crate::model::Model;
use crate::outcome::{Outcome, hold};
use crate::tried::{Answer, Asked, Promise, TOKEN};
use ego::message::{Revision, StreamId};
use ego::store::{Filter, RecordedEvent, Store};
use ego_sled::SledStore;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The log, as it was read and folded.
#[derive(Default)]
pub(super) struct Log {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) streams: BTreeMap<StreamId, Line>,
    /// What was recorded for each attempt.
    pub(super) found: HashMap<String, Promise>,
    /// What stands at a stream's revision: the position, and the state after it.
    pub(super) at: HashMap<(StreamId, u64), (u64, Model)>,
}

/// A stream in the log.
#[derive(Default)]
pub(super) struct Line {
    pub(super) revision: u64,
    pub(super) model: Model,
    pub(super) digests: Vec<u64>,
}

pub(super) async fn check(known: &mut Known, store: &SledStore, checked: &mut Checked) -> Outcome<Log> {
    let mut log = Log { events: read(store).await?, ..Log::default() };
    let head = store.head().await?.map_or(0, u64::from);
    hold!(head >= known.head, "the head went back from {} to {head} (I3)", known.head);
    let last = log.events.last().map_or(0, |event| event.position.get());
    hold!(last <= head, "position {last} is beyond the head {head} (I3)");
    let rising = log.events.windows(2).all(|two| two[0].position < two[1].position);
    hold!(rising, "positions do not grow (I3)");
    what_was_seen(known, &log.events)?;
    what_readers_saw(known, &log.events, checked)?;
    let events = std::mem::take(&mut log.events);
    let one = |a: &RecordedEvent, b: &RecordedEvent| {
        (&a.stream, &a.metadata.command_id) == (&b.stream, &b.metadata.command_id) && a.position.next() == b.position
    };
    for commit in events.chunk_by(one) {
        log.commit(known, commit)?;
    }
    log.events = events;
    log.answers(known, head, checked)?;
    known.head = head;
    for event in &log.events {
        let pile = (event.stream.kind() == PILE).then(|| (event.stream.clone(), event.revision.get()));
        known.seen.insert(event.position.get(), Seen { digest: digest(event), pile });
    }
    checked.events = log.events.len() as u64;
    checked.head = head;
    Ok(log)
}

async fn read(store: &SledStore) -> Outcome<Vec<RecordedEvent>> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = store.read_log(after, &Filter::all(), 500).await?;
        events.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(events),
        }
    }
}

/// I3: what stood at a position stands there, and nothing came to stand before it.
fn what_was_seen(known: &mut Known, events: &[RecordedEvent]) -> Outcome {
    let mut gone = std::mem::take(&mut known.seen);
    for event in events {
        let position = event.position.get();
        match gone.remove(&position) {
            Some(seen) => hold!(seen.digest == digest(event), "another event stands at position {position}: {event:?} (I3)"),
            None => hold!(position > known.head, "at {position}, before {}, an event appeared: {event:?} (I3)", known.head),
        }
    }
    for (position, seen) in gone {
        let deleted = seen.pile.as_ref().is_some_and(|(pile, revision)| known.pile(pile).may_lack(*revision));
        hold!(deleted, "the event at position {position} is gone (I2)");
    }
    Ok(())
}

/// I3: what a reader saw before the kill is what is there now.
fn what_readers_saw(known: &mut Known, events: &[RecordedEvent], checked: &mut Checked) -> Outcome {
    for (after, position, digest) in std::mem::take(&mut known.saw) {
        let between = events.iter().filter(|event| (after + 1..=position).contains(&event.position.get()));
        let there = between.filter(|event| [TILL, HALL].contains(&event.stream.kind())).fold(0, rolled);
        hold!(there == digest, "what a reader saw behind {after} up to {position} is not what is there (I3)");
        checked.readers += 1;
    }
    Ok(())
}

impl Log {
    fn commit(&mut self, known: &Known, commit: &[RecordedEvent]) -> Outcome {
        let (Some(first), Some(last)) = (commit.first(), commit.last()) else { return Ok(()) };
        let stream = &first.stream;
        let token = first.metadata.entries.get(TOKEN).ok_or_else(|| format!("nobody asked for {first:?}"))?;
        let track = known.tries.get(token).ok_or_else(|| format!("nobody asked for {token} (I2)"))?;
        let (tried, id) = (&track.tried, last.metadata.command_id.as_str());
        hold!(tried.stream == *stream, "{token} is in {stream} instead of {}", tried.stream);
        hold!(!tried.own_id || id == token, "{token} has the command id {id}");
        let line = self.streams.entry(stream.clone()).or_default();
        // A pile begins where it was deleted up to.
        let cut = line.revision == 0 && first.revision.get() > 1;
        if cut {
            line.revision = first.revision.get() - 1;
            let deleted = known.pile(stream);
            hold!(line.revision <= deleted.deleting, "{stream} begins with revision {} (I1)", first.revision);
        }
        let before = line.revision;
        for event in commit {
            line.revision += 1;
            hold!(event.revision.get() == line.revision, "{stream}: {} in place of {} (I1)", event.revision, line.revision);
            line.digests.push(digest(event));
        }
        let decided = line.model.decide(&tried.asked, token);
        let (asked, reply) =
            decided.ok_or_else(|| format!("{token}, {:?}, is recorded and must be refused (I5)", tried.asked))?;
        let skipped = if cut { asked.len().saturating_sub(commit.len()) } else { 0 };
        let expected = tried.expected.holds(Revision::new(before.saturating_sub(skipped as u64)));
        hold!(expected, "{token} expected {} and stands behind {before} (I5)", tried.expected);
        for event in commit {
            line.model.apply(&event.name, &serde_json::from_slice(&event.payload)?)?;
        }
        let contents = commit.iter().map(|event| Ok((&*event.name, serde_json::from_slice(&event.payload)?)));
        let contents: Vec<(&str, Value)> = contents.collect::<Outcome<_>>()?;
        let whole = contents == asked[skipped..];
        hold!(whole, "{token} is there by half or changed: {contents:?} of {asked:?} (I2)");
        let at = (Some(last.revision.get()), Some(last.position.get()));
        let promise = Promise { id: id.to_owned(), reply, revision: at.0, position: at.1 };
        let state = (last.position.get(), line.model.clone());
        self.at.insert((stream.clone(), last.revision.get()), state);
        hold!(self.found.insert(token.clone(), promise).is_none(), "{token} took effect twice (I11)");
        Ok(())
    }

    /// I2, I4: what was promised is there as promised, what was refused is not.
    fn answers(&self, known: &Known, head: u64, checked: &mut Checked) -> Outcome {
        for (token, track) in &known.tries {
            let (tried, found) = (&track.tried, self.found.get(token));
            let Some(Answer::Promised(promise)) = &track.answer else {
                hold!(track.answer.is_none() || found.is_none(), "{token} was {:?} and left {found:?} (I4)", track.answer);
                checked.unanswered += u64::from(track.answer.is_none());
                checked.unanswered_recorded += u64::from(track.answer.is_none() && found.is_some());
                continue;
            };
            checked.compared += 1;
            hold!(
                promise.position <= Some(head),
                "{token} was promised position {:?}, the head is {head} (I2)",
                promise.position
            );
            if let Some(found) = found {
                hold!(found == promise, "{token} was promised {promise:?} and is {found:?} (I2)");
                continue;
            }
            let revision = promise.revision.unwrap_or_default();
            let allowed = match tried.asked {
                // The state is asked for by `streams.rs`.
                Asked::Keep { .. } => true,
                Asked::Pile { .. } => known.pile(&tried.stream).may_lack(revision),
                Asked::Look | Asked::Clear => {
                    let (position, model) = self.at.get(&(tried.stream.clone(), revision)).cloned().unwrap_or_default();
                    let there = promise.position.unwrap_or_default() == position;
                    there && model.told(&tried.asked) == promise.reply
                }
                _ => false,
            };
            hold!(allowed, "{token}, {:?}, was promised {promise:?} and is not there (I2)", tried.asked);
        }
        Ok(())
    }
}
