//! A disk that fails on demand, and what the store makes of it: whoever waits is told, nothing is written any more, readers never see
//! what was not durable, and the next opening finds everything that was acknowledged.

use crate::faulty::{Fault, FaultyDisk, Kind, Lasts};
use crate::{Durability, SledStore};
use bytes::Bytes;
use ego::message::{CommandId, Expected, Metadata, Position, Revision, StreamId};
use ego::store::{Advance, Body, Commit, Filter, NewEvent, RowChange, Snapshot, Step, Stepped, Store, StoreError, Verdict};
use std::sync::Arc;

fn commit(to: &str, id: &str, expected: Expected) -> Commit {
    let event = NewEvent { name: "deposited".into(), version: 1, payload: Bytes::from(vec![1; 50]), tags: vec![] };
    Commit {
        stream: StreamId::new("account", to).unwrap(),
        expected,
        metadata: Arc::new(Metadata::new(CommandId::new(id).unwrap(), "deposit", jiff::Timestamp::UNIX_EPOCH)),
        codec: "json".into(),
        body: Body::Events(vec![event]),
        reply: Bytes::new(),
        rows: vec![],
    }
}

async fn add(store: &SledStore, id: &str) -> Result<Verdict, StoreError> {
    Ok(store.append(vec![commit("a", id, Expected::Any)]).await?.remove(0))
}

async fn seen(store: &SledStore) -> Vec<String> {
    let page = store.read_log(None, &Filter::all(), 1000).await.unwrap();
    page.items.iter().map(|event| event.metadata.command_id.to_string()).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// A failed write or sync: told, halted, invisible; after opening again the store works, and `kept` says whether the last is there.
fn fails_and_works_again(fault: Fault, kept: Option<bool>) {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        for id in ["1", "2", "3"] {
            assert!(matches!(add(&store, id).await, Ok(Verdict::Committed(_))));
        }
        let before = store.stream_head(&StreamId::new("account", "a").unwrap()).await.unwrap();
        disk.next(fault);
        let failed = add(&store, "4").await;
        assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
        for _ in 0..3 {
            let halted = add(&store, "5").await;
            assert!(matches!(halted, Err(StoreError::Halted { .. })), "{halted:?}");
            assert!(matches!(store.save_checkpoint("c", None).await, Err(StoreError::Halted { .. })));
            let step = Step { advance: None, rows: vec![RowChange::put("t", "late", "x")] };
            assert!(matches!(store.step(step).await, Err(StoreError::Halted { .. })));
        }
        // Readers see what was durable before, and nothing else.
        assert_eq!(seen(&store).await, ["1", "2", "3"]);
        assert_eq!(store.head().await.unwrap(), Position::new(3));
        assert_eq!(store.stream_head(&StreamId::new("account", "a").unwrap()).await.unwrap(), before);
        let four = CommandId::new("4").unwrap();
        assert_eq!(store.find_command(&StreamId::new("account", "a").unwrap(), &four).await.unwrap(), None);
        store.close().await.unwrap();
        drop(store);
        let store = disk.options(folder.path()).open().unwrap();
        assert!(!store.recovery().clean);
        let there = seen(&store).await;
        let last = there.get(3).is_some();
        assert_eq!(there[..3], ["1", "2", "3"]);
        assert!(kept.is_none_or(|kept| kept == last), "{there:?}");
        let repeated = add(&store, "4").await.unwrap();
        assert_eq!(matches!(repeated, Verdict::Repeated(_)), last, "{repeated:?}");
        assert_eq!(seen(&store).await.len(), 4);
    });
}

#[test]
fn after_a_failed_write_the_store_halts_until_it_is_opened_again() {
    for torn in [0, 1, 55, 56, 57, 100, 150] {
        fails_and_works_again(Fault::Write(torn), Some(false));
    }
}

#[test]
fn after_a_failed_sync_the_store_halts_until_it_is_opened_again() {
    fails_and_works_again(Fault::Sync, None);
}

