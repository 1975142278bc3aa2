//! An engine on the embedded store is killed at random moments (kill -9), twenty times over one folder. What it acknowledged is there,
//! exactly once; what it did not acknowledge is there whole or not at all.
//!
//! `EGO_STORY_SEED` tells the same story again: the same commands and the same moments, as far as the machine lets it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

mod check;
mod child;

use check::House;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use stories::{Random, Said};

const ROUNDS: u64 = 20;

#[test]
fn what_was_acknowledged_is_there_exactly_once_after_every_kill() {
    let seed =
        std::env::var("EGO_STORY_SEED").map_or_else(|_| RandomState::new().hash_one(0) >> 32, |seed| seed.parse().unwrap());
    println!("EGO_STORY_SEED={seed}");
    let (started, folder) = (Instant::now(), tempfile::tempdir().unwrap());
    let (mut random, mut house) = (Random::new(seed), House::default());
    for round in 0..ROUNDS {
        let moment = Moment::random(&mut random);
        for said in live(folder.path(), random.number(), round, moment) {
            house.hear(said);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
        runtime.block_on(house.check(folder.path(), &mut random, &format!("seed {seed}, round {round}, {moment:?}")));
    }
    println!("{house}, in {:?}", started.elapsed());
    assert!(house.promises() > 100, "too little was promised: {house}");
    assert!(house.unanswered() > 0, "nothing was under way when it was killed: {house}");
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was started: perhaps while it opens the store.
    AfterStart(Duration),
    /// So long after it sent its first command: mostly within a group of commits.
    AfterFirst(Duration),
}

impl Moment {
    fn random(random: &mut Random) -> Self {
        match random.below(4) {
            0 => Self::AfterStart(Duration::from_millis(random.below(250))),
            _ => Self::AfterFirst(Duration::from_millis(30 + random.below(350))),
        }
    }
}

/// A process that sends commands until it is killed, and what it said.
fn live(folder: &Path, seed: u64, round: u64, moment: Moment) -> Vec<Said> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child::NAME, "--ignored", "--nocapture", "--test-threads=1"])
        .env(child::FOLDER, folder)
        .env(child::SEED, seed.to_string())
        .env(child::ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (sends, first) = mpsc::channel();
    let heard = std::thread::spawn(move || {
        let (mut heard, mut line) = (Vec::new(), String::new());
        while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if let Some(said) = Said::hear(&line) {
                heard.push(said);
                // Nobody waits for it after the first.
                let _ = sends.send(());
            }
            line.clear();
        }
        heard
    });
    match moment {
        Moment::AfterStart(time) => std::thread::sleep(time),
        Moment::AfterFirst(time) => {
            first.recv_timeout(Duration::from_secs(60)).expect("it sends something");
            std::thread::sleep(time);
        }
    }
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !text.contains("panicked"), "round {round}: it ended by itself: {text}");
    heard.join().unwrap()
}
