//! The process that is killed: clients, operators and readers at once.

use crate::domain::{Hear, Noise, Order, OrderEvent, Orders, Return, ReturnEvent, Returns};
use crate::facts::Facts;
use crate::house::{Manner, Told, start};
use crate::kept::folded_by_another_version;
use crate::operator::{Forgotten, Operator};
use crate::outcome::{Outcome, hold};
use crate::reader;
use crate::said::{Chore, Said};
use crate::shaky::Shaky;
use crate::views::{ALL, ById, Moods};
use ego::message::Revision;
use ego::prelude::*;
use ego::store::{Direction, Store, StoreError};
use ego_sled::SledStore;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Child {
    #[command(flatten)]
    told: Told,
    /// Counts the processes of the case; the aggregates' ids begin with it.
    #[arg(long)]
    number: u32,
}

/// How many events are folded in one step.
const BATCHES: &[usize] = &[1, 2, 5, 64, 70, 200, 4096];

/// How many commands the clients send, together.
const COMMANDS: u32 = 80;

impl Child {
    pub(crate) async fn run(self) -> Outcome {
        let mut random = Rng::with_seed(self.told.seed);
        Said::Begun(Chore::Open).say()?;
        let (sled, facts) = (self.told.open(&mut random)?, self.told.facts()?);
        let forgotten = Arc::new(Forgotten::default());
        if self.told.manner == Manner::Rebuilds {
            for name in ALL {
                if random.u32(..12) == 0 {
                    forgotten.forget(name)?;
                    folded_by_another_version(&sled, name).await?;
                }
            }
        }
        let moods = Arc::new(Moods::default());
        moods.healed.store(random.u32(..4) == 0, std::sync::atomic::Ordering::SeqCst);
        let mut all = JoinSet::new();
        let engine = self.engine(&sled, &moods, &mut random).await?;
        self.work(&mut all, &engine, &sled, &facts, &forgotten, &mut random)?;
        // I5: the checkpoint decides between two who fold the same. Both have to know that there is one.
        if self.told.manner == Manner::Rivals && all_have_begun(&sled).await? {
            let rival = self.engine(&sled, &moods, &mut random).await?;
            all.spawn(Operator::new(&rival, &forgotten, self.told.manner, random.fork()).run());
        }
        Said::Ended(Chore::Open).say()?;
        while let Some(ended) = all.join_next().await {
            ended??;
        }
        // Whoever started the process is gone when nothing more can come from there.
        Ok(std::io::stdin().read_to_end(&mut Vec::new()).map(drop)?)
    }

    async fn engine(&self, sled: &SledStore, moods: &Arc<Moods>, random: &mut Rng) -> Outcome<Engine> {
        let shaky = Shaky {
            sled: sled.clone(),
            fails: if random.bool() { 0 } else { random.u32(8..60) },
            most: if random.bool() { usize::MAX } else { random.usize(4..40) },
        };
        start(shaky, moods, BATCHES, random).await
    }

    fn work(
        &self,
        all: &mut JoinSet<Outcome>,
        engine: &Engine,
        sled: &SledStore,
        facts: &Arc<Facts>,
        forgotten: &Arc<Forgotten>,
        random: &mut Rng,
    ) -> Outcome {
        let clients = random.u32(1..6);
        for _ in 0..clients {
            let client = Client {
                engine: engine.clone(),
                random: random.fork(),
                ids: format!("{}-", self.number),
                calm: self.told.manner != Manner::Rebuilds,
                pause: random.u64(..2500),
            };
            all.spawn(client.sends(COMMANDS / clients));
        }
        for _ in 0..2 {
            all.spawn(Operator::new(engine, forgotten, self.told.manner, random.fork()).run());
        }
        let saw: BTreeMap<String, u64> = serde_json::from_str(&self.told.saw)?;
        all.spawn(reader::run(sled.clone(), Arc::clone(facts), Arc::clone(forgotten), saw));
        if self.told.manner == Manner::Retention {
            all.spawn(deletes(sled.clone(), Arc::clone(facts), random.fork(), format!("{}-", self.number)));
        }
        Ok(())
    }
}

