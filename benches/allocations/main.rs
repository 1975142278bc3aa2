//! What does a command allocate, and what does an aggregate take that has nothing to do? Counted by the allocator, so apart from the
//! programs that take times: the counting is not free.

#[path = "../peers/mod.rs"]
mod peers;

use benches::Result;
use benches::account::{self, Account, Look, OWNER};
use benches::load::{self, Bank, Load};
use benches::report::{Goal, Report};
use benches::settings::Settings;
use benches::show;
use ego::prelude::*;
use ego::store::MemoryStore;
use peers::{Cqrs, Ego, Evento, Eventsourced, Kameo, Nobody, Ractor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and bytes per command.
type PerCommand = fn(Load) -> Result<(f64, f64)>;

const EGO: &str = "ego";

const COMMANDS: [(&str, PerCommand); 10] = [
    (EGO, per_command::<Ego<true, false>>),
    ("ego, no id from the sender", per_command::<Ego<false, false>>),
    ("ego, 10 events per command", per_command::<Ego<true, true>>),
    ("ego, 10 events, no id", per_command::<Ego<false, true>>),
    ("kameo, bare ask", per_command::<Kameo>),
    ("ractor, bare call", per_command::<Ractor>),
    ("eventsourced", per_command::<Eventsourced>),
    ("cqrs-es, aggregate store", per_command::<Cqrs>),
    ("evento, fjall unsynced", per_command::<Evento>),
    ("the load alone", per_command::<Nobody>),
];

type AtRest = fn(usize) -> Result<f64>;

const AT_REST: [(&str, AtRest); 3] = [(EGO, ego_at_rest), ("kameo", at_rest::<Kameo>), ("ractor", at_rest::<Ractor>)];

const ALLOCATIONS: &str = "allocations per command";
const BYTES: &str = "bytes per command";
const REST: &str = "bytes per aggregate at rest";

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    let rounds = settings.rounds(5);
    let accounts = settings.count(10_000);
    let mut report = Report::new("allocations", &settings, rounds);
    let samples = &mut report.samples;
    for _ in 0..rounds {
        for (subject, per_command) in COMMANDS {
            let (allocations, bytes) = per_command(Load { clients: 64, accounts, time: settings.time(300), timed: 8 })?;
            samples.add(subject, ALLOCATIONS, allocations);
            samples.add(subject, BYTES, bytes);
        }
        for (subject, at_rest) in AT_REST {
            samples.add(subject, REST, at_rest(accounts)?);
        }
    }
    report.tables.push(samples.table("shape C", &COMMANDS.map(|(name, _)| name), &[ALLOCATIONS, BYTES], show::count));
    report.tables.push(samples.table("10,000 in memory", &AT_REST.map(|(name, _)| name), &[REST], show::count));
    let allocations = samples.median(EGO, ALLOCATIONS);
    report.goals.push(Goal::at_most("allocations per command in memory, shape C", 4.0, allocations, show::count));
    let state = size_of::<Account>() + OWNER.len();
    let figure = format!("bytes per idle aggregate, its state of {state} among them");
    report.goals.push(Goal::at_most(figure, (500 + state) as f64, samples.median(EGO, REST), show::count));
    report.give(&settings)
}

/// Growing in place counts as an allocation.
fn per_command<B: Bank>(load: Load) -> Result<(f64, f64)> {
    let runtime = load::runtime()?;
    runtime.block_on(async {
        let bank = B::open(load.accounts).await?;
        let warm = load::run(Load { time: load.time / 3, ..load }, &bank).await?;
        let region = Region::new(COUNTED);
        let outcome = load::run(load, &bank).await?;
        let Stats { allocations, reallocations, bytes_allocated, .. } = region.change();
        warm.ledger.and(outcome.ledger).check(std::any::type_name::<B>(), bank.balances().await?)?;
        bank.close().await?;
        let each = |count: usize| count as f64 / outcome.commands as f64;
        Ok((each(allocations + reallocations), each(bytes_allocated)))
    })
}

fn held(region: &Region<'_, System>) -> f64 {
    let Stats { bytes_allocated, bytes_deallocated, .. } = region.change();
    bytes_allocated as f64 - bytes_deallocated as f64
}

/// An actor that lives.
fn at_rest<B: Bank>(accounts: usize) -> Result<f64> {
    load::runtime()?.block_on(async {
        B::open(1).await?.close().await?;
        let region = Region::new(COUNTED);
        let bank = B::open(accounts).await?;
        let bytes = held(&region) / accounts as f64;
        bank.close().await?;
        Ok(bytes)
    })
}

/// An aggregate that was activated and has nothing to do, without what the store keeps of it: a second engine activates what a first
/// one recorded, by commands that record nothing.
fn ego_at_rest(accounts: usize) -> Result<f64> {
    load::runtime()?.block_on(async {
        let (store, ids) = (MemoryStore::new(), account::ids(accounts));
        let first = account::engine(store.clone(), 2 * accounts).await?;
        account::create(&first, &ids).await?;
        account::stop(first).await?;
        let engine = account::engine(store, 2 * accounts).await?;
        let region = Region::new(COUNTED);
        let (sender, all) = (engine.clone(), Arc::clone(&ids));
        load::each(accounts, 64, move |account| {
            let (engine, ids) = (sender.clone(), Arc::clone(&all));
            async move {
                assert_eq!(engine.send::<Account>(&ids[account], Look).await.expect("looked").reply, 0);
            }
        })
        .await?;
        let bytes = held(&region) / accounts as f64;
        assert_eq!(engine.active_aggregates(), accounts, "all of them are in memory");
        account::stop(engine).await?;
        Ok(bytes)
    })
}
