//! The smallest domain: what was acknowledged is there, once; what was not is there once or not at all. Holds the harness itself, and
//! shows what a scenario is made of: a domain, what is said of it, `work`, `check`.

use crate::outcome::{Outcome, hold};
use crate::scene::{PATIENCE, Scenario, Scene};
use ego::prelude::*;
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "ledger", work: |scene| Box::pin(work(scene)), check: |scene| Box::pin(check(scene)) };

#[derive(Event, Clone, Serialize, Deserialize)]
enum LedgerEvent {
    Booked { entry: String },
}

#[derive(Command, Serialize, Deserialize)]
struct Book {
    entry: String,
}

/// How often each entry was booked.
#[derive(Aggregate, Default)]
#[aggregate(name = "ledger", event = LedgerEvent)]
struct Ledger(BTreeMap<String, u32>);

#[ego::handlers]
impl Ledger {
    #[handle]
    fn book(&self, command: Book) -> Result<LedgerEvent, Infallible> {
        Ok(LedgerEvent::Booked { entry: command.entry })
    }
    #[apply]
    fn apply(&mut self, LedgerEvent::Booked { entry }: &LedgerEvent) {
        *self.0.entry(entry.clone()).or_default() += 1;
    }
}

/// The attempt before its acknowledgement: what was tried may be there without.
#[derive(Serialize, Deserialize)]
enum Said {
    Tried(String),
    Booked(String),
}

async fn engine(store: SledStore) -> Outcome<Engine> {
    Ok(Engine::builder().store(store).start().await?)
}

async fn work(mut scene: Scene) -> Outcome {
    let engine = engine(scene.open()?).await?;
    for number in 0..100 {
        let (ledger, entry) = (scene.random.u32(..3), format!("{}-{number}", scene.process));
        scene.say(&Said::Tried(entry.clone()))?;
        engine.send::<Ledger>(ledger.to_string(), Book { entry: entry.clone() }).command_id(&entry).await?;
        scene.say(&Said::Booked(entry))?;
    }
    Ok(())
}

async fn check(mut scene: Scene) -> Outcome {
    let (mut tried, mut booked) = (BTreeSet::new(), BTreeSet::new());
    for said in scene.said()? {
        match said {
            Said::Tried(entry) => tried.insert(entry),
            Said::Booked(entry) => booked.insert(entry),
        };
    }
    let engine = engine(scene.open()?).await?;
    let mut found = BTreeMap::new();
    for ledger in 0..3 {
        found.append(&mut engine.load::<Ledger>(ledger.to_string()).await?.state.0);
    }
    hold!(found.values().all(|times| *times == 1), "booked twice: {found:?}");
    hold!(found.keys().all(|entry| tried.contains(entry)), "nobody tried to book all of {found:?}");
    hold!(booked.iter().all(|entry| found.contains_key(entry)), "of {booked:?} only {found:?} are there");
    Ok(engine.stop(PATIENCE).await?)
}
