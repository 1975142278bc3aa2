//! One who decides on what is not durable yet, and the pipeline that answers.

use super::{Notes, explore};
use crate::lineage::{Became, Lineage, Pending};
use crate::message::{CommandId, Position};
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;

/// Answers these in another thread, in their order.
fn answer(entries: Vec<(Pending, Became)>, answered: &Arc<Notes<usize>>) -> thread::JoinHandle<()> {
    let answered = Arc::clone(answered);
    thread::spawn(move || {
        for (n, (pending, became)) in entries.into_iter().enumerate() {
            // As the committer does: the store is not asked about what relied on something lost.
            let became = if pending.is_broken() { Became::Unasked } else { became };
            pending.conclude(&became, || answered.add(n));
        }
    })
}

fn recorded(position: u64) -> Became {
    Became::Recorded(Position::new(position))
}

#[test]
fn who_waits_until_it_is_settled_finds_everything_answered() {
    explore(None, || {
        let (lineage, answered) = (Lineage::at(None), Notes::new());
        let entries = vec![(lineage.begin(None), recorded(7)), (lineage.begin(None), recorded(9))];
        let pipeline = answer(entries, &answered);
        block_on(lineage.settle());
        assert_eq!(answered.all(), [0, 1]);
        assert_eq!(lineage.position(), Position::new(9));
        assert!(!lineage.is_broken());
        pipeline.join().expect("the pipeline panicked");
    });
}

#[test]
fn two_who_answer_wake_who_waits() {
    explore(Some(3), || {
        let (lineage, answered) = (Lineage::at(None), Notes::new());
        let pipelines = [0, 1].map(|_| answer(vec![(lineage.begin(None), Became::Unasked)], &answered));
        block_on(lineage.settle());
        assert_eq!(answered.all().len(), 2);
        pipelines.into_iter().for_each(|pipeline| pipeline.join().expect("a pipeline panicked"));
    });
}

#[test]
fn two_who_wait_are_both_woken() {
    explore(Some(3), || {
        let (lineage, answered) = (Lineage::at(None), Notes::new());
        let pipeline = answer(vec![(lineage.begin(None), recorded(1))], &answered);
        let other = thread::spawn({
            let lineage = Arc::clone(&lineage);
            move || block_on(lineage.settle())
        });
        block_on(lineage.settle());
        assert_eq!(answered.all(), [0]);
        pipeline.join().expect("the pipeline panicked");
        other.join().expect("the other panicked");
    });
}

#[test]
fn who_sees_it_settled_sees_what_became_of_it() {
    explore(None, || {
        let (lineage, answered) = (Lineage::at(Position::new(3)), Notes::new());
        let entries = vec![(lineage.begin(None), recorded(5)), (lineage.begin(None), Became::Lost)];
        let pipeline = answer(entries, &answered);
        let (settled, broken, position) = (lineage.is_settled(), lineage.is_broken(), lineage.position());
        if settled {
            assert!(broken);
            assert_eq!(position, Position::new(5));
            assert_eq!(answered.all(), [0, 1]);
        }
        pipeline.join().expect("the pipeline panicked");
        assert!(lineage.is_settled() && lineage.is_broken());
    });
}

#[test]
fn nothing_is_recorded_behind_what_was_lost() {
    explore(None, || {
        let (lineage, answered) = (Lineage::at(None), Notes::new());
        let entries = vec![(lineage.begin(None), Became::Lost), (lineage.begin(None), recorded(5))];
        let pipeline = answer(entries, &answered);
        assert_eq!(lineage.position(), None);
        block_on(lineage.settle());
        assert_eq!((lineage.position(), lineage.is_broken(), answered.all().len()), (None, true, 2));
        pipeline.join().expect("the pipeline panicked");
    });
}

#[test]
fn a_command_is_awaited_until_it_is_answered() {
    explore(None, || {
        let (lineage, answered) = (Lineage::at(None), Notes::new());
        let entries =
            vec![(lineage.begin(Some(CommandId("first"))), recorded(1)), (lineage.begin(Some(CommandId("second"))), recorded(2))];
        let pipeline = answer(entries, &answered);
        assert!(!lineage.awaits(&CommandId("another")));
        if !lineage.awaits(&CommandId("second")) {
            assert_eq!(answered.all(), [0, 1]);
        }
        if !lineage.awaits(&CommandId("first")) {
            assert!(answered.all().starts_with(&[0]));
        }
        let another = lineage.begin(None);
        pipeline.join().expect("the pipeline panicked");
        assert!(!lineage.awaits(&CommandId("first")), "it was answered");
        another.conclude(&Became::Unasked, || ());
        block_on(lineage.settle());
        assert!(!lineage.awaits(&CommandId("first")) && !lineage.awaits(&CommandId("second")));
    });
}

#[test]
fn what_nobody_answered_breaks_it_and_holds_up_nobody() {
    explore(Some(3), || {
        let (lineage, answered) = (Lineage::at(None), Notes::new());
        let (first, second) = (lineage.begin(Some(CommandId("first"))), lineage.begin(Some(CommandId("second"))));
        let pipeline = answer(vec![(first, recorded(1))], &answered);
        let shut_down = thread::spawn(move || drop(second));
        block_on(lineage.settle());
        assert!(lineage.is_broken());
        assert!(!lineage.awaits(&CommandId("second")));
        pipeline.join().expect("the pipeline panicked");
        shut_down.join().expect("it panicked");
    });
}
