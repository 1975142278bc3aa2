//! A process that admits and forgets is killed at random moments. `EGO_PRIVACY_SEED` repeats a run, `EGO_PRIVACY_ROUNDS` makes it longer.

use crate::clinic::*;
use crate::raw::holds_nothing_of;
use crate::sealed::stop;
use ego::prelude::*;
use ego::store::Store;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::time::Duration;

const FOLDER: &str = "EGO_PRIVACY_FOLDER";
const SEED: &str = "EGO_PRIVACY_SEED";
const ROUNDS: &str = "EGO_PRIVACY_ROUNDS";

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// What is known of a patient, from what was said before the kill.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Known {
    Admitted,
    /// It may have happened.
    Forgetting,
    Forgotten,
}

#[test]
fn who_is_forgotten_stays_so_and_nobody_else_is_whenever_it_is_killed() {
    let seed = number(SEED).unwrap_or_else(|| fastrand::u64(..));
    println!("{SEED}={seed}");
    let mut random = Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for round in 0..number(ROUNDS).unwrap_or(20) {
        for line in killed(folder.path(), round, &mut random) {
            let Some((word, patient)) = line.split_once(' ') else { continue };
            let now = match word {
                "@admitted" => Known::Admitted,
                "@forgetting" => Known::Forgetting,
                "@forgot" => Known::Forgotten,
                _ => continue,
            };
            let known = known.entry(patient.to_owned()).or_insert(now);
            *known = now.max(*known);
        }
        runtime.block_on(check(folder.path(), &mut known));
    }
    let count = |wanted| known.values().filter(|known| **known == wanted).count();
    assert!(count(Known::Admitted) > 0 && count(Known::Forgotten) > 0, "{known:?}");
}

/// What the process said until it was killed.
fn killed(folder: &Path, round: u64, random: &mut Rng) -> Vec<String> {
    let mut child = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(SEED, format!("{}", round * 1_000_003 + random.u64(..1_000_000)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let wanted = random.usize(1..25);
    let mut said: Vec<String> = lines.by_ref().map_while(Result::ok).filter(|line| line.contains('@')).take(wanted).collect();
    std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    said.extend(lines.map_while(Result::ok));
    // The first line stands behind what the test harness says.
    said.iter().filter_map(|line| line.find('@').map(|at| line[at..].to_owned())).collect()
}

async fn check(folder: &Path, known: &mut BTreeMap<String, Known>) {
    holds_nothing_of(&folder.join("store"), &SECRETS);
    let engine = clinic(folder).await;
    for (patient, known) in known {
        if *known == Known::Forgetting {
            // Doing it again finishes it, however far it was.
            engine.forget(patient).await.unwrap();
            *known = Known::Forgotten;
        }
        let expected = if *known == Known::Admitted { (NAME, Some(PHONE)) } else { ("somebody", None) };
        let state = engine.load::<Patient>(patient).await.unwrap().state;
        assert_eq!((&*state.name, state.phone.as_deref()), expected, "{patient}");
        let bed = engine.view::<Bed>(&**patient).await.unwrap().unwrap();
        assert_eq!(bed.phone.as_deref(), expected.1, "{patient}");
        let head = engine.store().head().await.unwrap();
        let card = engine.view::<Card>(&**patient).after(head).await.unwrap().unwrap();
        assert_eq!(card.name, expected.0, "{patient}");
    }
    stop(engine).await;
    holds_nothing_of(&folder.join("keys"), &SECRETS);
}

#[test]
#[ignore = "a child process that is killed: `cargo test -p ego --test privacy kills` runs it"]
fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut random = Rng::with_seed(number(SEED).unwrap());
    let say = |word: &str, patient: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "@{word} {patient}").and_then(|()| out.flush()).unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let engine = clinic(&folder).await;
        let run = random.u64(..);
        let mut patients = Vec::new();
        for number in 0.. {
            let patient = format!("p-{run}-{number}");
            engine.send::<Patient>(&*patient, admit(&patient, 1)).await.unwrap();
            say("admitted", &patient);
            patients.push(patient);
            if random.u32(..3) == 0 {
                let patient = patients.swap_remove(random.usize(..patients.len()));
                say("forgetting", &patient);
                engine.forget(&patient).await.unwrap();
                say("forgot", &patient);
            }
        }
    });
}
