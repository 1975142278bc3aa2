//! The store in memory says what the contract means; this one must say the same, whatever is asked of it in whatever order, also
//! after it was opened again or lost its index.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use bytes::Bytes;
use common::*;
use ego::message::Expected;
use ego::store::{Commit, Direction, Filter, MemoryStore, NewEvent, Snapshot, Store};
use ego_sled::SledStore;
use std::fmt::Debug;

/// A small generator of numbers: the same seed, the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn same(step: usize, what: &str, sled: &impl Debug, memory: &impl Debug) {
    assert_eq!(format!("{sled:?}"), format!("{memory:?}"), "step {step}: {what}");
}

fn random_commit(random: &mut Random) -> Commit {
    let kind = ["account", "cart", "a.b"][random.below(3) as usize];
    let expected = match random.below(8) {
        0 => Expected::NoStream,
        1 => Expected::Exists,
        2 | 3 => Expected::Exact(revision(random.below(12) + 1)),
        _ => Expected::Any,
    };
    let (to, id) = (format!("s{}", random.below(4)), format!("c{}", random.below(400)));
    let commit = if random.below(10) == 0 {
        state(&to, &id, expected, format!("state {id}").as_bytes())
    } else {
        let events = (0..[1, 1, 1, 2, 5, 0][random.below(6) as usize]).map(|number| NewEvent {
            name: format!("e{}", random.below(3)).into(),
            version: random.below(2) as u32 + 1,
            payload: Bytes::from(vec![number as u8; random.below(120) as usize]),
            tags: (0..random.below(3)).map(|tag| format!("t{tag}").into()).collect(),
        });
        let events = events.collect();
        commit(&to, &id, expected, events)
    };
    Commit { stream: ego::message::StreamId::new(kind, to).unwrap(), ..commit }
}

