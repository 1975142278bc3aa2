//! Durable aggregates: each save that was acknowledged is there, the state is the sum of what was ever put there, each put counted
//! once, and whoever is sent the states ends at the same ones, never going back.

use crate::outcome::{Outcome, hold};
use crate::scene::{PATIENCE, Scenario, Scene};
use ego::consumer::ConsumerKind;
use ego::engine::CommandError;
use ego::prelude::*;
use ego::publish::{Envelope, PublishError, Publisher, PublisherOptions};
use ego_sled::SledStore;
use futures_util::future::try_join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "shelves", work: |scene| Box::pin(work(scene)), check: |scene| Box::pin(check(scene)) };

const SHELVES: u32 = 4;

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "shelf", durable)]
struct Shelf {
    sum: u64,
    puts: u64,
    /// So that a state is larger than a number.
    last: BTreeMap<u64, String>,
}

/// An amount of 0 changes nothing, an odd one above 90 is refused after the copy was changed.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
struct Put {
    amount: u64,
    label: String,
}

#[ego::handlers]
impl Shelf {
    #[handle]
    async fn put(&mut self, command: Put) -> Result<u64, String> {
        if command.amount > 0 {
            self.sum += command.amount;
            self.puts += 1;
            self.last.insert(self.puts % 8, command.label);
        }
        tokio::task::yield_now().await;
        if command.amount > 90 && command.amount % 2 == 1 { Err("too odd".to_owned()) } else { Ok(self.sum) }
    }
}

