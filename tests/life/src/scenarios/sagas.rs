//! Money that moves between purses by a saga: refused when a purse is locked or empty, recalled when a purse is slow. Whatever is killed,
//! none of it is lost or made, every transfer comes to its end, and every command took effect once.

use crate::outcome::{Outcome, hold};
use crate::scene::{PATIENCE, Scenario, Scene};
use ego::consumer::{Backoff, Policy};
use ego::prelude::*;
use ego::saga::{SagaEvent, SagaOptions, SagaRefusal, Status};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "sagas", work: |scene| Box::pin(work(scene)), check: |scene| Box::pin(check(scene)) };

const PURSES: u32 = 6;
const EACH: u64 = 100;
/// Answers when it likes.
const SLOW: &str = "purse-5";

#[derive(Event, Clone, Serialize, Deserialize)]
enum PurseEvent {
    Put { amount: u64 },
    Took { amount: u64 },
    Locked { is: bool },
}

#[derive(Command, Serialize, Deserialize)]
struct Put {
    amount: u64,
}

#[derive(Command, Serialize, Deserialize)]
struct Take {
    amount: u64,
}

#[derive(Command, Serialize, Deserialize)]
struct Lock {
    is: bool,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "purse", event = PurseEvent)]
struct Purse {
    amount: u64,
    is_locked: bool,
}

#[ego::handlers]
impl Purse {
    #[handle]
    async fn put(&self, command: Put, context: &Context) -> Result<PurseEvent, String> {
        self.opens(context).await?;
        Ok(PurseEvent::Put { amount: command.amount })
    }
    #[handle]
    async fn take(&self, command: Take, context: &Context) -> Result<PurseEvent, String> {
        self.opens(context).await?;
        if command.amount > self.amount {
            return Err(format!("there is only {}", self.amount));
        }
        Ok(PurseEvent::Took { amount: command.amount })
    }
    #[handle]
    fn lock(&self, command: Lock) -> Result<PurseEvent, String> {
        Ok(PurseEvent::Locked { is: command.is })
    }
    #[apply]
    fn apply(&mut self, event: &PurseEvent) {
        match event {
            PurseEvent::Put { amount } => self.amount += amount,
            PurseEvent::Took { amount } => self.amount -= amount,
            PurseEvent::Locked { is } => self.is_locked = *is,
        }
    }
}

impl Purse {
    async fn opens(&self, context: &Context) -> Result<(), String> {
        if context.id() == SLOW {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..20))).await;
        }
        if self.is_locked { Err("it is locked".to_owned()) } else { Ok(()) }
    }
}

#[derive(Event, Clone, Serialize, Deserialize)]
enum WishEvent {
    Wished { from: String, to: String, amount: u64 },
}

#[derive(Command, Serialize, Deserialize)]
struct Wish {
    from: String,
    to: String,
    amount: u64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "wish", event = WishEvent)]
struct Wishing;

#[ego::handlers]
impl Wishing {
    #[handle]
    fn wish(&self, Wish { from, to, amount }: Wish) -> Result<WishEvent, String> {
        Ok(WishEvent::Wished { from, to, amount })
    }
    #[apply]
    fn apply(&mut self, _: &WishEvent) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Moving {
    from: String,
    to: String,
    amount: u64,
    taken: bool,
}

#[ego::saga(name = "moving")]
impl Moving {
    #[start(Wishing)]
    fn wished(&mut self, event: &WishEvent, cx: &mut SagaContext<Self>) {
        let WishEvent::Wished { from, to, amount } = event;
        (self.from, self.to, self.amount) = (from.clone(), to.clone(), *amount);
        cx.send::<Purse>(from, Take { amount: *amount });
        cx.timeout(Duration::from_millis(100), "late");
    }
    #[on(Purse)]
    fn purse(&mut self, event: &PurseEvent, cx: &mut SagaContext<Self>, delivery: &Delivery) {
        match event {
            PurseEvent::Took { amount } => {
                self.taken = true;
                cx.send::<Purse>(&self.to, Put { amount: *amount });
            }
            PurseEvent::Put { .. } if delivery.id() == self.to => cx.complete(),
            PurseEvent::Put { .. } | PurseEvent::Locked { .. } => {}
        }
    }
    #[rejected]
    fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>) {
        if self.taken {
            cx.compensate::<Purse>(&self.from, Put { amount: self.amount });
        }
        cx.fail(&rejection.reason);
    }
    #[timeout]
    fn late(&mut self, _: &str, cx: &mut SagaContext<Self>) {
        cx.recall();
    }
}

#[derive(Serialize, Deserialize)]
enum Said {
    Tried(String),
    Wished(String),
    /// It came to this end.
    Ended(String, Status),
}

/// Gives up soon, so that the end is often to be found by somebody else.
async fn engine(store: SledStore, timeout: Duration) -> Outcome<Engine> {
    let policy = Policy::fail().retries(2).backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(4)));
    Ok(Engine::builder().store(store).saga::<Moving>(SagaOptions::new().policy(policy).timeout(timeout)).start().await?)
}

fn purse(number: u32) -> String {
    format!("purse-{number}")
}

