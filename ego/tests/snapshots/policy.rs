//! When snapshots are taken, and what taking them must not do.

use crate::domain::*;
use crate::until;
use crate::watched::{Call, Watched};
use ego::clock::ManualClock;
use ego::engine::{Limits, ReadError, SnapshotError, StartError, StartProblem, UnknownTarget};
use ego::message::{Revision, StreamId};
use ego::prelude::*;
use ego::store::{AnyStore, MemoryStore, Snapshot, Store};
use ego_sled::SledStore;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub fn stream<A: Aggregate>(id: &str) -> StreamId {
    StreamId::new(A::KIND, id).unwrap()
}

pub async fn on(store: impl Store) -> Engine {
    Engine::builder().store(store).start().await.unwrap()
}

pub async fn snapshot<A: Aggregate>(engine: &Engine, id: &str) -> Option<Snapshot> {
    engine.store().load_snapshot(&stream::<A>(id)).await.unwrap()
}

/// What the snapshot has seen.
pub async fn seen<A: Aggregate>(engine: &Engine, id: &str) -> Option<u64> {
    snapshot::<A>(engine, id).await.map(|snapshot| snapshot.revision.get())
}

pub async fn until_seen<A: Aggregate>(engine: &Engine, id: &str, revision: u64) {
    until(|| async { (seen::<A>(engine, id).await == Some(revision)).then_some(()) }).await;
}

pub async fn count<A: Ledger>(engine: &Engine, id: &str, times: u64) {
    for by in 0..times {
        engine.send::<A>(id, Count { by }).await.unwrap();
    }
}

/// What the aggregate is by its events alone.
pub async fn by_events<A: Ledger>(engine: &Engine, id: &str) -> Seen {
    let events = engine.history::<A>(id).unwrap().collect().await.unwrap();
    let by = |event: &LedgerEvent| match event {
        LedgerEvent::Counted { by } => *by,
    };
    Seen::of(&events.iter().flat_map(|recorded| recorded.events.iter().map(by)).collect::<Vec<_>>())
}

/// Every `n` events: on a store that answers in the call, and on those where commits are under way when it is looked.
#[tokio::test]
async fn one_is_taken_every_so_many_events() {
    let folder = tempfile::tempdir().unwrap();
    let sled = SledStore::open(folder.path()).unwrap();
    for store in [AnyStore::new(MemoryStore::new()), AnyStore::new(Watched::new(MemoryStore::new())), AnyStore::new(sled)] {
        let engine = on(store).await;
        count::<Five>(&engine, "a", 4).await;
        assert_eq!(seen::<Five>(&engine, "a").await, None);
        for fives in 1..4 {
            count::<Five>(&engine, "a", 1).await;
            until_seen::<Five>(&engine, "a", fives * 5).await;
            let kept = snapshot::<Five>(&engine, "a").await.unwrap();
            let last = engine.history::<Five>("a").unwrap().collect().await.unwrap().pop().unwrap();
            assert_eq!((kept.position, kept.version, &*kept.codec), (last.position, 1, "json"));
            count::<Five>(&engine, "a", 4).await;
            assert_eq!(seen::<Five>(&engine, "a").await, Some(fives * 5));
        }
        // A commit may bring several.
        engine.send::<Five>("a", CountMany { by: 1, times: 7 }).await.unwrap();
        until_seen::<Five>(&engine, "a", 26).await;
        engine.stop(Duration::from_secs(60)).await.unwrap();
    }
}

#[tokio::test]
async fn one_is_taken_when_the_first_unseen_event_is_old_enough() {
    let clock = ManualClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let engine = Engine::builder().clock(clock.clone()).start().await.unwrap();
    for _ in 0..9 {
        count::<Aged>(&engine, "a", 3).await;
        clock.advance(MINUTES);
    }
    // A clock that goes back makes nothing older.
    clock.set("2025-01-31T12:00:00Z".parse().unwrap());
    count::<Aged>(&engine, "a", 3).await;
    clock.set("2026-01-31T12:09:59Z".parse().unwrap());
    count::<Aged>(&engine, "a", 1).await;
    assert_eq!(seen::<Aged>(&engine, "a").await, None);
    clock.advance(Duration::from_secs(1));
    count::<Aged>(&engine, "a", 1).await;
    until_seen::<Aged>(&engine, "a", 32).await;
    // The next one is that old only when its own first event is.
    clock.advance(9 * MINUTES);
    count::<Aged>(&engine, "a", 1).await;
    clock.advance(9 * MINUTES);
    count::<Aged>(&engine, "a", 1).await;
    assert_eq!(seen::<Aged>(&engine, "a").await, Some(32));
    clock.advance(MINUTES);
    count::<Aged>(&engine, "a", 1).await;
    until_seen::<Aged>(&engine, "a", 35).await;
}

