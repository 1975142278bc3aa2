//! What does it cost that an answer means durable? ego on its embedded store, beside what the disk can do at all and beside other
//! stores that do the same work.

mod floor;
mod front;
mod tables;

use benches::account::{self, Account, Credit};
use benches::load::{self, Client, Load, Outcome, Turn};
use benches::log::Group;
use benches::report::{Goal, Report, Table};
use benches::samples::Samples;
use benches::settings::Settings;
use benches::{Result, log, show};
use ego::prelude::*;
use ego::store::Store;
use ego_sled::SledStore;
use floor::Space;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// name, clients, accounts
const SHAPES: [(&str, usize, usize); 5] = [
    ("1 client", 1, 10_000),
    ("64 clients", 64, 10_000),
    ("256 clients", 256, 10_000),
    ("1024 clients", 1024, 10_000),
    ("256 clients, one hot account", 256, 1),
];

const EGO: &str = "ego";
const NO_ID: &str = "ego, no id from the sender";
const RAW: &str = "raw append + fdatasync, ego's groups and bytes";
const RAW_IN_PLACE: &str = "the same into preallocated space";

type Peer = fn(Load, &Path) -> Result<Outcome>;

const PEERS: [(&str, Peer); 4] = [
    ("raw append + fdatasync, groups of its own", front::measure::<tables::File>),
    ("redb", front::measure::<tables::Redb>),
    ("fjall, synced", front::measure::<tables::Fjall>),
    ("sqlite, WAL, FULL", front::measure::<tables::Sqlite>),
];

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    let rounds = settings.rounds(5);
    let mut report = Report::new("durable", &settings, rounds);
    let samples = &mut report.samples;
    for _ in 0..rounds {
        for (shape, clients, accounts) in SHAPES {
            let accounts = if accounts == 1 { 1 } else { settings.count(accounts) };
            let load = Load { clients, accounts, time: settings.time(1200), timed: 1 };
            let folder = folder()?;
            let (outcome, groups) = ego(load, &folder.path().join("store"), true)?;
            add(samples, EGO, shape, &outcome);
            samples.add(EGO, &group(shape), outcome.commands as f64 / groups.len() as f64);
            for (floor, space) in [(RAW, Space::Grown), (RAW_IN_PLACE, Space::Preallocated)] {
                let floor_figures = floor::write(&groups, &folder.path().join("raw"), space)?;
                samples.add(floor, shape, outcome.commands as f64 / floor_figures.seconds);
                samples.add(floor, &p50(shape), floor_figures.milliseconds(0.5));
                samples.add(floor, &p99(shape), floor_figures.milliseconds(0.99));
            }
            drop(folder);
            add(samples, NO_ID, shape, &ego(load, &self::folder()?.path().join("store"), false)?.0);
            if ["64 clients", "1024 clients"].contains(&shape) {
                for (peer, measure) in PEERS {
                    add(samples, peer, shape, &measure(load, self::folder()?.path())?);
                }
            }
        }
    }
    report.tables = tables_of(&report.samples);
    report.goals = goals_of(&report.samples);
    report.give(&settings)
}

fn p50(shape: &str) -> String {
    format!("{shape}: p50")
}

fn p99(shape: &str) -> String {
    format!("{shape}: p99")
}

fn group(shape: &str) -> String {
    format!("{shape}: commands per group")
}

fn add(samples: &mut Samples, subject: &str, shape: &str, outcome: &Outcome) {
    samples.add(subject, shape, outcome.per_second());
    samples.add(subject, &p50(shape), outcome.microseconds(0.5) / 1000.0);
    samples.add(subject, &p99(shape), outcome.microseconds(0.99) / 1000.0);
}