async fn story(seed: u64, steps: usize) {
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryStore::new();
    let mut sled = small(folder.path()).open().unwrap();
    let ids: Vec<String> = (0..400).map(|id| format!("c{id}")).collect();
    let streams: Vec<_> = ["account", "cart", "a.b"]
        .iter()
        .flat_map(|kind| (0..5).map(move |id| ego::message::StreamId::new(*kind, format!("s{id}")).unwrap()))
        .collect();
    for step in 0..steps {
        let of = streams[random.below(15) as usize].clone();
        let at = position(random.below(60) + 1);
        let consumer = format!("consumer{}", random.below(3));
        match random.below(40) {
            0 => {
                sled.close().await.unwrap();
                drop(sled);
                if random.below(3) == 0 {
                    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
                }
                sled = small(folder.path()).open().unwrap();
            }
            1 => same(step, "erase", &sled.erase(&of).await, &memory.erase(&of).await),
            2..=4 => {
                let to = revision(random.below(10) + 1);
                same(step, "delete", &sled.delete_up_to(&of, to).await, &memory.delete_up_to(&of, to).await);
            }
            5..=7 => {
                let at = if random.below(5) == 0 { None } else { Some(at) };
                let (ours, theirs) = (sled.save_checkpoint(&consumer, at).await, memory.save_checkpoint(&consumer, at).await);
                same(step, "checkpoint", &ours, &theirs);
            }
            8 => {
                let (ours, theirs) = (sled.delete_checkpoint(&consumer).await, memory.delete_checkpoint(&consumer).await);
                same(step, "forget", &ours, &theirs);
            }
            9 => {
                let erased = memory.stream_head(&of).await.unwrap().is_some_and(|head| head.erased);
                let snapshot = Snapshot {
                    revision: revision(random.below(8) + 1),
                    position: at,
                    version: 1,
                    codec: "json".into(),
                    payload: Bytes::from(vec![step as u8; random.below(10_000) as usize]),
                };
                if !erased {
                    let (ours, theirs) =
                        (sled.save_snapshot(&of, snapshot.clone()).await, memory.save_snapshot(&of, snapshot).await);
                    same(step, "snapshot", &ours, &theirs);
                    same(step, "snapshot", &sled.load_snapshot(&of).await, &memory.load_snapshot(&of).await);
                    // Disposable: the index may be lost next.
                    let (ours, theirs) = (sled.delete_snapshot(&of).await, memory.delete_snapshot(&of).await);
                    same(step, "snapshot", &ours, &theirs);
                    same(step, "snapshot", &sled.load_snapshot(&of).await, &memory.load_snapshot(&of).await);
                }
            }
            10..=13 => {
                let filter = match random.below(4) {
                    0 => Filter::all(),
                    1 => Filter::all().kind("cart"),
                    2 => Filter::all().name("e1").tag("t0"),
                    _ => Filter::all().name("nothing"),
                };
                let after = if random.below(2) == 0 { None } else { Some(at) };
                let limit = random.below(9) as usize;
                let (ours, theirs) =
                    (sled.read_log(after, &filter, limit).await.unwrap(), memory.read_log(after, &filter, limit).await.unwrap());
                same(step, "log", &ours.items, &theirs.items);
                same(step, "end of the log", &ours.next.is_none(), &theirs.next.is_none());
            }
            14..=17 => {
                let direction = if random.below(2) == 0 { Direction::Forwards } else { Direction::Backwards };
                let from = if random.below(3) == 0 { None } else { Some(revision(random.below(20) + 1)) };
                let limit = random.below(9) as usize;
                let (ours, theirs) =
                    (sled.read_stream(&of, from, direction, limit).await, memory.read_stream(&of, from, direction, limit).await);
                same(step, "stream", &ours, &theirs);
            }
            18 => {
                let kind = ["account", "a", "a.b"][random.below(3) as usize];
                let (ours, theirs) =
                    (sled.list_streams(Some(kind), None, 2).await, memory.list_streams(Some(kind), None, 2).await);
                same(step, "list", &ours, &theirs);
            }
            19 => {
                let id = command(&ids[random.below(400) as usize]);
                same(step, "command", &sled.find_command(&of, &id).await, &memory.find_command(&of, &id).await);
            }
            _ => {
                let batch: Vec<_> = (0..random.below(4) + 1).map(|_| random_commit(&mut random)).collect();
                same(step, "append", &sled.append(batch.clone()).await, &memory.append(batch).await);
            }
        }
    }
    let expected = everything(&memory, &streams, &ids).await.unwrap();
    assert_eq!(everything(&sled, &streams, &ids).await.unwrap(), expected, "open");
    drop(sled);
    let sled = small(folder.path()).open().unwrap();
    assert_eq!(everything(&sled, &streams, &ids).await.unwrap(), expected, "opened again");
    assert_eq!((sled.recovery().clean, sled.recovery().bytes_cut, &sled.recovery().index_rebuilt), (true, 0, &None));
    drop(sled);
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
    let sled = small(folder.path()).open().unwrap();
    assert_eq!(everything(&sled, &streams, &ids).await.unwrap(), expected, "with a new index");
    assert!(sled.recovery().index_rebuilt.is_some());
}

#[test]
fn every_story_goes_as_in_memory() {
    run(async {
        for seed in 0..6 {
            story(seed, 600).await;
        }
    });
}

#[test]
fn a_long_stream_is_read_from_every_revision_in_both_directions() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let memory = MemoryStore::new();
        let sled = SledStore::options(folder.path()).segment_bytes(1 << 20).open().unwrap();
        for round in 0..4 {
            let batch: Vec<_> = (0..250)
                .map(|number| {
                    let events = (0..number % 3).map(|_| event(vec![0; 10])).collect();
                    commit("long", &format!("{round}-{number}"), Expected::Any, events)
                })
                .collect();
            same(round, "append", &sled.append(batch.clone()).await, &memory.append(batch).await);
            if round % 2 == 0 {
                // The indexer takes over what is a second old.
                tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
            }
            for from in (1..=1001).step_by(13) {
                for direction in [Direction::Forwards, Direction::Backwards] {
                    let (ours, theirs) = (
                        sled.read_stream(&stream("long"), Some(revision(from)), direction, 40).await,
                        memory.read_stream(&stream("long"), Some(revision(from)), direction, 40).await,
                    );
                    same(from as usize, "page", &ours, &theirs);
                }
            }
        }
    });
}
