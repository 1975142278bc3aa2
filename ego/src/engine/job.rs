//! One command on its way through an aggregate: decide, encode, commit, answer.

use super::cell::{Cell, Core, Job, Seat, Turn};
use super::committer::{Lineage, Want};
use super::error::{CommandError, panic_message};
use super::place::Place;
use super::recover::recover;
use super::send::Receipt;
use super::shared::Pass;
use super::ticket::Ticket;
use crate::codec::CodecError;
use crate::message::{CommandId, Expected, Metadata, Revision};
use crate::model::{Aggregate, Command, Context, Event, HandledBy, HandlerResult};
use crate::store::{Body, Commit, Committed, NewEvent, Refusal, Store, StoreError, Verdict};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What came with a command.
pub(super) struct Order {
    pub(super) metadata: Arc<Metadata>,
    /// Whether the sender gave the command id, so that it may have been recorded before.
    pub(super) own_id: bool,
    pub(super) expected: Option<Expected>,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    pub(super) ticket: Arc<Ticket>,
}

impl Order {
    fn id(&self) -> &CommandId {
        &self.metadata.command_id
    }

    fn timed_out<E>(&self) -> CommandError<E> {
        CommandError::Timeout { command_id: self.id().clone(), after: self.timeout, recorded_unknown: !self.ticket.abandon() }
    }
}

type Outcome<A, C> = Result<Receipt<<C as HandledBy<A>>::Reply>, CommandError<<C as HandledBy<A>>::Error>>;
type Answerer<A, C> = oneshot::Sender<Outcome<A, C>>;

/// A command, and everything that is needed to answer it.
pub(super) struct CommandJob<A: Aggregate, C: HandledBy<A>> {
    command: C,
    rest: Rest<A, C>,
}

/// All but the command itself, which the handler consumes.
struct Rest<A: Aggregate, C: HandledBy<A>> {
    order: Order,
    place: Arc<Place<A>>,
    answerer: Answerer<A, C>,
    turn: Option<Turn>,
    /// How often the command decided on a state that was not the recorded one.
    attempts: u32,
    _pass: Pass,
}

impl<A: Aggregate, C: HandledBy<A>> CommandJob<A, C> {
    pub(super) fn new(command: C, order: Order, place: Arc<Place<A>>, answerer: Answerer<A, C>, pass: Pass) -> Box<Self> {
        Box::new(Self { command, rest: Rest { order, place, answerer, turn: None, attempts: 0, _pass: pass } })
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
            let error = self.rest.order.timed_out();
            return self.rest.answer(Err(error));
        }
        let turn = *self.rest.turn.get_or_insert_with(|| seat.next_turn());
        if self.rest.order.own_id {
            if seat.lineage.awaits(self.rest.order.id()) {
                seat.lineage.settle().await;
            }
            match shared.store.find_command(&cell.stream, self.rest.order.id()).await {
                Ok(None) => self.rest.order.ticket.reopen(),
                Ok(Some(before)) => return self.rest.repeat(before),
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
            Ok(mut core) => {
                // Left empty when the state in memory may not be used any more.
                seat.core = self.decide(cell, &mut core, &seat.lineage).await.is_ok().then_some(core);
            }
            Err(error) => self.rest.answer(Err(error)),
        }
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
        let (Some(expected), Some(core)) = (self.rest.order.expected, &seat.core) else { return Ok(()) };
        if !expected.holds(core.revision) && seat.lineage.is_settled() {
            let head = cell.shared.store.stream_head(&cell.stream).await?;
            if head.and_then(|head| head.revision) != core.revision {
                seat.core = None;
            }
        }
        Ok(())
    }

