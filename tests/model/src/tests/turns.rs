//! An aggregate and its commands, as the engine's `cell` puts them together.

use super::{Notes, assert_each_once, explore};
use crate::turns::{Look, Next, Turns};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    /// Of a sender, and which of his.
    First(char, u32),
    Again(u32),
}
use Job::{Again, First};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Note {
    /// It waits, before all of the queue.
    Again(u32),
    Ran(Job),
    GivenBack(Job),
    Retired,
}

struct Seat;

struct Aggregate {
    turns: Turns<Seat, Job, u32>,
    /// loom sees when two are at it, or one does not see what another did before.
    state: UnsafeCell<()>,
    notes: Arc<Notes<Note>>,
}

impl Aggregate {
    fn new() -> Arc<Self> {
        Arc::new(Self { turns: Turns::new(Seat), state: UnsafeCell::new(()), notes: Notes::new() })
    }

    fn turn(&self, job: Job) {
        self.state.with_mut(|_| self.notes.add(Note::Ran(job)));
    }

    fn run(&self, seat: Seat) {
        let mut seat = Some(seat);
        while let Some(Next::Again(job) | Next::First(job)) = self.turns.next(&mut seat) {
            self.turn(job);
        }
        assert!(seat.is_none(), "the seat was not taken back");
    }

    fn submit(&self, job: Job) {
        match self.turns.submit(job) {
            Ok(Some(seat)) => self.run(seat),
            Ok(None) => {}
            Err(job) => self.notes.add(Note::GivenBack(job)),
        }
    }

    fn resubmit(&self, turn: u32) {
        let seat = self.turns.resubmit(turn, Again(turn));
        self.notes.add(Note::Again(turn));
        if let Some(seat) = seat {
            self.run(seat);
        }
    }

    /// The straight way, if it is free.
    fn send(&self, job: Job) {
        for _ in 0..2 {
            match self.turns.sit() {
                Look::Free(seat) => {
                    self.turn(job);
                    return self.leave(seat);
                }
                Look::Soon => thread::yield_now(),
                Look::Busy => break,
            }
        }
        self.submit(job);
    }

    fn leave(&self, seat: Seat) {
        if let Some(seat) = self.turns.leave(seat) {
            self.run(seat);
        }
    }

    fn sit(&self) -> Option<Seat> {
        match self.turns.sit() {
            Look::Free(seat) => Some(seat),
            Look::Soon | Look::Busy => None,
        }
    }

    fn ran(&self) -> Vec<Job> {
        self.all(|note| if let Note::Ran(job) = note { Some(job) } else { None })
    }

    fn given_back(&self) -> Vec<Job> {
        self.all(|note| if let Note::GivenBack(job) = note { Some(job) } else { None })
    }

    fn all(&self, of: impl FnMut(Note) -> Option<Job>) -> Vec<Job> {
        self.notes.all().into_iter().filter_map(of).collect()
    }

    /// Everybody has gone: nothing waits, and nobody sits.
    fn assert_at_rest(&self) {
        assert_eq!(self.turns.queued(), 0, "something was left behind: {:?}", self.notes.all());
        let seat = self.sit();
        assert!(seat.is_some(), "somebody took the seat along");
        self.leave(Seat);
    }
}

fn spawn(aggregate: &Arc<Aggregate>, does: impl FnOnce(&Aggregate) + 'static) -> thread::JoinHandle<()> {
    let aggregate = Arc::clone(aggregate);
    thread::spawn(move || does(&aggregate))
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("a thread panicked"));
}

/// What a sender sent comes in his order.
fn assert_in_order(ran: &[Job]) {
    let of = |sender| ran.iter().filter_map(move |job| if let First(of, n) = job { (*of == sender).then_some(*n) } else { None });
    for sender in ['a', 'b', 'c'] {
        assert!(of(sender).is_sorted(), "{ran:?}");
    }
}

