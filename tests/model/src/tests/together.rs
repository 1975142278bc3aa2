//! An aggregate and the pipeline that gives a command back.

use super::{Notes, explore};
use crate::lineage::{Became, Lineage};
use crate::turns::{Look, Next, Turns};
use loom::thread;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
enum Note {
    RanAgain,
    Retired,
}

/// An aggregate whose seat is what it relies on.
type Aggregate = Turns<Arc<Lineage>, (), u32>;

fn run(aggregate: &Aggregate, mut seat: Option<Arc<Lineage>>, notes: &Notes<Note>) {
    while seat.is_some() {
        if let Some(Next::Again(()) | Next::First(())) = aggregate.next(&mut seat) {
            notes.add(Note::RanAgain);
        }
    }
}

#[test]
fn a_command_that_decides_again_finds_its_aggregate() {
    explore(None, || {
        let lineage = Lineage::at(None);
        let pending = lineage.begin(None);
        let aggregate: Arc<Aggregate> = Arc::new(Turns::new(lineage));
        let notes = Notes::new();
        let pipeline = thread::spawn({
            let (aggregate, notes) = (Arc::clone(&aggregate), Arc::clone(&notes));
            move || pending.conclude(&Became::Lost, || run(&aggregate, aggregate.resubmit(1, ()), &notes))
        });
        let passivation = thread::spawn({
            let (aggregate, notes) = (Arc::clone(&aggregate), Arc::clone(&notes));
            move || {
                if aggregate.retire(|lineage| lineage.is_settled()) {
                    notes.add(Note::Retired);
                }
            }
        });
        if let Look::Free(seat) = aggregate.sit() {
            run(&aggregate, aggregate.leave(seat), &notes);
        }
        pipeline.join().expect("the pipeline panicked");
        passivation.join().expect("the passivation panicked");
        let notes = notes.all();
        assert!([vec![Note::RanAgain], vec![Note::RanAgain, Note::Retired]].contains(&notes), "{notes:?}");
    });
}