    /// Takes the state out of the seat, replayed first if it is not there.
    async fn load(cell: &Cell<A>, seat: &mut Seat<A>) -> Result<Box<Core<A>>, CommandError<C::Error>> {
        if let Some(core) = seat.core.take() {
            return Ok(core);
        }
        let recovered = recover::<A>(&cell.shared, &cell.stream)
            .await
            .map_err(|source| CommandError::Unloadable { stream: cell.stream.clone(), source })?;
        seat.lineage = Lineage::at(recovered.position);
        Ok(Box::new(recovered.core))
    }

    /// `Err` when the state in memory may not be used any more.
    async fn decide(self, cell: &Arc<Cell<A>>, core: &mut Core<A>, lineage: &Arc<Lineage>) -> Result<(), Reload> {
        let Self { command, mut rest } = self;
        let shared = &cell.shared;
        if let Some(expected) = rest.order.expected
            && !expected.holds(core.revision)
        {
            let actual = core.revision;
            let copy = Copy::of(&command, cell);
            rest.answer_when_durable(cell, lineage, copy, Err(CommandError::Conflict { expected, actual })).await;
            return Ok(());
        }
        let copy = Copy::of(&command, cell);
        let context =
            Context::new(cell.stream.clone(), core.revision, Arc::clone(&rest.order.metadata), Arc::clone(&shared.services));
        let output = match rest.run_handler(command, &core.state, &context).await {
            Ok(output) => output,
            Err(error) => {
                let reload = matches!(error, CommandError::Panicked { .. });
                rest.answer(Err(error));
                return if reload { Err(Reload) } else { Ok(()) };
            }
        };
        let mut events = Vec::new();
        let reply = match output.record(&mut events) {
            Ok(reply) => reply,
            Err(rejection) => {
                rest.answer_when_durable(cell, lineage, copy, Err(CommandError::Rejected(rejection))).await;
                return Ok(());
            }
        };
        let store_decides = rest.order.own_id || rest.order.expected.is_some_and(|expected| expected != Expected::Any);
        if events.is_empty() && !store_decides {
            // Nobody can ask for this reply again, and nobody says what it may rely on: there is nothing to record.
            let receipt = rest.receipt(reply, core.revision, None);
            rest.answer_when_durable(cell, lineage, copy, Ok(receipt)).await;
            return Ok(());
        }
        let commit = AssertUnwindSafe(|| rest.commit(cell, core.revision, &events, &reply));
        match std::panic::catch_unwind(commit).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(commit) => rest.record(cell, core, lineage, copy, commit, events, reply).await,
            Err(error) => {
                rest.answer(Err(error));
                Ok(())
            }
        }
    }
}

impl<A: Aggregate, C: HandledBy<A>> Job<A> for CommandJob<A, C> {
    fn run<'r>(self: Box<Self>, cell: &'r Arc<Cell<A>>, seat: &'r mut Seat<A>) -> BoxFuture<'r, ()> {
        Box::pin(self.go(cell, seat))
    }
}

/// The state in memory may not be used any more.
struct Reload;

/// A command's bytes, to decide again: the handler consumes the command.
struct Copy(Option<Vec<u8>>);

impl Copy {
    fn of<A: Aggregate, C: Command>(command: &C, cell: &Cell<A>) -> Self {
        let encode = AssertUnwindSafe(|| cell.shared.codecs.write.encode(command).ok());
        Self(std::panic::catch_unwind(encode).unwrap_or_default())
    }
}

impl<A: Aggregate, C: HandledBy<A>> Rest<A, C> {
    fn answer(self, outcome: Outcome<A, C>) {
        // A sender who is gone does not hear it.
        let _ = self.answerer.send(outcome);
    }

