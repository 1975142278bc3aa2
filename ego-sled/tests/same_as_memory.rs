//! The store in memory says what the contract means; this one must say the same, whatever is asked of it in whatever order, also
//! after it was opened again or lost its index.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use bytes::Bytes;
use common::*;
use ego::message::Expected;
use ego::store::{Advance, Commit, Direction, Filter, MemoryStore, NewEvent, RowChange, Snapshot, Step, Store};
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
    let rows = if random.below(3) == 0 { random_rows(random, 4) } else { vec![] };
    Commit { stream: ego::message::StreamId::new(kind, to).unwrap(), rows, ..commit }
}

fn random_key(random: &mut Random) -> Vec<u8> {
    let bytes = [0, 1, b'a', b'b', 254, 255];
    (0..random.below(4)).map(|_| bytes[random.below(6) as usize]).collect()
}

/// Changes of rows: small and large, put and removed, the same one twice.
fn random_rows(random: &mut Random, most: u64) -> Vec<RowChange> {
    let rows = (0..random.below(most + 1)).map(|_| {
        let (table, key) = (TABLES[random.below(3) as usize], random_key(random));
        let len = [0, 1, 40, 1024, 1025, 3000][random.below(6) as usize];
        let content = vec![random.below(256) as u8; len];
        if random.below(4) == 0 { RowChange::remove(table, key) } else { RowChange::put(table, key, content) }
    });
    let mut rows: Vec<_> = rows.collect();
    if random.below(40) == 0 {
        rows.push(RowChange::put("", "not valid", ""));
    }
    rows
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
        match random.below(60) {
            40..=45 => {
                let now = memory.load_checkpoint(&consumer).await.unwrap();
                let from = if random.below(4) == 0 { None } else { now };
                let advance = (random.below(4) > 0).then(|| Advance { consumer: consumer.clone(), from, to: at });
                let one = Step { advance, rows: random_rows(&mut random, 12) };
                same(step, "step", &sled.step(one.clone()).await, &memory.step(one).await);
            }
            46..=51 => {
                let table = ["a", "ab", "b", "none", ""][random.below(5) as usize];
                let keys: Vec<Bytes> = (0..random.below(9)).map(|_| random_key(&mut random).into()).collect();
                same(step, "rows", &sled.load_rows(table, &keys).await, &memory.load_rows(table, &keys).await);
            }
            52..=58 => {
                let table = ["a", "ab", "b", "none", ""][random.below(5) as usize];
                let (start, end) = (random_key(&mut random), random_key(&mut random));
                let end = (random.below(3) > 0).then_some(&*end);
                let limit = random.below(12) as usize;
                let (ours, theirs) =
                    (sled.list_rows(table, &start, end, limit).await, memory.list_rows(table, &start, end, limit).await);
                same(step, "page of rows", &ours, &theirs);
            }
            59 => drop(sled.compact().await.unwrap()),
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
                let filter = match random.below(6) {
                    4 => Filter::all().stream(of),
                    5 => Filter::all().stream(of).stream(streams[0].clone()).name("e1"),
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
                // Whoever looks for streams may know sooner that there is no more of them.
                let more = memory.read_log(ours.next.or(theirs.next), &filter, 100).await.unwrap().items;
                let sooner = !filter.streams.is_empty() && ours.next.is_none() && more.is_empty();
                assert!(
                    sooner || ours.next.is_none() == theirs.next.is_none(),
                    "step {step}: {:?}, {:?}",
                    ours.next,
                    theirs.next
                );
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
        for seed in 0..8 {
            story(seed, 800).await;
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
