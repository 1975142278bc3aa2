//! Events are deleted behind a snapshot that was read back, and never past a consumer.

use crate::domain::*;
use crate::policy::{by_events, count, on, snapshot, stream};
use crate::recovery::sealed_for;
use crate::until;
use crate::watched::{Call, Watched};
use bytes::Bytes;
use ego::engine::{CommandError, DeleteError, Deletion, ReadError, RecoveryError, Retention, SnapshotError};
use ego::message::{Position, Revision};
use ego::prelude::*;
use ego::store::{AnyStore, MemoryStore, Row, RowChange, Snapshot, Step, Store, StoreError};
use ego_sled::SledStore;
use std::sync::atomic::Ordering;
use std::time::Duration;

const KEPT: &str = "ego/kept";

async fn first<A: Aggregate>(engine: &Engine, id: &str) -> Option<u64> {
    let head = engine.store().stream_head(&stream::<A>(id)).await.unwrap();
    head.and_then(|head| head.first).map(Revision::get)
}

async fn kept(store: &impl Store) -> Vec<Row> {
    store.list_rows(KEPT, &[], None, 1000).await.unwrap().items
}

fn told(deletion: &Deletion) -> (u64, Option<u64>, Option<u64>) {
    (deletion.deleted, deletion.first.map(Revision::get), deletion.snapshot.map(Revision::get))
}

async fn without_snapshots<A: Aggregate>(store: &impl Store, id: &str) {
    store.delete_snapshot(&stream::<A>(id)).await.unwrap();
}

/// On each of them, the same: what is left, and what everybody is answered, also without any snapshot and after a restart.
#[tokio::test]
async fn events_are_deleted_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    for in_memory in [true, false] {
        let memory = MemoryStore::new();
        let open = || async {
            if in_memory {
                AnyStore::new(memory.clone())
            } else {
                until(|| async { SledStore::open(folder.path()).ok().map(AnyStore::new) }).await
            }
        };
        let engine = on(open().await).await;
        count::<ByHand>(&engine, "a", 30).await;
        let seen = by_events::<ByHand>(&engine, "a").await;
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 30).await.unwrap()), (0, Some(1), None));
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 1000).await.unwrap()), (0, Some(1), None));
        assert_eq!(kept(engine.store()).await, []);
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 10).await.unwrap()), (20, Some(21), Some(30)));
        assert_eq!(first::<ByHand>(&engine, "a").await, Some(21));
        // The snapshot that stands has seen enough for these.
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 4).await.unwrap()), (6, Some(27), Some(30)));
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 4).await.unwrap()), (0, Some(27), Some(30)));
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 0).await.unwrap()), (4, None, Some(30)));
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 0).await.unwrap()), (0, None, Some(30)));
        without_snapshots::<ByHand>(engine.store(), "a").await;
        engine.stop(Duration::from_secs(60)).await.unwrap();
        drop(engine);
        let engine = on(open().await).await;
        let loaded = engine.load::<ByHand>("a").await.unwrap();
        assert_eq!((loaded.state.seen(), loaded.revision.map(Revision::get)), (&seen, Some(30)));
        assert_eq!(engine.send::<ByHand>("a", Count { by: 7 }).expect_revision(30).await.unwrap().revision, Revision::new(31));
        assert_eq!(told(&engine.delete_events::<ByHand>("a", 0).await.unwrap()), (1, None, Some(31)));
        assert_eq!(kept(engine.store()).await.len(), 1, "the earlier one went");
        let mut later = seen;
        later.add(7);
        assert_eq!(
            on(open_again(&engine, in_memory, &memory).await).await.load::<ByHand>("a").await.unwrap().state.seen(),
            &later
        );
        engine.stop(Duration::from_secs(60)).await.unwrap();
    }
}

/// Another engine on the same store.
async fn open_again(engine: &Engine, in_memory: bool, memory: &MemoryStore) -> AnyStore {
    if in_memory { AnyStore::new(memory.clone()) } else { engine.store().clone() }
}

