//! The long way of a command: it waits for its turn, decides, and leaves what it decided to the committer.

use super::cell::{Cell, Core, Job, Seat, Turn};
use super::committer::{Room, Wake, Want};
use super::error::CommandError;
use super::lineage::Lineage;
use super::order::{Answer, Decided, Order, Outcome, panicked};
use super::recover::recover;
use super::send::Receipt;
use super::shared::{Shared, lost};
use super::snapshot;
use super::straight::record_now;
use super::ticket::Ticket;
use crate::message::{CommandId, Revision};
use crate::model::{Aggregate, Command, Context, HandledBy, fold};
use crate::store::{Commit, Refusal, Store, StoreError, Verdict};
use crate::telemetry;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::cell::Cell as Slot;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

/// A command, and everything that is needed to answer it.
pub(super) struct CommandJob<A: Aggregate, C: HandledBy<A>> {
    command: C,
    rest: Rest<A, C>,
}

/// All but the command itself, which the handler consumes.
pub(super) struct Rest<A: Aggregate, C: HandledBy<A>> {
    order: Order,
    ticket: Arc<Ticket>,
    answerer: oneshot::Sender<Outcome<A, C>>,
    turn: Option<Turn>,
    /// How often the command decided on a state that was not the recorded one.
    attempts: u32,
    /// The span of its sending, if somebody watches.
    span: Option<Box<Span>>,
}

/// The sender's end.
pub(super) struct Waiting<R, E> {
    answer: oneshot::Receiver<Answer<R, E>>,
    ticket: Arc<Ticket>,
    command_id: CommandId,
    deadline: Instant,
    timeout: Duration,
    shared: Arc<Shared>,
}

impl<R, E> Waiting<R, E> {
    /// Does `first`, then waits for the answer, until the command's time is over.
    pub(super) async fn answer(self, first: impl Future<Output = Result<(), CommandError<E>>>) -> Answer<R, E> {
        let Self { answer, ticket, command_id, deadline, timeout, shared } = self;
        let answered = async {
            first.await?;
            // Dropped unanswered when the runtime is shut down under the command, or by a panic outside of the handler.
            answer.await.unwrap_or_else(|_| Err(unanswered(&shared, &ticket)))
        };
        match timeout_at(deadline, answered).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CommandError::Timeout { command_id, after: timeout, recorded_unknown: !ticket.abandon() }),
        }
    }
}

fn unanswered<E>(shared: &Shared, ticket: &Ticket) -> CommandError<E> {
    if !ticket.abandon() {
        CommandError::Store(lost("recording the command"))
    } else if shared.gate.is_closed() {
        CommandError::Stopped
    } else {
        CommandError::Panicked { message: "the command was lost; the log says why".into() }
    }
}

impl<A: Aggregate, C: HandledBy<A>> Rest<A, C> {
    pub(super) fn new(order: Order, shared: &Arc<Shared>) -> (Self, Waiting<C::Reply, C::Error>) {
        let ticket = Arc::new(Ticket::new(order.own_id));
        let (answerer, answer) = oneshot::channel();
        let waiting = Waiting {
            answer,
            ticket: Arc::clone(&ticket),
            command_id: order.id().clone(),
            deadline: order.deadline,
            timeout: order.timeout,
            shared: Arc::clone(shared),
        };
        let span = telemetry::is_watched().then(|| Box::new(Span::current()));
        (Self { order, ticket, answerer, turn: None, attempts: 0, span }, waiting)
    }

    /// The same for a command that has had its turn and has decided.
    pub(super) fn decided(order: Order, shared: &Arc<Shared>, turn: Turn) -> (Self, Waiting<C::Reply, C::Error>) {
        let (mut rest, waiting) = Self::new(order, shared);
        rest.turn = Some(turn);
        rest.ticket.reopen();
        (rest, waiting)
    }

    /// Within this the command is decided.
    fn deciding(&self, cell: &Cell<A>, revision: Option<Revision>) -> Span {
        let span = self.span.as_ref();
        span.map_or_else(Span::none, |span| telemetry::decide(span, &cell.stream, C::NAME, revision))
    }

    fn answer(self, outcome: Outcome<A, C>) {
        // A sender who is gone does not hear it.
        let _ = self.answerer.send(outcome);
    }

    /// The last question to the sender: whether he still waits. From here on the command takes effect.
    fn is_wanted(&self) -> bool {
        !self.answerer.is_closed() && self.ticket.decide()
    }

    fn timed_out(&self) -> CommandError<C::Error> {
        self.order.timed_out(!self.ticket.abandon())
    }