/// Also by time, an aggregate that is used seldom gets one: the age of its events outlives the memory.
#[tokio::test]
async fn one_is_taken_before_an_aggregate_leaves_memory_and_when_it_comes_back() {
    let clock = ManualClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let limits = Limits { active_aggregates: 1, ..Limits::default() };
    let engine = Engine::builder().clock(clock.clone()).limits(limits).start().await.unwrap();
    count::<Aged>(&engine, "a", 3).await;
    clock.advance(9 * MINUTES);
    count::<Aged>(&engine, "b", 3).await;
    assert_eq!((seen::<Aged>(&engine, "a").await, engine.active_aggregates()), (None, 1));
    clock.advance(2 * MINUTES);
    engine.send::<Aged>("a", Peek).await.unwrap();
    until_seen::<Aged>(&engine, "a", 3).await;
    clock.advance(10 * MINUTES);
    engine.send::<Aged>("b", Peek).await.unwrap();
    until_seen::<Aged>(&engine, "b", 3).await;
    count::<Aged>(&engine, "b", 2).await;
    clock.advance(20 * MINUTES);
    // "b" leaves for it.
    engine.send::<Aged>("a", Peek).await.unwrap();
    until_seen::<Aged>(&engine, "b", 5).await;
}

#[tokio::test]
async fn one_is_taken_after_a_recovery_of_many_events() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    count::<Costly>(&engine, "a", 20).await;
    count::<Costly>(&engine, "b", 19).await;
    let other = on(store.clone()).await;
    other.send::<Costly>("b", Peek).await.unwrap();
    other.send::<Costly>("a", Peek).await.unwrap();
    until_seen::<Costly>(&other, "a", 20).await;
    assert_eq!(seen::<Costly>(&other, "b").await, None);
    // Behind a snapshot, what is not replayed does not count.
    count::<Costly>(&other, "a", 19).await;
    let third = on(store.clone()).await;
    third.send::<Costly>("a", Peek).await.unwrap();
    assert_eq!(seen::<Costly>(&other, "a").await, Some(20));
}

#[tokio::test]
async fn one_is_taken_after_a_recovery_that_took_long() {
    let store = MemoryStore::new();
    count::<Slow>(&on(store.clone()).await, "a", 3).await;
    let mut slow = Watched::new(store);
    slow.slow_reads = Some(Duration::from_millis(60));
    let engine = on(slow).await;
    assert_eq!(seen::<Slow>(&engine, "a").await, None);
    engine.send::<Slow>("a", Peek).await.unwrap();
    until_seen::<Slow>(&engine, "a", 3).await;
}

#[tokio::test]
async fn one_is_taken_by_hand() {
    let engine = on(MemoryStore::new()).await;
    assert_eq!(engine.snapshot::<ByHand>("a").await.unwrap(), None);
    count::<ByHand>(&engine, "a", 50).await;
    assert_eq!(seen::<ByHand>(&engine, "a").await, None);
    assert_eq!(engine.snapshot::<ByHand>("a").await.unwrap(), Revision::new(50));
    assert_eq!(seen::<ByHand>(&engine, "a").await, Some(50));
    // It is of what is recorded, not of what is in memory of this engine.
    let other = on(Watched::new(MemoryStore::new())).await;
    let error = other.snapshot::<ByHand>("\n").await.unwrap_err();
    assert!(matches!(error, SnapshotError::Read(ReadError::Invalid(_))), "{error}");
}

#[tokio::test]
async fn a_kind_without_snapshots_needs_no_serde_and_has_none() {
    let engine = on(MemoryStore::new()).await;
    count::<Plain>(&engine, "a", 300).await;
    assert_eq!(seen::<Plain>(&engine, "a").await, None);
    let error = engine.snapshot::<Plain>("a").await.unwrap_err();
    assert!(matches!(error, SnapshotError::None { kind: "plain" }), "{error}");
    let error = Engine::builder().retention::<Plain>(10).start().await.unwrap_err();
    let StartError::Problems(problems) = &error else { panic!("{error}") };
    assert!(matches!(&problems[..], [StartProblem::NoSnapshots { aggregate }] if aggregate.ends_with("Plain")), "{error}");
    let unknown = ReadError::Unknown(UnknownTarget::Kind { kind: String::new(), known: Vec::new() });
    assert!(!unknown.to_string().is_empty());
}

