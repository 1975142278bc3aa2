//! What do snapshots give, and what do they take? One long aggregate loaded with a snapshot and without, and commands to a kind that takes
//! one every hundred events beside one that takes none; in memory and on the embedded store.

use benches::report::{Goal, Report};
use benches::settings::Settings;
use benches::{Result, load, show};
use ego::message::StreamId;
use ego::prelude::*;
use ego::store::{AnyStore, MemoryStore, Store};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WITHOUT: &str = "without a snapshot";
const WITH: &str = "from a snapshot of all of them";
const BEHIND: &str = "from a snapshot, 99 events behind it";
const NONE: &str = "no snapshots";
const HUNDRED: &str = "`snapshot(every = 100)`";

const MEMORY: &str = "store in memory";
const EMBEDDED: &str = "embedded store";

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Credited { amount: u64 },
}

#[derive(Command, Serialize, Deserialize)]
struct Credit {
    amount: u64,
}

/// So many credits at once.
#[derive(Command, Serialize, Deserialize)]
struct CreditMany {
    times: u64,
}

macro_rules! account {
    ($name:ident, $($options:tt)*) => {
        #[derive(Aggregate, Default, Serialize, Deserialize)]
        #[aggregate($($options)*)]
        struct $name {
            balance: u64,
            credits: u64,
        }

        #[ego::handlers]
        impl $name {
            #[handle]
            fn credit(&self, command: &Credit) -> std::result::Result<AccountEvent, Infallible> {
                Ok(AccountEvent::Credited { amount: command.amount })
            }
            #[handle]
            fn credit_many(&self, command: &CreditMany) -> std::result::Result<Vec<AccountEvent>, Infallible> {
                Ok((0..command.times).map(|_| AccountEvent::Credited { amount: 1 }).collect())
            }
            #[apply]
            fn apply(&mut self, event: &AccountEvent) {
                let AccountEvent::Credited { amount } = event;
                self.balance += amount;
                self.credits += 1;
            }
        }
    };
}

account!(Plain, name = "plain", event = AccountEvent);
account!(Hundred, name = "hundred", event = AccountEvent, snapshot(every = 100));
account!(ByHand, name = "by-hand", event = AccountEvent, snapshot);

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    let rounds = settings.rounds(5);
    let mut report = Report::new("snapshots", &settings, rounds);
    let samples = &mut report.samples;
    let runtime = load::runtime()?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (events, commands) = (settings.count(100_000), settings.count(200_000));
    runtime.block_on(async {
        for place in [MEMORY, EMBEDDED] {
            let engine = open(place, &folder.path().join("long")).await?;
            record(&engine, events as u64).await?;
            for _ in 0..rounds {
                samples.add(WITHOUT, place, loaded(&engine, events as u64, Kept::Not).await?);
                samples.add(WITH, place, loaded(&engine, events as u64, Kept::All).await?);
            }
            // The last of them stand behind the snapshot from now on.
            engine.snapshot::<ByHand>("a").await?;
            engine.send::<ByHand>("a", CreditMany { times: 99 }).await?;
            for _ in 0..rounds {
                samples.add(BEHIND, place, loaded(&engine, events as u64 + 99, Kept::AsItIs).await?);
            }
            engine.stop(Duration::from_secs(60)).await?;
            for round in 0..rounds {
                for (subject, all) in [(NONE, true), (HUNDRED, false)] {
                    let engine = open(place, &folder.path().join(format!("{all}{round}"))).await?;
                    let per_second = match all {
                        true => sent::<Plain>(&engine, commands).await?,
                        false => sent::<Hundred>(&engine, commands).await?,
                    };
                    samples.add(subject, place, per_second);
                    engine.stop(Duration::from_secs(60)).await?;
                }
            }
        }
        Result::Ok(())
    })?;
    let measures = [MEMORY, EMBEDDED];
    let title = format!("milliseconds to load an aggregate of {} events", show::count(events as f64));
    report.tables.push(samples.table(&title, &[WITHOUT, WITH, BEHIND], &measures, show::count));
    report.tables.push(samples.table("commands per second, 64 clients, 100 accounts", &[NONE, HUNDRED], &measures, show::count));
    for place in measures {
        let faster = samples.quotient((WITHOUT, place), (WITH, place));
        report.goals.push(Goal::at_least(format!("a long aggregate from its snapshot, {place}"), 100.0, faster, show::times));
        let left = samples.quotient((HUNDRED, place), (NONE, place));
        report.goals.push(Goal::at_least(format!("commands with `snapshot(every = 100)`, {place}"), 0.97, left, show::times));
    }
    report.give(&settings)
}

async fn open(place: &str, folder: &Path) -> Result<Engine> {
    let store = if place == MEMORY { AnyStore::new(MemoryStore::new()) } else { AnyStore::new(SledStore::open(folder)?) };
    Ok(Engine::builder().store(store).start().await?)
}

async fn record(engine: &Engine, events: u64) -> Result<()> {
    for begin in (0..events).step_by(100) {
        engine.send::<ByHand>("a", CreditMany { times: 100.min(events - begin) }).await?;
    }
    Ok(())
}

#[derive(PartialEq)]
enum Kept {
    Not,
    All,
    AsItIs,
}

/// How long it takes to load the aggregate, in milliseconds; again and again for a while, as once may be too short to be measured well.
async fn loaded(engine: &Engine, events: u64, kept: Kept) -> Result<f64> {
    match kept {
        Kept::Not => engine.store().delete_snapshot(&StreamId::new("by-hand", "a")?).await?,
        Kept::All => drop(engine.snapshot::<ByHand>("a").await?),
        Kept::AsItIs => {}
    }
    let (begin, mut times) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_millis(100) {
        let loaded = engine.load::<ByHand>("a").await?;
        if (loaded.state.balance, loaded.state.credits) != (events, events) {
            return Err(format!("{} of {events} events were found", loaded.state.credits).into());
        }
        times += 1;
    }
    Ok(begin.elapsed().as_secs_f64() * 1000.0 / f64::from(times))
}

/// So many commands, 64 at a time, to a hundred accounts; so many per second.
async fn sent<A>(engine: &Engine, commands: usize) -> Result<f64>
where
    A: Aggregate,
    Credit: ego::model::HandledBy<A>,
{
    let ids: Arc<[String]> = (0..100).map(|account| format!("account-{account}")).collect();
    let sender = engine.clone();
    let begin = Instant::now();
    load::each(commands, 64, move |number| {
        let (engine, ids) = (sender.clone(), Arc::clone(&ids));
        async move {
            engine.send::<A>(&ids[number % ids.len()], Credit { amount: 1 }).await.expect("credited");
        }
    })
    .await?;
    let per_second = commands as f64 / begin.elapsed().as_secs_f64();
    let head = engine.store().head().await?.map_or(0, |head| head.get());
    if head == commands as u64 { Ok(per_second) } else { Err(format!("{head} events were recorded, not {commands}").into()) }
}
