//! An instance of a saga as the aggregate that it is: a command gives it an input, an event says what came of it.

use super::command::{Abandon, Park, Retry, Settle, Tell};
use super::event::{InputRef, Outstanding, Phase, SagaEvent, Stop, Timeout};
use super::input::{Happened, Input};
use super::record::Record;
use super::source::{SagaSource, SagaSources};
use super::status::SagaStatus;
use crate::codec::JsonValue;
use crate::engine::panic_message;
use crate::message::{Position, Revision};
use crate::model::{Aggregate, Context, Delivery, End, Failure, Handles, SagaContext};
use futures_util::FutureExt;
use jiff::SignedDuration;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// An instance of the saga `S`, which is an aggregate of its own: `engine.history::<Instance<Transfer>>(id)` tells what happened to it.
pub struct Instance<S> {
    pub(super) record: Record,
    saga: PhantomData<fn() -> S>,
}

/// How many inputs may wait behind one that cannot be handled (I12).
const MOST_WAITING: usize = 1000;

/// Why an instance does not take what it is told. Nothing is recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SagaRefusal {
    /// It changes nothing.
    #[error("it changes nothing")]
    Ignored,
    /// A method could not handle it.
    #[error("{0}")]
    Failed(#[from] Failure),
    /// Too many inputs wait already.
    #[error("{MOST_WAITING} inputs wait behind one that could not be handled")]
    Full,
    /// Nothing was started under this id.
    #[error("it is not started")]
    NotStarted,
    /// It is not parked.
    #[error("it is not parked")]
    NotParked,
    /// It has ended.
    #[error("it has ended")]
    Ended,
}

impl<S> Default for Instance<S> {
    fn default() -> Self {
        Self { record: Record::default(), saga: PhantomData }
    }
}

impl<S> Clone for Instance<S> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), saga: PhantomData }
    }
}

impl<S> fmt::Debug for Instance<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("record", &self.record).finish()
    }
}

impl<S: SagaSources> Aggregate for Instance<S> {
    const KIND: &'static str = S::KIND;
    type Event = SagaEvent;

    fn apply(&mut self, event: &SagaEvent) {
        self.record.fold(event);
    }
}

type Decided = Result<Vec<SagaEvent>, SagaRefusal>;

impl<S: SagaSources> Handles<Tell> for Instance<S> {
    type Output = Decided;

    async fn handle(&self, command: Tell, context: &Context) -> Decided {
        match self.take(command.input, context).await {
            // Its sender is a timer, which asks once.
            Err(SagaRefusal::Ignored) if command.once => Ok(Vec::new()),
            taken => taken.map(|event| vec![event]),
        }
    }
}

impl<S: SagaSources> Handles<Park> for Instance<S> {
    type Output = Decided;
    const WAITS: bool = false;

    async fn handle(&self, command: Park, context: &Context) -> Decided {
        let at = context.time();
        match self.wait(&command.input, context)? {
            Some(waits) => Ok(vec![waits]),
            None => Ok(vec![SagaEvent::Parked { input: Box::new(command.input), waited: false, reason: command.reason, at }]),
        }
    }
}

impl<S: SagaSources> Handles<Settle> for Instance<S> {
    type Output = Decided;
    const WAITS: bool = false;

    async fn handle(&self, command: Settle, context: &Context) -> Decided {
        let Settle { number, stopped } = command;
        let at = context.time();
        if !self.awaits(&number) {
            return Err(SagaRefusal::Ignored);
        }
        Ok(vec![match stopped {
            None => SagaEvent::Answered { number, refused: None, at },
            Some(Stop { reason, refused }) => SagaEvent::Stopped { number, reason, refused, at },
        }])
    }
}

impl<S: SagaSources> Handles<Retry> for Instance<S> {
    type Output = Decided;

    async fn handle(&self, _: Retry, context: &Context) -> Decided {
        let status = self.record.status.as_ref().ok_or(SagaRefusal::NotStarted)?;
        if status.parked.is_none() {
            return Err(SagaRefusal::NotParked);
        }
        let (at, revision) = (context.time(), next(context, 0));
        let stopped = status.outstanding.iter().filter(|one| one.stopped.is_some()).enumerate();
        let again = stopped.map(|(place, one)| {
            let mut one = one.clone();
            // A number that was refused stays so.
            if one.stopped.take().is_some_and(|stop| stop.refused) {
                one.number = format!("{revision}.{place}");
            }
            one
        });
        let mut events = vec![SagaEvent::Retried { commands: again.collect(), at }];
        let mut this = self.clone();
        this.apply(&events[0]);
        while let Some(input) = this.record.waiting.front().cloned() {
            let event = match this.call(&input, true, context, events.len()).await {
                Ok(event) => event,
                Err(failure) => {
                    let (input, reason) = (Box::new(input), failure.to_string());
                    events.push(SagaEvent::Parked { input, waited: true, reason, at });
                    break;
                }
            };
            this.apply(&event);
            events.push(event);
        }
        Ok(events)
    }
}

