//! The life of one store: processes that work on it and are killed, and after each round one that checks it.

use crate::check::{Checked, SAID, STORE};
use crate::child::Work;
use crate::house::PATIENCE;
use crate::outcome::{Outcome, hold};
use crate::phase::{Heard, Phase};
use crate::random::Random;
use crate::said::Said;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often a phase is aimed at in a round until a kill hits it.
const TRIES: u32 = 6;

pub(crate) struct Life {
    pub(crate) folder: PathBuf,
    random: Random,
    /// How many processes there were: part of the names of commands.
    processes: u64,
    /// What opening the store is at the moment.
    opening: Phase,
    /// Whether the index held something when the store was closed last.
    indexed: bool,
    /// How long phases take, as far as was seen.
    pace: BTreeMap<Phase, Duration>,
    pub(crate) kills: BTreeMap<Phase, u64>,
    pub(crate) all_kills: u64,
    /// Kills that did not hit what they aimed at.
    pub(crate) missed: u64,
    pub(crate) checking: Duration,
    /// How often opening cut a torn write.
    pub(crate) cuts: u64,
}

/// After what a process is killed.
#[derive(Clone, Copy, Debug)]
enum After {
    /// It began this for the n-th time.
    Begun(Phase, u64),
    /// It answered n commands.
    Answers(u64),
}

impl Life {
    pub(crate) fn new(folder: PathBuf, seed: u64) -> Self {
        Self {
            folder,
            random: Random::new(seed),
            processes: 0,
            opening: Phase::Creating,
            indexed: false,
            pace: BTreeMap::new(),
            kills: BTreeMap::new(),
            all_kills: 0,
            missed: 0,
            checking: Duration::ZERO,
            cuts: 0,
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.join(STORE)
    }

    /// Kills in a phase, perhaps several times in a row, and checks what is left.
    pub(crate) fn round(&mut self, aim: Phase) -> Outcome<Checked> {
        match aim {
            Phase::Creating => self.creating()?,
            Phase::Opening => self.opening_again(aim)?,
            Phase::Recovery => {
                self.until_hit(Work::Group, Phase::Group)?;
                self.opening_again(aim)?;
            }
            Phase::Rebuilding => {
                if self.random.one_in(2) {
                    self.until_hit(Work::Append, Phase::Append)?;
                }
                self.remove_index()?;
                self.opening_again(aim)?;
            }
            Phase::Append => self.until_hit(Work::Append, aim)?,
            Phase::Group | Phase::Checkpoint | Phase::Step => self.until_hit(Work::Group, aim)?,
            Phase::Large => self.until_hit(Work::Large, aim)?,
            Phase::Snapshot => self.until_hit(Work::Snapshot, aim)?,
            Phase::Retention | Phase::Compaction => self.until_hit(Work::Compact, aim)?,
            Phase::Closing => self.until_hit(Work::Reopen, aim)?,
        }
        self.check()
    }

    /// A store that was created before the kill came is thrown away, nothing is known of it yet.
    fn creating(&mut self) -> Outcome {
        for _ in 0..TRIES {
            if self.kill(Work::Open, Phase::Creating)? {
                if self.random.one_in(2) {
                    return Ok(());
                }
            } else {
                fs::remove_dir_all(self.store())?;
                self.opening = Phase::Creating;
            }
        }
        Ok(())
    }

    fn opening_again(&mut self, aim: Phase) -> Outcome {
        for _ in 0..self.random.between(1, 3) {
            self.until_hit(Work::Open, aim)?;
            if aim == Phase::Rebuilding && (self.opening != aim || self.random.one_in(3)) {
                self.remove_index()?;
            }
        }
        Ok(())
    }

    fn remove_index(&mut self) -> Outcome {
        let index = self.store().join("index");
        if index.exists() {
            fs::remove_dir_all(index)?;
        }
        self.opening = Phase::Rebuilding;
        Ok(())
    }

    fn until_hit(&mut self, work: Work, aim: Phase) -> Outcome {
        for _ in 0..TRIES {
            if self.kill(work, aim)? {
                break;
            }
            if aim == Phase::Rebuilding {
                self.remove_index()?;
            }
        }
        Ok(())
    }

    /// When a process that is to be hit in this phase is killed.
    fn moment(&mut self, aim: Phase) -> (After, Duration) {
        let after = match aim {
            Phase::Append => After::Answers(self.random.below(10)),
            Phase::Group => After::Answers(self.random.below(60)),
            Phase::Snapshot | Phase::Checkpoint | Phase::Step => After::Begun(aim, self.random.between(1, 8)),
            Phase::Retention | Phase::Compaction => After::Begun(aim, self.random.between(1, 3)),
            Phase::Large | Phase::Closing => After::Begun(aim, self.random.between(1, 3)),
            Phase::Creating | Phase::Opening | Phase::Recovery | Phase::Rebuilding => After::Begun(aim, 1),
        };
        let pace = self.pace.get(&aim).copied().unwrap_or(Duration::from_millis(5));
        // Now and then so late that the index was brought up to date meanwhile.
        let late = matches!(after, After::Answers(_)) && self.random.one_in(100);
        let most = match after {
            After::Answers(_) if late => Duration::from_millis(1500),
            // Right behind an answer: what it promised must be there already.
            After::Answers(_) if self.random.one_in(2) => Duration::ZERO,
            // Not while it is synced, which takes longest where the disk is real.
            After::Begun(Phase::Large, _) => pace.min(Duration::from_millis(6)),
            _ => pace.mul_f64(1.1),
        };
        (after, Duration::from_nanos(self.random.below(most.as_nanos() as u64)))
    }

    /// Starts a process and kills it; whether it was in that phase.
    fn kill(&mut self, work: Work, aim: Phase) -> Outcome<bool> {
        self.processes += 1;
        let (after, wait) = self.moment(aim);
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", "--work"]).arg(format!("{work:?}").to_lowercase()).arg("--store").arg(self.store());
        command.args(["--name", &self.processes.to_string(), "--seed", &self.random.number().to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        let (now, is_now) = mpsc::channel();
        let (heard, file) = (Heard::new(self.opening), self.folder.join(SAID));
        let listener = std::thread::spawn(move || listen(out, heard, after, &now, &file));
        match is_now.recv_timeout(PATIENCE) {
            Ok(()) => std::thread::sleep(wait),
            // It ended by itself: why is asked below.
            Err(mpsc::RecvTimeoutError::Disconnected) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                return Err(format!("{work:?} did not come to {after:?} within {PATIENCE:?}").into());
            }
        }
        child.kill()?;
        let mut errors = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut errors)?;
        }
        let status = child.wait()?;
        let heard = listener.join().map_err(|_| "the listener panicked")??;
        hold!(status.code().is_none() && errors.is_empty(), "{work:?} ended by itself, {status}: {errors}");
        self.keeps_index(heard.lost_index.as_ref())?;
        self.cuts += heard.cuts;
        self.learn(&heard, work);
        let phases = heard.phases();
        let hit = phases.contains(&aim);
        self.all_kills += 1;
        self.missed += u64::from(!hit);
        for phase in Phase::ALL.into_iter().filter(|phase| phases.contains(phase)) {
            *self.kills.entry(phase).or_default() += 1;
        }
        Ok(hit)
    }