async fn all_have_begun(store: &SledStore) -> Outcome<bool> {
    let checkpoints = store.list_checkpoints().await?;
    let begun = |name| checkpoints.iter().any(|(one, at)| *one == format!("projection/{name}/1") && at.is_some());
    Ok(ALL.into_iter().all(begun))
}

struct Client {
    engine: Engine,
    random: Rng,
    /// What the ids of its aggregates begin with.
    ids: String,
    /// No view is thrown away.
    calm: bool,
    /// Microseconds between commands, at most.
    pause: u64,
}

impl Client {
    async fn sends(mut self, commands: u32) -> Outcome {
        for _ in 0..commands {
            self.send().await?;
            Said::Answered.say()?;
            if self.pause > 0 {
                tokio::time::sleep(Duration::from_micros(self.random.u64(..self.pause))).await;
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Outcome {
        let id = format!("{}{}", self.ids, self.random.u32(..6));
        match self.random.u32(..10) {
            0 => drop(self.engine.send::<Noise>(id, Hear).await?),
            1 | 2 => {
                let customers = (0..self.random.u32(1..4)).map(|_| self.customer()).collect();
                let event = ReturnEvent::Returned { customers, amount: self.amount() };
                self.engine.send::<Returns>(id, Return(event)).await?;
            }
            _ => {
                let events = (0..self.random.u32(1..5)).map(|_| self.order()).collect();
                let receipt = self.engine.send::<Orders>(&id, Order(events)).await?;
                if self.calm && self.random.u32(..3) == 0 {
                    self.reads_what_it_wrote(id, receipt.position.ok_or("an order without an event")?).await?;
                }
            }
        }
        Ok(())
    }

    /// Who waits for what it wrote reads it, unless the projection is paused meanwhile.
    async fn reads_what_it_wrote(&self, id: String, position: ego::message::Position) -> Outcome {
        let reading = self.engine.view::<ById>(&id).after(position).within(Duration::from_millis(200));
        if let Ok(view) = reading.await {
            hold!(view.is_some_and(|view| view.has_seen(position.get())), "{id} was read as if it had not passed {position}");
        }
        Ok(())
    }

    fn order(&mut self) -> OrderEvent {
        let customer = self.customer();
        match self.random.u32(..12) {
            0 => OrderEvent::Cancelled { customer },
            1..6 => OrderEvent::Paid { customer, amount: self.amount() },
            _ => OrderEvent::Placed { customer, amount: self.amount(), poison: self.random.u32(..25) == 0 },
        }
    }

    fn amount(&mut self) -> i64 {
        self.random.i64(0..50)
    }

    fn customer(&mut self) -> String {
        format!("c{}", self.random.u32(..10))
    }
}

/// Deletes events of orders that earlier processes made and no client asks for again, once they are written down.
async fn deletes(store: SledStore, facts: Arc<Facts>, mut random: Rng, own: String) -> Outcome {
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(1..12))).await;
        let streams = store.list_streams(Some("order"), None, 1000).await?.items;
        let old: Vec<_> = streams.into_iter().filter(|head| !head.stream.id().starts_with(&own)).collect();
        if old.is_empty() {
            continue;
        }
        let head = &old[random.usize(..old.len())];
        let Some(revision) = Revision::new(random.u64(..=head.revision.map_or(0, Revision::get))) else { continue };
        let page = store.read_stream(&head.stream, None, Direction::Forwards, 10_000).await?;
        let gone: Vec<_> = page.items.into_iter().filter(|event| event.revision <= revision).collect();
        if gone.is_empty() {
            continue;
        }
        facts.keep(&gone)?;
        Said::Begun(Chore::Delete).say()?;
        match store.delete_up_to(&head.stream, revision).await {
            Ok(()) | Err(StoreError::HeldBack { .. }) => Said::Ended(Chore::Delete).say()?,
            Err(error) => return Err(error.into()),
        }
    }
}