async fn work(mut scene: Scene) -> Outcome {
    let engine = engine(scene.open()?, Duration::from_millis(10)).await?;
    for number in 0..PURSES {
        engine.send::<Purse>(purse(number), Put { amount: EACH }).command_id("first").await?;
    }
    for number in 0..60 {
        let id = format!("{}-{number}", scene.process);
        let from = scene.random.u32(..PURSES);
        let to = (from + scene.random.u32(1..PURSES)) % PURSES;
        let wish = Wish { from: purse(from), to: purse(to), amount: scene.random.u64(1..80) };
        scene.say(&Said::Tried(id.clone()))?;
        engine.send::<Wishing>(&id, wish).command_id("wish").await?;
        scene.say(&Said::Wished(id.clone()))?;
        if scene.random.u32(..4) == 0 {
            let is = scene.random.bool();
            engine.send::<Purse>(purse(scene.random.u32(..PURSES)), Lock { is }).await?;
        }
        if scene.random.u32(..4) == 0 {
            let status = engine.saga::<Moving>(&id).settled().await?;
            if status.is_ended() {
                scene.say(&Said::Ended(id, status.status()))?;
            }
        }
    }
    Ok(())
}

async fn check(mut scene: Scene) -> Outcome {
    let (mut tried, mut wished, mut ended) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for said in scene.said()? {
        match said {
            Said::Tried(id) => drop(tried.insert(id)),
            Said::Wished(id) => drop(wished.insert(id)),
            Said::Ended(id, status) => drop(ended.insert(id, status)),
        }
    }
    let engine = engine(scene.open()?, PATIENCE).await?;
    for number in 0..PURSES {
        engine.send::<Purse>(purse(number), Put { amount: EACH }).command_id("first").await?;
        engine.send::<Purse>(purse(number), Lock { is: false }).await?;
    }
    let all = bring_to_an_end(&engine, &wished).await?;
    hold!(all.keys().all(|id| tried.contains(id)), "nobody wished for all of {all:?}");
    hold!(wished.iter().all(|id| all.contains_key(id)), "of {wished:?} only {all:?} were begun");
    for (id, status) in &ended {
        hold!(all.get(id) == Some(status), "{id} had ended as {status}, and now is {:?}", all.get(id));
    }
    compare(&engine, &all).await?;
    for (id, status) in all {
        scene.say(&Said::Ended(id, status))?;
    }
    Ok(engine.stop(PATIENCE).await?)
}

/// Lets what is parked be tried again until nothing is, and everything has ended; how it has.
async fn bring_to_an_end(engine: &Engine, wished: &BTreeSet<String>) -> Outcome<BTreeMap<String, Status>> {
    loop {
        let (mut all, mut cursor, mut open) = (BTreeMap::new(), None, 0);
        loop {
            let mut list = engine.sagas::<Moving>();
            if let Some(cursor) = cursor {
                list = list.at(cursor);
            }
            let page = list.page().await?;
            for (id, status) in page.items {
                if status.status() == Status::Parked {
                    match engine.saga::<Moving>(&id).retry().await {
                        Ok(_) | Err(CommandError::Rejected(SagaRefusal::NotParked)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                open += usize::from(!status.is_ended() || !status.outstanding.is_empty());
                all.insert(id, status.status());
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut behind = 0;
        for consumer in engine.consumers() {
            behind += consumer.status().await?.lag;
        }
        if open == 0 && behind == 0 && wished.iter().all(|id| all.contains_key(id)) {
            return Ok(all);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// No money is lost or made, by nobody.
async fn compare(engine: &Engine, all: &BTreeMap<String, Status>) -> Outcome {
    // What each command did, and to which purse.
    let (mut effects, mut sum) = (HashMap::new(), 0);
    for number in 0..PURSES {
        for event in engine.history::<Purse>(purse(number))?.collect().await? {
            let id = event.metadata.command_id.to_string();
            let change = match event.events[..] {
                [PurseEvent::Put { amount }] => i64::try_from(amount)?,
                [PurseEvent::Took { amount }] => -i64::try_from(amount)?,
                _ => continue,
            };
            sum += change;
            if id != "first" {
                hold!(effects.insert(id.clone(), (purse(number), change)).is_none(), "{id} took effect twice");
            }
        }
    }
    hold!(sum == i64::from(PURSES) * i64::try_from(EACH)?, "there is {sum} in all purses together");
    for (id, status) in all {
        let moving = engine.saga::<Moving>(id).state().await?.ok_or("it is not started")?;
        let mut changes: BTreeMap<String, i64> = BTreeMap::new();
        for one in engine.saga::<Moving>(id).history()?.collect().await? {
            for event in one.events {
                let (SagaEvent::Handled { commands, .. } | SagaEvent::Retried { commands, .. }) = event else { continue };
                for one in commands {
                    if let Some((purse, change)) = effects.remove(&format!("saga.moving/{id}@{}", one.number)) {
                        *changes.entry(purse).or_default() += change;
                    }
                }
            }
        }
        changes.retain(|_, change| *change != 0);
        let amount = i64::try_from(moving.amount)?;
        let moved = BTreeMap::from([(moving.from.clone(), -amount), (moving.to.clone(), amount)]);
        let expected = if *status == Status::Completed { moved } else { BTreeMap::new() };
        hold!(changes == expected, "{id} is {status}, and changed {changes:?}");
    }
    hold!(effects.is_empty(), "nobody sent {effects:?}");
    Ok(())
}
