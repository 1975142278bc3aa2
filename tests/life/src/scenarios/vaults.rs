//! Vaults whose state is kept in snapshots, whose old events go to an archive and are then deleted, killed in the middle of it: what was
//! booked is there once, in the state and in the view beside it, with snapshots and without; and the archive and what is left of the
//! history are together each event once.

use crate::outcome::{Outcome, hold};
use crate::scene::{PATIENCE, Scenario, Scene};
use ego::archive::Archive;
use ego::engine::Retention;
use ego::message::{Revision, StreamId};
use ego::prelude::*;
use ego::store::{Direction, Store};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "vaults", work: |scene| Box::pin(work(scene)), check: |scene| Box::pin(check(scene)) };

const VAULTS: [&str; 3] = ["a", "b", "C/c"];

#[derive(Event, Clone, Serialize, Deserialize)]
enum VaultEvent {
    Stored { item: String },
}

#[derive(Command, Serialize, Deserialize)]
struct Keep {
    item: String,
}

/// How often each item was stored.
#[derive(Aggregate, Default, Serialize, Deserialize)]
#[aggregate(name = "vault", event = VaultEvent, snapshot(every = 4, replayed = 6))]
struct Vault {
    items: BTreeMap<String, u32>,
}

#[ego::handlers]
impl Vault {
    #[handle]
    fn keep(&self, command: Keep) -> Result<VaultEvent, Infallible> {
        Ok(VaultEvent::Stored { item: command.item })
    }
    #[apply]
    fn apply(&mut self, VaultEvent::Stored { item }: &VaultEvent) {
        *self.items.entry(item.clone()).or_default() += 1;
    }
}

/// The same once more, beside the state.
#[derive(Default, Serialize, Deserialize)]
struct Inventory {
    items: BTreeMap<String, u32>,
}

#[ego::projection(name = "inventory", mode = inline)]
impl Inventory {
    #[on(Vault)]
    fn stored(&mut self, VaultEvent::Stored { item }: &VaultEvent) {
        *self.items.entry(item.clone()).or_default() += 1;
    }
}

/// What stands in an event.
#[derive(Deserialize)]
struct Stored {
    item: String,
}

/// The attempt before its acknowledgement: what was tried may be there without.
#[derive(Serialize, Deserialize)]
enum Said {
    Tried(String),
    Stored(String),
}

fn archive(scene: &Scene) -> Archive {
    Archive::in_folder(scene.beside("archive"))
}

async fn engine(scene: &Scene, store: SledStore, keep: Option<u64>) -> Outcome<Engine> {
    let builder = Engine::builder().store(store);
    // Some processes delete behind every snapshot, too.
    let builder = match keep {
        Some(keep) => builder.retention::<Vault>(Retention::keep(keep).archive(archive(scene))),
        None => builder,
    };
    Ok(builder.start().await?)
}

async fn work(mut scene: Scene) -> Outcome {
    let store = scene.open()?;
    let policy = scene.random.bool().then(|| scene.random.u64(..6));
    let engine = engine(&scene, store, policy).await?;
    for number in 0..200 {
        let vault = VAULTS[scene.random.usize(..VAULTS.len())];
        match scene.random.u32(..8) {
            0 => drop(engine.snapshot::<Vault>(vault).await?),
            1 | 2 => {
                let keep = Retention::keep(scene.random.u64(..8)).archive(archive(&scene));
                engine.delete_events::<Vault>(vault, keep).await?;
            }
            _ => {
                let item = format!("{}-{number}", scene.process);
                scene.say(&Said::Tried(item.clone()))?;
                engine.send::<Vault>(vault, Keep { item: item.clone() }).command_id(&item).await?;
                scene.say(&Said::Stored(item))?;
            }
        }
    }
    Ok(())
}

async fn check(mut scene: Scene) -> Outcome {
    let (mut tried, mut stored) = (BTreeSet::new(), BTreeSet::new());
    for said in scene.said()? {
        match said {
            Said::Tried(item) => tried.insert(item),
            Said::Stored(item) => stored.insert(item),
        };
    }
    let store = scene.open()?;
    let engine = engine(&scene, store, None).await?;
    let mut found = BTreeMap::new();
    for vault in VAULTS {
        let loaded = engine.load::<Vault>(vault).await?;
        let events = history(&scene, &engine, vault).await?;
        hold!(
            loaded.revision.map_or(0, Revision::get) == events.len() as u64,
            "{vault} is at {:?} of {}",
            loaded.revision,
            events.len()
        );
        let mut folded = Vault::default();
        events.iter().for_each(|event| Aggregate::apply(&mut folded, event));
        hold!(loaded.state.items == folded.items, "{vault} is not the fold of its events");
        let view = engine.view::<Inventory>(vault).await?.unwrap_or_default();
        hold!(view.items == folded.items, "the view of {vault} is not the fold of its events");
        engine.store().delete_snapshot(&stream(vault)?).await?;
        let without = engine.load::<Vault>(vault).await?;
        hold!(without.state.items == folded.items, "{vault} is another without its snapshot");
        found.extend(folded.items);
    }
    hold!(found.values().all(|times| *times == 1), "stored twice: {found:?}");
    hold!(found.keys().all(|item| tried.contains(item)), "nobody tried to store all of {found:?}");
    hold!(stored.iter().all(|item| found.contains_key(item)), "of {stored:?} only {found:?} are there");
    Ok(engine.stop(PATIENCE).await?)
}

fn stream(vault: &str) -> Outcome<StreamId> {
    Ok(StreamId::new("vault", vault)?)
}

/// All events of a vault: those of the archive, and behind them those that only the store has. Where both have one, it is the same.
async fn history(scene: &Scene, engine: &Engine, vault: &str) -> Outcome<Vec<VaultEvent>> {
    let of = stream(vault)?;
    let mut all = Vec::new();
    for event in archive(scene).read(&of)? {
        let event = event?;
        hold!(
            event.revision.get() == all.len() as u64 + 1,
            "{vault}: revision {} stands in line {}",
            event.revision,
            all.len() + 1
        );
        all.push(event);
    }
    for event in engine.store().read_stream(&of, None, Direction::Forwards, 100_000).await?.items {
        match all.get(usize::try_from(event.revision.get() - 1)?) {
            Some(archived) => hold!(*archived == event, "{vault}: {archived:?} was archived, {event:?} is recorded"),
            None => {
                hold!(event.revision.get() == all.len() as u64 + 1, "{vault}: nobody has the events before {}", event.revision);
                all.push(event);
            }
        }
    }
    let read = |payload: &[u8]| Ok(VaultEvent::Stored { item: serde_json::from_slice::<Stored>(payload)?.item });
    all.iter().map(|event| read(&event.payload)).collect()
}
