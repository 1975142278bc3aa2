//! Timers on the way of a command: what a handler scheduled goes into its commit, and a timer's command has an effect only while the
//! timer is there. See [`timer`](crate::timer).

use super::cell::{Cell, Job, Seat};
use super::door::{Pass, WeakDoors};
use super::error::CommandError;
use super::order::Order;
use super::place::Place;
use super::shared::lost;
use super::{Engine, Inner};
use crate::message::{Expected, InvalidText, StreamId};
use crate::model::{Aggregate, Effects, Rejection};
use crate::store::{Body, Commit, Refusal, RowChange, Step, Store, StoreError, Verdict};
use crate::timer;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;
use tokio::time::Instant;

impl Order {
    /// Adds what changes of timers with the command. Not a part of its caller: most commands have none.
    #[cold]
    pub(super) fn add_timers<A: Aggregate, E>(
        &mut self,
        cell: &Cell<A>,
        effects: Option<Box<Effects>>,
        rows: &mut Vec<RowChange>,
    ) -> Result<(), CommandError<E>> {
        let ids = &*cell.shared.ids;
        // The timer that was fired goes first: its handler may have scheduled another in its place.
        let ticks = self.firing.as_ref().and_then(|firing| firing.ended(ids, rows));
        let mut scheduled = None;
        if let Some(effects) = effects {
            if let Some((key, source)) = effects.failed {
                return Err(CommandError::Unschedulable { key, source });
            }
            scheduled = timer::change(&cell.stream, &effects.timers, &self.metadata, ids, rows);
        }
        self.alarm = ticks.into_iter().chain(scheduled).min();
        Ok(())
    }

    /// The commit was recorded, and its timers with it.
    pub(super) fn set_alarm(&self) {
        if let Some(due) = self.alarm {
            self.pass.door().inner.shared.alarm.set(due);
        }
    }

    /// Whether the timer, if it is one's command, is still there when its turn comes. Asked once the aggregate is loaded and everything that
    /// was decided before is recorded: what this engine changed before is seen here, and what another one changes from here on with an
    /// event is a conflict (I5).
    pub(super) async fn is_due<A: Aggregate, E>(&self, cell: &Cell<A>) -> Result<(), CommandError<E>> {
        let Some(firing) = &self.firing else { return Ok(()) };
        if firing.stands(&cell.shared.store).await? { Ok(()) } else { Err(self.unscheduled()) }
    }

    pub(super) fn unscheduled<E>(&self) -> CommandError<E> {
        let key = self.firing.as_ref().map_or_else(String::new, |firing| firing.timer().key.to_string());
        CommandError::Unscheduled { key }
    }

    /// Keeps the refusal of a timer's command in place of the timer, in its turn, under its command id: so that of several engines one
    /// does so, and none after the command took effect. `Ok` with the answer; `Err` to decide again.
    pub(super) async fn keep_refusal<A: Aggregate, E: Rejection>(
        &mut self,
        cell: &Cell<A>,
        seat: &mut Seat<A>,
        rejection: E,
    ) -> Result<CommandError<E>, CommandError<E>> {
        let Some(firing) = self.firing.clone() else { return Ok(CommandError::Rejected(rejection)) };
        let shared = &cell.shared;
        let said = (rejection.to_string(), self.metadata.time);
        let mut rows = Vec::new();
        match firing.refused(&shared.store, &*shared.ids, said, &mut rows).await {
            Ok(next) => self.alarm = next,
            Err(error) => return Ok(error.into()),
        }
        let revision = seat.core.as_ref().and_then(|core| core.revision);
        let commit = Commit {
            stream: cell.stream.clone(),
            expected: Expected::last(revision),
            metadata: Arc::clone(&self.metadata),
            codec: shared.codecs.name.clone(),
            body: Body::Events(Vec::new()),
            reply: Bytes::new(),
            rows,
        };
        match shared.store.append(vec![commit]).await.map(|mut verdicts| verdicts.pop()) {
            Ok(Some(Verdict::Committed(_))) => {
                self.set_alarm();
                Ok(CommandError::Rejected(rejection))
            }
            Ok(Some(Verdict::Repeated(_))) => Ok(self.unscheduled()),
            Ok(Some(Verdict::Refused(Refusal::Conflict { expected, actual }))) => {
                // The state in memory is not the recorded one.
                seat.core = None;
                Err(CommandError::Conflict { expected, actual })
            }
            Ok(Some(Verdict::Refused(refusal))) => Ok(CommandError::Refused(refusal)),
            Ok(None) => Ok(StoreError::other("appending to the store", std::io::Error::other("it gave no verdict")).into()),
            Err(error) => Ok(error.into()),
        }
    }
}

