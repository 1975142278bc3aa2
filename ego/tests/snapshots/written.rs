//! What the macro writes: `snapshot(…)` on a state is as the same policy written by hand.

use crate::policy::{on, seen, until_seen};
use crate::until;
use ego::prelude::*;
use ego::store::MemoryStore;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

#[derive(Event, Serialize, Deserialize)]
enum Ticked {
    Ticked,
}
#[derive(Command, Serialize, Deserialize)]
struct Tick;

#[derive(Aggregate, Default, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "clockwork", event = Ticked, snapshot(every = 3), version = 2)]
struct Clockwork {
    ticks: u64,
}

#[ego::handlers]
impl Clockwork {
    #[handle]
    fn tick(&self, _: Tick) -> Result<Ticked, Infallible> {
        Ok(Ticked::Ticked)
    }
    #[apply]
    fn apply(&mut self, _: &Ticked) {
        self.ticks += 1;
    }
}

#[derive(Aggregate, Default, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "sundial", event = Ticked, snapshot(replayed = 2, slower_than = "1h"))]
struct Sundial {
    ticks: u64,
}

#[ego::handlers]
impl Sundial {
    #[handle]
    fn tick(&self, _: Tick) -> Result<Ticked, Infallible> {
        Ok(Ticked::Ticked)
    }
    #[apply]
    fn apply(&mut self, _: &Ticked) {
        self.ticks += 1;
    }
}

#[tokio::test]
async fn the_policies_of_the_macro_are_those_that_it_names() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    for _ in 0..3 {
        engine.send::<Clockwork>("a", Tick).await.unwrap();
        engine.send::<Sundial>("a", Tick).await.unwrap();
    }
    until_seen::<Clockwork>(&engine, "a", 3).await;
    let kept = crate::policy::snapshot::<Clockwork>(&engine, "a").await.unwrap();
    assert_eq!(kept.version, 2);
    assert_eq!(seen::<Sundial>(&engine, "a").await, None);
    let other = on(store).await;
    other.send::<Sundial>("a", Tick).await.unwrap();
    until(|| async { seen::<Sundial>(&other, "a").await.filter(|seen| *seen >= 3) }).await;
    assert_eq!(other.load::<Sundial>("a").await.unwrap().state, Sundial { ticks: 4 });
    assert_eq!(other.load::<Clockwork>("a").await.unwrap().state, Clockwork { ticks: 3 });
}
