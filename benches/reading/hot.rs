//! What do projections cost the commands that they follow?

use crate::views::{Sums, THREE};
use benches::account::{self, Account, Credit};
use benches::load::{self, Client, Load, Turn};
use benches::report::Report;
use benches::settings::Settings;
use benches::{Result, show};
use ego::prelude::*;
use ego::store::{MemoryStore, Store};
use ego_sled::SledStore;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ALONE: &str = "nothing follows";
const FOLLOWED: &str = "three projections follow";
const SLED: &str = "embedded store";
const MEMORY: &str = "store in memory";
const BEHIND: [&str; 2] = ["embedded store, ms behind", "store in memory, ms behind"];
const CLIENTS: usize = 64;

#[derive(Clone)]
struct Accounts {
    engine: Engine,
    ids: Arc<[String]>,
}

impl Client for Accounts {
    async fn send(&self, turn: Turn) {
        let sending = self.engine.send::<Account>(&self.ids[turn.account], Credit { amount: 1 });
        assert!(sending.command_id(turn.command_id()).await.expect("credited").reply > 0);
    }
}

pub async fn measure(report: &mut Report, settings: &Settings) -> Result<()> {
    for _ in 0..report.rounds {
        for (subject, follow) in [(ALONE, &[] as &[&str]), (FOLLOWED, THREE)] {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
            let (per_second, behind) = run(SledStore::open(folder.path())?, follow, settings).await?;
            report.samples.add(subject, SLED, per_second);
            if let Some(behind) = behind {
                report.samples.add(subject, BEHIND[0], behind);
            }
            let (per_second, behind) = run(MemoryStore::new(), follow, settings).await?;
            report.samples.add(subject, MEMORY, per_second);
            if let Some(behind) = behind {
                report.samples.add(subject, BEHIND[1], behind);
            }
        }
    }
    let measures = [SLED, MEMORY, BEHIND[0], BEHIND[1]];
    let title = "64 clients, 10,000 accounts: commands per second, and how long projections take behind the last";
    report.tables.push(report.samples.table(title, &[ALONE, FOLLOWED], &measures, show::count));
    Ok(())
}

async fn run(store: impl Store, follow: &[&str], settings: &Settings) -> Result<(f64, Option<f64>)> {
    let engine = crate::engine(store, follow).await?;
    let accounts = Accounts { engine: engine.clone(), ids: account::ids(settings.count(10_000)) };
    let load = Load { clients: CLIENTS, accounts: accounts.ids.len(), time: settings.time(1500), timed: 64 };
    let ran = load::run(load, &accounts).await?;
    let begin = Instant::now();
    for name in follow {
        let head = engine.store().head().await?;
        engine.view_by_name(name, "account-0").after(head).within(Duration::from_secs(60)).await?;
    }
    let behind = (!follow.is_empty()).then(|| begin.elapsed().as_secs_f64() * 1000.0);
    if !follow.is_empty() {
        let views = sums(&engine, &accounts.ids).await?;
        ran.ledger.check("the projection", views)?;
    }
    account::stop(engine).await?;
    Ok((ran.per_second(), behind))
}

async fn sums(engine: &Engine, ids: &[String]) -> Result<load::Ledger> {
    let mut balances = Vec::with_capacity(ids.len());
    for id in ids {
        balances.push(engine.view::<Sums>(id).await?.map_or(0, |sum| sum.0.balance));
    }
    Ok(load::Ledger::of(balances))
}