impl<S: SagaSources> Handles<Abandon> for Instance<S> {
    type Output = Decided;
    const WAITS: bool = false;

    async fn handle(&self, command: Abandon, context: &Context) -> Decided {
        let status = self.record.status.as_ref().ok_or(SagaRefusal::NotStarted)?;
        if status.is_ended() {
            return Err(SagaRefusal::Ended);
        }
        cancel_timeouts(context, status);
        Ok(vec![SagaEvent::Abandoned { reason: command.reason, recalled: recallable(status), at: context.time() }])
    }
}

impl<S: SagaSources> Instance<S> {
    pub(super) async fn take(&self, input: Input, context: &Context) -> Result<SagaEvent, SagaRefusal> {
        if let Some(waits) = self.wait(&input, context)? {
            return Ok(waits);
        }
        let at = context.time();
        let ended = self.record.status.as_ref().map(|status| &status.phase).filter(|phase| phase.is_ended());
        match (input, ended) {
            // Nobody is there any more who could do something about it.
            (Input::Rejected(rejected), Some(Phase::Completed)) if !rejected.is_recalled() => {
                let reason = rejected.to_string();
                Ok(SagaEvent::Stopped { number: rejected.number, reason, refused: true, at })
            }
            (Input::Rejected(rejected), Some(_)) => {
                Ok(SagaEvent::Answered { number: rejected.number, refused: Some(rejected.reason), at })
            }
            (input, None) => match self.call(&input, false, context, 0).await {
                Ok(event) if self.changes_nothing(&event) => Err(SagaRefusal::Ignored),
                Ok(event) => Ok(event),
                // Nobody tries it again.
                Err(failure) if matches!(input, Input::TimedOut { .. }) => {
                    Ok(SagaEvent::Parked { input: Box::new(input), waited: false, reason: failure.to_string(), at })
                }
                Err(failure) => Err(failure.into()),
            },
            (_, Some(_)) => Err(SagaRefusal::Ignored),
        }
    }

    /// Whether the input is none for this instance; `Some` when it has to wait behind others.
    fn wait(&self, input: &Input, context: &Context) -> Result<Option<SagaEvent>, SagaRefusal> {
        let status = self.record.status.as_ref();
        let is_wanted = match input {
            Input::Event(event) => {
                let goes_on = if status.is_some() { event.continues } else { event.starts };
                goes_on && self.record.upto < Some(event.token)
            }
            Input::Rejected(rejected) => self.awaits(&rejected.number),
            Input::TimedOut { name, number } => status
                .is_some_and(|status| status.timeouts.iter().any(|timeout| timeout.name == *name && timeout.number == *number)),
        };
        if !is_wanted {
            return Err(SagaRefusal::Ignored);
        }
        if self.record.waiting.is_empty() {
            return Ok(None);
        }
        if self.record.waiting.len() >= MOST_WAITING {
            return Err(SagaRefusal::Full);
        }
        Ok(Some(SagaEvent::Waited { input: Box::new(input.clone()), at: context.time() }))
    }

    /// Whether nobody has answered the command of this number.
    fn awaits(&self, number: &str) -> bool {
        let status = self.record.status.as_ref();
        status.is_some_and(|status| status.outstanding.iter().any(|one| one.number == number))
    }