    fn receipt(&self, reply: C::Reply, revision: Option<Revision>, committed: Option<&Committed>) -> Receipt<C::Reply> {
        Receipt {
            reply,
            revision,
            position: committed.and_then(|committed| committed.position),
            command_id: self.order.id().clone(),
            repeated: false,
        }
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
                    () = self.answerer.closed() => return Err(self.order.timed_out()),
                    () = tokio::time::sleep_until(self.order.deadline) => return Err(self.order.timed_out()),
                }
            }
        };
        done.map_err(|panic| panicked(&*panic))
    }

    fn commit(
        &self,
        cell: &Cell<A>,
        revision: Option<Revision>,
        events: &[A::Event],
        reply: &C::Reply,
    ) -> Result<Commit, CommandError<C::Error>> {
        let codecs = &cell.shared.codecs;
        let failed = |what: &str, source: CodecError| CommandError::Codec { what: what.into(), encoding: true, source };
        let event = |event: &A::Event| -> Result<NewEvent, CommandError<C::Error>> {
            let schema = event.schema();
            let payload = event.encode(&codecs.write).map_err(|source| failed(schema.name, source))?;
            let name = self.place.event_name(schema.name);
            Ok(NewEvent { name, version: schema.version, payload: payload.into(), tags: Vec::new() })
        };
        Ok(Commit {
            stream: cell.stream.clone(),
            expected: Expected::last(revision),
            metadata: Arc::clone(&self.order.metadata),
            codec: Arc::clone(&codecs.name),
            body: Body::Events(events.iter().map(event).collect::<Result<_, _>>()?),
            reply: encode_reply(codecs, reply).map_err(|source| failed("the reply", source))?,
        })
    }

    /// 1. wait for room  2. ask whether the sender still wants it  3. apply  4. hand the commit to the committer.
    ///
    /// Applied before it is recorded, so that an event that its applier cannot take is never recorded, and the next command can be
    /// decided while this one becomes durable. Nobody sees that state before it is durable: answers wait in the same line.
    #[allow(clippy::too_many_arguments, reason = "everything that one decision consists of")]
    async fn record(
        self,
        cell: &Arc<Cell<A>>,
        core: &mut Core<A>,
        lineage: &Arc<Lineage>,
        copy: Copy,
        commit: Commit,
        events: Vec<A::Event>,
        reply: C::Reply,
    ) -> Result<(), Reload> {
        let committer = &cell.shared.committer;
        let room = committer.reserve(commit.size()).await;
        if !self.order.ticket.decide() {
            committer.release(room);
            return Ok(());
        }
        core.revision = Revision::after(core.revision, events.len() as u64);
        // Each event is dropped within the net, too.
        let apply = AssertUnwindSafe(|| events.into_iter().for_each(|event| core.state.apply(&event)));
        let applied = std::panic::catch_unwind(apply);
        if let Err(panic) = applied {
            committer.release(room);
            self.answer(Err(panicked(&*panic)));
            return Err(Reload);
        }
        let cell = Arc::clone(cell);
        let committer = Arc::clone(committer);
        committer.push(
            Want::Record(Box::new(commit)),
            lineage,
            room,
            Box::new(move |verdict| self.conclude(&cell, copy, reply, verdict)),
        );
        Ok(())
    }

    /// Answers with the store's verdict on what was decided.
    fn conclude(self, cell: &Arc<Cell<A>>, copy: Copy, reply: C::Reply, verdict: Result<Verdict, StoreError>) {
        match verdict {
            Ok(Verdict::Committed(committed)) => {
                let receipt = self.receipt(reply, committed.revision, Some(&committed));
                self.answer(Ok(receipt));
            }
            Ok(Verdict::Repeated(before)) => self.repeat(before),
            Ok(Verdict::Refused(Refusal::Conflict { expected, actual })) => {
                match self.order.expected {
                    Some(expected) if !expected.holds(actual) => self.answer(Err(CommandError::Conflict { expected, actual })),
                    // What the sender expects still holds: only what was decided does not.
                    _ => self.again(cell, copy, CommandError::Conflict { expected, actual }),
                }
            }
            Ok(Verdict::Refused(Refusal::Dependent)) => {
                let error = CommandError::Refused(Refusal::Dependent);
                self.again(cell, copy, error);
            }
            Ok(Verdict::Refused(refusal)) => self.answer(Err(CommandError::Refused(refusal))),
            Err(error) => self.answer(Err(CommandError::Store(error))),
        }
    }

    /// I2, I5: an answer that relies on what is not durable yet waits for it; if that is not recorded, the command decides again.
    /// Such an answer takes room in the pipeline as commits do (I12).
    async fn answer_when_durable(self, cell: &Arc<Cell<A>>, lineage: &Arc<Lineage>, copy: Copy, outcome: Outcome<A, C>) {
        let after = Arc::clone(lineage);
        let last_word = move |this: Self, outcome: Outcome<A, C>| {
            this.answer(outcome.map(|receipt| Receipt { position: after.position(), ..receipt }));
        };
        if lineage.is_settled() && !lineage.is_broken() {
            return last_word(self, outcome);
        }
        let (cell, committer) = (Arc::clone(cell), Arc::clone(&cell.shared.committer));
        let relied_on = Arc::clone(lineage);
        let room = committer.reserve(copy.0.as_ref().map_or(0, Vec::len)).await;
        committer.push(
            Want::Settle,
            lineage,
            room,
            Box::new(move |_| {
                if relied_on.is_broken() {
                    self.again(&cell, copy, CommandError::Refused(Refusal::Dependent));
                } else {
                    last_word(self, outcome);
                }
            }),
        );
    }

    /// Decides again on the recorded state, unless that was tried often enough: `error` is the answer then.
    fn again(mut self, cell: &Arc<Cell<A>>, copy: Copy, error: CommandError<C::Error>) {
        let command = copy.0.and_then(|bytes| cell.shared.codecs.write.decode::<C>(&bytes).ok());
        match (command, self.turn) {
            (Some(command), Some(turn)) if self.attempts < cell.shared.limits.conflict_retries => {
                self.attempts += 1;
                self.order.ticket.reopen();
                cell.resubmit(turn, Box::new(CommandJob { command, rest: self }));
            }
            _ => self.answer(Err(error)),
        }
    }

    /// I11: answers with what was recorded for the command the first time.
    fn repeat(self, before: Committed) {
        if *before.command != *self.order.metadata.command {
            let command_id = before.command_id;
            return self.answer(Err(CommandError::CommandIdReused { command_id, recorded: before.command }));
        }
        let codecs = &self.place.shared().codecs;
        let reply = codecs.named(&before.codec).map_err(CodecError::new).and_then(|codec| decode_reply(codec, &before.reply));
        match reply {
            Ok(reply) => {
                let receipt = self.receipt(reply, before.revision, Some(&before));
                self.answer(Ok(Receipt { repeated: true, ..receipt }));
            }
            Err(source) => self.answer(Err(CommandError::Codec { what: RECORDED_REPLY.into(), encoding: false, source })),
        }
    }
}

/// What could not be read or shown, when the command took effect all the same.
pub(super) const RECORDED_REPLY: &str = "the recorded reply";

/// The empty reply takes no bytes: most commands have it.
fn encode_reply<R: crate::model::Reply>(codecs: &super::shared::Codecs, reply: &R) -> Result<Bytes, CodecError> {
    let any: &dyn Any = reply;
    if any.is::<()>() { Ok(Bytes::new()) } else { codecs.write.encode(reply).map(Bytes::from) }
}

fn decode_reply<R: crate::model::Reply>(codec: &crate::codec::AnyCodec, bytes: &[u8]) -> Result<R, CodecError> {
    if bytes.is_empty() {
        // Written for `()`; another reply type that reads from nothing gets it from the codec's null.
        return serde_json::from_value(serde_json::Value::Null).map_err(CodecError::new);
    }
    codec.decode(bytes)
}

pub(super) fn panicked<E>(panic: &(dyn Any + Send)) -> CommandError<E> {
    CommandError::Panicked { message: panic_message(panic) }
}