/// What stands in the place of deleted events is no snapshot that the store may lose: in a store that lost its index, too.
#[tokio::test]
async fn what_stands_for_deleted_events_outlives_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let engine = on(SledStore::open(folder.path()).unwrap()).await;
    count::<Five>(&engine, "a", 30).await;
    let seen = by_events::<Five>(&engine, "a").await;
    engine.delete_events::<Five>("a", 3).await.unwrap();
    engine.stop(Duration::from_secs(60)).await.unwrap();
    drop(engine);
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
    let engine = on(until(|| async { SledStore::open(folder.path()).ok() }).await).await;
    assert_eq!(snapshot::<Five>(&engine, "a").await, None);
    assert_eq!(engine.load::<Five>("a").await.unwrap().state.seen(), &seen);
    assert_eq!(engine.send::<Five>("a", Count { by: 1 }).await.unwrap().reply, seen.seal);
}

#[tokio::test]
async fn inline_views_go_on_behind_deleted_events() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    count::<Five>(&engine, "a", 12).await;
    let mut seen = by_events::<Five>(&engine, "a").await;
    engine.delete_events::<Five>("a", 2).await.unwrap();
    without_snapshots::<Five>(&store, "a").await;
    let other = on(store.clone()).await;
    other.send::<Five>("a", Count { by: 50 }).await.unwrap();
    seen.add(50);
    assert_eq!(other.view::<Sums>("a").await.unwrap().unwrap().seen, seen);
    assert_eq!(other.load::<Five>("a").await.unwrap().state.seen(), &seen);
}

/// Of what a consumer has not finished nothing goes; what it has finished does, and the report names it.
#[tokio::test]
async fn the_slowest_consumer_holds_back_what_it_has_not_finished() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    for by in 0..20 {
        engine.send::<ByHand>("a", Count { by }).await.unwrap();
        engine.send::<ByHand>("b", Count { by }).await.unwrap();
    }
    let seen = by_events::<ByHand>(&engine, "a").await;
    let head = store.head().await.unwrap();
    store.save_checkpoint("ahead", head).await.unwrap();
    store.save_checkpoint("late", None).await.unwrap();
    let deletion = engine.delete_events::<ByHand>("a", 5).await.unwrap();
    let by = deletion.held_back.clone().unwrap();
    assert_eq!((told(&deletion), &*by.consumer, by.checkpoint), ((0, Some(1), None), "late", None));
    assert_eq!(kept(&store).await, []);
    // Event n of "a" stands at 2n - 1.
    for (checkpoint, gone, left) in [(1, 1, 2), (2, 0, 2), (13, 6, 8), (28, 7, 15), (29, 0, 15)] {
        store.save_checkpoint("late", Position::new(checkpoint)).await.unwrap();
        let deletion = engine.delete_events::<ByHand>("a", 5).await.unwrap();
        let wanted_more = checkpoint < 29;
        let by = deletion.held_back.clone().map(|by| (by.consumer, by.checkpoint));
        assert_eq!(by, wanted_more.then(|| ("late".to_owned(), Position::new(checkpoint))), "{checkpoint}");
        let expected = if wanted_more { (gone, left) } else { (1, 16) };
        assert_eq!((deletion.deleted, deletion.first.map(Revision::get)), (expected.0, Some(expected.1)), "{checkpoint}");
    }
    store.delete_checkpoint("late").await.unwrap();
    let deletion = engine.delete_events::<ByHand>("a", 0).await.unwrap();
    assert_eq!((deletion.deleted, deletion.held_back), (5, None));
    assert_eq!(on(store).await.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
}

