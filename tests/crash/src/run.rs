//! A run: stores that live one after the other, on a few lanes at once, and what is told at the end.

use crate::check::Checked;
use crate::killer::Life;
use crate::outcome::{Outcome, hold};
use crate::phase::Phase;
use crate::random::Random;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// How many rounds: each kills at least once and then checks everything; EGO_CRASH_ROUNDS, or 100
    #[arg(long)]
    rounds: Option<u64>,
    /// What the run depends on; EGO_CRASH_SEED, or drawn
    #[arg(long)]
    seed: Option<u64>,
    /// Aim at this phase alone, once the store is there
    #[arg(long, value_enum)]
    aim: Option<Phase>,
    /// How many stores live at the same time
    #[arg(long, default_value_t = 3)]
    lanes: u64,
}

/// All that was counted.
#[derive(Default)]
struct Tally {
    rounds: u64,
    lives: u64,
    kills: BTreeMap<Phase, u64>,
    all_kills: u64,
    missed: u64,
    checked: Checked,
    clean: u64,
    cuts: u64,
    rebuilt: BTreeMap<String, u64>,
    longest: Duration,
    checking: Duration,
    failures: Vec<String>,
}

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let of_env = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
        let rounds = self.rounds.or(of_env("EGO_CRASH_ROUNDS")?).unwrap_or(100);
        let drawn = RandomState::new().hash_one(0) >> 32;
        let seed = self.seed.or(of_env("EGO_CRASH_SEED")?).unwrap_or(drawn);
        println!("EGO_CRASH_SEED={seed} EGO_CRASH_ROUNDS={rounds}");
        let (started, tally) = (Instant::now(), Mutex::new(Tally::default()));
        // What a life is depends on its own seed alone, so that it can be lived again without those before it.
        let (mut lives, mut left) = (Vec::new(), rounds);
        while left > 0 {
            let seed = seed.wrapping_add(lives.len() as u64);
            let rounds = if self.aim == Some(Phase::Creating) { 1 } else { Random::new(seed).between(25, 50).min(left) };
            lives.push((seed, rounds));
            left -= rounds;
        }
        lives.reverse();
        let lives = Mutex::new(lives);
        let next = || lives.lock().pop();
        std::thread::scope(|scope| {
            for _ in 0..self.lanes {
                scope.spawn(|| {
                    while let Some((seed, rounds)) = next() {
                        if let Err(failure) = live(seed, rounds, self.aim, &tally) {
                            tally.lock().failures.push(failure.to_string());
                        }
                    }
                });
            }
        });
        let tally = tally.into_inner();
        let (all, checking) = (started.elapsed().as_secs_f64(), tally.checking.as_secs_f64() / self.lanes as f64);
        println!("{tally}time              {all:.1} s, of these checking {checking:.1} s");
        hold!(tally.failures.is_empty(), "{} stores failed", tally.failures.len());
        let never: Vec<_> = Phase::ALL.into_iter().filter(|phase| !tally.kills.contains_key(phase)).collect();
        hold!(never.is_empty() || self.aim.is_some(), "no kill hit {never:?}");
        Ok(())
    }
}

/// One store from its creation through so many rounds. On failure its folder is kept.
fn live(seed: u64, rounds: u64, aim: Option<Phase>, tally: &Mutex<Tally>) -> Outcome {
    let folder = tempfile::Builder::new().prefix("ego-crash-").tempdir()?;
    let (mut life, mut random) = (Life::new(folder.path().to_owned(), seed), Random::new(!seed));
    let (mut deck, mut done) = (vec![Phase::Creating], 0);
    let failed = loop {
        if done == rounds {
            // What the last check sent again was checked by nobody yet.
            break life.check().err().map(|failure| format!("at the end: {failure}"));
        }
        if deck.is_empty() {
            deck.extend(Phase::ALL.into_iter().filter(|phase| *phase != Phase::Creating));
            deck.extend([Phase::Group, Phase::Recovery]);
            deck.retain(|phase| aim.is_none_or(|aim| aim == *phase));
            random.shuffle(&mut deck);
        }
        // Only a store that is not there yet can be created.
        let Some(aim) = deck.pop() else { break life.check().err().map(|failure| failure.to_string()) };
        let started = Instant::now();
        match life.round(aim) {
            Ok(checked) => tally.lock().add(checked, started.elapsed()),
            Err(failure) => break Some(format!("round {done}, {aim}: {failure}")),
        }
        done += 1;
    };
    tally.lock().bury(&life);
    let Some(failed) = failed else { return Ok(()) };
    let kept = folder.keep();
    let text = format!("EGO_CRASH_SEED={seed} EGO_CRASH_ROUNDS={rounds}, {failed}\n  kept in {}", kept.display());
    eprintln!("FAILED {text}");
    Err(text.into())
}

impl Tally {
    fn add(&mut self, checked: Checked, took: Duration) {
        let sum = &mut self.checked;
        sum.promises += checked.promises;
        sum.compared += checked.compared;
        sum.unanswered += checked.unanswered;
        sum.unanswered_recorded += checked.unanswered_recorded;
        sum.events += checked.events;
        sum.repeated += checked.repeated;
        sum.readers += checked.readers;
        sum.snapshots += checked.snapshots;
        sum.rows += checked.rows;
        sum.commits_applied += checked.commits_applied;
        sum.head = sum.head.max(checked.head);
        self.clean += u64::from(checked.clean);
        if let Some(reason) = checked.index_rebuilt {
            *self.rebuilt.entry(reason).or_default() += 1;
        }
        self.rounds += 1;
        self.longest = self.longest.max(took);
        if self.rounds.is_multiple_of(500) {
            println!("{} rounds", self.rounds);
        }
    }

    fn bury(&mut self, life: &Life) {
        self.lives += 1;
        self.all_kills += life.all_kills;
        self.missed += life.missed;
        self.checking += life.checking;
        self.cuts += life.cuts;
        for (phase, kills) in &life.kills {
            *self.kills.entry(*phase).or_default() += kills;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { promises, compared, unanswered, unanswered_recorded, events, repeated, readers, snapshots, .. } =
            &self.checked;
        let Checked { commits_applied, head, rows, .. } = &self.checked;
        writeln!(f, "rounds            {} on {} stores, the longest {:?}", self.rounds, self.lives, self.longest)?;
        writeln!(f, "kills             {}, of these {} beside what they aimed at", self.all_kills, self.missed)?;
        for phase in Phase::ALL {
            writeln!(f, "  in {phase:<13} {}", self.kills.get(&phase).copied().unwrap_or_default())?;
        }
        writeln!(f, "acknowledged      {promises} commands, compared with the log {compared} times")?;
        writeln!(f, "cut off           {unanswered} commands, of these recorded {unanswered_recorded}")?;
        writeln!(f, "sent again        {repeated} commands, without a second effect")?;
        writeln!(f, "folded            {events} events, the longest log {head}")?;
        writeln!(f, "readers           {readers} pages of the log seen before a kill and compared")?;
        writeln!(f, "snapshots         {snapshots} found and compared")?;
        writeln!(f, "rows              {rows} of views and of commits compared with the log")?;
        writeln!(f, "openings          {} checks found a closed store; {} openings cut a torn write", self.clean, self.cuts)?;
        writeln!(f, "index             {commits_applied} commits applied again; rebuilt for: {:?}", self.rebuilt)?;
        writeln!(f, "failures          {}", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}