impl Put {
    fn is_refused(&self) -> bool {
        self.amount > 90 && self.amount % 2 == 1
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Said {
    /// The attempt before its acknowledgement.
    Tried {
        id: String,
        shelf: u32,
        put: Put,
    },
    Acknowledged {
        id: String,
        reply: u64,
        revision: Option<u64>,
    },
    Published {
        process: u64,
        shelf: String,
        position: u64,
        state: Shelf,
    },
}

/// Is sent the states.
struct Screen {
    scene: Scene,
    /// What was sent to this process.
    sent: Arc<Mutex<Vec<Said>>>,
}

#[async_trait::async_trait]
impl Publisher for Screen {
    fn name(&self) -> &str {
        "screen"
    }
    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        for envelope in batch {
            let state = serde_json::from_value(envelope.event.clone()).map_err(PublishError::new)?;
            let (shelf, position) = (envelope.delivery.id().to_owned(), envelope.delivery.position().get());
            let said = Said::Published { process: self.scene.process, shelf, position, state };
            self.scene.say(&said).map_err(PublishError::new)?;
            self.sent.lock().push(said);
        }
        Ok(())
    }
}

async fn engine(scene: &Scene, store: SledStore) -> Outcome<(Engine, Arc<Mutex<Vec<Said>>>)> {
    let sent = Arc::default();
    let screen = Screen { scene: scene.clone(), sent: Arc::clone(&sent) };
    let options = PublisherOptions::states().kind("shelf").batch(3);
    Ok((Engine::builder().store(store).publisher_with(screen, options).start().await?, sent))
}

/// Sends it, as often as it takes to know what became of it.
async fn put(engine: &Engine, scene: &Scene, id: &str, shelf: u32, put: Put) -> Outcome<Option<(u64, Option<u64>)>> {
    match engine.send::<Shelf>(shelf.to_string(), put.clone()).command_id(id).await {
        Ok(receipt) => {
            let (reply, revision) = (receipt.reply, receipt.revision.map(u64::from));
            scene.say(&Said::Acknowledged { id: id.to_owned(), reply, revision })?;
            Ok(Some((reply, revision)))
        }
        Err(CommandError::Rejected(_)) if put.is_refused() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn work(mut scene: Scene) -> Outcome {
    let store = scene.open()?;
    let (engine, _) = engine(&scene, store).await?;
    let clients = (0..3).map(|client| {
        let (mut scene, engine) = (scene.clone(), engine.clone());
        scene.random = scene.random.fork();
        let mut random = fastrand::Rng::with_seed(scene.random.u64(..) ^ client);
        async move {
            for number in 0..60 {
                let (shelf, amount) = (random.u32(..SHELVES), random.u64(..100));
                let id = format!("{}-{client}-{number}", scene.process);
                let wanted = Put { amount, label: id.repeat(random.usize(..20)) };
                scene.say(&Said::Tried { id: id.clone(), shelf, put: wanted.clone() })?;
                put(&engine, &scene, &id, shelf, wanted).await?;
            }
            Outcome::Ok(())
        }
    });
    try_join_all(clients).await?;
    Ok(())
}

async fn check(mut scene: Scene) -> Outcome {
    let said: Vec<Said> = scene.said()?;
    let store = scene.open()?;
    let (engine, sent) = engine(&scene, store).await?;

    // What was acknowledged is known, and answered as it was; what was tried takes effect now, if it has not.
    let mut acknowledged = BTreeMap::new();
    for said in &said {
        if let Said::Acknowledged { id, reply, revision } = said {
            acknowledged.insert(id.clone(), (*reply, *revision));
        }
    }
    let mut sums = BTreeMap::<u32, (u64, u64)>::new();
    for said in &said {
        let Said::Tried { id, shelf, put: wanted } = said else { continue };
        let (sum, puts) = sums.entry(*shelf).or_default();
        if wanted.amount > 0 && !wanted.is_refused() {
            *sum += wanted.amount;
            *puts += 1;
        }
        let before = acknowledged.get(id).copied();
        let now = if before.is_some() {
            let receipt = engine.send::<Shelf>(shelf.to_string(), wanted.clone()).command_id(id).await?;
            hold!(receipt.repeated, "{id} was acknowledged and is not known");
            Some((receipt.reply, receipt.revision.map(u64::from)))
        } else {
            put(&engine, &scene, id, *shelf, wanted.clone()).await?
        };
        hold!(before.is_none() || before == now, "{id} was answered {before:?}, and now {now:?}");
        hold!(now.is_none() == wanted.is_refused(), "{id} was answered {now:?}");
    }
    let mut states = BTreeMap::new();
    for (shelf, (sum, puts)) in sums {
        let loaded = engine.load::<Shelf>(shelf.to_string()).await?;
        let found = (loaded.state.sum, loaded.state.puts, loaded.revision.map_or(0, u64::from));
        hold!(found == (sum, puts, puts), "shelf {shelf} holds {found:?} instead of {:?}", (sum, puts, puts));
        if puts > 0 {
            states.insert(shelf.to_string(), loaded.state);
        }
    }

    // The publisher comes to the end of the log, and so does whoever reads from the start.
    let publisher = engine.consumer(ConsumerKind::Publisher, "screen").ok_or("there is no publisher")?;
    while publisher.status().await?.lag > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let sent = sent.lock().clone();
    published_in_order(said.iter().chain(&sent), &states)?;
    let mut read = BTreeMap::new();
    let mut subscription = engine.subscribe().states::<Shelf>().await?;
    for _ in 0..states.len() {
        let next = tokio::time::timeout(PATIENCE, subscription.next()).await?.ok_or("the subscription ended")??;
        let id = next.delivery.id().to_owned();
        hold!(read.insert(id.clone(), next.state).is_none(), "shelf {id} was read twice");
    }
    hold!(read == states, "read were {read:?}, and there are {states:?}");
    Ok(engine.stop(PATIENCE).await?)
}

/// What was sent by one process grows; what was sent last of a shelf is its state; what was sent of one place in the log is one thing.
fn published_in_order<'s>(said: impl Iterator<Item = &'s Said>, states: &BTreeMap<String, Shelf>) -> Outcome {
    let (mut last, mut of_process, mut places) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for said in said {
        let Said::Published { process, shelf, position, state } = said else { continue };
        let before = of_process.insert(*process, *position);
        hold!(before < Some(*position), "process {process} sent position {position} after {before:?}");
        let place = places.entry(*position).or_insert((shelf, state));
        hold!(*place == (shelf, state), "position {position} was {place:?} and {state:?}");
        last.insert(shelf.clone(), state.clone());
    }
    hold!(last == *states, "sent last were {last:?}, and there are {states:?}");
    Ok(())
}
