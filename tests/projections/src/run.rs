//! A run: cases on a few lanes at once, and what is told at the end.

use crate::case::{Case, Kills};
use crate::end::Compared;
use crate::house::Manner;
use crate::outcome::{Outcome, hold};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// How many cases; EGO_PROJECTIONS_CASES, or 60
    #[arg(long)]
    cases: Option<u64>,
    /// What the run depends on: case n is that of the seed + n; EGO_PROJECTIONS_SEED, or drawn
    #[arg(long)]
    seed: Option<u64>,
    /// How many cases run at the same time
    #[arg(long, default_value_t = 3)]
    lanes: u64,
}

/// All that was counted.
#[derive(Default)]
struct Tally {
    cases: BTreeMap<Manner, u64>,
    kills: Kills,
    compared: Compared,
    longest: Duration,
    failures: Vec<String>,
}

/// What at least one kill has to hit in a run of fifty cases or more.
const PHASES: [&str; 8] = ["open", "commands", "pause", "rebuild", "sweep", "reset", "replay", "delete"];

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let of_env = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
        let cases = self.cases.or(of_env("EGO_PROJECTIONS_CASES")?).unwrap_or(60);
        let drawn = RandomState::new().hash_one(0) >> 32;
        let seed = self.seed.or(of_env("EGO_PROJECTIONS_SEED")?).unwrap_or(drawn);
        println!("EGO_PROJECTIONS_SEED={seed} EGO_PROJECTIONS_CASES={cases}");
        let (began, next, tally) = (Instant::now(), AtomicU64::new(0), Mutex::new(Tally::default()));
        std::thread::scope(|scope| {
            for _ in 0..self.lanes {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= cases {
                            return;
                        }
                        if let Err(failure) = live(seed.wrapping_add(number), &tally) {
                            tally.lock().failures.push(failure.to_string());
                        }
                    }
                });
            }
        });
        let tally = tally.into_inner();
        println!("{tally}time              {:.1} s", began.elapsed().as_secs_f64());
        hold!(tally.failures.is_empty(), "{} cases failed", tally.failures.len());
        let never: Vec<_> = PHASES.into_iter().filter(|phase| !tally.kills.contains_key(*phase)).collect();
        hold!(never.is_empty() || cases < 50, "no kill hit {never:?}");
        Ok(())
    }
}

/// One case. On failure its folder is kept.
fn live(seed: u64, tally: &Mutex<Tally>) -> Outcome {
    let folder = tempfile::Builder::new().prefix("ego-projections-").tempdir()?;
    let mut case = Case::new(folder.path().to_owned(), seed);
    let (ended, took) = case.timed();
    tally.lock().add(&case, took);
    match ended {
        Ok(compared) => {
            tally.lock().compared.add(&compared);
            Ok(())
        }
        Err(failure) => {
            let kept = folder.keep();
            let text = format!(
                "EGO_PROJECTIONS_SEED={seed} EGO_PROJECTIONS_CASES=1, {:?}: {failure}\n  kept in {}",
                case.manner(),
                kept.display()
            );
            eprintln!("FAILED {text}");
            Err(text.into())
        }
    }
}

impl Tally {
    fn add(&mut self, case: &Case, took: Duration) {
        *self.cases.entry(case.manner()).or_default() += 1;
        self.longest = self.longest.max(took);
        for (phase, kills) in &case.kills {
            *self.kills.entry(phase.clone()).or_default() += kills;
        }
        let all: u64 = self.cases.values().sum();
        if all.is_multiple_of(100) {
            println!("{all} cases");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cases             {:?}, the longest {:?}", self.cases, self.longest)?;
        for (phase, kills) in &self.kills {
            writeln!(f, "  killed in {phase:<9} {kills}")?;
        }
        let Compared { events, dead, rebuilt, caught_up } = &self.compared;
        writeln!(f, "folded            {events} events, {dead} keys with dead letters healed, {rebuilt} projections built anew")?;
        writeln!(f, "caught up         within {caught_up} ms, the longest")?;
        writeln!(f, "failures          {}", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}