/// A snapshot that cannot be read back deletes nothing.
#[tokio::test]
async fn nothing_is_deleted_before_the_snapshot_was_read_back() {
    let store = Watched::new(MemoryStore::new());
    let engine = on(store.clone()).await;
    count::<ByHand>(&engine, "a", 10).await;
    let seen = by_events::<ByHand>(&engine, "a").await;
    store.spoil_rows.store(true, Ordering::SeqCst);
    let error = engine.delete_events::<ByHand>("a", 0).await.unwrap_err();
    assert!(matches!(error, DeleteError::Unverified { revision, .. } if revision.get() == 10), "{error}");
    assert_eq!(first::<ByHand>(&engine, "a").await, Some(1));
    store.spoil_rows.store(false, Ordering::SeqCst);
    store.take_calls();
    engine.delete_events::<ByHand>("a", 0).await.unwrap();
    let calls: Vec<_> = store.take_calls().into_iter().filter(|call| !matches!(call, Call::Read { .. })).collect();
    assert_eq!(calls, [Call::Delete(10)], "the snapshot that was kept before can be read now");
    // What panics when it is read again is not trusted either.
    count::<Fussy>(&engine, "f", 15).await;
    let error = engine.delete_events::<Fussy>("f", 0).await.unwrap_err();
    assert!(matches!(error, DeleteError::Unverified { .. }), "{error}");
    assert_eq!(first::<Fussy>(&engine, "f").await, Some(1));
    assert_eq!(engine.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
}

/// Puts other bytes where the kept snapshot stands.
async fn spoil(store: &impl Store, change: impl Fn(&Bytes) -> Bytes) {
    let rows = kept(store).await.iter().map(|row| RowChange::put(KEPT, row.key.clone(), change(&row.value))).collect();
    store.step(Step { advance: None, rows }).await.unwrap();
}

/// With the history deleted and what stands for it unreadable, everything says so, and nothing is lost: a program that can read it goes on.
#[tokio::test]
async fn an_unreadable_one_in_the_place_of_deleted_events_is_said_and_kept() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    count::<ByHand>(&engine, "a", 10).await;
    let seen = by_events::<ByHand>(&engine, "a").await;
    engine.delete_events::<ByHand>("a", 4).await.unwrap();
    without_snapshots::<ByHand>(&store, "a").await;
    let good = kept(&store).await;
    let version_two = {
        let other = on(MemoryStore::new()).await;
        count::<Second>(&other, "a", 10).await;
        other.snapshot::<Second>("a").await.unwrap();
        sealed_for::<ByHand>(&snapshot::<Second>(&other, "a").await.unwrap().payload)
    };
    type Spoil = Box<dyn Fn(&Bytes) -> Bytes>;
    let cases: [(Spoil, &str); 3] = [
        (Box::new(|row| row.slice(..row.len() - 1)), "damaged"),
        (Box::new(move |_| version_two.clone()), "it is of version 2 of the state, the program has version 1"),
        (Box::new(|row| [&[9], &row[1..]].concat().into()), "format 9"),
    ];
    for (change, said) in cases {
        spoil(&store, change).await;
        let other = on(store.clone()).await;
        let error = other.load::<ByHand>("a").await.unwrap_err();
        let ReadError::Recovery(RecoveryError::SnapshotUnreadable { first, revision, reason }) = &error else {
            panic!("{error}")
        };
        assert_eq!((first.get(), revision.get()), (7, 10));
        assert!(reason.contains(said), "{reason}");
        let error = other.send::<ByHand>("a", Count { by: 1 }).await.unwrap_err();
        assert!(matches!(error, CommandError::Unloadable { source: RecoveryError::SnapshotUnreadable { .. }, .. }), "{error}");
        // Nor is anything put in its place.
        let error = other.delete_events::<ByHand>("a", 0).await.unwrap_err();
        assert!(matches!(error, DeleteError::Snapshot(SnapshotError::Read(_))), "{error}");
        let rows = good.iter().map(|row| RowChange::put(KEPT, row.key.clone(), row.value.clone())).collect();
        store.step(Step { advance: None, rows }).await.unwrap();
        assert_eq!(on(store.clone()).await.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
    }
    // None at all is an error, too.
    let rows = good.iter().map(|row| RowChange::remove(KEPT, row.key.clone())).collect();
    store.step(Step { advance: None, rows }).await.unwrap();
    let error = on(store.clone()).await.load::<ByHand>("a").await.unwrap_err();
    let ReadError::Recovery(RecoveryError::Store(StoreError::HistoryDeleted { first })) = error else { panic!("{error}") };
    assert_eq!(first.get(), 7);
}

/// A field that was added with a default must not be empty as long as it can be folded; where it cannot, the state is read all the same.
#[tokio::test]
async fn one_of_another_shape_stands_for_deleted_events_only() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    count::<ByHand>(&engine, "a", 10).await;
    let seen = by_events::<ByHand>(&engine, "a").await;
    engine.delete_events::<ByHand>("a", 4).await.unwrap();
    without_snapshots::<ByHand>(&store, "a").await;
    let shaped = {
        let other = on(MemoryStore::new()).await;
        count::<Shaped>(&other, "a", 10).await;
        other.snapshot::<Shaped>("a").await.unwrap();
        sealed_for::<ByHand>(&snapshot::<Shaped>(&other, "a").await.unwrap().payload)
    };
    spoil(&store, |_| shaped.clone()).await;
    let other = on(store.clone()).await;
    assert_eq!(other.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
    // It is kept anew in today's shape before more is deleted.
    other.delete_events::<ByHand>("a", 0).await.unwrap();
    assert_ne!(kept(&store).await[0].value, shaped);
    assert_eq!(on(store.clone()).await.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
}

/// A disposable snapshot that is older than what was deleted must not end a replay.
#[tokio::test]
async fn an_old_snapshot_before_deleted_events_is_not_taken_for_all() {
    for left in [0, 3] {
        let inner = MemoryStore::new();
        let engine = on(inner.clone()).await;
        count::<ByHand>(&engine, "a", 10).await;
        engine.snapshot::<ByHand>("a").await.unwrap();
        let old: Snapshot = snapshot::<ByHand>(&engine, "a").await.unwrap();
        count::<ByHand>(&engine, "a", 10).await;
        let seen = by_events::<ByHand>(&engine, "a").await;
        engine.delete_events::<ByHand>("a", left).await.unwrap();
        let store = Watched::new(inner);
        store.instead(move |_, _| Some(old.clone()));
        let loaded = on(store).await.load::<ByHand>("a").await.unwrap();
        assert_eq!((loaded.state.seen(), loaded.revision.map(Revision::get)), (&seen, Some(20)));
    }
}

/// Replays go on while events are deleted under them.
#[tokio::test]
async fn who_replays_while_events_are_deleted_ends_where_the_stream_does() {
    for left in [20, 7, 0] {
        let inner = MemoryStore::new();
        let engine = on(inner.clone()).await;
        count::<ByHand>(&engine, "a", 40).await;
        let seen = by_events::<ByHand>(&engine, "a").await;
        let mut slow = Watched::new(inner.clone());
        slow.slow_reads = Some(Duration::from_millis(5));
        let limits = ego::engine::Limits { page: 3, ..ego::engine::Limits::default() };
        let reader = Engine::builder().store(slow.clone()).limits(limits).start().await.unwrap();
        let loading = reader.load::<ByHand>("a");
        let deleting = async {
            until(|| async { (slow.calls.lock().unwrap().len() >= 3).then_some(()) }).await;
            engine.delete_events::<ByHand>("a", left).await.unwrap();
            without_snapshots::<ByHand>(&inner, "a").await;
        };
        let (loaded, ()) = tokio::join!(loading, deleting);
        let loaded = loaded.unwrap();
        assert_eq!((loaded.state.seen(), loaded.revision.map(Revision::get)), (&seen, Some(40)));
    }
}

/// The policy of a kind deletes behind each snapshot that was saved.
#[tokio::test]
async fn a_policy_deletes_behind_each_snapshot() {
    let store = MemoryStore::new();
    let engine = Engine::builder().store(store.clone()).retention::<Five>(Retention::keep(7)).start().await.unwrap();
    for fives in 1..=8_u64 {
        count::<Five>(&engine, "a", 5).await;
        let wanted = (fives * 5).saturating_sub(7) + 1;
        until(|| async { (first::<Five>(&engine, "a").await == Some(wanted)).then_some(()) }).await;
    }
    until(|| async { (kept(&store).await.len() == 1).then_some(()) }).await;
    let counted: Vec<u64> = (0..8).flat_map(|_| 0..5).collect();
    assert_eq!(on(store.clone()).await.load::<Five>("a").await.unwrap().state.seen(), &Seen::of(&counted));
    // A kind without a policy keeps everything.
    count::<Aged>(&engine, "a", 30).await;
    assert_eq!(first::<Aged>(&engine, "a").await, Some(1));
    engine.stop(Duration::from_secs(60)).await.unwrap();
    let error = engine.delete_events::<Five>("a", 0).await.unwrap_err();
    assert!(matches!(error, DeleteError::Stopped), "{error}");
}

/// Two engines delete at the same time: an earlier snapshot never takes the place of a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_engines_that_delete_at_once_lose_nothing() {
    let store = MemoryStore::new();
    let engines = [on(store.clone()).await, on(store.clone()).await];
    let work = engines.clone().into_iter().enumerate().map(|(number, engine)| {
        tokio::spawn(async move {
            for by in 0..60 {
                engine.send::<Five>("a", Count { by }).await.unwrap();
                if by % 3 == number as u64 {
                    match engine.delete_events::<Five>("a", by % 4).await {
                        Ok(_) | Err(DeleteError::Store(StoreError::HistoryDeleted { .. })) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    });
    for one in work.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    without_snapshots::<Five>(&store, "a").await;
    let loaded = on(store.clone()).await.load::<Five>("a").await.unwrap();
    assert_eq!((loaded.state.seen().events, loaded.revision.map(Revision::get)), (120, Some(120)));
    assert_eq!(loaded.state.seen().total, 2 * (0..60).sum::<u64>());
}

/// Who erases an aggregate erases what stands in the place of its deleted events.
#[tokio::test]
async fn an_erased_aggregate_leaves_nothing_in_the_place_of_its_events() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    count::<ByHand>(&engine, "a", 10).await;
    count::<ByHand>(&engine, "b", 10).await;
    engine.delete_events::<ByHand>("a", 4).await.unwrap();
    engine.delete_events::<ByHand>("b", 4).await.unwrap();
    assert_eq!(kept(&store).await.len(), 2);
    engine.maintain("ann", "asked to").unwrap().erase(&stream::<ByHand>("a")).await.unwrap();
    assert_eq!(kept(&store).await.len(), 1);
    let error = engine.load::<ByHand>("a").await.unwrap_err();
    assert!(matches!(error, ReadError::Recovery(RecoveryError::Erased)), "{error}");
    assert_eq!(told(&engine.delete_events::<ByHand>("a", 0).await.unwrap()), (0, None, None));
    assert_eq!(engine.load::<ByHand>("b").await.unwrap().state.seen().events, 10);
}

/// An engine that comes late with its deletion leaves the later snapshot of another, which stands for more.
#[tokio::test]
async fn a_late_deletion_leaves_what_stands_for_a_later_one() {
    let inner = MemoryStore::new();
    let store = Watched::new(inner.clone());
    store.deletes.close();
    let (late, other) = (on(store.clone()).await, on(inner.clone()).await);
    count::<ByHand>(&other, "a", 10).await;
    let deletion = {
        let late = late.clone();
        tokio::spawn(async move { late.delete_events::<ByHand>("a", 0).await })
    };
    store.deletes.until_begun(1).await;
    count::<ByHand>(&other, "a", 10).await;
    let seen = by_events::<ByHand>(&other, "a").await;
    assert_eq!(told(&other.delete_events::<ByHand>("a", 0).await.unwrap()), (20, None, Some(20)));
    store.deletes.let_through(1);
    deletion.await.unwrap().unwrap();
    assert_eq!(on(inner).await.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
}

/// Where the event is deleted that would tell a snapshot from that of another aggregate, its seal does.
#[tokio::test]
async fn the_snapshot_of_another_aggregate_is_not_taken_for_its_own() {
    let inner = MemoryStore::new();
    let engine = on(inner.clone()).await;
    count::<ByHand>(&engine, "a", 10).await;
    engine.send::<ByHand>("b", CountMany { by: 500, times: 10 }).await.unwrap();
    let seen = by_events::<ByHand>(&engine, "b").await;
    engine.snapshot::<ByHand>("a").await.unwrap();
    let of_another = snapshot::<ByHand>(&engine, "a").await.unwrap();
    engine.delete_events::<ByHand>("b", 0).await.unwrap();
    let store = Watched::new(inner);
    store.instead(move |_, _| Some(of_another.clone()));
    assert_eq!(on(store).await.load::<ByHand>("b").await.unwrap().state.seen(), &seen);
}
