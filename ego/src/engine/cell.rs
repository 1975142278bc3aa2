//! One aggregate in memory: its state, the commands that wait for it, and the rule that one runs at a time (I5).
//!
//! Whoever finds the seat free takes the state, runs its own command and then those that came meanwhile. Waiting commands are data in
//! the queue, not tasks that hold a place in line: a sender that is never polled again holds up nobody.

use super::drive::drive;
use super::error::panic_message;
use super::inline::Views;
use super::lineage::Lineage;
use super::shared::Shared;
use super::snapshot::{self, Mark};
use super::turns::{Look, Next, Turns};
use crate::message::{Revision, StreamId};
use crate::model::Aggregate;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, oneshot};

/// A command on its way through an aggregate.
pub(super) trait Job<A: Aggregate>: Send {
    /// Brings the command to its answer, or to the committer.
    fn run<'r>(self: Box<Self>, cell: &'r Arc<Cell<A>>, seat: &'r mut Seat<A>) -> BoxFuture<'r, ()>;
}

/// The state of an active aggregate.
pub(super) struct Core<A: Aggregate> {
    pub(super) state: A,
    /// The last revision, counting what is not durable yet.
    pub(super) revision: Option<Revision>,
    /// Its inline views, as of the same revision; `None` when its kind has none.
    pub(super) views: Option<Box<Views<A>>>,
    /// What its last snapshot has seen; `None` when its kind has none.
    pub(super) mark: Option<Box<Mark>>,
}

/// What the one who runs an aggregate holds.
pub(super) struct Seat<A: Aggregate> {
    /// `None` while the aggregate is not loaded.
    pub(super) core: Option<Box<Core<A>>>,
    /// Of the core, or of the one before it while that has commits under way.
    pub(super) lineage: Arc<Lineage>,
    /// Empty; kept so that not every decision needs a new one.
    pub(super) events: Vec<A::Event>,
    /// How many commands have had their turn.
    turns: u64,
}

/// A command's place among those that had their turn: what it keeps when it has to decide again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

impl<A: Aggregate> Seat<A> {
    fn new() -> Self {
        Self { core: None, lineage: Lineage::at(None), events: Vec::new(), turns: 0 }
    }

    /// Forgets the state, which is not the recorded one.
    pub(super) fn reset(&mut self) {
        (self.core, self.lineage) = (None, Lineage::at(None));
    }

    /// What was decided last will not be recorded: inline views have seen it already, the state has not.
    pub(super) fn unfold(&mut self) {
        if self.core.as_ref().is_some_and(|core| core.views.is_some()) {
            self.core = None;
        }
    }

    pub(super) fn next_turn(&mut self) -> Turn {
        self.turns += 1;
        Turn(self.turns)
    }
}

pub(super) struct Cell<A: Aggregate> {
    pub(super) stream: StreamId,
    pub(super) shared: Arc<Shared>,
    /// Commands that have to decide again gave their slot back.
    turns: Turns<Seat<A>, Box<dyn Job<A>>, Turn>,
    /// One permit for each command that may still be queued. Closed when the aggregate is sent away.
    pub(super) slots: Semaphore,
    /// When the aggregate was last used, in milliseconds since the engine's start.
    last_used: AtomicU64,
}

impl<A: Aggregate> Cell<A> {
    /// How many commands one poll may run before it lets others have their turn.
    const TURNS: u32 = 32;

    /// How often a sender looks again whether an aggregate that is taken briefly is free: about as long as a command takes.
    const LOOKS: u32 = 40;

