//! The pipeline and those who push into it, as the engine's `committer` puts them together.

use super::{Notes, assert_each_once, explore};
use crate::line::Line;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

type Entry = (char, u32);

struct Pipeline {
    line: Line<Entry>,
    /// loom sees when two run it, or one does not see what another did before.
    store: UnsafeCell<()>,
    pushed: Arc<Notes<Entry>>,
    taken: Arc<Notes<Entry>>,
}

impl Pipeline {
    const BATCH: usize = 2;

    fn new() -> Arc<Self> {
        let (pushed, taken) = (Notes::new(), Notes::new());
        Arc::new(Self { line: Line::new(), store: UnsafeCell::new(()), pushed, taken })
    }

    #[must_use]
    fn push(&self, entry: Entry) -> bool {
        let runs = self.line.push(entry);
        self.pushed.add(entry);
        runs
    }

    fn run(&self) {
        while let Some(entries) = self.line.take(Self::BATCH) {
            self.commit(entries);
        }
    }

    fn commit(&self, entries: Vec<Entry>) {
        assert!((1..=Self::BATCH).contains(&entries.len()));
        self.store.with_mut(|_| entries.into_iter().for_each(|entry| self.taken.add(entry)));
    }

    fn send(&self, entry: Entry) {
        if self.push(entry) {
            self.run();
        }
    }

    /// Everybody has gone: nothing waits, and whoever comes next has to run it.
    fn assert_at_rest(&self) {
        assert!(self.line.abandon().is_empty(), "something was left behind");
        assert!(self.line.push(('z', 0)), "somebody took the line along");
    }
}

fn spawn(pipeline: &Arc<Pipeline>, does: impl FnOnce(&Pipeline) + 'static) -> thread::JoinHandle<()> {
    let pipeline = Arc::clone(pipeline);
    thread::spawn(move || does(&pipeline))
}

#[test]
fn every_entry_is_taken_once_and_in_the_order_of_the_pushes() {
    explore(Some(5), || {
        let pipeline = Pipeline::new();
        let senders = ['a', 'b'].map(|sender| {
            spawn(&pipeline, move |pipeline| {
                pipeline.send((sender, 1));
                pipeline.send((sender, 2));
            })
        });
        pipeline.send(('c', 1));
        senders.into_iter().for_each(|sender| sender.join().expect("a sender panicked"));
        assert_eq!(pipeline.taken.all(), pipeline.pushed.all());
        assert_eq!(pipeline.taken.all().len(), 5);
        pipeline.assert_at_rest();
    });
}

#[test]
fn who_pushes_several_before_running_leaves_nothing_behind() {
    explore(None, || {
        let pipeline = Pipeline::new();
        let sender = spawn(&pipeline, |pipeline| {
            // The seat is given back in between, as on the straight way.
            let runs = [1, 2, 3].map(|n| pipeline.push(('a', n)));
            if runs.contains(&true) {
                pipeline.run();
            }
        });
        pipeline.send(('b', 1));
        sender.join().expect("the sender panicked");
        assert_eq!(pipeline.taken.all(), pipeline.pushed.all());
        assert_eq!(pipeline.taken.all().len(), 4);
        pipeline.assert_at_rest();
    });
}

#[test]
fn what_was_abandoned_is_given_back_and_others_go_on() {
    explore(None, || {
        let pipeline = Pipeline::new();
        let dropped = Notes::new();
        // The runtime is shut down under whoever runs, after one batch.
        let sender = spawn(&pipeline, {
            let dropped = Arc::clone(&dropped);
            move |pipeline| {
                for n in [1, 2] {
                    if pipeline.push(('a', n)) {
                        pipeline.commit(pipeline.line.take(1).expect("it was just pushed"));
                        pipeline.line.abandon().into_iter().for_each(|entry| dropped.add(entry));
                    }
                }
            }
        });
        pipeline.send(('b', 1));
        pipeline.send(('b', 2));
        sender.join().expect("the sender panicked");
        let taken = pipeline.taken.all();
        let mut pushed = pipeline.pushed.all();
        assert_each_once([taken.clone(), dropped.all()].concat(), pushed.clone());
        pushed.retain(|entry| taken.contains(entry));
        assert_eq!(taken, pushed);
        pipeline.assert_at_rest();
    });
}
