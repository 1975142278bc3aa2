//! The straight way of a command: it finds its aggregate free and in memory, and its handler waits for nothing. Then it is decided
//! where it was sent, without a task, a queue or a channel; on a store that answers in the call, it is recorded there, too. Whatever
//! has to wait takes the long way, through `job`.

use super::cell::{Cell, Seat};
use super::committer::{Wake, store_panicked};
use super::error::CommandError;
use super::job::{Copy, Finish, Rest, Waiting, What, apply, at};
use super::order::{Answer, Decided, Order, Outcome, panicked};
use super::snapshot;
use crate::model::{Aggregate, Context, HandledBy, Reply};
use crate::store::{Commit, Immediate, Store, StoreError, Verdict};
use crate::telemetry::{self, Told};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use tokio::time::Instant;
use tracing::Span;

/// How far a command came on the straight way.
pub(super) enum Way<A: Aggregate, C: HandledBy<A>> {
    Answered(Outcome<A, C>),
    /// Decided: the answer comes when everything is durable.
    Decided(Waiting<C::Reply, C::Error>),
    /// To be decided on the long way.
    Long(C, Order),
}

enum Step<A: Aggregate, C: HandledBy<A>> {
    Answered(Outcome<A, C>),
    Pushed(Waiting<C::Reply, C::Error>, Option<Wake>),
    /// The committer has no room yet.
    Stays(Waiting<C::Reply, C::Error>, Box<Finish<A, C>>),
    Long(C, Order),
}

pub(super) fn straight<A: Aggregate, C: HandledBy<A>>(cell: &Arc<Cell<A>>, command: C, order: Order) -> Way<A, C> {
    if C::WAITS || cell.shared.gate.is_hurried() {
        return Way::Long(command, order);
    }
    let Some(mut sitting) = cell.sit() else { return Way::Long(command, order) };
    let Some(seat) = sitting.seat() else { return Way::Long(command, order) };
    match decide(cell, seat, command, order) {
        Step::Answered(outcome) => Way::Answered(outcome),
        Step::Pushed(waiting, wake) => {
            // Others may go on meanwhile.
            drop(sitting);
            if let Some(wake) = wake {
                wake.run();
            }
            Way::Decided(waiting)
        }
        Step::Stays(waiting, finish) => {
            sitting.stay(finish);
            Way::Decided(waiting)
        }
        Step::Long(command, order) => Way::Long(command, order),
    }
}

/// Whether everything that a decision needs is here.
fn may_decide<A: Aggregate>(cell: &Cell<A>, seat: &Seat<A>, order: &Order) -> bool {
    let may_be_repeated = || seat.lineage.awaits(order.id()) || !cell.shared.store.is_new_command(&cell.stream, order.id());
    seat.core.as_ref().is_some_and(|core| order.fits(core.revision))
        && !seat.lineage.is_broken()
        && !(order.own_id && (order.firing.is_some() || may_be_repeated()))
}

fn decide<A: Aggregate, C: HandledBy<A>>(cell: &Arc<Cell<A>>, seat: &mut Seat<A>, command: C, mut order: Order) -> Step<A, C> {
    if !may_decide(cell, seat, &order) {
        return Step::Long(command, order);
    }
    let Seat { core: Some(core), lineage, events, .. } = &mut *seat else { return Step::Long(command, order) };
    let copy = Copy::of(&command, cell);
    let services = Arc::clone(&order.pass.door().services);
    let context = Context::new(cell.stream.clone(), core.revision, Arc::clone(&order.metadata), services);
    let output =
        if telemetry::is_watched() { call_seen(command, &core.state, &context) } else { call(command, &core.state, &context) };
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            seat.core = None;
            return Step::Answered(Err(error));
        }
    };
    let settled = lineage.is_settled() && !lineage.is_broken();
    let what = match order.judge::<A, C>(cell, core, output, context.into_effects(), events) {
        Decided::Unwritable(error) => {
            events.clear();
            seat.unfold();
            return Step::Answered(Err(error));
        }
        Decided::Nothing(outcome) if settled => return Step::Answered(at(lineage, outcome)),
        Decided::Nothing(outcome) => What::Answer(outcome),
        Decided::Record(commit, reply) => {
            if settled && let Some(store) = cell.shared.store.immediate() {
                return match record_now(cell, store, seat, &order, None, commit, reply) {
                    Ok(outcome) => Step::Answered(outcome),
                    Err(error) => match copy.command(cell) {
                        Some(command) => Step::Long(command, order),
                        None => Step::Answered(Err(error)),
                    },
                };
            }
            What::Record { commit: Box::new(commit), events: std::mem::take(events), reply }
        }
    };
    let (rest, waiting) = Rest::decided(order, &cell.shared, seat.next_turn());
    let finish = Finish { rest, copy, what };
    match cell.shared.committer.try_reserve(finish.size()) {
        Some(room) => Step::Pushed(waiting, finish.enter(cell, seat, room)),
        None => Step::Stays(waiting, Box::new(finish)),
    }
}

