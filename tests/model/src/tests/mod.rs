//! What holds in every interleaving.

mod gate;
mod line;
mod lineage;
mod together;
mod turns;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Tells the story in every interleaving. A thread is interrupted where it need not be at most so many times; `None`: any number.
fn explore(interruptions: Option<usize>, story: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = interruptions;
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    model.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        story();
    });
    let told = told.load(Ordering::Relaxed);
    let bound = interruptions.map_or_else(String::new, |most| format!(", at most {most} interruptions each"));
    eprintln!("{}: {told} interleavings{bound}", std::thread::current().name().unwrap_or_default());
    assert!(told > 1, "there was only one");
}

/// What happened, in its order. Only the story's own notes: loom does not see it, and neither switches nor orders threads by it.
struct Notes<T>(Mutex<Vec<T>>);

impl<T> Notes<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::new())))
    }

    fn add(&self, note: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn all(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Each of these once, in any order.
fn assert_each_once<T: Ord + std::fmt::Debug>(mut found: Vec<T>, mut expected: Vec<T>) {
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
