//! A disk that is full for sled, too: the system refuses to let any file of a child process grow beyond a limit, which our segments stay
//! below and the index does not. The child is told with a typed error and lives on; without the limit, everything that was acknowledged
//! is there.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::message::Expected;
use ego::store::{Commit, Store, StoreError, Verdict};
use ego_sled::SledStore;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// In the units of `ulimit -f`: 512 bytes, or 1024 where the shell is bash.
const LIMITS: [&str; 2] = ["1030", "1400"];

#[test]
fn when_the_index_cannot_grow_the_store_says_so_and_keeps_what_it_acknowledged() {
    for limit in LIMITS {
        let folder = tempfile::tempdir().unwrap();
        // The index is made before: what is refused is its growth, not its creation.
        drop(small(folder.path()).open().unwrap());
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", limit])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "append_until_refused", "--nocapture", "--ignored"])
            .env("EGO_SLED_FOLDER", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        let errors = String::from_utf8_lossy(&child.stderr).into_owned();
        assert!(child.status.success() && said.contains("refused for good"), "{limit}: {said}\n{errors}");
        let rounds = said.lines().filter_map(|line| line.split_once("recorded ")).filter_map(|(_, round)| round.parse().ok());
        let acknowledged: Vec<usize> = rounds.collect();
        assert!(!acknowledged.is_empty(), "{limit}: {said}");
        run(async {
            let store = small(folder.path()).open().unwrap();
            let log = whole_log(&store).await.unwrap();
            let recorded: HashSet<_> = log.iter().map(|event| event.metadata.command_id.as_str()).collect();
            for round in &acknowledged {
                for one in batch(*round) {
                    assert!(recorded.contains(one.metadata.command_id.as_str()), "{limit}: {:?} is lost", one.stream);
                }
            }
            add(&store, "after", "after").await.unwrap();
            store.close().await.unwrap();
            assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new());
        });
    }
}

fn batch(round: usize) -> Vec<Commit> {
    let to = |number| format!("stream-{round}-{number}");
    (0..400).map(|number| commit(&to(number), &format!("{round}-{number}"), Expected::Any, vec![event("x")])).collect()
}

#[test]
#[ignore = "a child process: `cargo test -p ego-sled --test full when_the_index_cannot_grow` runs it"]
fn append_until_refused() {
    let folder = std::env::var("EGO_SLED_FOLDER").unwrap();
    run(async {
        let store = small(Path::new(&folder)).segment_bytes(256 << 10).open().unwrap();
        for round in 0.. {
            match store.append(batch(round)).await {
                Ok(verdicts) => {
                    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Committed(_))));
                    println!("recorded {round}");
                }
                Err(error @ (StoreError::Io { .. } | StoreError::Halted { .. } | StoreError::Damaged { .. })) => {
                    println!("refused: {error}");
                    break;
                }
                Err(error) => panic!("{error}"),
            }
            assert!(round < 5000, "the limit is not felt");
        }
        // Who reads the index may meet the failure before the indexer does, which ends writing.
        for attempt in 0.. {
            match add(&store, "a", &attempt.to_string()).await {
                Err(StoreError::Halted { .. }) => break,
                Err(StoreError::Io { .. } | StoreError::Damaged { .. }) if attempt < 3000 => {}
                other => panic!("{other:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        println!("refused for good, closed with {:?}", store.close().await);
    });
}