#[test]
fn queued_commands_run_once_each_and_one_at_a_time() {
    explore(Some(5), || {
        let aggregate = Aggregate::new();
        let senders = ['a', 'b'].map(|sender| {
            spawn(&aggregate, move |aggregate| {
                aggregate.submit(First(sender, 1));
                aggregate.submit(First(sender, 2));
            })
        });
        aggregate.submit(First('c', 1));
        join(senders);
        assert_each_once(aggregate.ran(), vec![First('a', 1), First('a', 2), First('b', 1), First('b', 2), First('c', 1)]);
        assert_in_order(&aggregate.ran());
        aggregate.assert_at_rest();
    });
}

#[test]
fn the_straight_way_and_the_queue_lose_nothing() {
    explore(None, || {
        let aggregate = Aggregate::new();
        let sender = spawn(&aggregate, |aggregate| {
            aggregate.send(First('a', 1));
            aggregate.send(First('a', 2));
        });
        aggregate.send(First('b', 1));
        aggregate.submit(First('b', 2));
        join([sender]);
        assert_each_once(aggregate.ran(), vec![First('a', 1), First('a', 2), First('b', 1), First('b', 2)]);
        assert_in_order(&aggregate.ran());
        aggregate.assert_at_rest();
    });
}

#[test]
fn three_on_the_straight_way_lose_nothing() {
    explore(Some(5), || {
        let aggregate = Aggregate::new();
        let senders = ['a', 'b'].map(|sender| spawn(&aggregate, move |aggregate| aggregate.send(First(sender, 1))));
        aggregate.send(First('c', 1));
        join(senders);
        assert_each_once(aggregate.ran(), vec![First('a', 1), First('b', 1), First('c', 1)]);
        aggregate.assert_at_rest();
    });
}

#[test]
fn who_stays_runs_what_came_meanwhile() {
    explore(None, || {
        let aggregate = Aggregate::new();
        let sender = spawn(&aggregate, |aggregate| {
            aggregate.send(First('a', 1));
            aggregate.submit(First('a', 2));
        });
        match aggregate.sit() {
            Some(seat) => {
                aggregate.turns.stay();
                assert!(matches!(aggregate.turns.sit(), Look::Busy), "who stays may wait for long");
                aggregate.turn(First('b', 1));
                aggregate.run(seat);
            }
            None => aggregate.submit(First('b', 1)),
        }
        join([sender]);
        assert_each_once(aggregate.ran(), vec![First('a', 1), First('a', 2), First('b', 1)]);
        assert_in_order(&aggregate.ran());
        aggregate.assert_at_rest();
    });
}

#[test]
fn a_seat_is_soon_free_only_while_nothing_waits_for_it() {
    explore(None, || {
        let aggregate = Aggregate::new();
        let seat = aggregate.sit().expect("nobody sits");
        let sender = spawn(&aggregate, |aggregate| {
            assert!(matches!(aggregate.turns.sit(), Look::Soon));
            aggregate.submit(First('a', 1));
        });
        assert!(aggregate.sit().is_none(), "two sit");
        join([sender]);
        assert!(matches!(aggregate.turns.sit(), Look::Busy), "it overtakes what waits");
        let mut seat = aggregate.turns.leave(seat);
        assert!(matches!(aggregate.turns.next(&mut seat), Some(Next::First(First('a', 1)))));
        assert!(matches!(aggregate.turns.sit(), Look::Busy), "who runs it may wait for long");
        assert!(aggregate.turns.next(&mut seat).is_none());
        aggregate.assert_at_rest();
    });
}

