//! The last process of a case: everything catches up, and is what the log says.

use crate::facts::Facts;
use crate::house::{Manner, PATIENCE, Told, start};
use crate::kept::{Kept, left_of_others};
use crate::outcome::{Outcome, hold, whole};
use crate::shaky::Shaky;
use crate::views::{ALL, Moods};
use ego::Engine;
use ego::consumer::{State, Status};
use ego::projection::Rebuild;
use ego::store::Store;
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct End {
    #[command(flatten)]
    told: Told,
}

/// It is to come to an end: a step costs what the disk makes it cost.
const BATCHES: &[usize] = &[7, 64, 70, 4096];

/// What was compared, for the report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) events: u64,
    pub(crate) dead: u64,
    pub(crate) rebuilt: u64,
    pub(crate) caught_up: u64,
}

impl Compared {
    pub(crate) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.dead += other.dead;
        self.rebuilt += other.rebuilt;
        self.caught_up = self.caught_up.max(other.caught_up);
    }
}

impl End {
    // 1. all catch up  2. compare  3. heal, replay  4. compare  5. build anew: the same  6. compare, nothing is left of others  7. stop.
    pub(crate) async fn run(self) -> Outcome {
        let mut random = fastrand::Rng::with_seed(self.told.seed);
        let (sled, facts) = (self.told.open(&mut random)?, self.told.facts()?);
        let moods = Arc::new(Moods::default());
        let shaky = Shaky { sled: sled.clone(), fails: 0, most: usize::MAX };
        let engine = start(shaky, &moods, BATCHES, &mut random).await?;
        let mut compared = Compared::default();
        let began = Instant::now();
        let saw: BTreeMap<String, u64> = serde_json::from_str(&self.told.saw)?;
        caught_up(&engine).await?;
        compared.caught_up = began.elapsed().as_millis() as u64;
        self.compare(&sled, &facts, &saw).await?;
        moods.healed.store(true, Ordering::SeqCst);
        compared.dead = heal(&engine, &sled).await?;
        self.compare(&sled, &facts, &saw).await?;
        if self.told.manner == Manner::Rebuilds {
            for name in ALL {
                compared.rebuilt += rebuild(&engine, name).await?;
            }
            caught_up(&engine).await?;
            self.compare(&sled, &facts, &saw).await?;
        }
        for name in ALL {
            wait(|| async {
                let left = left_of_others(&sled, name).await?;
                Ok(if left.is_empty() { Ok(()) } else { Err(format!("of {name} there is left: {left:?}")) })
            })
            .await?;
        }
        let head = sled.head().await?;
        for (consumer, checkpoint) in sled.list_checkpoints().await? {
            hold!(checkpoint <= head, "{consumer} has finished {checkpoint:?}, the head is {head:?} (I6)");
        }
        engine.stop(PATIENCE).await?;
        let verified = SledStore::verify(self.told.folder.join("store")).map_err(|error| whole(&error))?;
        hold!(verified.damage.is_empty(), "the store is damaged: {:?}", verified.damage);
        compared.events = facts.count();
        println!("{}", serde_json::to_string(&compared)?);
        Ok(())
    }

    async fn compare(&self, store: &SledStore, facts: &Facts, saw: &BTreeMap<String, u64>) -> Outcome {
        facts.read_on(store).await?;
        for name in ALL {
            let kept = Kept::read(store, name).await?.ok_or_else(|| format!("{name} cannot be read"))?;
            hold!(kept.check(facts)?, "{name} changes though nothing happens");
            let last = saw.get(name).copied().unwrap_or_default();
            hold!(kept.upto >= last, "{name} went back from {last} to {}", kept.upto);
            // The checkpoint may lie behind for as long as nothing comes that is followed.
            hold!(facts.none_behind(name, kept.upto), "{name} stands at {} and there is more", kept.upto);
        }
        Ok(())
    }
}

/// Asks again and again until it is so.
async fn wait<F: Future<Output = Outcome<Result<(), String>>>>(is_so: impl Fn() -> F) -> Outcome {
    let began = Instant::now();
    loop {
        match is_so().await? {
            Ok(()) => return Ok(()),
            Err(not) => hold!(began.elapsed() < PATIENCE, "after {PATIENCE:?}: {not}"),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn caught_up(engine: &Engine) -> Outcome {
    let stands = |status: &Status| status.state == State::Running && status.lag == 0;
    wait(|| async {
        let mut behind = Vec::new();
        for name in ALL {
            let handle = engine.projection_named(name).ok_or("there is no such projection")?;
            let (status, rebuilding) = (handle.status().await?, handle.rebuilding().await?);
            if status.state == State::Failed {
                hold!(name == "flaky", "{status:?}");
                handle.resume();
            }
            // One that goes on with a rebuild of an earlier process is behind until that is done.
            behind.extend((!stands(&status) || rebuilding.is_some()).then_some((status, rebuilding)));
        }
        Ok(if behind.is_empty() { Ok(()) } else { Err(format!("behind: {behind:?}")) })
    })
    .await
}

/// Replays every dead letter; how many keys had some.
async fn heal(engine: &Engine, store: &SledStore) -> Outcome<u64> {
    let mut healed = 0;
    for name in ALL {
        let handle = engine.projection_named(name).ok_or("there is no such projection")?;
        let kept = Kept::read(store, name).await?.ok_or_else(|| format!("{name} cannot be read"))?;
        for key in kept.dead_keys() {
            let replayed = handle.replay(&key).await?;
            hold!(replayed.left == 0 && replayed.folded > 0, "{name}, {key}: {replayed:?}");
            healed += 1;
        }
        hold!(handle.dead_letters(None, 1).await?.items.is_empty(), "{name} has dead letters after all were replayed");
    }
    Ok(healed)
}

/// Built anew, the views are the same.
async fn rebuild(engine: &Engine, name: &str) -> Outcome<u64> {
    let handle = engine.projection_named(name).ok_or("there is no such projection")?;
    loop {
        match handle.rebuild(Rebuild::beside().only_if_same()).await {
            Ok(rebuilt) => {
                hold!(rebuilt.same && rebuilt.swapped, "{name} was rebuilt and is not the same: {rebuilt:?}");
                return Ok(1);
            }
            // One that gave up is resumed, and goes on.
            Err(error) => hold!(name == "flaky", "{name}: {error}"),
        }
        caught_up(engine).await?;
    }
}
