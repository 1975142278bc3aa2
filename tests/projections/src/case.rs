//! A case: one store, processes that work on it and are killed, and one at the end that compares.

use crate::end::Compared;
use crate::house::{Manner, PATIENCE};
use crate::outcome::{Outcome, hold};
use crate::said::{Chore, Said};
use clap::ValueEnum;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a process was at when it was killed: chores that had begun and not ended, and commands.
pub(crate) type Kills = BTreeMap<String, u64>;

/// A chore may never come: then the process is killed without.
const LONG_ENOUGH: Duration = Duration::from_millis(700);

pub(crate) struct Case {
    folder: PathBuf,
    manner: Manner,
    random: Rng,
    saw: BTreeMap<String, u64>,
    pub(crate) kills: Kills,
}

/// After what a process is killed.
#[derive(Clone, Copy, Debug)]
enum After {
    /// Something was begun for the n-th time.
    Begun(Chore, u32),
    /// Something ended: what follows from it is under way.
    Ended(Chore),
    Answers(u32),
}

/// What a process has said.
#[derive(Default)]
struct Heard {
    begun: BTreeMap<Chore, u32>,
    ended: BTreeMap<Chore, u32>,
    answers: u32,
    saw: BTreeMap<String, u64>,
    forgets: Vec<String>,
}

impl Case {
    pub(crate) fn new(folder: PathBuf, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let manner = match random.u32(..5) {
            0 => Manner::Retention,
            1 => Manner::Rivals,
            _ => Manner::Rebuilds,
        };
        Self { folder, manner, random, saw: BTreeMap::new(), kills: Kills::new() }
    }

    pub(crate) fn run(&mut self) -> Outcome<Compared> {
        for number in 0..self.random.u32(2..6) {
            self.kill(number)?;
        }
        self.compare()
    }

    fn command(&mut self, process: &str) -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let manner = self.manner.to_possible_value().ok_or("a manner without a name")?;
        command.env("RUST_BACKTRACE", "0").arg(process).args([
            "--seed",
            &self.random.u64(..).to_string(),
            "--manner",
            manner.get_name(),
        ]);
        command.arg("--saw").arg(serde_json::to_string(&self.saw)?).arg("--folder").arg(&self.folder);
        Ok(command)
    }

    fn moment(&mut self) -> (After, Duration) {
        let nth = self.random.u32(1..4);
        let after = match (self.manner, self.random.u32(..10)) {
            (_, 0) => After::Begun(Chore::Open, 1),
            (_, 1..4) => After::Answers(self.random.u32(..70)),
            (Manner::Rebuilds, 4) => After::Begun(Chore::Rebuild, nth),
            // The swap is done, the sweep goes on.
            (Manner::Rebuilds, 5 | 6) => After::Ended(Chore::Rebuild),
            (Manner::Rebuilds, 7) => After::Begun(Chore::Reset, 1),
            (Manner::Rebuilds | Manner::Retention, 8) => After::Begun(Chore::Replay, nth),
            (Manner::Retention, 4..8) => After::Begun(Chore::Delete, nth),
            _ => After::Begun(Chore::Pause, nth),
        };
        let most = if self.random.bool() { 3_000 } else { 60_000 };
        (after, Duration::from_micros(self.random.u64(..most)))
    }

    fn kill(&mut self, number: u32) -> Outcome {
        let (after, wait) = self.moment();
        let mut command = self.command("child")?;
        command.args(["--number", &number.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        let (now, is_now) = mpsc::channel();
        let listener = std::thread::spawn(move || listen(out, after, &now));
        let patience = if matches!(after, After::Answers(_)) { PATIENCE } else { LONG_ENOUGH };
        match is_now.recv_timeout(patience) {
            Ok(()) => std::thread::sleep(wait),
            // It ended by itself – why is asked below – or it never came to that.
            Err(mpsc::RecvTimeoutError::Disconnected | mpsc::RecvTimeoutError::Timeout) => {}
        }
        child.kill()?;
        let mut errors = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut errors)?;
        }
        let status = child.wait()?;
        let heard = listener.join().map_err(|_| "the listener panicked")??;
        hold!(status.code().is_none() && errors.is_empty(), "process {number} ended by itself, {status}: {errors}");
        let mut at: Vec<String> = Vec::new();
        for (chore, begun) in &heard.begun {
            at.extend((heard.ended.get(chore).copied().unwrap_or_default() < *begun).then(|| chore.to_string()));
        }
        at.extend((heard.answers > 0).then(|| "commands".to_owned()));
        at.extend(matches!(after, After::Ended(chore) if heard.ended.contains_key(&chore)).then(|| "sweep".to_owned()));
        for name in at {
            *self.kills.entry(name).or_default() += 1;
        }
        for name in &heard.forgets {
            self.saw.remove(name);
        }
        self.saw.extend(heard.saw.into_iter().filter(|(name, _)| !heard.forgets.contains(name)));
        Ok(())
    }

    fn compare(&mut self) -> Outcome<Compared> {
        let output = self.command("end")?.stdin(Stdio::null()).output()?;
        hold!(output.status.success(), "at the end: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Hears a process to its end, and tells when it is time.
fn listen(out: impl Read, after: After, now: &mpsc::Sender<()>) -> Outcome<Heard> {
    let (mut lines, mut line, mut heard) = (BufReader::new(out), Vec::new(), Heard::default());
    while lines.read_until(b'\n', &mut line)? > 0 {
        // What was cut off by the kill was not said.
        match Said::hear(&line) {
            Some(Said::Begun(chore)) => *heard.begun.entry(chore).or_default() += 1,
            Some(Said::Ended(chore)) => *heard.ended.entry(chore).or_default() += 1,
            Some(Said::Answered) => heard.answers += 1,
            Some(Said::Saw { projection, position }) => drop(heard.saw.insert(projection, position)),
            Some(Said::Forgets { projection }) => heard.forgets.push(projection),
            None => {}
        }
        let is_now = match after {
            After::Begun(chore, times) => heard.begun.get(&chore).is_some_and(|begun| *begun >= times),
            After::Ended(chore) => heard.ended.contains_key(&chore),
            After::Answers(answers) => heard.answers >= answers,
        };
        if is_now {
            // Nobody waits for it after the first.
            let _ = now.send(());
        }
        line.clear();
    }
    Ok(heard)
}

impl Case {
    pub(crate) fn manner(&self) -> Manner {
        self.manner
    }

    /// How long it took, for whoever waits.
    pub(crate) fn timed(&mut self) -> (Outcome<Compared>, Duration) {
        let began = Instant::now();
        (self.run(), began.elapsed())
    }
}