    /// Runs the handler until it is done, its time is over, or its sender is gone. What is not done then is dropped: it has changed
    /// nothing (I4).
    async fn run_handler(&mut self, command: C, state: &A, context: &Context) -> Result<C::Output, CommandError<C::Error>> {
        // Also the call itself may panic, before there is a future.
        let handler = AssertUnwindSafe(async move { command.decide(state, context).await }).catch_unwind();
        let mut handler = pin!(handler);
        let done = match std::future::poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx))).await {
            Poll::Ready(done) => done,
            Poll::Pending => {
                tokio::select! {
                    biased;
                    done = handler => done,
                    () = self.answerer.closed() => return Err(self.timed_out()),
                    () = tokio::time::sleep_until(self.order.deadline) => return Err(self.timed_out()),
                }
            }
        };
        done.map_err(|panic| panicked(&*panic))
    }

    /// Decides again on the recorded state, unless that was tried often enough: `error` is the answer then.
    fn again(mut self, cell: &Arc<Cell<A>>, copy: Copy, error: CommandError<C::Error>) {
        if let Some(meters) = cell.shared.kind_meters::<A>() {
            meters.conflicts.increment(1);
        }
        match (copy.command(cell), self.turn) {
            (Some(command), Some(turn)) if self.attempts < cell.shared.limits.conflict_retries => {
                self.attempts += 1;
                self.ticket.reopen();
                cell.resubmit(turn, Box::new(CommandJob { command, rest: self }));
            }
            _ => self.answer(Err(error)),
        }
    }
}

impl<A: Aggregate, C: HandledBy<A>> CommandJob<A, C> {
    pub(super) fn new(command: C, rest: Rest<A, C>) -> Box<Self> {
        Box::new(Self { command, rest })
    }

    async fn go(mut self, cell: &Arc<Cell<A>>, seat: &mut Seat<A>) {
        let shared = &cell.shared;
        if self.rest.answerer.is_closed() {
            return;
        }
        if shared.gate.is_hurried() {
            return self.rest.answer(Err(CommandError::Stopped));
        }
        if Instant::now() >= self.rest.order.deadline {
            let error = self.rest.timed_out();
            return self.rest.answer(Err(error));
        }
        let turn = *self.rest.turn.get_or_insert_with(|| seat.next_turn());
        if self.rest.order.own_id {
            if self.rest.order.firing.is_some() || seat.lineage.awaits(self.rest.order.id()) {
                seat.lineage.settle().await;
            }
            match self.find_before(cell).await {
                Ok(None) => self.rest.ticket.reopen(),
                Ok(Some(before)) => {
                    let outcome = self.rest.order.repeat(&shared.codecs, before);
                    return self.rest.answer(outcome);
                }
                Err(error) => return self.rest.answer(Err(error.into())),
            }
        }
        if let Err(error) = self.forget_what_is_outdated(cell, seat).await {
            return self.rest.answer(Err(error.into()));
        }
        if seat.core.is_none() {
            // What is under way must be there to be replayed.
            seat.lineage.settle().await;
        }
        if seat.lineage.is_broken() {
            return self.stand_behind_those_before(turn, cell, seat).await;
        }
        match Self::load(cell, seat).await {
            // Who gave up while all that was asked has not decided anything.
            Ok(()) if self.rest.answerer.is_closed() => {}
            Ok(()) => match self.rest.order.is_due(cell).await {
                Ok(()) => self.decide(cell, seat).await,
                Err(error) => self.rest.answer(Err(error)),
            },
            Err(error) => self.rest.answer(Err(error)),
        }
    }

    /// What was recorded for the command before.
    async fn find_before(&self, cell: &Cell<A>) -> Result<Option<crate::store::Committed>, StoreError> {
        let (store, id) = (&cell.shared.store, self.rest.order.id());
        if store.is_new_command(&cell.stream, id) { Ok(None) } else { store.find_command(&cell.stream, id).await }
    }

    /// The aggregate's state in memory is not the recorded one. Those commands that relied on it come back as they are answered, and
    /// keep their turns.
    async fn stand_behind_those_before(self, turn: Turn, cell: &Arc<Cell<A>>, seat: &mut Seat<A>) {
        seat.lineage.settle().await;
        seat.reset();
        cell.resubmit(turn, Box::new(self));
    }

    /// A sender who expects another revision may know of what another writer recorded (I5). While commits are under way, their
    /// verdicts tell.
    async fn forget_what_is_outdated(&self, cell: &Cell<A>, seat: &mut Seat<A>) -> Result<(), StoreError> {
        let Some(core) = &seat.core else { return Ok(()) };
        if !self.rest.order.fits(core.revision) && seat.lineage.is_settled() {
            let head = cell.shared.store.stream_head(&cell.stream).await?;
            if head.and_then(|head| head.revision) != core.revision {
                seat.core = None;
            }
        }
        Ok(())
    }

