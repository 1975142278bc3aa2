//! How fast are commands when nothing is written to a disk? Shapes A, B and C on ego and on its peers, in turns.

#[path = "../peers/mod.rs"]
mod peers;

use benches::Result;
use benches::load::{self, Bank, Load, Outcome};
use benches::report::{Goal, Report};
use benches::settings::Settings;
use benches::show;
use peers::{Cqrs, Ego, Evento, Eventsourced, Kameo, Nobody, Ractor};
use std::time::Duration;

type Measure = fn(Load) -> Result<Outcome>;

const EGO: &str = "ego";

const SUBJECTS: [(&str, Measure); 10] = [
    (EGO, measure::<Ego<true, false>>),
    ("kameo, bare ask", measure::<Kameo>),
    ("ractor, bare call", measure::<Ractor>),
    ("ego, no id from the sender", measure::<Ego<false, false>>),
    ("ego, 10 events per command", measure::<Ego<true, true>>),
    ("ego, 10 events, no id", measure::<Ego<false, true>>),
    ("eventsourced", measure::<Eventsourced>),
    ("cqrs-es, aggregate store", measure::<Cqrs>),
    ("evento, fjall unsynced", measure::<Evento>),
    ("the load alone", measure::<Nobody>),
];

/// name, clients, accounts
const SHAPES: [(&str, usize, usize); 3] = [("A", 1, 1), ("B", 64, 1), ("C", 64, 10_000)];

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    let rounds = settings.rounds(5);
    let mut report = Report::new("memory", &settings, rounds);
    let samples = &mut report.samples;
    for _ in 0..rounds {
        for (shape, clients, accounts) in SHAPES {
            for (subject, measure) in SUBJECTS {
                let accounts = if accounts == 1 { 1 } else { settings.count(accounts) };
                let outcome = measure(Load { clients, accounts, time: settings.time(400), timed: 8 })?;
                samples.add(subject, shape, outcome.per_second());
                if shape == "C" {
                    samples.add(subject, "p50", outcome.microseconds(0.5));
                    samples.add(subject, "p99", outcome.microseconds(0.99));
                }
            }
        }
    }
    let subjects = SUBJECTS.map(|(name, _)| name);
    report.tables.push(samples.table("commands per second", &subjects, &["A", "B", "C"], show::count));
    report.tables.push(samples.table("shape C, µs", &subjects, &["p50", "p99"], show::count));
    for (shape, goal) in [("C", 4.0), ("A", 3.0), ("B", 2.5)] {
        let faster = if samples.median(SUBJECTS[1].0, shape) >= samples.median(SUBJECTS[2].0, shape) { 1 } else { 2 };
        let quotient = samples.quotient((EGO, shape), (SUBJECTS[faster].0, shape));
        let figure = format!("in memory, shape {shape}, by {}", SUBJECTS[faster].0);
        report.goals.push(Goal::at_least(figure, goal, quotient, show::times));
    }
    report.give(&settings)
}

/// One run on a runtime of its own, on accounts of its own; nothing of it is left for the next.
fn measure<B: Bank>(load: Load) -> Result<Outcome> {
    let runtime = load::runtime()?;
    let outcome = runtime.block_on(async {
        let bank = B::open(load.accounts).await?;
        // Memory, caches and the branch predictor know the way before it is measured.
        let warm = load::run(Load { time: load.time / 8, ..load }, &bank).await?;
        let outcome = load::run(load, &bank).await?;
        warm.ledger.and(outcome.ledger).check(std::any::type_name::<B>(), bank.balances().await?)?;
        bank.close().await?;
        Ok(outcome)
    });
    runtime.shutdown_timeout(Duration::from_secs(30));
    outcome
}
