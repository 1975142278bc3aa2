//! I2 under kill -9: a child process appends until it is killed; everything that it was told is recorded is there, whole.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::message::Expected;
use ego::store::{Direction, Store, Verdict};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const CLIENTS: usize = 8;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(String, String)> = Vec::new();
    for round in 0..7_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "append_until_killed", "--nocapture", "--ignored"])
            .env("EGO_SLED_FOLDER", folder.path())
            .env("EGO_SLED_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let reader = BufReader::new(child.stdout.take().unwrap());
        let lines = std::thread::spawn(move || reader.lines().map_while(Result::ok).collect::<Vec<_>>());
        // Also while the store is being opened and while the index is written.
        std::thread::sleep(Duration::from_millis(30 + round * 130));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.join().unwrap() {
            if let Some((to, id)) = line.strip_prefix("recorded ").and_then(|rest| rest.split_once(' ')) {
                acknowledged.push((to.to_owned(), id.to_owned()));
            }
        }
        run(async {
            let store = small(folder.path()).segment_bytes(64 << 10).open().unwrap();
            let log = whole_log(&store).await.unwrap();
            let recorded: HashSet<_> = log.iter().map(|event| (event.stream.id(), event.metadata.command_id.as_str())).collect();
            for (to, id) in &acknowledged {
                assert!(recorded.contains(&(to.as_str(), id.as_str())), "round {round}: {to} lost {id}");
            }
            for (to, id) in acknowledged.iter().rev().take(40) {
                let found = store.find_command(&stream(to), &command(id)).await.unwrap();
                assert!(found.is_some(), "round {round}: {to} does not know {id}");
            }
            assert_eq!(log.len() as u64, store.head().await.unwrap().map_or(0, u64::from));
            for client in 0..CLIENTS {
                let of = stream(&format!("s{client}"));
                let events = whole_stream(&store, &of, Direction::Forwards).await.unwrap();
                let revisions: Vec<u64> = events.iter().map(|event| event.revision.get()).collect();
                assert_eq!(revisions, (1..=events.len() as u64).collect::<Vec<_>>(), "I1");
                let in_log = log.iter().filter(|event| event.stream == of).count();
                assert_eq!(in_log, events.len());
                // Three events to a commit: all or nothing.
                assert_eq!(events.len() % 3, 0);
                assert!(events.chunks(3).all(|one| one[0].metadata.command_id == one[2].metadata.command_id));
            }
        });
    }
    assert!(acknowledged.len() > 100, "only {} commits were tried", acknowledged.len());
}

#[test]
#[ignore = "a child process: `cargo test -p ego-sled --test kill what_was_acknowledged_survives_a_kill` runs it"]
fn append_until_killed() {
    let (folder, round) = (std::env::var("EGO_SLED_FOLDER").unwrap(), std::env::var("EGO_SLED_ROUND").unwrap());
    run(async {
        let store = small(Path::new(&folder)).segment_bytes(64 << 10).open().unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (store, round) = (store.clone(), round.clone());
                tokio::spawn(async move {
                    for number in 0.. {
                        let (to, id) = (format!("s{client}"), format!("{round}-{number}"));
                        let events = (0..3).map(|_| event(vec![b'x'; number % 500])).collect();
                        let verdicts = store.append(vec![commit(&to, &id, Expected::Any, events)]).await.unwrap();
                        assert!(matches!(verdicts[0], Verdict::Committed(_)));
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "recorded {to} {id}").unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}