    pub(super) fn new(stream: StreamId, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            stream,
            turns: Turns::new(Seat::new()),
            slots: Semaphore::new(shared.limits.mailbox),
            last_used: AtomicU64::new(0),
            shared,
        })
    }

    /// Takes the aggregate for something that waits for nothing, if it is free and nothing is queued.
    pub(super) fn sit(self: &Arc<Self>) -> Option<Sitting<'_, A>> {
        for _ in 0..Self::LOOKS {
            match self.turns.sit() {
                Look::Free(seat) => return Some(Sitting { cell: self, seat: Some(seat) }),
                Look::Busy => return None,
                Look::Soon => (0..8).for_each(|_| std::hint::spin_loop()),
            }
        }
        None
    }

    /// Queues a command, and runs the aggregate if nobody does. A retired cell gives the command back.
    pub(super) fn submit(self: &Arc<Self>, job: Box<dyn Job<A>>) -> Result<(), Box<dyn Job<A>>> {
        if let Some(seat) = self.turns.submit(job)? {
            self.run(seat);
        }
        Ok(())
    }

    /// Makes the aggregate be loaded anew for what comes next, once everything before is answered.
    pub(super) async fn reload(self: Arc<Self>) {
        // None when it was sent away: then nothing is in memory.
        let Ok(slot) = self.slots.acquire().await else { return };
        slot.forget();
        let (done, reloaded) = oneshot::channel();
        if self.submit(Box::new(Reload(done))).is_ok() {
            // An error is a runtime that ended, and the state with it.
            let _ = reloaded.await;
        }
    }

    /// Puts a command that has to decide again before those that wait for their first turn.
    pub(super) fn resubmit(self: &Arc<Self>, turn: Turn, job: Box<dyn Job<A>>) {
        if let Some(seat) = self.turns.resubmit(turn, job) {
            self.run(seat);
        }
    }

    fn run(self: &Arc<Self>, seat: Seat<A>) {
        drive(&self.shared.runtime, Run { cell: Arc::clone(self), seat: Some(seat) }.run());
    }

    /// Which lane of the committer its commits take: the same for as long as it is active, by where it stands in memory. Nobody is sent
    /// away with commits under way, so the next activation may take another.
    pub(super) fn lane(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr() / size_of::<Self>().next_power_of_two()
    }

    /// How many commands wait for their turn.
    pub(super) fn queued(&self) -> usize {
        self.turns.queued()
    }

    /// Counts as used at this time, in milliseconds since the engine's start.
    pub(super) fn touch(&self, uptime: u64) {
        self.last_used.store(uptime, Ordering::Relaxed);
    }

    /// Whether no command came since then.
    pub(super) fn unused_since(&self, uptime: u64) -> bool {
        self.last_used.load(Ordering::Relaxed) <= uptime
    }

    /// Sends the aggregate away if nothing is under way and no command came since `unused_since`.
    pub(super) fn try_retire(&self, unused_since: Option<u64>) -> bool {
        if unused_since.is_some_and(|since| !self.unused_since(since)) {
            return false;
        }
        let retired = self.turns.retire(|seat| seat.lineage.is_settled());
        if retired {
            // Who waits for a slot behind a sender that is never polled again finds the aggregate anew.
            self.slots.close();
        }
        retired
    }
}

/// Forgets what is in memory of an aggregate.
struct Reload(oneshot::Sender<()>);

impl<A: Aggregate> Job<A> for Reload {
    fn run<'r>(self: Box<Self>, _: &'r Arc<Cell<A>>, seat: &'r mut Seat<A>) -> BoxFuture<'r, ()> {
        Box::pin(async move {
            seat.lineage.settle().await;
            seat.reset();
            // Nobody has to wait for it.
            let _ = self.0.send(());
        })
    }
}

impl<A: Aggregate> Cell<A> {
    /// The last that is done with what was sent away.
    pub(super) fn leave(self: &Arc<Self>) {
        if A::SNAPSHOTS.is_some()
            && let Some(mut seat) = self.turns.retired()
        {
            snapshot::before_leaving(self, &mut seat);
        }
    }
}

/// Somebody who runs an aggregate for one command that waits for nothing.
pub(super) struct Sitting<'c, A: Aggregate> {
    cell: &'c Arc<Cell<A>>,
    /// `None` only at the end.
    seat: Option<Seat<A>>,
}

impl<A: Aggregate> Sitting<'_, A> {
    pub(super) fn seat(&mut self) -> Option<&mut Seat<A>> {
        self.seat.as_mut()
    }

    /// Goes on with what has to wait after all, before anybody else has a turn.
    pub(super) fn stay(mut self, job: Box<dyn Job<A>>) {
        if let Some(seat) = self.seat.take() {
            self.cell.turns.stay();
            let mut run = Run { cell: Arc::clone(self.cell), seat: Some(seat) };
            drive(&self.cell.shared.runtime, async move {
                run.turn(job).await;
                run.run().await;
            });
        }
    }
}

impl<A: Aggregate> Drop for Sitting<'_, A> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take()
            && let Some(seat) = self.cell.turns.leave(seat)
        {
            self.cell.run(seat);
        }
    }
}

/// Somebody who runs an aggregate until nothing waits.
struct Run<A: Aggregate> {
    cell: Arc<Cell<A>>,
    seat: Option<Seat<A>>,
}

impl<A: Aggregate> Run<A> {
    async fn run(mut self) {
        for turns in 1u32.. {
            let job = match self.cell.turns.next(&mut self.seat) {
                Some(Next::Again(job)) => job,
                Some(Next::First(job)) => {
                    self.cell.slots.add_permits(1);
                    job
                }
                None => return,
            };
            self.turn(job).await;
            if turns % Cell::<A>::TURNS == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl<A: Aggregate> Run<A> {
    async fn turn(&mut self, job: Box<dyn Job<A>>) {
        let Self { cell, seat } = self;
        if let Some(seat) = seat
            && let Err(panic) = AssertUnwindSafe(job.run(cell, seat)).catch_unwind().await
        {
            // What a handler or an applier may do is caught where it is called; this is the last net.
            tracing::error!(stream = %cell.stream, message = &*panic_message(&*panic), "a command panicked outside of its handler");
            seat.lineage.settle().await;
            seat.reset();
        }
    }
}

impl<A: Aggregate> Drop for Run<A> {
    /// Not at the end of the work: the runtime was shut down under it. Nobody will run what waits, so let the senders know.
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            let (again, queue) = self.cell.turns.abandon(Seat { core: None, ..seat });
            self.cell.slots.add_permits(queue.len());
            drop((again, queue));
        }
    }
}