/// Nobody waits for a snapshot, and one of an aggregate is under way at a time.
#[tokio::test]
async fn commands_go_on_while_one_is_saved() {
    let store = Watched::new(MemoryStore::new());
    store.saves.close();
    let engine = on(store.clone()).await;
    count::<Five>(&engine, "a", 5).await;
    store.saves.until_begun(1).await;
    count::<Five>(&engine, "a", 100).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.saves.begun.load(Ordering::SeqCst), 1);
    count::<Five>(&engine, "b", 5).await;
    store.saves.until_begun(2).await;
    store.saves.let_through(1);
    until_seen::<Five>(&engine, "a", 5).await;
    // The next commit finds that one is due.
    store.saves.let_through(100);
    until(|| async {
        count::<Five>(&engine, "a", 1).await;
        (seen::<Five>(&engine, "a").await >= Some(106)).then_some(())
    })
    .await;
    until_seen::<Five>(&engine, "b", 5).await;
}

#[tokio::test]
async fn one_that_failed_is_tried_again_at_its_time() {
    let store = Watched::new(MemoryStore::new());
    store.fail_saves.store(2, Ordering::SeqCst);
    let engine = on(store.clone()).await;
    for fives in 1..=2 {
        count::<Five>(&engine, "a", 5).await;
        store.saves.until_begun(fives).await;
    }
    until(|| async { (store.fail_saves.load(Ordering::SeqCst) == 0).then_some(()) }).await;
    assert_eq!(seen::<Five>(&engine, "a").await, None);
    until(|| async {
        count::<Five>(&engine, "a", 1).await;
        seen::<Five>(&engine, "a").await
    })
    .await;
    assert!(store.saves.begun.load(Ordering::SeqCst) < 5, "not with each command");
}

#[tokio::test]
async fn a_state_that_cannot_be_written_or_read_hurts_nobody() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    let mut counted = Vec::new();
    for by in 0..14 {
        counted.push(by);
        engine.send::<Fussy>("a", Count { by }).await.unwrap();
        assert_eq!(engine.load::<Fussy>("a").await.unwrap().state.seen(), &Seen::of(&counted));
    }
    assert_eq!(seen::<Fussy>(&engine, "a").await, None);
    engine.send::<Fussy>("a", Count { by: 14 }).await.unwrap();
    counted.push(14);
    until_seen::<Fussy>(&engine, "a", 15).await;
    let other = on(store).await;
    other.send::<Fussy>("a", Count { by: 15 }).await.unwrap();
    counted.push(15);
    assert_eq!(other.load::<Fussy>("a").await.unwrap().state.seen(), &Seen::of(&counted));
    let error = engine.snapshot::<Fussy>("b").await;
    assert_eq!(error.unwrap(), None);
    count::<Fussy>(&engine, "b", 5).await;
    let error = engine.snapshot::<Fussy>("b").await.unwrap_err();
    assert!(matches!(error, SnapshotError::Codec(_)), "{error}");
    count::<Fussy>(&engine, "b", 5).await;
    let error = engine.snapshot::<Fussy>("b").await.unwrap_err();
    assert!(matches!(error, SnapshotError::Codec(_)), "{error}");
}

/// I12: what waits to be saved is bounded; what has no room is not taken.
#[tokio::test]
async fn no_more_is_taken_than_there_is_room_for() {
    let store = Watched::new(MemoryStore::new());
    store.saves.close();
    let limits = Limits { snapshot_bytes: 1, ..Limits::default() };
    let engine = Engine::builder().store(store.clone()).limits(limits).start().await.unwrap();
    count::<Five>(&engine, "a", 5).await;
    store.saves.until_begun(1).await;
    for id in 0..50 {
        count::<Five>(&engine, &format!("b{id}"), 5).await;
    }
    assert_eq!(store.saves.begun.load(Ordering::SeqCst), 1);
    store.saves.let_through(1000);
    until_seen::<Five>(&engine, "a", 5).await;
    until(|| async {
        count::<Five>(&engine, "b7", 1).await;
        seen::<Five>(&engine, "b7").await
    })
    .await;
}

#[tokio::test]
async fn stopping_waits_for_what_is_saved() {
    let store = Watched::new(MemoryStore::new());
    store.saves.close();
    let engine = on(store.clone()).await;
    count::<Five>(&engine, "a", 5).await;
    store.saves.until_begun(1).await;
    let (stopped, ()) = tokio::join!(engine.stop(Duration::from_secs(60)), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.saves.let_through(1);
    });
    stopped.unwrap();
    assert_eq!(store.take_calls().last(), Some(&Call::Save(5)));

    // But not longer than it may.
    let store = Watched::new(MemoryStore::new());
    store.saves.close();
    let engine = on(store.clone()).await;
    count::<Five>(&engine, "a", 5).await;
    store.saves.until_begun(1).await;
    engine.stop(Duration::from_millis(50)).await.unwrap();
}