    /// Brings the aggregate into memory if it is not there.
    async fn load(cell: &Arc<Cell<A>>, seat: &mut Seat<A>) -> Result<(), CommandError<C::Error>> {
        if seat.core.is_none() {
            let began = Instant::now();
            let recovered = recover::<A>(&cell.shared, &cell.stream, true)
                .await
                .map_err(|source| CommandError::Unloadable { stream: cell.stream.clone(), source })?;
            seat.lineage = Lineage::at(recovered.position);
            seat.core = Some(Box::new(recovered.core));
            if let Some(meters) = cell.shared.kind_meters::<A>() {
                meters.activations.increment(1);
                meters.recovery.record(began.elapsed());
            }
            snapshot::after_load(cell, seat, &recovered.replay);
        }
        Ok(())
    }

    async fn decide(self, cell: &Arc<Cell<A>>, seat: &mut Seat<A>) {
        let Self { command, mut rest } = self;
        let Seat { core: loaded, lineage, events, .. } = &mut *seat;
        let Some(core) = loaded else { return };
        let copy = Copy::of(&command, cell);
        let decided = if let Some(expected) = rest.order.expected
            && !expected.holds(core.revision)
        {
            Decided::Nothing(Err(CommandError::Conflict { expected, actual: core.revision }))
        } else {
            let services = Arc::clone(&cell.shared.services);
            let context = Context::new(cell.stream.clone(), core.revision, Arc::clone(&rest.order.metadata), services);
            let deciding = rest.deciding(cell, core.revision);
            match rest.run_handler(command, &core.state, &context).instrument(deciding).await {
                Ok(output) => rest.order.judge::<A, C>(cell, core, output, context.into_effects(), events),
                Err(error) => {
                    if matches!(error, CommandError::Panicked { .. }) {
                        seat.core = None;
                    }
                    return rest.answer(Err(error));
                }
            }
        };
        match decided {
            Decided::Nothing(Err(CommandError::Rejected(rejection))) if rest.order.firing.is_some() => {
                match rest.order.keep_refusal(cell, seat, rejection).await {
                    Ok(error) => rest.answer(Err(error)),
                    Err(error) => rest.again(cell, copy, error),
                }
            }
            Decided::Unwritable(error) => {
                events.clear();
                seat.unfold();
                rest.answer(Err(error));
            }
            Decided::Nothing(outcome) if lineage.is_settled() && !lineage.is_broken() => {
                rest.answer(at(lineage, outcome));
            }
            Decided::Nothing(outcome) => Finish { rest, copy, what: What::Answer(outcome) }.go(cell, seat).await,
            Decided::Record(commit, reply) => {
                if lineage.is_settled()
                    && !lineage.is_broken()
                    && let Some(store) = cell.shared.store.immediate()
                {
                    if !rest.is_wanted() {
                        events.clear();
                        return seat.unfold();
                    }
                    return match record_now(cell, store, seat, &rest.order, rest.span.as_deref(), commit, reply) {
                        Ok(outcome) => rest.answer(outcome),
                        Err(error) => rest.again(cell, copy, error),
                    };
                }
                let events = std::mem::take(events);
                Finish { rest, copy, what: What::Record { commit: Box::new(commit), events, reply } }.go(cell, seat).await;
            }
        }
    }
}

impl<A: Aggregate, C: HandledBy<A>> Job<A> for CommandJob<A, C> {
    fn run<'r>(self: Box<Self>, cell: &'r Arc<Cell<A>>, seat: &'r mut Seat<A>) -> BoxFuture<'r, ()> {
        Box::pin(self.go(cell, seat))
    }
}

/// A command's bytes, to decide again: the handler consumes the command.
pub(super) struct Copy(Option<Vec<u8>>);

thread_local!(static SPARE: Slot<Vec<u8>> = const { Slot::new(Vec::new()) });

impl Copy {
    pub(super) fn of<A: Aggregate, C: Command>(command: &C, cell: &Cell<A>) -> Self {
        // Most copies are dropped unread soon: then the next one takes their room.
        let mut bytes = SPARE.try_with(Slot::take).unwrap_or_default();
        bytes.clear();
        let encode = AssertUnwindSafe(|| cell.shared.codecs.write.encode_into(command, &mut bytes).is_ok());
        let encoded = std::panic::catch_unwind(encode).unwrap_or(false);
        Self(encoded.then_some(bytes))
    }

    /// The command again, unless it does not come back from its bytes.
    pub(super) fn command<A: Aggregate, C: Command>(&self, cell: &Cell<A>) -> Option<C> {
        self.0.as_ref().and_then(|bytes| cell.shared.codecs.write.decode(bytes).ok())
    }

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        const KEPT: usize = 4096;
        if let Some(bytes) = self.0.take().filter(|bytes| bytes.capacity() <= KEPT) {
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
    }
}