#[test]
fn what_a_failed_sync_left_is_synced_before_it_is_shown() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "1").await.unwrap();
        disk.next(Fault::Sync);
        assert!(add(&store, "2").await.is_err());
        drop(store);
        let before = disk.syncs();
        disk.next(Fault::Sync);
        let refused = disk.options(folder.path()).open();
        assert!(matches!(refused, Err(StoreError::Io { .. })), "the log was not synced: {refused:?}");
        assert_eq!(disk.syncs(), before);
        let store = disk.options(folder.path()).open().unwrap();
        assert!(disk.syncs() > before);
        assert_eq!(seen(&store).await, ["1", "2"]);
    });
}

/// What nobody was told of is seen by nobody, and is there afterwards as a whole or not at all.
#[test]
fn a_step_whose_write_or_sync_fails_is_told_and_not_seen() {
    for fault in [Fault::Write(0), Fault::Write(60), Fault::Write(130), Fault::Sync] {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let disk = FaultyDisk::new();
            let store = disk.options(folder.path()).open().unwrap();
            add(&store, "1").await.unwrap();
            add(&store, "2").await.unwrap();
            let step = |from, to| {
                let rows = ["a", "b"].map(|key| RowChange::put("t", key, vec![to as u8; 40])).to_vec();
                let advance = Advance { consumer: "view".into(), from: Position::new(from), to: Position::new(to).unwrap() };
                Step { advance: Some(advance), rows }
            };
            let view = async |store: &SledStore| {
                let rows = store.load_rows("t", &["a".into(), "b".into()]).await.unwrap();
                assert_eq!(rows[0], rows[1]);
                let row = rows[0].as_ref().map_or(0, |row| u64::from(row[0]));
                (store.load_checkpoint("view").await.unwrap().map_or(0, Position::get), row)
            };
            assert_eq!(store.step(step(0, 1)).await.unwrap(), Stepped::Done);
            disk.next(fault);
            let failed = store.step(step(1, 2)).await;
            assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
            assert_eq!(view(&store).await, (1, 1));
            drop(store);
            let store = disk.options(folder.path()).open().unwrap();
            let (at, row) = view(&store).await;
            assert!(at == row && (at == 1 || at == 2 && fault == Fault::Sync), "{fault:?}: {at} and {row}");
        });
    }
}

#[test]
fn a_step_and_a_commit_that_come_together_share_a_sync() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "1").await.unwrap();
        let before = disk.syncs();
        let rows = (0..1000_u32).map(|key| RowChange::put("t", key.to_be_bytes().to_vec(), vec![1; 100])).collect();
        store.step(Step { advance: None, rows }).await.unwrap();
        assert_eq!(disk.syncs(), before + 1);
        let before = disk.syncs();
        let mut with_rows = commit("a", "2", Expected::Any);
        with_rows.rows = (0..100_u32).map(|key| RowChange::put("t", key.to_be_bytes().to_vec(), vec![2; 100])).collect();
        store.append(vec![with_rows]).await.unwrap();
        assert_eq!(disk.syncs(), before + 1);
        // What is refused, and what changes nothing, needs none.
        let late = Advance { consumer: "view".into(), from: Position::new(1), to: Position::new(1).unwrap() };
        store.step(Step { advance: Some(late), rows: vec![] }).await.unwrap();
        store.step(Step::default()).await.unwrap();
        assert_eq!(disk.syncs(), before + 1);
    });
}

#[test]
fn when_the_disk_is_full_the_store_halts_and_keeps_what_it_has() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "first").await.unwrap();
        disk.next(Fault::Full);
        let mut kept = vec!["first".to_owned()];
        let failed = loop {
            let id = format!("{}", kept.len());
            match add(&store, &id).await {
                Ok(_) => kept.push(id),
                Err(error) => break error,
            }
            assert!(kept.len() < 100, "a segment cannot hold this");
        };
        assert!(matches!(failed, StoreError::Io { .. }), "{failed:?}");
        assert!(matches!(add(&store, "more").await, Err(StoreError::Halted { .. })));
        assert_eq!(seen(&store).await, kept);
        drop(store);
        disk.next(Fault::None);
        let store = disk.options(folder.path()).open().unwrap();
        assert_eq!(seen(&store).await, kept);
        add(&store, "again").await.unwrap();
        assert_eq!(seen(&store).await.len(), kept.len() + 1);
    });
}

