//! How fast is reading? Subscriptions that catch up beside a bare scan, projections beside the same folding without saving and the same
//! saving without a checkpoint, the way from a commit to its view, what idle subscriptions cost, and what projections cost the commands.

mod catch_up;
mod hot;
mod idle;
mod latency;
mod throughput;
mod views;

use benches::account::{Account, Credit};
use benches::report::Report;
use benches::settings::Settings;
use benches::{Result, load, process};
use ego::engine::Limits;
use ego::prelude::*;
use ego::store::Store;
use std::sync::Arc;

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    if let Some(errand) = process::errand() {
        return idle::errand(&errand, &settings);
    }
    let rounds = settings.rounds(5);
    let mut report = Report::new("reading", &settings, rounds);
    let runtime = load::runtime()?;
    runtime.block_on(catch_up::measure(&mut report, &settings))?;
    runtime.block_on(throughput::measure(&mut report, &settings))?;
    runtime.block_on(latency::measure(&mut report, &settings))?;
    runtime.block_on(hot::measure(&mut report, &settings))?;
    idle::measure(&mut report, &settings)?;
    report.give(&settings)
}

/// An engine whose projections of these names follow the log.
async fn engine(store: impl Store, follow: &[&str]) -> Result<Engine> {
    let limits = Limits { active_aggregates: 200_000, ..Limits::default() };
    Ok(views::follow(Engine::builder().store(store).limits(limits), follow).start().await?)
}

/// Records so many events over so many accounts, a command each.
async fn record(engine: &Engine, accounts: usize, events: usize) -> Result<()> {
    let (engine, ids) = (engine.clone(), benches::account::ids(accounts));
    load::each(events, 1024, move |number| {
        let (engine, ids) = (engine.clone(), Arc::clone(&ids));
        async move {
            engine.send::<Account>(&ids[number % ids.len()], Credit { amount: 1 }).await.expect("credited");
        }
    })
    .await
}