fn tables_of(samples: &Samples) -> Vec<Table> {
    let shapes = SHAPES.map(|(shape, ..)| shape);
    let mut subjects = vec![EGO, NO_ID, RAW, RAW_IN_PLACE];
    subjects.extend(PEERS.map(|(peer, _)| peer));
    let latency = |subject: &str, shape: &str| {
        let [p50, p99] = [p50(shape), p99(shape)].map(|measure| show::count(samples.median(subject, &measure)));
        format!("{p50} / {p99}")
    };
    let size = |subject: &str, shape: &str| show::count(samples.median(subject, &group(shape)));
    vec![
        samples.table("commands per second, each durable when answered", &subjects, &shapes, show::count),
        Table::of("p50 / p99 in ms of one command (raw, ego's groups: of one group)", &subjects, &shapes, latency),
        Table::of("commands per group", &[EGO], &shapes, size),
    ]
}

fn goals_of(samples: &Samples) -> Vec<Goal> {
    let beside_raw = |shape: &'static str| samples.quotient((EGO, shape), (RAW, shape));
    let mut goals = vec![
        Goal::at_least(
            "durable, 64 clients, by raw append + fdatasync of the same groups",
            1.0,
            beside_raw("64 clients"),
            show::times,
        ),
        Goal::at_least("durable, 1024 clients, by the same", 0.3, beside_raw("1024 clients"), show::times),
        Goal::at_least("durable, 1 client, by one fdatasync per command", 0.8, beside_raw("1 client"), show::times),
    ];
    for (peer, _) in &PEERS[1..] {
        let quotient = samples.quotient((EGO, "1024 clients"), (peer, "1024 clients"));
        goals.push(Goal::at_least(format!("durable, 1024 clients, by {peer}"), 1.0, quotient, show::times));
    }
    let hot = samples.quotient((EGO, "256 clients, one hot account"), (EGO, "256 clients"));
    goals.push(Goal::at_least("durable, one hot account, 256 clients, by 10,000 accounts", 0.8, hot, show::times));
    for share in [p50("1 client"), p99("1 client")] {
        let quotient = samples.quotient((EGO, &share), (RAW, &share));
        goals.push(Goal::at_most(format!("latency of {share}, by one fdatasync"), 1.25, quotient, show::times));
    }
    goals
}

/// On the disk of the build, not among temporary files: those may be in memory.
fn folder() -> Result<TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

#[derive(Clone)]
struct Bank {
    engine: Engine,
    ids: Arc<[String]>,
    /// Each command has its sender's id.
    own_ids: bool,
}

impl Client for Bank {
    async fn send(&self, turn: Turn) {
        let sending = self.engine.send::<Account>(&self.ids[turn.account], Credit { amount: 1 });
        let credited = if self.own_ids { sending.command_id(turn.command_id()).await } else { sending.await };
        assert!(credited.expect("credited").reply > 0);
    }
}

/// What the clients met, and the groups that their commands were recorded in.
fn ego(load: Load, store: &Path, own_ids: bool) -> Result<(Outcome, Vec<Group>)> {
    let (outcome, after) = load::runtime()?.block_on(async {
        let engine = account::engine(SledStore::open(store)?, 2 * load.accounts.max(10_000)).await?;
        let bank = Bank { engine: engine.clone(), ids: account::ids(load.accounts), own_ids };
        account::create(&engine, &bank.ids).await?;
        let warm = load::run(Load { time: load.time / 8, ..load }, &bank).await?;
        let after = engine.store().head().await?.map_or(0, |position| position.get());
        let outcome = load::run(load, &bank).await?;
        warm.ledger.and(outcome.ledger).check(EGO, account::recorded(&engine, &bank.ids).await?)?;
        drop(bank);
        account::stop(engine).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((outcome, after))
    })?;
    let groups = log::groups(store, after)?;
    let events: u64 = groups.iter().map(|group| u64::from(group.events)).sum();
    if events != outcome.commands {
        return Err(format!("{} commands were answered, the log has {events}", outcome.commands).into());
    }
    Ok((outcome, groups))
}