#[test]
fn whoever_waits_when_a_sync_fails_is_told() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "first").await.unwrap();
        disk.next(Fault::Sync);
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { add(&store, &number.to_string()).await })
            })
            .collect();
        let mut told = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Err(StoreError::Io { .. }) => told.0 += 1,
                Err(StoreError::Halted { .. }) => told.1 += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(told.0 >= 1 && told.0 + told.1 == 50, "{told:?}");
        assert_eq!(seen(&store).await, ["first"]);
    });
}

#[test]
fn one_sync_answers_a_batch_and_none_a_batch_that_records_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "1").await.unwrap();
        let before = disk.syncs();
        // Each relies on the one before it, which is not durable yet.
        let mut batch = Vec::new();
        for number in 1..10 {
            let last = ego::message::Revision::new(number);
            batch.push(commit("a", &format!("p{number}"), Expected::last(last)));
        }
        let verdicts = store.append(batch.clone()).await.unwrap();
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Committed(_))), "{verdicts:?}");
        assert_eq!(disk.syncs(), before + 1);
        // Repeats and refusals.
        batch.push(commit("a", "late", Expected::NoStream));
        let verdicts = store.append(batch).await.unwrap();
        assert!(verdicts[..9].iter().all(|verdict| matches!(verdict, Verdict::Repeated(_))), "{verdicts:?}");
        assert!(matches!(verdicts[9], Verdict::Refused(_)));
        assert_eq!(disk.syncs(), before + 1);
    });
}

#[test]
fn a_repetition_in_the_same_batch_is_told_of_once_the_first_is_durable() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        let twice = vec![commit("a", "1", Expected::Any), commit("a", "1", Expected::Any)];
        let verdicts = store.append(twice).await.unwrap();
        assert!(matches!(verdicts[..], [Verdict::Committed(_), Verdict::Repeated(_)]), "{verdicts:?}");
        disk.next(Fault::Sync);
        let twice = vec![commit("a", "2", Expected::Any), commit("a", "2", Expected::Any)];
        assert!(store.append(twice).await.is_err());
    });
}

#[test]
fn the_buffered_mode_answers_without_a_sync() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).durability(Durability::Buffered).open().unwrap();
        let before = disk.syncs();
        for id in ["1", "2", "3"] {
            add(&store, id).await.unwrap();
        }
        assert_eq!(disk.syncs(), before);
        drop(store);
        assert!(disk.syncs() > before);
    });
}

/// I8: a cut must not take revisions of which a snapshot is kept. Those that come in their place would be others.
#[test]
fn in_the_buffered_mode_a_snapshot_is_kept_when_its_revisions_are_durable() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).durability(Durability::Buffered).open().unwrap();
        add(&store, "1").await.unwrap();
        let (stream, revision) = (StreamId::new("account", "a").unwrap(), Revision::FIRST);
        let (position, codec) = (Position::FIRST, "json".into());
        let snapshot = Snapshot { revision, position, version: 1, codec, payload: "state".into() };
        disk.next(Fault::After(Kind::Sync, 0, Lasts::ForGood));
        let failed = store.save_snapshot(&stream, snapshot.clone()).await;
        assert!(matches!(failed, Err(StoreError::Io { .. } | StoreError::Halted { .. })), "{failed:?}");
        assert_eq!(store.load_snapshot(&stream).await.unwrap(), None);
        drop(store);
        disk.next(Fault::None);
        let store = disk.options(folder.path()).durability(Durability::Buffered).open().unwrap();
        add(&store, "2").await.unwrap();
        let before = disk.syncs();
        store.save_snapshot(&stream, snapshot.clone()).await.unwrap();
        assert!(disk.syncs() > before);
        assert_eq!(store.load_snapshot(&stream).await.unwrap(), Some(snapshot));
    });
}