    /// Calls the method that the input is for; what it did is recorded as the event that comes so many behind the next.
    async fn call(&self, input: &Input, waited: bool, context: &Context, behind: usize) -> Result<SagaEvent, Failure> {
        let mut state: S = self.record.state()?;
        let mut cx = SagaContext::new(context.id(), context.time());
        let calling = AssertUnwindSafe(self.call_method(&mut state, input, &mut cx, context));
        calling
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(Failure::new(format_args!("it panicked: {}", panic_message(&*panic)))))?;
        if let Some(failure) = cx.effects.broken.take() {
            return Err(failure);
        }
        let state =
            serde_json::to_value(&state).map_err(|error| Failure::new(format_args!("the state cannot be written: {error}")))?;
        Ok(self.handled(input, waited, state, cx, context, behind))
    }

    async fn call_method(&self, state: &mut S, input: &Input, cx: &mut SagaContext<S>, context: &Context) -> Result<(), Failure> {
        match input {
            Input::Event(event) => {
                let source = self.source(event)?;
                let position = event.token.position();
                let delivery = delivery(event, position, context);
                (source.call)(state, event, cx, &delivery).await
            }
            Input::Rejected(rejected) => state.rejected(rejected, cx, context.services()).await,
            Input::TimedOut { name, .. } => state.timed_out(name, cx, context.services()).await,
        }
    }

    fn source(&self, event: &Happened) -> Result<&'static SagaSource<S>, Failure> {
        let starts = self.record.status.is_none();
        let is_it = |source: &&SagaSource<S>| source.starts == starts && source.kind == event.stream.kind();
        S::SOURCES.iter().find(is_it).ok_or_else(|| {
            Failure::new(format_args!("the program has no method any more for events of {:?}", event.stream.kind()))
        })
    }

    fn handled(
        &self,
        input: &Input,
        waited: bool,
        state: serde_json::Value,
        cx: SagaContext<S>,
        context: &Context,
        behind: usize,
    ) -> SagaEvent {
        let (at, revision) = (context.time(), next(context, behind));
        let (effects, status) = (cx.effects, self.record.status.as_ref());
        let number = |place: usize| format!("{revision}.{place}");
        let commands = effects.commands.into_iter().enumerate().map(|(place, planned)| Outstanding {
            number: number(place),
            kind: planned.kind.to_owned(),
            id: planned.id,
            command: planned.command.to_owned(),
            content: JsonValue(planned.content),
            compensates: planned.compensates,
            stopped: None,
        });
        let commands: Vec<_> = commands.collect();
        let recalled = status.filter(|_| effects.recall).map(recallable).unwrap_or_default();
        let before = status.map_or(Phase::Running, |status| status.phase.clone());
        let compensates = commands.iter().any(|one| one.compensates)
            || status.is_some_and(|status| status.outstanding.iter().any(|one| one.compensates));
        let phase = match (effects.end, before) {
            (Some(End::Completed), _) => Phase::Completed,
            (Some(End::Failed(reason)), _) if compensates => Phase::Compensating { reason },
            (Some(End::Failed(reason)), _) => Phase::Failed { reason },
            (None, Phase::Running) if compensates => Phase::Compensating { reason: "compensated".to_owned() },
            (None, before) => before,
        };
        let (mut timeouts, mut cancelled) = (Vec::<Timeout>::new(), Vec::new());
        for (place, (name, after)) in effects.timeouts.into_iter().enumerate() {
            // Of several of one name the last stands.
            timeouts.retain(|timeout| timeout.name != name);
            match after {
                None => cancelled.push(name),
                Some(after) => {
                    cancelled.retain(|cancelled| *cancelled != name);
                    let due = at.saturating_add(SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX)).unwrap_or(at);
                    timeouts.push(Timeout { name, number: number(place), due });
                }
            }
        }
        if phase.is_ended() {
            timeouts.clear();
            status.into_iter().for_each(|status| cancel_timeouts(context, status));
        }
        cancelled.iter().for_each(|name| super::timeouts::cancel(context, name));
        timeouts.iter().for_each(|timeout| super::timeouts::schedule::<S>(context, timeout));
        let input = input.reference();
        let state = JsonValue(state);
        SagaEvent::Handled { input, waited, version: S::VERSION, state, commands, recalled, timeouts, cancelled, phase, at }
    }

    /// Whether nobody would miss the event. What was refused or timed out is always recorded: it is not outstanding any more.
    fn changes_nothing(&self, event: &SagaEvent) -> bool {
        let SagaEvent::Handled { input, version, state, commands, recalled, timeouts, cancelled, phase, .. } = event else {
            return false;
        };
        let same_state = match &self.record.state {
            Some((before, old)) => before == version && *old == state.0,
            None => serde_json::to_value(S::default()).is_ok_and(|default| default == state.0),
        };
        let same_phase = self.record.status.as_ref().map_or(*phase == Phase::Running, |status| status.phase == *phase);
        let nothing = commands.is_empty() && recalled.is_empty() && timeouts.is_empty() && cancelled.is_empty();
        matches!(input, InputRef::Event { .. }) && same_state && same_phase && nothing
    }

    /// How it stands; `None` when it is not started.
    #[must_use]
    pub fn status(&self) -> Option<&SagaStatus> {
        self.record.status.as_ref()
    }

    /// The saga's own state.
    ///
    /// # Errors
    /// [`Failure`] when it is of a version that the program does not read.
    pub fn state(&self) -> Result<S, Failure> {
        self.record.state()
    }
}

/// The revision of the event that comes so many behind the next.
fn next(context: &Context, behind: usize) -> Revision {
    Revision::after(context.revision(), behind as u64 + 1).unwrap_or(Revision::FIRST)
}

fn delivery(event: &Happened, position: Position, context: &Context) -> Delivery {
    let metadata = Arc::clone(&event.metadata);
    Delivery::new(event.stream.clone(), event.revision, position, metadata, Arc::clone(context.services()))
        .with_ordinal(event.token.ordinal())
}

/// What may still take effect and takes nothing back.
fn recallable(status: &SagaStatus) -> Vec<Outstanding> {
    let open = status.outstanding.iter().filter(|one| !one.compensates && one.stopped.as_ref().is_none_or(|stop| !stop.refused));
    open.cloned().collect()
}

fn cancel_timeouts(context: &Context, status: &SagaStatus) {
    status.timeouts.iter().for_each(|timeout| super::timeouts::cancel(context, &timeout.name));
}