    fn learn(&mut self, heard: &Heard, work: Work) {
        if heard.opened {
            let closed = work == Work::Open && self.opening == Phase::Opening;
            self.opening = if closed { Phase::Opening } else { Phase::Recovery };
        }
        for (phase, took) in &heard.took {
            let pace = self.pace.entry(*phase).or_insert(*took);
            *pace = (*pace * 3 + *took) / 4;
        }
    }

    /// A kill may take the newest changes of the index, not the index. (One that holds nothing yet is made again.)
    fn keeps_index(&self, lost: Option<&String>) -> Outcome {
        hold!(lost.is_none() || !self.indexed, "a kill lost the index: {lost:?}");
        Ok(())
    }

    /// Opens what is left in a fresh process and compares.
    pub(crate) fn check(&mut self) -> Outcome<Checked> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("check").arg("--life").arg(&self.folder).args(["--seed", &self.random.number().to_string()]);
        let started = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        self.checking += started.elapsed();
        hold!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim_end());
        let said = self.folder.join(SAID);
        if said.exists() {
            fs::remove_file(said)?;
        }
        let checked: Checked = serde_json::from_slice(&output.stdout)?;
        self.keeps_index(checked.index_rebuilt.as_ref().filter(|_| self.opening != Phase::Rebuilding))?;
        self.opening = Phase::Opening;
        self.indexed = checked.head > 0;
        self.cuts += u64::from(checked.bytes_cut > 0);
        Ok(checked)
    }
}

/// Hears a process to its end, writes down what it said, and tells when it is time.
fn listen(out: impl Read, mut heard: Heard, after: After, now: &mpsc::Sender<()>, file: &Path) -> Outcome<Heard> {
    let (mut lines, mut line) = (BufReader::new(out), Vec::new());
    let mut file = std::io::BufWriter::new(OpenOptions::new().create(true).append(true).open(file)?);
    while lines.read_until(b'\n', &mut line)? > 0 {
        // What was cut off by the kill was not said.
        if let Some(said) = Said::hear(&line) {
            heard.hear(said);
            file.write_all(&line)?;
            let reached = match after {
                After::Begun(phase, times) => heard.begun.get(&phase).is_some_and(|begun| *begun >= times),
                After::Answers(answers) => heard.opened && heard.answers >= answers,
            };
            if reached {
                // Nobody waits for it after the first.
                let _ = now.send(());
            }
        }
        line.clear();
    }
    file.flush()?;
    Ok(heard)
}