/// What a row is to become, whoever reads it: nothing to leave it as it is.
type Change = Box<dyn FnOnce(Option<Bytes>) -> Result<Vec<RowChange>, StoreError> + Send>;

/// A change of rows that belong to an aggregate, made when it is its turn: no command of it decides meanwhile.
pub(super) struct Alteration {
    table: &'static str,
    key: Bytes,
    change: Change,
    answer: oneshot::Sender<Result<bool, StoreError>>,
    /// `stop` waits for it.
    _pass: Pass,
}

impl Alteration {
    /// Waits for a place in the aggregate's queue (I12) and takes it.
    pub(super) async fn queue<A: Aggregate>(self: Box<Self>, place: &Place<A>, id: &str) -> Result<(), InvalidText> {
        let mut job: Box<dyn Job<A>> = self;
        loop {
            let cell = place.cell(id, place.shared.uptime_at(Instant::now()))?;
            // Given back when the job leaves the queue. A retired cell has none to give, and takes no job.
            if let Ok(slot) = cell.slots.acquire().await {
                slot.forget();
            }
            match cell.submit(job) {
                Ok(()) => return Ok(()),
                Err(back) => job = back,
            }
        }
    }
}

impl<A: Aggregate> Job<A> for Alteration {
    fn run<'r>(self: Box<Self>, cell: &'r Arc<Cell<A>>, seat: &'r mut Seat<A>) -> BoxFuture<'r, ()> {
        Box::pin(async move {
            // What was decided before is recorded, too.
            seat.lineage.settle().await;
            let Self { table, key, change, answer, _pass } = *self;
            let store = &cell.shared.store;
            let altered = async {
                let row = store.load_rows(table, &[key]).await?.pop().flatten();
                let rows = change(row)?;
                if rows.is_empty() {
                    return Ok(false);
                }
                store.step(Step { advance: None, rows }).await?;
                Ok(true)
            };
            // Whoever asked may be gone.
            let _ = answer.send(altered.await);
        })
    }
}

/// Why rows were not altered.
#[derive(Debug)]
pub(crate) enum Unaltered {
    Stopped,
    /// The kind is not registered.
    Unknown,
    Store(StoreError),
}

impl Engine {
    /// Changes a row that belongs to an aggregate, and others with it, when it is the aggregate's turn. `false` when it was left as it is.
    pub(crate) async fn alter(
        &self,
        stream: &StreamId,
        (table, key): (&'static str, Bytes),
        change: impl FnOnce(Option<Bytes>) -> Result<Vec<RowChange>, StoreError> + Send + 'static,
    ) -> Result<bool, Unaltered> {
        let kind = self.inner.kinds.get(stream.kind()).ok_or(Unaltered::Unknown)?;
        let place = self.inner.places.get(&kind.aggregate.aggregate.id()).ok_or(Unaltered::Unknown)?;
        let pass = Pass::enter(Arc::clone(self.doors.here())).ok_or(Unaltered::Stopped)?;
        let (answer, answered) = oneshot::channel();
        let alteration = Alteration { table, key, change: Box::new(change), answer, _pass: pass };
        // The id is that of a stream, so it is allowed.
        let queued = place.alter(stream.id(), Box::new(alteration)).await.is_ok();
        let answered = if queued { answered.await.ok() } else { None };
        answered.unwrap_or_else(|| Err(lost("changing a timer"))).map_err(Unaltered::Store)
    }

    pub(crate) fn downgrade(&self) -> WeakEngine {
        WeakEngine { inner: Arc::downgrade(&self.inner), doors: self.doors.downgrade() }
    }
}

/// An engine that may be gone.
#[derive(Clone)]
pub(crate) struct WeakEngine {
    inner: Weak<Inner>,
    doors: WeakDoors,
}

impl WeakEngine {
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        Some(Engine { inner: self.inner.upgrade()?, doors: self.doors.upgrade()? })
    }
}
