//! Timers on the way of a command: what a handler scheduled goes into its commit, and a timer's command has an effect only while the
//! timer is there. See [`timer`](crate::timer).

use super::cell::{Cell, Seat};
use super::error::CommandError;
use super::order::Order;
use crate::message::Expected;
use crate::model::{Aggregate, Effects, Rejection};
use crate::store::{Body, Commit, Refusal, RowChange, Store, StoreError, Verdict};
use crate::timer;
use bytes::Bytes;
use std::sync::Arc;

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

    /// Whether the timer, if it is one's command, is still there when its turn comes. Everything that was decided before is recorded then:
    /// a command that cancels it does so by a row.
    pub(super) async fn is_due<A: Aggregate, E>(&self, cell: &Cell<A>, seat: &Seat<A>) -> Result<(), CommandError<E>> {
        let Some(firing) = &self.firing else { return Ok(()) };
        seat.lineage.settle().await;
        if firing.stands(&cell.shared.store).await? { Ok(()) } else { Err(self.unscheduled()) }
    }

    fn unscheduled<E>(&self) -> CommandError<E> {
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
