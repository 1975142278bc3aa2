//! The life of one store: in each round a process works on it and is killed, and another checks what is left.

use crate::outcome::{Outcome, hold};
use crate::scene::{SAID, Scenario};
use fastrand::Rng;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) struct Life {
    scenario: &'static Scenario,
    folder: PathBuf,
    random: Rng,
    processes: u64,
    /// How many lines were heard.
    pub(crate) said: u64,
    /// How many processes were killed before they had said anything: while they opened the store, mostly.
    pub(crate) silent: u64,
}

impl Life {
    pub(crate) fn new(scenario: &'static Scenario, folder: PathBuf, seed: u64) -> Self {
        Self { scenario, folder, random: Rng::with_seed(seed), processes: 0, said: 0, silent: 0 }
    }

    /// Kills a process at its work, and checks what is left.
    pub(crate) fn round(&mut self) -> Outcome {
        self.kill()?;
        self.check()
    }

    fn command(&mut self, process: &str) -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let (seed, number) = (self.random.u64(..).to_string(), self.processes.to_string());
        self.processes += 1;
        let told = ["--scenario", self.scenario.name, "--seed", &seed, "--process", &number, "--folder"];
        command.env("RUST_BACKTRACE", "0").arg(process).args(told).arg(&self.folder);
        Ok(command)
    }

    fn kill(&mut self) -> Outcome {
        // Every eighth at once, whatever it is doing; the others after so many lines and a little.
        let lines = if self.random.u32(..8) == 0 { 0 } else { self.random.u64(1..80) };
        let most = if self.random.bool() { 1_000 } else { 20_000 };
        let wait = Duration::from_micros(self.random.u64(..most));
        let mut child = self.command("work")?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, errors) = (child.stdout.take().ok_or("no output")?, child.stderr.take().ok_or("no errors")?);
        let (now, is_now) = mpsc::channel();
        let file = OpenOptions::new().create(true).append(true).open(self.folder.join(SAID))?;
        let listener = std::thread::spawn(move || listen(out, lines, &now, file));
        let grumbler = std::thread::spawn(move || std::io::read_to_string(errors));
        // It may say less than that: then it is killed when it has nothing more to do, or ended by itself – why is asked below.
        let _ = is_now.recv_timeout(if lines == 0 { Duration::ZERO } else { Duration::from_secs(2) });
        std::thread::sleep(wait);
        child.kill()?;
        let status = child.wait()?;
        let heard = listener.join().map_err(|_| "the listener panicked")??;
        let errors = grumbler.join().map_err(|_| "the listener panicked")??;
        hold!(status.code().is_none(), "at work it ended by itself, {status}: {}", errors.trim_end());
        hold!(!errors.contains("panicked at"), "at work it panicked: {}", errors.trim_end());
        self.said += heard;
        self.silent += u64::from(heard == 0);
        Ok(())
    }

    fn check(&mut self) -> Outcome {
        let mut child = self.command("check")?.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, errors) = (child.stdout.take().ok_or("no output")?, child.stderr.take().ok_or("no errors")?);
        let grumbler = std::thread::spawn(move || std::io::read_to_string(errors));
        // Kept apart until the check is over: it reads what was said before.
        let own = self.folder.join("said-by-check");
        listen(out, u64::MAX, &mpsc::channel().0, File::create(&own)?)?;
        let status = child.wait()?;
        let errors = grumbler.join().map_err(|_| "the listener panicked")??;
        hold!(status.success(), "{}", errors.trim_end());
        let mut file = OpenOptions::new().create(true).append(true).open(self.folder.join(SAID))?;
        Ok(file.write_all(&std::fs::read(own)?)?)
    }
}

/// Hears a process to its end, writes down what it said, and tells when it has said so much.
fn listen(out: impl Read, lines: u64, now: &mpsc::Sender<()>, file: File) -> Outcome<u64> {
    let (mut out, mut line, mut file, mut heard) = (BufReader::new(out), Vec::new(), BufWriter::new(file), 0);
    while out.read_until(b'\n', &mut line)? > 0 {
        // What was cut off by the kill was not said.
        if line.ends_with(b"\n") {
            file.write_all(&line)?;
            heard += 1;
            if heard == lines {
                // Nobody waits for it after its time.
                let _ = now.send(());
            }
        }
        line.clear();
    }
    file.flush()?;
    Ok(heard)
}