#[test]
fn those_that_decide_again_come_first_and_in_their_order() {
    explore(Some(5), || {
        let aggregate = Aggregate::new();
        let seat = aggregate.sit().expect("nobody sits");
        let others = [
            spawn(&aggregate, |aggregate| {
                aggregate.submit(First('a', 1));
                aggregate.resubmit(1);
            }),
            spawn(&aggregate, |aggregate| aggregate.resubmit(2)),
        ];
        aggregate.submit(First('b', 1));
        aggregate.resubmit(3);
        aggregate.leave(seat);
        join(others);
        assert_each_once(aggregate.ran(), vec![First('a', 1), First('b', 1), Again(1), Again(2), Again(3)]);
        let mut again = std::collections::BTreeSet::new();
        for note in aggregate.notes.all() {
            match note {
                Note::Again(turn) => assert!(again.insert(turn)),
                Note::Ran(Again(turn)) => assert_eq!(again.pop_first(), Some(turn), "{:?}", aggregate.notes.all()),
                Note::Ran(First(..)) => assert!(again.is_empty(), "one of the queue came before {again:?}"),
                Note::GivenBack(_) | Note::Retired => panic!("nobody retired it"),
            }
        }
        aggregate.assert_at_rest();
    });
}

#[test]
fn what_is_retired_runs_nothing_and_loses_nothing() {
    explore(Some(5), || {
        let aggregate = Aggregate::new();
        let others = [
            spawn(&aggregate, |aggregate| {
                aggregate.send(First('a', 1));
                aggregate.submit(First('a', 2));
            }),
            spawn(&aggregate, |aggregate| {
                if aggregate.turns.retire(|_| true) {
                    aggregate.notes.add(Note::Retired);
                    assert!(aggregate.sit().is_none(), "what is retired has no seat");
                }
            }),
        ];
        aggregate.submit(First('b', 1));
        join(others);
        let notes = aggregate.notes.all();
        let retired = notes.iter().position(|note| *note == Note::Retired);
        for (at, note) in notes.iter().enumerate() {
            let later = retired.is_some_and(|retired| at > retired);
            match note {
                Note::Ran(_) => assert!(!later, "it ran after it was retired: {notes:?}"),
                Note::GivenBack(_) => assert!(later, "it was given back before it was retired: {notes:?}"),
                Note::Again(_) | Note::Retired => {}
            }
        }
        let kept = [aggregate.ran(), aggregate.given_back()].concat();
        assert_each_once(kept, vec![First('a', 1), First('a', 2), First('b', 1)]);
        assert_eq!(aggregate.turns.queued(), 0);
        if retired.is_none() {
            aggregate.assert_at_rest();
        }
    });
}

#[test]
fn nobody_is_sent_away_who_is_not_idle() {
    explore(None, || {
        let aggregate = Aggregate::new();
        let retirer = spawn(&aggregate, |aggregate| assert!(!aggregate.turns.retire(|_| false)));
        aggregate.submit(First('a', 1));
        join([retirer]);
        assert_eq!(aggregate.ran(), [First('a', 1)]);
        aggregate.assert_at_rest();
    });
}

#[test]
fn what_was_abandoned_is_given_back_and_others_go_on() {
    explore(None, || {
        let aggregate = Aggregate::new();
        // The runtime is shut down under whoever runs, after one command.
        let sender = spawn(&aggregate, |aggregate| {
            for n in [1, 2] {
                let mut seat = aggregate.turns.submit(First('a', n)).expect("nobody retired it");
                if seat.is_some()
                    && let Some(Next::Again(job) | Next::First(job)) = aggregate.turns.next(&mut seat)
                {
                    aggregate.turn(job);
                }
                if let Some(seat) = seat {
                    let (again, queue) = aggregate.turns.abandon(seat);
                    again.into_values().chain(queue).for_each(|job| aggregate.notes.add(Note::GivenBack(job)));
                }
            }
        });
        aggregate.submit(First('b', 1));
        aggregate.submit(First('b', 2));
        join([sender]);
        let kept = [aggregate.ran(), aggregate.given_back()].concat();
        assert_each_once(kept, vec![First('a', 1), First('a', 2), First('b', 1), First('b', 2)]);
        assert_in_order(&aggregate.ran());
        aggregate.assert_at_rest();
    });
}