/// A command that has decided, on its way to the committer.
pub(super) struct Finish<A: Aggregate, C: HandledBy<A>> {
    pub(super) rest: Rest<A, C>,
    pub(super) copy: Copy,
    pub(super) what: What<A, C>,
}

pub(super) enum What<A: Aggregate, C: HandledBy<A>> {
    Record {
        commit: Box<Commit>,
        events: Vec<A::Event>,
        reply: C::Reply,
    },
    /// I2, I5: an answer that relies on what is not durable yet waits for it; if that is not recorded, the command decides again.
    Answer(Outcome<A, C>),
}

impl<A: Aggregate, C: HandledBy<A>> Finish<A, C> {
    /// How much room it takes in the pipeline; answers take some as commits do (I12).
    pub(super) fn size(&self) -> usize {
        match &self.what {
            What::Record { commit, .. } => commit.size(),
            What::Answer(_) => self.copy.len(),
        }
    }

    async fn go(self, cell: &Arc<Cell<A>>, seat: &mut Seat<A>) {
        let room = cell.shared.committer.reserve(self.size()).await;
        if let Some(wake) = self.enter(cell, seat, room) {
            wake.run();
        }
    }

    /// 1. ask whether the sender still wants it  2. apply  3. hand it to the committer.
    ///
    /// Applied before it is recorded, so that an event that its applier cannot take is never recorded, and the next command can be
    /// decided while this one becomes durable. Nobody sees that state before it is durable: answers wait in the same line.
    pub(super) fn enter(self, cell: &Arc<Cell<A>>, seat: &mut Seat<A>, room: Room) -> Option<Wake> {
        let Self { rest, copy, what } = self;
        let committer = &cell.shared.committer;
        let of_answer = Arc::clone(cell);
        match what {
            What::Record { commit, mut events, reply } => {
                if !rest.is_wanted() {
                    seat.unfold();
                    committer.release(room);
                    return None;
                }
                if let Err(panic) = apply(seat, &mut events) {
                    committer.release(room);
                    rest.answer(Err(panic));
                    return None;
                }
                seat.events = events;
                let time = rest.order.metadata.time;
                let answer = move |verdict| rest.conclude(&of_answer, copy, reply, verdict);
                let wake = committer.push(cell.lane(), Want::Record(commit), &seat.lineage, room, Box::new(answer));
                Some(match snapshot::after_commit(cell, seat, time) {
                    Some(also) => wake.or(also),
                    None => wake,
                })
            }
            What::Answer(outcome) => {
                let relied_on = Arc::clone(&seat.lineage);
                let answer = move |_| {
                    if relied_on.is_broken() {
                        rest.again(&of_answer, copy, CommandError::Refused(Refusal::Dependent));
                    } else {
                        rest.answer(at(&relied_on, outcome));
                    }
                };
                Some(committer.push(cell.lane(), Want::Settle, &seat.lineage, room, Box::new(answer)))
            }
        }
    }
}

impl<A: Aggregate, C: HandledBy<A>> Job<A> for Finish<A, C> {
    fn run<'r>(self: Box<Self>, cell: &'r Arc<Cell<A>>, seat: &'r mut Seat<A>) -> BoxFuture<'r, ()> {
        Box::pin(self.go(cell, seat))
    }
}

/// Applies the events to the state. If that panics, the state is not to be used any more.
pub(super) fn apply<A: Aggregate, E>(seat: &mut Seat<A>, events: &mut Vec<A::Event>) -> Result<(), CommandError<E>> {
    let Some(Core { state, revision, .. }) = seat.core.as_deref_mut() else { return Ok(()) };
    *revision = Revision::after(*revision, events.len() as u64);
    // Each event is dropped within the net, too.
    let applied = std::panic::catch_unwind(AssertUnwindSafe(|| events.drain(..).for_each(|event| fold(state, event))));
    applied.map_err(|panic| {
        seat.core = None;
        panicked(&*panic)
    })
}

/// The answer with the position that it relies on.
pub(super) fn at<R, E>(lineage: &Lineage, outcome: Answer<R, E>) -> Answer<R, E> {
    outcome.map(|receipt| Receipt { position: lineage.position(), ..receipt })
}

impl<A: Aggregate, C: HandledBy<A>> Rest<A, C> {
    /// Answers with the store's verdict on what was decided.
    fn conclude(self, cell: &Arc<Cell<A>>, copy: Copy, reply: C::Reply, verdict: Result<Verdict, StoreError>) {
        match self.order.conclude(&cell.shared.codecs, reply, verdict) {
            Ok(outcome) => self.answer(outcome),
            Err(error) => self.again(cell, copy, error),
        }
    }
}
