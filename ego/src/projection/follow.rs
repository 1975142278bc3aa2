//! Whoever folds a projection: follows the log, does what operators ask between two pages, and builds views anew beside those that are
//! read. One task does all of it, so that there is one writer.

use super::dead::{self, Cause, DeadLetter, Letter};
use super::fold::{Slot, fold_layered};
use super::handle::{OpError, Replayed};
use super::ops::{Answer, Done, Op, Request};
use super::projected::Projected;
use super::source::Sources;
use super::sweep::Sweep;
use super::table::Generation;
use super::track::{Halt, Track, follows, read};
use crate::consumer::{Consumer, Control, State, StoppedBy, Wanted, with_causes};
use crate::message::{Name, Position};
use crate::model::Failure;
use crate::store::{RowChange, StoreError};
use crate::subscription::Follows;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

pub(super) type Asked = mpsc::Receiver<Request>;

/// The one who folds a projection.
pub(super) struct Folder<P: Sources>(pub(super) Arc<Projected<P>>);

impl<P: Sources> Consumer for Folder<P> {
    fn control(&self) -> &Arc<Control> {
        &self.0.control
    }

    fn follows(&self) -> Follows {
        follows::<P>()
    }

    fn follow(&self) -> BoxFuture<'_, Result<(), StoppedBy>> {
        async {
            let mut asked = self.0.ops.asked.lock().await;
            self.0.follow_log(&mut asked).await
        }
        .boxed()
    }
}

impl<P: Sources> Projected<P> {
    async fn follow_log(self: &Arc<Self>, asked: &mut Asked) -> Result<(), StoppedBy> {
        let (mut failures, mut batch) = (0_u32, self.options.batch);
        loop {
            self.control.say(State::Running);
            let before = (self.control.said().position, self.building());
            let halt = match self.run(asked, batch).await {
                Ok(never) => match never {},
                Err(halt) => halt,
            };
            if before != (self.control.said().position, self.building()) {
                failures = 0;
            }
            match halt {
                Halt::Interrupted | Halt::Store(StoreError::Closed) => return Ok(()),
                Halt::Failed(generation, at) => {
                    self.fold_up_to(generation, at).await;
                    return Err(StoppedBy);
                }
                Halt::Overtaken => {
                    tracing::warn!(projection = P::NAME, "somebody else moved the checkpoint; what they made durable stands");
                }
                Halt::TooLarge => batch = (batch / 2).max(1),
                Halt::Store(error) => {
                    failures += 1;
                    self.control.failed(&with_causes(&error), self.control.said().position, failures);
                    tracing::warn!(projection = P::NAME, %error, failures, "the store failed a projection");
                    match self.options.policy.wait_after(failures) {
                        Some(wait) if self.control.wait_to_retry(wait).await => {}
                        Some(_) => return Ok(()),
                        None => return Err(StoppedBy),
                    }
                }
            }
        }
    }

    /// Saves what lies before an event that could not be folded, so that it is the first one when the projection is resumed.
    async fn fold_up_to(self: &Arc<Self>, generation: Generation, mut at: Option<Position>) {
        let before = |at: Option<Position>| at.and_then(|at| Position::new(at.get() - 1));
        while let Some(to) = before(at) {
            let folded = async {
                let mut track = Track::begin(self, generation).await?;
                while track.reached < Some(to) {
                    track.round(Some(to)).await?;
                    track.settle().await?;
                }
                Ok::<_, Halt>(())
            };
            match folded.await {
                // With several workers another key may fail earlier in the log.
                Err(Halt::Failed(_, Some(earlier))) if earlier <= to => at = Some(earlier),
                _ => return,
            }
        }
    }

    /// Follows the log until something is in the way.
    async fn run(self: &Arc<Self>, asked: &mut Asked, batch: usize) -> Result<Infallible, Halt> {
        loop {
            let record = self.reload_record().await?;
            let live = match self.readable() {
                Some(generation) => Some(Track::begin(self, generation).await?.in_batches_of(batch)),
                None => None,
            };
            match live {
                Some(track) if record.building.is_none() => self.follow_track(asked, batch, track).await?,
                live => self.build(asked, batch, live, None).await?,
            }
        }
    }

    /// Follows the log until other views are to be folded.
    async fn follow_track(self: &Arc<Self>, asked: &mut Asked, batch: usize, mut track: Track<P>) -> Result<(), Halt> {
        self.control.reached(track.reached, 0);
        let mut sweep = Sweep::of(&self.record());
        loop {
            self.control.say(State::Running);
            let Some((op, answer)) = self.next_request(asked, &mut track, &mut sweep).await? else { continue };
            if answer.is_closed() {
                // Whoever asked was told that it was not done.
                continue;
            }
            match op {
                Op::Rebuild(how) => {
                    let record = self.record().with_building(P::VERSION, how.only_if_same);
                    track.keep(vec![record.row(P::NAME)]).await?;
                    self.set_record(record);
                    return self.build(asked, batch, Some(track), Some(answer)).await;
                }
                Op::Reset => {
                    let record = self.record().with_building(P::VERSION, false).swapped();
                    track.keep(vec![record.row(P::NAME)]).await?;
                    self.set_record(record);
                    self.control.reached(None, 0);
                    let _ = answer.send(Ok(Done::Reset));
                    return Ok(());
                }
                Op::Replay(_) | Op::Discard(_) => self.letters(&mut track, op, answer).await?,
            }
        }
    }

