//! A run: stores that live one after the other, on a few lanes at once, and what is told at the end.

use crate::life::Life;
use crate::outcome::{Outcome, hold};
use crate::scenarios;
use crate::scene::Scenario;
use fastrand::Rng;
use parking_lot::Mutex;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Which scenario; all are in `src/scenarios`
    scenario: String,
    /// How many rounds: each kills once and then checks everything; EGO_LIFE_ROUNDS, or 25
    #[arg(long)]
    rounds: Option<u64>,
    /// What the run depends on; EGO_LIFE_SEED, or drawn
    #[arg(long)]
    seed: Option<u64>,
    /// How many stores live at the same time
    #[arg(long, default_value_t = 2)]
    lanes: u64,
}

/// All that was counted.
#[derive(Default)]
struct Tally {
    rounds: u64,
    stores: u64,
    said: u64,
    silent: u64,
    failures: Vec<String>,
}

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let of_env = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
        let rounds = self.rounds.or(of_env("EGO_LIFE_ROUNDS")?).unwrap_or(25);
        let drawn = RandomState::new().hash_one(0) >> 32;
        let seed = self.seed.or(of_env("EGO_LIFE_SEED")?).unwrap_or(drawn);
        let scenario = scenarios::named(&self.scenario)?;
        println!("{}: EGO_LIFE_SEED={seed} EGO_LIFE_ROUNDS={rounds}", scenario.name);
        // What a life is depends on its own seed alone, so that it can be lived again without those before it.
        let (mut lives, mut left) = (Vec::new(), rounds);
        while left > 0 {
            let seed = seed.wrapping_add(lives.len() as u64);
            let rounds = Rng::with_seed(!seed).u64(4..12).min(left);
            lives.push((seed, rounds));
            left -= rounds;
        }
        lives.reverse();
        let (began, lives, tally) = (Instant::now(), Mutex::new(lives), Mutex::new(Tally::default()));
        let next = || lives.lock().pop();
        std::thread::scope(|scope| {
            for _ in 0..self.lanes {
                scope.spawn(|| {
                    while let Some((seed, rounds)) = next() {
                        if let Err(failure) = live(scenario, seed, rounds, &tally) {
                            tally.lock().failures.push(failure.to_string());
                        }
                    }
                });
            }
        });
        let tally = tally.into_inner();
        println!("{tally}time      {:.1} s", began.elapsed().as_secs_f64());
        hold!(tally.failures.is_empty(), "{} stores failed", tally.failures.len());
        hold!(tally.rounds == rounds, "{} of {rounds} rounds were run", tally.rounds);
        hold!(tally.said > 0, "nothing was ever said");
        Ok(())
    }
}

/// One store from its creation through so many rounds. On failure its folder is kept.
fn live(scenario: &'static Scenario, seed: u64, rounds: u64, tally: &Mutex<Tally>) -> Outcome {
    let folder = tempfile::Builder::new().prefix("ego-life-").tempdir()?;
    let mut life = Life::new(scenario, folder.path().to_owned(), seed);
    let failed = (0..rounds).find_map(|round| {
        let failed = life.round().err().map(|failure| format!("round {round}: {failure}"));
        tally.lock().rounds += 1;
        failed
    });
    let mut tally = tally.lock();
    tally.stores += 1;
    tally.said += life.said;
    tally.silent += life.silent;
    let Some(failed) = failed else { return Ok(()) };
    let (name, kept) = (scenario.name, folder.keep());
    let text = format!("{name}: EGO_LIFE_SEED={seed} EGO_LIFE_ROUNDS={rounds}, {failed}\n  kept in {}", kept.display());
    eprintln!("FAILED {text}");
    Err(text.into())
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kills     {} on {} stores, {} before anything was said", self.rounds, self.stores, self.silent)?;
        writeln!(f, "said      {} things, compared after each kill", self.said)?;
        writeln!(f, "failures  {}", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}
