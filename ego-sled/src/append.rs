//! The writer: one thread that takes whatever waits, decides it, writes it as one group, syncs once, publishes, and answers. While it
//! syncs, the next group gathers; there is no knob. Read [`Writer::run`] first; the steps of a decision are those of
//! [`Store::append`](ego::store::Store::append).

use crate::entry::{self, Entry};
use crate::find::Reader;
use crate::group::GroupWriter;
use crate::key::{CommitRef, Head};
use crate::log::{Place, Spot};
use crate::record::ENTRY_HEADER;
use crate::request::{Batch, Done, MAX_COMMIT_BYTES, Prepared, Request, Steps, Task, Verdicts};
use crate::row::RecordedStep;
use crate::shared::Shared;
use crate::tail::{Effect, Reach};
use ego::message::{Expected, Position, Revision, StreamId};
use ego::store::{Committed, Refusal, Stepped, StoreError, Verdict, holds_up};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::OwnedSemaphorePermit;

/// A group that holds this much is written before more is decided.
const MAX_GROUP_BYTES: usize = 4 << 20;

enum Answer {
    Verdicts(Verdicts, Vec<Verdict>),
    Stepped(Steps, Stepped),
    Done(Done),
}

impl Answer {
    fn send(self) {
        match self {
            Self::Verdicts(answer, verdicts) => drop(answer.send(Ok(verdicts))),
            Self::Stepped(answer, stepped) => drop(answer.send(Ok(stepped))),
            Self::Done(answer) => drop(answer.send(Ok(()))),
        }
    }

    fn fail(self, error: StoreError) {
        match self {
            Self::Verdicts(answer, _) => drop(answer.send(Err(error))),
            Self::Stepped(answer, _) => drop(answer.send(Err(error))),
            Self::Done(answer) => drop(answer.send(Err(error))),
        }
    }
}

/// The writer's own view: what it decided, durable or not yet.
pub(crate) struct Writer {
    reader: Reader,
    group: GroupWriter,
    checkpoints: BTreeMap<String, Option<Position>>,
    /// The head of the log with what is gathered, and without.
    position: u64,
    flushed: u64,
    effects: Vec<Effect>,
    /// Who waits for the group that is gathered, with the room that they take.
    answers: Vec<(Answer, OwnedSemaphorePermit)>,
    halted: Option<Arc<str>>,
}

impl Writer {
    pub(crate) fn new(reader: Reader, group: GroupWriter) -> Self {
        let (checkpoints, position) = {
            let tail = reader.shared.tail.read();
            (tail.checkpoints.clone(), tail.reach.position)
        };
        Self { reader, group, checkpoints, position, flushed: position, effects: Vec::new(), answers: Vec::new(), halted: None }
    }

    fn shared(&self) -> &Shared {
        &self.reader.shared
    }

    // I2, I3: 1. decide all that waits, gathering what is accepted  2. write and sync it  3. publish it to readers, then the head
    // 4. answer. A crash before 2 is over: nobody was told. After it: whoever asks again is answered from the log.
    /// Works until the queue is closed and empty, then seals the log.
    pub(crate) fn run(mut self) -> Result<(), StoreError> {
        let mut requests = Vec::new();
        while self.reader.shared.queue.take(&mut requests) {
            let shared = Arc::clone(&self.reader.shared);
            if let Err(error) = shared.indexing.wait_for_room(|| !shared.tail.read().is_full()) {
                self.halt(&error);
            } else if let Some(error) = shared.indexing.failure() {
                self.halt(&error);
            }
            for request in requests.drain(..) {
                self.handle(request);
                if self.group.len() > MAX_GROUP_BYTES {
                    self.flush();
                }
            }
            self.flush();
            self.shared().hot.lock().trim();
        }
        let sealed = if self.halted.is_none() { self.group.seal(self.position) } else { Ok(()) };
        self.group.finish();
        sealed
    }

    fn halt(&mut self, error: &StoreError) {
        if self.halted.is_none() {
            tracing::error!(%error, "the store takes no writes until it is opened again");
            let cause = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
            self.halted = Some(format!("{error}{cause}").into());
        }
    }