    /// A request, or one more round when there is none.
    async fn next_request(&self, asked: &mut Asked, track: &mut Track<P>, sweep: &mut Sweep) -> Result<Option<Request>, Halt> {
        if self.control.wanted() != Wanted::Run {
            track.interrupted().await?;
        }
        if track.is_behind().await? {
            match asked.try_recv() {
                Ok(request) => {
                    track.settle().await?;
                    return Ok(Some(request));
                }
                Err(_) => track.round(None).await?,
            }
            return Ok(None);
        }
        track.settle().await?;
        if !sweep.is_done() {
            sweep.on(self).await?;
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = self.control.interrupted() => track.interrupted().await.map(|()| None),
            request = asked.recv() => Ok(request),
            ahead = track.wait() => ahead.map(|()| None).map_err(Halt::Store),
        }
    }

    /// Does what is asked about dead letters.
    pub(super) async fn letters(&self, track: &mut Track<P>, op: Op, answer: Answer) -> Result<(), Halt> {
        let done = match op {
            Op::Replay(key) => self.replay(track, key, false).await?.map(Done::Letters),
            Op::Discard(key) => self.replay(track, key, true).await?.map(Done::Letters),
            Op::Rebuild(_) | Op::Reset => Err(OpError::Rebuilding),
        };
        // Whoever asked and is gone does not hear it.
        let _ = answer.send(done);
        Ok(())
    }

    /// Folds the dead letters of a key again, some in each step.
    async fn replay(&self, track: &mut Track<P>, key: String, give_up_first: bool) -> Result<Result<Replayed, OpError>, Halt> {
        const AT_ONCE: usize = 256;
        let (mut replayed, mut give_up) = (Replayed::default(), give_up_first);
        let table = track.tables.dead.clone();
        let mut slot = track.take(&key).await?;
        loop {
            let page = dead::list(&self.shared.store, &table, Some(&key), None, AT_ONCE).await?;
            if page.items.is_empty() && replayed == Replayed::default() && !give_up_first {
                return Ok(Err(OpError::NoDeadLetter { key }));
            }
            let mut rows = Vec::new();
            let mut failed = false;
            for letter in &page.items {
                if give_up && matches!(letter.cause, Cause::Failed { .. }) {
                    give_up = false;
                    rows.push(letter.remove(&table));
                    tracing::warn!(projection = P::NAME, key, position = %letter.event.position, "a dead letter was given up");
                    continue;
                }
                match self.fold_letter(letter, &mut slot).await {
                    Ok(()) => {
                        rows.push(letter.remove(&table));
                        replayed.folded += 1;
                    }
                    Err(failure) => {
                        rows.push(self.failed_again(letter, &failure, &table));
                        failed = true;
                        break;
                    }
                }
            }
            let is_last = failed || page.next.is_none();
            let mut done = track.take(&key).await?;
            std::mem::swap(&mut done.view, &mut slot.view);
            track.put(&key, done, &mut rows)?;
            track.keep(rows).await?;
            if is_last {
                replayed.left = self.letters_left(&table, &key).await?;
                track.park(&key, replayed.left > 0);
                return Ok(Ok(replayed));
            }
            slot = track.take(&key).await?;
        }
    }

    /// Folds one letter; a view that it leaves half changed is taken back.
    async fn fold_letter(&self, letter: &DeadLetter, slot: &mut Slot<P>) -> Result<(), Failure> {
        let mut items = Vec::new();
        read(self, &letter.event, 0, &mut items)?;
        let Some(item) = items.into_iter().find(|item| item.delivery.ordinal() == letter.ordinal) else { return Ok(()) };
        let before = slot.view.as_ref().map(|view| super::table::encode(&self.shared.codecs, view)).transpose();
        let before = before.map_err(Failure::new)?;
        let attempt = letter.attempts().saturating_add(1);
        let folded = fold_layered(self, &letter.key, &*item.given, &mut slot.view, &item.delivery, attempt).await;
        if folded.is_err() {
            slot.view = Slot::of(self, before)?.view;
        }
        folded
    }

    fn failed_again(&self, letter: &DeadLetter, failure: &Failure, table: &Name) -> RowChange {
        let attempts = letter.attempts().saturating_add(1);
        self.control.failed(failure, Some(letter.event.position), attempts);
        Letter::failed(self, &letter.key, &letter.event, letter.ordinal, failure, attempts).row(table)
    }

    async fn letters_left(&self, table: &Name, key: &str) -> Result<u64, StoreError> {
        let (mut left, mut start) = (0, None);
        loop {
            let page = dead::list(&self.shared.store, table, Some(key), start.as_deref(), 1000).await?;
            left += page.items.len() as u64;
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(left),
            }
        }
    }
}
