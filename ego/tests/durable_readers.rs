//! A projection and a reactor of a durable aggregate keep every engine from starting: they would never be given anything.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use ego::Engine;
use ego::engine::{StartError, StartProblem};
use ego::model::Saved;
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
#[aggregate(name = "cart", durable)]
struct Cart {
    items: Vec<String>,
}

#[derive(Command, Serialize, Deserialize)]
struct Clear;

#[ego::handlers]
impl Cart {
    #[handle]
    fn clear(&mut self, _: Clear) -> Result<(), String> {
        self.items.clear();
        Ok(())
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Sizes {
    items: usize,
}

#[ego::projection(name = "sizes")]
impl Sizes {
    #[on(Cart)]
    fn cart(&mut self, saved: &Saved<Cart>) {
        self.items = saved.state().items.len();
    }
}

#[derive(Default)]
struct Reminder;

#[ego::reactor(name = "reminder")]
impl Reminder {
    #[on(Cart)]
    fn cart(&self, _: &Saved<Cart>) {}
}

#[tokio::test]
async fn readers_of_events_do_not_follow_a_durable_aggregate() {
    let Err(StartError::Problems(problems)) = Engine::builder().start().await else { panic!("it started") };
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(matches!(problems[..], [StartProblem::DurableSource { .. }, StartProblem::DurableSource { .. }]), "{said:?}");
    for (said, reader) in said.iter().zip(["Sizes", "Reminder"]) {
        assert!(said.contains(reader) && said.contains("Cart") && said.contains("states()"), "{said}");
    }
}
