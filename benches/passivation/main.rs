//! Shape D: 100,000 aggregates, 256 clients, room in memory for 10,000. Is a command lost, does memory stay, and what does it cost?
//! Each subject runs in a process of its own, so that its memory is its own.

#[path = "../peers/kameo.rs"]
mod kameo;

use benches::account::{self, Account, Credit};
use benches::load::{self, Bank, Client, Ledger, Load, Turn};
use benches::report::{Goal, Report};
use benches::settings::Settings;
use benches::{Result, process, show};
use ego::prelude::*;
use ego::store::{MemoryStore, Store};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::sync::Arc;

const SLED: &str = "ego, embedded store, durable";
const MEMORY: &str = "ego, store in memory";
const KAMEO: &str = "kameo, 100,000 actors alive, nothing kept";

/// name, milliseconds
const SUBJECTS: [(&str, u64); 3] = [(SLED, 10_000), (MEMORY, 3_000), (KAMEO, 3_000)];

const CLIENTS: usize = 256;
const PER_SECOND: &str = "commands per second";
const TIMES: [&str; 2] = ["p50, µs", "p99, µs"];
const RESIDENT: [&str; 3] = ["resident at the start", "in the middle", "at the end"];

/// What a child tells.
#[derive(Serialize, Deserialize)]
struct Run {
    per_second: f64,
    microseconds: [f64; 2],
    resident: [u64; 3],
}

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    if let Some(subject) = process::errand() {
        return errand(&subject, &settings);
    }
    let rounds = settings.rounds(5);
    let mut report = Report::new("passivation", &settings, rounds);
    let samples = &mut report.samples;
    for _ in 0..rounds {
        for (subject, _) in SUBJECTS {
            let mut child = process::child(subject)?;
            if settings.quick {
                child.arg("--quick");
            }
            let output = child.stderr(Stdio::inherit()).output()?;
            if !output.status.success() {
                return Err(format!("{subject} failed: {}", output.status).into());
            }
            let run: Run = serde_json::from_slice(&output.stdout)?;
            samples.add(subject, PER_SECOND, run.per_second);
            let figures = TIMES.iter().zip(run.microseconds).chain(RESIDENT.iter().zip(run.resident.map(|bytes| bytes as f64)));
            figures.for_each(|(measure, figure)| samples.add(subject, measure, figure));
        }
    }
    let subjects = SUBJECTS.map(|(name, _)| name);
    report.tables.push(samples.table("shape D", &subjects, &[PER_SECOND, TIMES[0], TIMES[1]], show::count));
    report.tables.push(samples.table("memory of the process", &subjects, &RESIDENT, show::bytes));
    // Who loses a command ends with an error, and there is no report.
    report.goals.push(Goal::at_most("shape D, commands lost", 0.0, 0.0, show::count));
    let growth = samples.quotient((SLED, RESIDENT[2]), (SLED, RESIDENT[1]));
    let figure = "shape D, embedded store, memory at the end by memory in the middle";
    report.goals.push(Goal::at_most(figure, 1.1, growth, show::times));
    report.give(&settings)
}

fn errand(subject: &str, settings: &Settings) -> Result<()> {
    let accounts = settings.count(100_000);
    let time = SUBJECTS.iter().find(|(name, _)| *name == subject).map(|(_, milliseconds)| settings.time(*milliseconds));
    let load = Load { clients: CLIENTS, accounts, time: time.ok_or("there is no such subject")?, timed: 8 };
    let run = load::runtime()?.block_on(async {
        match subject {
            SLED => {
                let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
                ego(load, SledStore::open(folder.path())?).await
            }
            MEMORY => ego(load, MemoryStore::new()).await,
            _ => {
                let bank = kameo::Kameo::open(accounts).await?;
                let (run, ledger) = measure(load, &bank).await?;
                ledger.check(subject, bank.balances().await?)?;
                bank.close().await?;
                Ok(run)
            }
        }
    })?;
    println!("{}", serde_json::to_string(&run)?);
    Ok(())
}

/// Two halves, and the memory before, between and behind them.
async fn measure<C: Client>(load: Load, client: &C) -> Result<(Run, Ledger)> {
    let half = Load { time: load.time / 2, ..load };
    let warm = load::run(Load { time: load.time / 8, ..load }, client).await?;
    let start = process::resident_bytes()?;
    let first = load::run(half, client).await?;
    let middle = process::resident_bytes()?;
    let second = load::run(half, client).await?;
    let end = process::resident_bytes()?;
    let run = Run {
        per_second: (first.commands + second.commands) as f64 / (first.seconds + second.seconds),
        microseconds: [0.5, 0.99].map(|share| second.microseconds(share)),
        resident: [start, middle, end],
    };
    Ok((run, warm.ledger.and(first.ledger).and(second.ledger)))
}

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

async fn ego(load: Load, store: impl Store) -> Result<Run> {
    let room = load.accounts / 10;
    let engine = account::engine(store, room).await?;
    let accounts = Accounts { engine: engine.clone(), ids: account::ids(load.accounts) };
    account::create(&engine, &accounts.ids).await?;
    let (run, ledger) = measure(load, &accounts).await?;
    let active = engine.active_aggregates();
    if active > room + CLIENTS {
        return Err(format!("{active} aggregates are in memory, there is room for {room}").into());
    }
    ledger.check("ego", account::recorded(&engine, &accounts.ids).await?)?;
    account::stop(engine).await?;
    Ok(run)
}