#[test]
fn in_the_buffered_mode_a_hole_before_later_groups_is_a_torn_tail() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let dead = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).durability(Durability::Buffered).open().unwrap();
        for id in ["1", "2", "3"] {
            add(&store, id).await.unwrap();
        }
        std::fs::create_dir(dead.path().join("log")).unwrap();
        for name in ["FORMAT", "log/0000000001.seg"] {
            std::fs::copy(folder.path().join(name), dead.path().join(name)).unwrap();
        }
        // A power cut wrote the third group and not the second.
        let path = dead.path().join("log/0000000001.seg");
        let mut bytes = std::fs::read(&path).unwrap();
        let starts: Vec<_> = (0..bytes.len() - 4).filter(|at| &bytes[*at..*at + 4] == b"egoG").collect();
        bytes[starts[1]..starts[2]].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let store = disk.options(dead.path()).open().unwrap();
        assert_eq!(seen(&store).await, ["1"]);
        assert!(store.recovery().bytes_cut > 0);
        add(&store, "2").await.unwrap();
        drop(store);
        assert_eq!(seen(&disk.options(dead.path()).open().unwrap()).await, ["1", "2"]);
    });
}

#[test]
fn a_compaction_that_fails_after_any_segment_is_harmless() {
    run(async {
        for renames in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let disk = FaultyDisk::new();
            let store = disk.options(folder.path()).open().unwrap();
            let erased = StreamId::new("account", "a").unwrap();
            for number in 0..70 {
                add(&store, &number.to_string()).await.unwrap();
            }
            store.append(vec![commit("b", "b", Expected::Any)]).await.unwrap();
            store.erase(&erased).await.unwrap();
            // Ends the segment, so that the compaction itself makes no new one.
            crate::compact::end_segment(&store.shared).await.unwrap();
            disk.next(Fault::Rename(renames));
            assert!(store.compact().await.is_err());
            disk.next(Fault::None);
            assert_eq!(seen(&store).await, ["b"]);
            drop(store);
            std::fs::remove_dir_all(folder.path().join("index")).unwrap();
            let store = disk.options(folder.path()).open().unwrap();
            assert_eq!(seen(&store).await, ["b"]);
            assert_eq!(store.head().await.unwrap(), Position::new(71));
            assert!(store.compact().await.unwrap().segments > 0);
            drop(store);
            std::fs::remove_dir_all(folder.path().join("index")).unwrap();
            assert_eq!(seen(&disk.options(folder.path()).open().unwrap()).await, ["b"]);
        }
    });
}

#[test]
fn what_a_failed_sync_left_of_a_seal_is_synced_before_it_is_counted_on() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "1").await.unwrap();
        disk.next(Fault::Sync);
        assert!(matches!(store.close().await, Err(StoreError::Io { .. })));
        drop(store);
        let before = disk.syncs();
        let store = disk.options(folder.path()).open().unwrap();
        assert!(store.recovery().clean && disk.syncs() > before, "{:?}", store.recovery());
        assert_eq!(seen(&store).await, ["1"]);
    });
}

#[test]
fn a_witness_that_cannot_be_written_is_written_with_the_next_occasion() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new();
        let store = disk.options(folder.path()).open().unwrap();
        add(&store, "1").await.unwrap();
        let mark = folder.path().join("DURABLE");
        let told = std::fs::read(&mark).unwrap();
        // One write for the group, the next for its witness.
        disk.next(Fault::After(Kind::Write, 1, Lasts::Once));
        add(&store, "2").await.unwrap();
        assert_eq!(disk.failed(), 1);
        let torn = std::fs::read(&mark).unwrap();
        add(&store, "3").await.unwrap();
        let again = std::fs::read(&mark).unwrap();
        assert!(again != told && again != torn);
        assert_eq!(seen(&store).await, ["1", "2", "3"]);
    });
}