    fn handle(&mut self, Request { task, permit }: Request) {
        if let Some(reason) = &self.halted {
            let halted = StoreError::Halted { reason: Arc::clone(reason) };
            match task {
                Task::Append { answer, .. } => drop(answer.send(Err(halted))),
                Task::Step { answer, .. } => drop(answer.send(Err(halted))),
                Task::Checkpoint { answer, .. }
                | Task::Delete { answer, .. }
                | Task::Erase { answer, .. }
                | Task::Sync { answer }
                | Task::Roll { answer } => drop(answer.send(Err(halted))),
            }
            return;
        }
        match task {
            Task::Append { batch, answer } => {
                let mut broken = HashSet::new();
                let Batch { commits, encoded } = batch;
                let decide = |commit| self.decide(commit, &encoded, &mut broken);
                let verdicts: Result<Vec<_>, _> = commits.into_iter().map(decide).collect();
                match verdicts {
                    Ok(verdicts) => self.answers.push((Answer::Verdicts(answer, verdicts), permit)),
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            // Also a refusal may rely on what is gathered.
            Task::Step { step, from, answer } => match self.step(step, from) {
                Ok(stepped) => self.answers.push((Answer::Stepped(answer, stepped), permit)),
                Err(error) => drop(answer.send(Err(error))),
            },
            Task::Checkpoint { consumer, position, answer } => {
                let done = self.checkpoint(consumer, position);
                self.done(done, answer, permit);
            }
            Task::Delete { stream, revision, answer } => {
                let done = self.delete(stream, revision);
                self.done(done, answer, permit);
            }
            Task::Erase { stream, answer } => {
                let done = self.erase(stream);
                self.done(done, answer, permit);
            }
            Task::Sync { answer } => {
                let done = self.flush_now().and_then(|()| self.group.sync().inspect_err(|error| self.halt(error)));
                self.done(done, answer, permit);
            }
            Task::Roll { answer } => {
                let done = self.flush_now().and_then(|()| if self.group.at_start() { Ok(()) } else { self.roll(0) });
                self.done(done, answer, permit);
            }
        }
    }

    /// What failed is answered at once, what was done when it is durable.
    fn done(&mut self, done: Result<(), StoreError>, answer: Done, permit: OwnedSemaphorePermit) {
        match done {
            Ok(()) => self.answers.push((Answer::Done(answer), permit)),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Decides a commit of a batch that has it encoded.
    fn decide(&mut self, commit: Prepared, batch: &[u8], broken: &mut HashSet<StreamId>) -> Result<Verdict, StoreError> {
        let encoded = batch.get(commit.encoded.clone()).unwrap_or_default();
        // The kind and the two places stand in front of what was encoded.
        // Its rows stand behind it in the same group: no crash parts them.
        let content = encoded.len() + 17 + commit.rows.as_ref().map_or(0, |rows| ENTRY_HEADER + rows.content.len());
        // Before the streams are locked: it may write the group.
        self.make_room(content)?;
        let shared = Arc::clone(&self.reader.shared);
        let mut hot = shared.hot.lock();
        let mut known = hot.load(&self.reader, &commit.stream)?;
        if known.commands.contains(&commit.hash) && !known.head.erased {
            drop(hot);
            if let Some(before) = self.recorded_before(&commit)? {
                broken.insert(commit.stream);
                return Ok(Verdict::Repeated(before));
            }
            self.make_room(content)?;
            hot = shared.hot.lock();
            known = hot.load(&self.reader, &commit.stream)?;
        }
        if let Some(refusal) = refusal(&commit, &known.head, broken) {
            broken.insert(commit.stream);
            return Ok(Verdict::Refused(refusal));
        }
        let Prepared { stream, metadata, codec, reply, places, state, types, hash, rows, .. } = commit;
        let head = &mut known.head;
        if places > 0 {
            self.position += u64::from(places);
            head.revision += u64::from(places);
            head.position = self.position;
        }
        head.commits += 1;
        let (revision, position) = (head.revision, head.position);
        let place = self.group.push(places, |buffer| entry::write_commit(buffer, revision, position, encoded));
        if state {
            head.state = Some(place);
        }
        let head = head.clone();
        known.commands.insert(hash);
        hot.grow();
        drop(hot);
        let events = if state { 0 } else { places };
        let commit = CommitRef { revision, events, place, command: hash };
        self.effects.push(Effect::Commit { stream, head, commit, types });
        if let Some(rows) = rows {
            self.push_rows(rows);
        }
        Ok(Verdict::Committed(Committed {
            revision: Revision::new(revision),
            position: Position::new(position),
            events,
            command_id: metadata.command_id.clone(),
            command: metadata.command.clone(),
            codec,
            reply,
        }))
    }

    fn recorded_before(&mut self, commit: &Prepared) -> Result<Option<Committed>, StoreError> {
        let id = &commit.metadata.command_id;
        let found = self.reader.find_command(&commit.stream, id)?;
        if found.is_some() || self.group.is_empty() {
            return Ok(found);
        }
        // It may be in the group that is gathered: a repetition is told of only when the first is durable.
        self.flush_now()?;
        self.reader.find_command(&commit.stream, id)
    }

    /// The steps of [`Store::step`](ego::store::Store::step) that need the writer.
    fn step(&mut self, step: RecordedStep, from: Option<Position>) -> Result<Stepped, StoreError> {
        if let Some((consumer, to)) = &step.advance {
            let checkpoint = self.checkpoints.get(consumer).copied().flatten();
            if checkpoint != from {
                return Ok(Stepped::Overtaken { checkpoint });
            }
            if *to > self.position {
                return Err(StoreError::BeyondHead { asked: *to, end: self.position });
            }
        }
        let moved = step.advance.clone().filter(|(_, to)| from != Position::new(*to));
        if moved.is_none() && step.rows.is_empty() {
            return Ok(Stepped::Done);
        }
        self.make_room(step.content.len())?;
        self.push_rows(step);
        if let Some((consumer, position)) = moved {
            self.checkpoints.insert(consumer.clone(), Position::new(position));
            self.effects.push(Effect::Checkpoint { consumer, position: Some(position) });
        }
        Ok(Stepped::Done)
    }

    /// There must be room.
    fn push_rows(&mut self, step: RecordedStep) {
        let place = self.group.push(0, |buffer| buffer.extend_from_slice(&step.content));
        self.effects.push(Effect::Rows { rows: step.rows, place });
    }

    fn checkpoint(&mut self, consumer: String, position: Option<u64>) -> Result<(), StoreError> {
        let entry = match position {
            Some(position) => {
                if position > self.position {
                    return Err(StoreError::BeyondHead { asked: position, end: self.position });
                }
                let place = Position::new(position);
                if self.checkpoints.get(&consumer) == Some(&place) {
                    return Ok(());
                }
                Entry::Checkpoint { consumer: consumer.clone(), position }
            }
            None if self.checkpoints.contains_key(&consumer) => Entry::Forget { consumer: consumer.clone() },
            None => return Ok(()),
        };
        self.push(&entry)?;
        match position {
            Some(position) => self.checkpoints.insert(consumer.clone(), Position::new(position)),
            None => self.checkpoints.remove(&consumer),
        };
        self.effects.push(Effect::Checkpoint { consumer, position });
        Ok(())
    }

    fn delete(&mut self, stream: StreamId, revision: Revision) -> Result<(), StoreError> {
        self.flush_now()?;
        let mut head = self.shared().hot.lock().load(&self.reader, &stream)?.head.clone();
        let asked = revision.get();
        if asked > head.revision {
            return Err(StoreError::BeyondHead { asked, end: head.revision });
        }
        if head.erased || head.state.is_some() || asked <= head.deleted {
            return Ok(());
        }
        let needed = self.reader.position_of(&stream, asked)?.ok_or_else(|| self.reader.index.table().unreadable())?;
        let late =
            |(consumer, checkpoint): &(&String, &Option<Position>)| **checkpoint < Some(needed) && holds_up(consumer, &stream);
        if let Some((consumer, checkpoint)) = self.checkpoints.iter().find(late) {
            return Err(StoreError::HeldBack { consumer: consumer.clone(), checkpoint: *checkpoint, needed });
        }
        self.push(&Entry::Delete { stream: stream.clone(), revision: asked })?;
        head.deleted = asked;
        self.shared().hot.lock().change(&stream, &head);
        self.effects.push(Effect::Delete { stream, head });
        Ok(())
    }

    fn erase(&mut self, stream: StreamId) -> Result<(), StoreError> {
        self.flush_now()?;
        let Head { revision, position, erased, .. } = self.shared().hot.lock().load(&self.reader, &stream)?.head.clone();
        if erased {
            return Ok(());
        }
        self.push(&Entry::Erase { stream: stream.clone(), revision, position })?;
        let head = Head { revision, position, erased: true, ..Head::default() };
        self.shared().hot.lock().erase(&stream, &head);
        self.effects.push(Effect::Erase { stream, head });
        Ok(())
    }

    fn push(&mut self, entry: &Entry) -> Result<Place, StoreError> {
        let mut content = Vec::new();
        entry::write_entry(&mut content, entry).map_err(|error| StoreError::other("encoding an entry", error))?;
        self.make_room(content.len())?;
        Ok(self.group.push(0, |buffer| buffer.extend_from_slice(&content)))
    }

    /// Makes room for an entry: at the end of a segment the group so far is written, and a new one begins in the next.
    fn make_room(&mut self, content: usize) -> Result<(), StoreError> {
        if self.group.fits(content) {
            return Ok(());
        }
        self.flush_now()?;
        if self.group.fits(content) { Ok(()) } else { self.roll(content) }
    }

    fn roll(&mut self, content: usize) -> Result<(), StoreError> {
        self.group.roll(content).inspect_err(|error| self.halt(error))?;
        self.reader.shared.active.store(self.group.spot().segment, Ordering::Release);
        Ok(())
    }

    /// Writes what is gathered and shows it to readers. Who waits for it is answered later, but no sooner than it is durable.
    fn flush_now(&mut self) -> Result<(), StoreError> {
        if let Some(reason) = &self.halted {
            return Err(StoreError::Halted { reason: Arc::clone(reason) });
        }
        if self.group.is_empty() {
            return Ok(());
        }
        let began = self.group.spot();
        if let Err(error) = self.group.flush(self.flushed) {
            self.halt(&error);
            self.effects.clear();
            for (answer, _permit) in self.answers.drain(..) {
                answer.fail(error.clone());
            }
            return Err(error);
        }
        self.flushed = self.position;
        self.publish(began);
        Ok(())
    }

    fn publish(&mut self, began: Spot) {
        let reach = Reach { sequence: self.group.written(), position: self.position, spot: self.group.spot() };
        let shared = Arc::clone(&self.reader.shared);
        let news_to_the_indexer = {
            let mut tail = shared.tail.write();
            let before = (tail.live.reach.is_none(), tail.is_due());
            tail.publish(self.effects.drain(..), began, reach);
            before.0 || !before.1 && tail.is_due()
        };
        if news_to_the_indexer {
            shared.indexing.nudge();
        }
        let head = Position::new(self.position);
        shared.head.send_if_modified(|seen| std::mem::replace(seen, head) != head);
    }

    /// Writes what is gathered and answers whoever waits for it.
    fn flush(&mut self) {
        if self.flush_now().is_err() {
            // Whoever waited was told. Nobody is left but those whose answers need no write.
        }
        if !self.answers.is_empty()
            && self.halted.is_none()
            && self.reader.shared.queue.is_empty()
            && let Err(error) = self.group.mark()
        {
            // The log is whole without it; the next occasion writes it.
            tracing::warn!(%error, "damage to the last group could not be told from a write that was cut short");
        }
        for (answer, _permit) in self.answers.drain(..) {
            answer.send();
        }
    }
}

impl Drop for Writer {
    // Also after a panic: nobody waits for a writer that is gone.
    fn drop(&mut self) {
        self.shared().queue.abandon();
    }
}

/// Steps 3 to 5 of the contract.
fn refusal(commit: &Prepared, head: &Head, broken: &HashSet<StreamId>) -> Option<Refusal> {
    if head.erased {
        return Some(Refusal::Erased);
    }
    let actual = Revision::new(head.revision);
    let relies = matches!(commit.expected, Expected::NoStream | Expected::Exact(_));
    if relies && !broken.is_empty() && broken.contains(&commit.stream) {
        return Some(Refusal::Dependent);
    }
    if !commit.expected.holds(actual) {
        return Some(Refusal::Conflict { expected: commit.expected, actual });
    }
    if commit.size > MAX_COMMIT_BYTES {
        return Some(Refusal::TooLarge { bytes: commit.size, limit: MAX_COMMIT_BYTES });
    }
    if !commit.rows_valid {
        return Some(Refusal::InvalidRow);
    }
    let keeps_state = head.state.is_some();
    let mixed = if commit.state { actual.is_some() && !keeps_state } else { commit.places > 0 && keeps_state };
    mixed.then_some(Refusal::Mixed)
}
