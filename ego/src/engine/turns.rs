//! Whose turn it is: who holds the seat of an aggregate is the only one who runs it (I5), and nobody gets up while something waits.
//!
//! A core of the engine without the rest of it: `tests/model` runs it in every interleaving.

use super::sync::Mutex;
use std::collections::{BTreeMap, VecDeque};

/// A seat, and the jobs that wait for whoever holds it. `K` is a job's place among those that have to decide again.
pub(super) struct Turns<S, J, K> {
    inner: Mutex<Inner<S, J, K>>,
}

struct Inner<S, J, K> {
    /// `None` while somebody holds it. While it is here, nothing waits.
    seat: Option<S>,
    /// Whether who holds it is about to be done: it does not wait for anything.
    briefly: bool,
    queue: VecDeque<J>,
    /// Jobs that have to decide again, before those of the queue and in their order.
    again: BTreeMap<K, J>,
    /// For good: no job is taken any more.
    retired: bool,
}

/// What somebody finds who wants the seat only briefly.
pub(super) enum Look<S> {
    Free(S),
    /// Taken, but not for long.
    Soon,
    Busy,
}

/// The job whose turn it is.
pub(super) enum Next<J> {
    /// It has had a turn before.
    Again(J),
    /// It comes from the queue.
    First(J),
}

impl<S, J, K: Ord> Turns<S, J, K> {
    pub(super) fn new(seat: S) -> Self {
        let inner = Inner { seat: Some(seat), briefly: false, queue: VecDeque::new(), again: BTreeMap::new(), retired: false };
        Self { inner: Mutex::new(inner) }
    }

    /// Takes the seat for something that waits for nothing, if it is free and nothing waits. [`leave`](Self::leave) or
    /// [`stay`](Self::stay) ends that.
    pub(super) fn sit(&self) -> Look<S> {
        let mut inner = self.inner.lock();
        if inner.retired || inner.waits() {
            return Look::Busy;
        }
        match inner.seat.take() {
            Some(seat) => {
                inner.briefly = true;
                Look::Free(seat)
            }
            None if inner.briefly => Look::Soon,
            None => Look::Busy,
        }
    }

    /// Gets up. Gives the seat back when something came meanwhile: the caller has to run it.
    #[must_use]
    pub(super) fn leave(&self, seat: S) -> Option<S> {
        let mut inner = self.inner.lock();
        inner.briefly = false;
        if inner.waits() {
            return Some(seat);
        }
        inner.seat = Some(seat);
        None
    }

    /// Keeps the seat for longer, as one who runs what waits.
    pub(super) fn stay(&self) {
        self.inner.lock().briefly = false;
    }

    /// Queues a job. Gives the seat if nobody holds it: the caller has to run what waits. The job comes back from what is retired.
    pub(super) fn submit(&self, job: J) -> Result<Option<S>, J> {
        let mut inner = self.inner.lock();
        if inner.retired {
            return Err(job);
        }
        inner.queue.push_back(job);
        Ok(inner.seat.take())
    }

    /// Puts a job that has to decide again before those that wait for their first turn. Gives the seat as [`submit`](Self::submit)
    /// does.
    #[must_use]
    pub(super) fn resubmit(&self, turn: K, job: J) -> Option<S> {
        let mut inner = self.inner.lock();
        inner.again.insert(turn, job);
        inner.seat.take()
    }

    /// What is to be run now. Takes the seat back when nothing waits.
    pub(super) fn next(&self, seat: &mut Option<S>) -> Option<Next<J>> {
        let mut inner = self.inner.lock();
        if let Some((_, job)) = inner.again.pop_first() {
            return Some(Next::Again(job));
        }
        let first = inner.queue.pop_front();
        if first.is_none() {
            inner.seat = seat.take();
        }
        first.map(Next::First)
    }

    /// Takes the seat back although nobody will run what waits: those who decide again, and the queue.
    pub(super) fn abandon(&self, seat: S) -> (BTreeMap<K, J>, VecDeque<J>) {
        let mut inner = self.inner.lock();
        inner.seat = Some(seat);
        (std::mem::take(&mut inner.again), std::mem::take(&mut inner.queue))
    }

    /// Takes no job any more, if nobody holds the seat, so that nothing waits, and it is `idle`.
    pub(super) fn retire(&self, idle: impl FnOnce(&S) -> bool) -> bool {
        let Some(mut inner) = self.inner.try_lock() else { return false };
        let retires = inner.seat.as_ref().is_some_and(idle);
        inner.retired |= retires;
        retires
    }

    /// The seat of what is retired: nobody else takes it any more.
    pub(super) fn retired(&self) -> Option<S> {
        let mut inner = self.inner.lock();
        if inner.retired { inner.seat.take() } else { None }
    }

    /// How many jobs wait for their turn.
    pub(super) fn queued(&self) -> usize {
        let inner = self.inner.lock();
        inner.queue.len() + inner.again.len()
    }
}

impl<S, J, K> Inner<S, J, K> {
    fn waits(&self) -> bool {
        !self.queue.is_empty() || !self.again.is_empty()
    }
}