/// The same for those who watch.
#[cold]
fn call_seen<A: Aggregate, C: HandledBy<A>>(
    command: C,
    state: &A,
    context: &Context,
) -> Result<C::Output, CommandError<C::Error>> {
    let deciding = telemetry::decide(&Span::current(), context.stream(), C::NAME, context.revision());
    deciding.in_scope(|| call(command, state, context))
}

fn call<A: Aggregate, C: HandledBy<A>>(command: C, state: &A, context: &Context) -> Result<C::Output, CommandError<C::Error>> {
    let called = AssertUnwindSafe(|| {
        let handler = pin!(command.decide(state, context));
        handler.poll(&mut std::task::Context::from_waker(Waker::noop()))
    });
    match std::panic::catch_unwind(called) {
        Ok(Poll::Ready(output)) => Ok(output),
        Ok(Poll::Pending) => Err(CommandError::Panicked { message: "it waits, though its `WAITS` says that it does not".into() }),
        Err(panic) => Err(panicked(&*panic)),
    }
}

#[inline(always)]
fn append_one(store: &dyn Immediate, commit: Commit) -> Result<Verdict, StoreError> {
    std::panic::catch_unwind(AssertUnwindSafe(|| store.append_one(commit))).unwrap_or_else(|panic| Err(store_panicked(&*panic)))
}

/// The same for those who watch or count: a commit is a batch of one.
#[cold]
fn append_seen<A: Aggregate>(
    cell: &Cell<A>,
    store: &dyn Immediate,
    within: Option<&Span>,
    commit: Commit,
) -> Result<Verdict, StoreError> {
    let (began, told) = (Instant::now(), [Told::from(&commit)]);
    let span = telemetry::commit(Some(within.unwrap_or(&Span::current())), 1);
    let verdict = span.in_scope(|| append_one(store, commit));
    if let Ok(verdict) = &verdict {
        span.in_scope(|| telemetry::recorded(&told, std::slice::from_ref(verdict)));
    }
    if let Some(meters) = &cell.shared.meters {
        meters.commits.batch(1, began.elapsed(), verdict.is_err());
    }
    verdict
}

/// Records a commit in the call of its sender, or of whoever runs the aggregate, `within` the sender's span: nothing is under way that it could rely on, so it need not stand in line. `Err` when the command has
/// to decide again.
pub(super) fn record_now<A: Aggregate, R: Reply, E>(
    cell: &Arc<Cell<A>>,
    store: &dyn Immediate,
    seat: &mut Seat<A>,
    order: &Order,
    within: Option<&Span>,
    commit: Commit,
    reply: R,
) -> Result<Answer<R, E>, CommandError<E>> {
    let mut events = std::mem::take(&mut seat.events);
    if let Err(panic) = apply(seat, &mut events) {
        return Ok(Err(panic));
    }
    seat.events = events;
    let verdict = if cell.shared.meters.is_none() && !telemetry::is_watched() {
        append_one(store, commit)
    } else {
        append_seen(cell, store, within, commit)
    };
    match &verdict {
        Ok(Verdict::Committed(committed)) => {
            seat.lineage.advance(committed.position);
            // Nothing is under way, so there is no pipeline to run.
            let _ = snapshot::after_commit(cell, seat, order.metadata.time);
        }
        // The state in memory is not the recorded one.
        _ => seat.core = None,
    }
    order.conclude(&cell.shared.codecs, reply, verdict)
}
