//! Inline views: recorded with the events, in one commit.

use crate::rigged::Rigged;
use crate::till::*;
use ego::engine::{CommandError, EngineBuilder, Limits, RecoveryError, StartError, StartProblem};
use ego::message::{CommandId, Expected, Metadata, Position, StreamId};
use ego::prelude::*;
use ego::projection::{OnNewVersion, ProjectionOptions};
use ego::store::{AnyStore, Body, Commit, Filter, MemoryStore, NewEvent, Refusal, RowChange, Step, Store};
use ego_sled::SledStore;
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

async fn on(store: impl Store) -> Engine {
    Engine::builder().store(store).start().await.unwrap()
}

async fn events(store: &AnyStore) -> usize {
    store.read_log(None, &Filter::all(), 100_000).await.unwrap().items.len()
}

#[tokio::test]
async fn a_view_is_there_when_the_reply_is() {
    let engine = on(MemoryStore::new()).await;
    assert_eq!(engine.view::<Takings>("t").await.unwrap(), None);
    for amount in 1..=20 {
        let receipt = engine.send::<Till>("t", Take { amount }).await.unwrap();
        let view = engine.view::<Takings>("t").after(&receipt).await.unwrap().unwrap();
        assert_eq!((view.total, view.times), ((1..=amount).sum(), amount));
        assert_eq!(view.last.map(|(revision, _)| revision), Some(amount));
    }
    engine.send::<Till>("t", Note { text: "a".into() }).await.unwrap();
    engine.send::<Till>("u", TakeMany { times: 3 }).await.unwrap();
    let noted = engine.views::<Takings>().by("note", "a").page().await.unwrap().items;
    assert_eq!(noted.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["t"]);
    assert_as_the_log_says(engine.store(), 1).await;
    engine.send::<Till>("t", Empty).await.unwrap();
    assert_eq!(engine.view::<Takings>("t").await.unwrap(), None);
    assert_as_the_log_says(engine.store(), 1).await;
    // Nobody waits, also not for what nobody has recorded.
    let nowhere = Position::new(1_000_000).unwrap();
    assert_eq!(engine.view::<Takings>("u").after(nowhere).within(LONG).await.unwrap().unwrap().times, 3);
}

#[tokio::test]
async fn what_cannot_be_folded_is_not_recorded_and_leaves_no_trace() {
    let engine = on(MemoryStore::new()).await;
    for round in 0..3 {
        engine.send::<Till>("t", Take { amount: 5 }).await.unwrap();
        let recorded = events(engine.store()).await;
        let error = engine.send::<Till>("t", Spoil).await.unwrap_err();
        let CommandError::Projection { projection: "takings", source } = &error else { panic!("{error}") };
        assert_eq!(source.to_string(), "it is spoilt");
        let error = engine.send::<Till>("t", Blow).await.unwrap_err();
        let CommandError::Projection { projection: "takings", source } = &error else { panic!("{error}") };
        assert_eq!(source.to_string(), "it panicked: it is blown");
        let error = engine.send::<Till>("t", Refuse).await.unwrap_err();
        assert!(matches!(error, CommandError::Rejected(_)), "{error}");
        assert_eq!(events(engine.store()).await, recorded);
        assert_as_the_log_says(engine.store(), 1).await;
        let receipt = engine.send::<Till>("t", Take { amount: 5 }).await.unwrap();
        assert_eq!(receipt.revision.unwrap(), 2 * (round + 1));
        assert_eq!(engine.view::<Takings>("t").await.unwrap().unwrap().total, 10 * (round + 1));
    }
    assert_eq!(engine.load::<Till>("t").await.unwrap().state.total, 30);
}

#[tokio::test]
async fn a_view_that_the_store_cannot_keep_refuses_the_command() {
    let engine = on(MemoryStore::new()).await;
    engine.send::<Till>("t", Take { amount: 5 }).await.unwrap();
    // The key of its index entry is too long.
    let error = engine.send::<Till>("t", Note { text: "x".repeat(RowChange::MAX_KEY) }).await.unwrap_err();
    assert!(matches!(error, CommandError::Refused(Refusal::InvalidRow)), "{error}");
    engine.send::<Till>("t", Take { amount: 5 }).await.unwrap();
    assert_as_the_log_says(engine.store(), 1).await;
    assert_eq!(events(engine.store()).await, 2);
}

/// Sends commands of all sorts from several senders at once; says how many of them took effect.
async fn storm(engine: &Engine, seed: u64, senders: u64, each: u64) -> u64 {
    let senders = (0..senders).map(|sender| {
        let (engine, mut random) = (engine.clone(), fastrand::Rng::with_seed(seed * 1000 + sender));
        tokio::spawn(async move {
            let mut recorded = 0;
            for number in 0..each {
                let id = format!("t{}", random.u8(..3));
                let recorded_one = match random.u8(..16) {
                    0 => engine.send::<Till>(id, Empty).await.is_ok(),
                    1 => engine.send::<Till>(id, Spoil).await.is_ok(),
                    2 => engine.send::<Till>(id, Blow).await.is_ok(),
                    3 => engine.send::<Till>(id, Refuse).await.is_ok(),
                    4 | 5 => engine.send::<Till>(id, Note { text: format!("{sender}.{number}") }).await.is_ok(),
                    6 => engine.send::<Till>(id, TakeMany { times: random.u64(..4) }).await.is_ok(),
                    7 => {
                        let expected = random.u64(1..200);
                        engine.send::<Till>(id, Take { amount: 7 }).expect_revision(expected).await.is_ok()
                    }
                    8 => {
                        // Gives up at once, or somewhere on the way.
                        let sending = engine.send::<Till>(id, Take { amount: 11 }).into_future();
                        tokio::time::timeout(Duration::from_micros(random.u64(..300)), sending)
                            .await
                            .is_ok_and(|sent| sent.is_ok())
                    }
                    _ => engine.send::<Till>(id, Take { amount: random.u64(..100) }).await.is_ok(),
                };
                recorded += u64::from(recorded_one);
            }
            recorded
        })
    });
    let mut recorded = 0;
    for sender in senders.collect::<Vec<_>>() {
        recorded += sender.await.unwrap();
    }
    recorded
}

/// `EGO_SEED` plays one again.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("EGO_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..count).map(|_| fastrand::u64(..1_000_000)).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn views_are_the_fold_of_the_log_between_two_engines_on_one_store() {
    for seed in seeds(4) {
        println!("EGO_SEED={seed}");
        let store = MemoryStore::new();
        let (one, other) = (on(store.clone()).await, on(store.clone()).await);
        let (first, second) = tokio::join!(storm(&one, seed, 6, 60), storm(&other, seed + 1, 6, 60));
        assert!(first > 100 && second > 100, "{first}, {second}");
        assert_as_the_log_says(&AnyStore::new(store), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn views_are_the_fold_of_the_log_when_batches_fail_and_answers_are_lost() {
    for seed in seeds(4) {
        println!("EGO_SEED={seed}");
        let store = Rigged::open();
        let limits = Limits { active_aggregates: 2, page: 7, ..Limits::default() };
        let engine = Engine::builder().store(store.clone()).limits(limits).start().await.unwrap();
        let trouble = async {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..40 {
                tokio::time::sleep(Duration::from_micros(random.u64(..2000))).await;
                let counter = if random.bool() { &store.fail } else { &store.lose_answer };
                counter.fetch_add(random.usize(1..3), Ordering::SeqCst);
            }
        };
        let (recorded, ()) = tokio::join!(storm(&engine, seed, 8, 60), trouble);
        assert!(recorded > 100, "{recorded}");
        store.fail.store(0, Ordering::SeqCst);
        store.lose_answer.store(0, Ordering::SeqCst);
        for id in ["t0", "t1", "t2"] {
            engine.send::<Till>(id, Take { amount: 1 }).await.unwrap();
        }
        assert_as_the_log_says(engine.store(), 1).await;
    }
}

/// A store on which one command stands before the gate, and others behind it.
#[tokio::test]
async fn what_relied_on_a_commit_that_was_not_recorded_is_folded_again() {
    let store = Rigged::closed();
    let engine = on(store.clone()).await;
    let send = |amount: u64| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.send::<Till>("t", Take { amount }).await.is_ok() })
    };
    let first = send(1);
    store.wait_until_begun(1).await;
    let behind: Vec<_> = [10, 100, 1000].map(send).into();
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.fail.store(1, Ordering::SeqCst);
    store.let_through(1000);
    assert!(!first.await.unwrap());
    for sent in behind {
        assert!(sent.await.unwrap());
    }
    assert_eq!(engine.view::<Takings>("t").await.unwrap().unwrap().total, 1110);
    assert_as_the_log_says(engine.store(), 1).await;
}

#[tokio::test]
async fn a_sender_who_gives_up_behind_a_full_pipeline_leaves_no_trace() {
    let store = Rigged::closed();
    let limits = Limits { commit_bytes: 0, ..Limits::default() };
    let engine = Engine::builder().store(store.clone()).limits(limits).start().await.unwrap();
    let note = |size: usize| {
        let (engine, text) = (engine.clone(), "x".repeat(size));
        tokio::spawn(async move { engine.send::<Till>("t", Note { text }).await.is_ok() })
    };
    // Loaded, so that all of it is what waits for room.
    let first = note(1500);
    store.let_through(1);
    assert!(first.await.unwrap());
    let all_the_room = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.send::<Till>("other", TakeMany { times: 5000 }).await.is_ok() })
    };
    store.wait_until_begun(2).await;
    let gives_up = note(1400);
    crate::until(|| engine.queued_commands() == 0).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    gives_up.abort();
    assert!(gives_up.await.unwrap_err().is_cancelled());
    store.let_through(1000);
    assert!(all_the_room.await.unwrap());
    assert!(note(1300).await.unwrap());
    let notes = engine.view::<Takings>("t").await.unwrap().unwrap().notes;
    assert_eq!(notes.iter().map(String::len).collect::<Vec<_>>(), [1500, 1300]);
    assert_as_the_log_says(engine.store(), 1).await;
}

#[tokio::test]
async fn a_sender_who_is_gone_when_it_is_decided_leaves_no_trace() {
    let sender = Arc::new(Sender::default());
    let engine = Engine::builder().service::<Sender>(Arc::clone(&sender)).start().await.unwrap();
    engine.send::<Till>("t", Take { amount: 1 }).await.unwrap();
    let sending = engine.send::<Till>("t", TakeLate { amount: 10 }).into_future();
    let mut sending = async { sending.await.is_ok() }.boxed();
    let mut polled = std::task::Context::from_waker(std::task::Waker::noop());
    *sender.0.lock().unwrap() = {
        assert!(sending.poll_unpin(&mut polled).is_pending());
        Some(sending)
    };
    let is_gone = || sender.0.lock().unwrap().is_none();
    crate::until(is_gone).await;
    engine.send::<Till>("t", Take { amount: 100 }).await.unwrap();
    assert_eq!(engine.view::<Takings>("t").await.unwrap().unwrap().total, 101);
    assert_as_the_log_says(engine.store(), 1).await;
}

#[tokio::test]
async fn views_go_on_after_passivation() {
    let limits = Limits { active_aggregates: 1, ..Limits::default() };
    let engine = Engine::builder().limits(limits).start().await.unwrap();
    for round in 0..30_u64 {
        for id in ["a", "b", "c"] {
            engine.send::<Till>(id, Note { text: format!("{}", round % 3) }).await.unwrap();
            engine.send::<Till>(id, Take { amount: round }).await.unwrap();
        }
    }
    assert!(engine.active_aggregates() <= 1);
    assert_as_the_log_says(engine.store(), 1).await;
}

#[tokio::test]
async fn views_go_on_after_a_restart_on_sled() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..4_u64 {
        let engine = on(SledStore::open(folder.path()).unwrap()).await;
        assert_as_the_log_says(engine.store(), 1).await;
        for id in ["a", "b", "c"] {
            engine.send::<Till>(id, Take { amount: round }).await.unwrap();
            engine.send::<Till>(id, Note { text: format!("{round}") }).await.unwrap();
        }
        engine.send::<Till>(["a", "b", "c"][round as usize % 3], Empty).await.unwrap();
        assert_as_the_log_says(engine.store(), 1).await;
        engine.stop(LONG).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn views_are_the_fold_of_the_log_on_sled_with_many_senders_and_restarts() {
    for seed in seeds(1) {
        println!("EGO_SEED={seed}");
        let folder = tempfile::tempdir().unwrap();
        for round in 0..3 {
            let engine = on(SledStore::open(folder.path()).unwrap()).await;
            assert_as_the_log_says(engine.store(), 1).await;
            let recorded = storm(&engine, seed + round, 8, 30).await;
            assert!(recorded > 50, "{recorded}");
            assert_as_the_log_says(engine.store(), 1).await;
            engine.stop(LONG).await.unwrap();
        }
    }
}

/// A store with events whose views were never folded.
async fn unfolded(tills: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    for till in 0..tills {
        let id = format!("t{till}");
        engine.send::<Till>(&*id, TakeMany { times: till % 5 }).await.unwrap();
        engine.send::<Till>(&*id, Note { text: format!("{}", till % 7) }).await.unwrap();
        if till % 4 == 0 {
            engine.send::<Till>(&*id, Empty).await.unwrap();
        }
    }
    engine.stop(LONG).await.unwrap();
    let any = AnyStore::new(store.clone());
    let mut gone = Vec::new();
    for table in ["view/takings/1", "index/takings/1", "ego/projections"] {
        gone.extend(rows(&any, table).await.into_iter().map(|(key, _)| RowChange::remove(table, key)));
    }
    store.step(Step { advance: None, rows: gone }).await.unwrap();
    store
}

fn small_pages() -> EngineBuilder {
    Engine::builder().limits(Limits { page: 3, ..Limits::default() })
}

#[tokio::test]
async fn views_of_what_was_recorded_before_are_built_before_the_first_command() {
    let store = unfolded(50).await;
    assert_eq!(rows(&AnyStore::new(store.clone()), "view/takings/1").await, []);
    let engine = small_pages().store(store).start().await.unwrap();
    assert_as_the_log_says(engine.store(), 1).await;
    engine.send::<Till>("t1", Take { amount: 1 }).await.unwrap();
    engine.send::<Till>("t2", Empty).await.unwrap();
    assert_as_the_log_says(engine.store(), 1).await;
}

#[tokio::test]
async fn building_views_begins_again_after_a_crash_in_the_middle() {
    let mut crashes = 0;
    for steps in 0.. {
        // Large enough for several steps.
        let inner = unfolded(12).await;
        let engine = on(inner.clone()).await;
        for till in 0..12 {
            engine.send::<Till>(format!("t{till}"), Note { text: "x".repeat(1000) }).await.unwrap();
            engine.send::<Till>(format!("t{till}"), TakeMany { times: 1 }).await.unwrap();
        }
        engine.stop(LONG).await.unwrap();
        set_record(&inner, |record| record["live"]["version"] = 9.into()).await;
        let store = Rigged { inner: inner.clone(), ..Rigged::open() };
        store.steps_left.store(steps, Ordering::SeqCst);
        match small_pages().store(store).start().await {
            Ok(engine) => {
                engine.stop(LONG).await.unwrap();
                break;
            }
            Err(StartError::Views { projection, .. }) => assert_eq!(projection, "takings"),
            Err(error) => panic!("{error}"),
        }
        crashes += 1;
        let engine = on(inner.clone()).await;
        let generation = live_generation(&inner).await;
        assert_as_the_log_says(engine.store(), generation).await;
        for other in (1..10).filter(|other| *other != generation) {
            for table in ["view", "index"] {
                assert_eq!(
                    rows(engine.store(), &format!("{table}/takings/{other}")).await,
                    [],
                    "{table} {other} of {generation}"
                );
            }
        }
    }
    assert!(crashes >= 4, "{crashes}");
}

async fn record(store: &MemoryStore) -> serde_json::Value {
    let records = rows(&AnyStore::new(store.clone()), "ego/projections").await;
    let record = records.iter().find(|(key, _)| key == b"takings").unwrap();
    serde_json::from_slice(&record.1).unwrap()
}

async fn set_record(store: &MemoryStore, change: impl FnOnce(&mut serde_json::Value)) {
    let mut record = record(store).await;
    change(&mut record);
    let rows = vec![RowChange::put("ego/projections", "takings", record.to_string().into_bytes())];
    store.step(Step { advance: None, rows }).await.unwrap();
}

async fn live_generation(store: &MemoryStore) -> u32 {
    let record = record(store).await;
    assert_eq!(record["building"], serde_json::Value::Null);
    record["live"]["generation"].as_u64().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn views_of_another_version_are_built_anew_and_the_old_ones_removed() {
    let store = unfolded(20).await;
    on(store.clone()).await.stop(LONG).await.unwrap();
    set_record(&store, |record| record["live"]["version"] = 9.into()).await;
    store.step(Step { advance: None, rows: vec![RowChange::put("view/takings/1", "t1", "of another shape")] }).await.unwrap();
    let engine = small_pages().store(store.clone()).start().await.unwrap();
    assert_eq!(live_generation(&store).await, 2);
    engine.send::<Till>("t1", Take { amount: 1 }).await.unwrap();
    assert_as_the_log_says(engine.store(), 2).await;
    assert_eq!(engine.view::<Takings>("t1").await.unwrap().unwrap().times, 2);
    for table in ["view/takings/1", "index/takings/1"] {
        assert_eq!(rows(engine.store(), table).await, []);
    }
}

#[tokio::test]
async fn views_of_another_version_keep_the_engine_from_starting_when_so_configured() {
    let store = unfolded(5).await;
    on(store.clone()).await.stop(LONG).await.unwrap();
    set_record(&store, |record| record["live"]["version"] = 9.into()).await;
    let before = rows(&AnyStore::new(store.clone()), "ego/projections").await;
    let refuse = ProjectionOptions::new().on_new_version(OnNewVersion::Refuse);
    let error = Engine::builder().store(store.clone()).projection::<Takings>(refuse).start().await.unwrap_err();
    let StartError::Problems(problems) = &error else { panic!("{error}") };
    assert_eq!(problems[..], [StartProblem::ProjectionChanged { name: "takings", stored: 9, version: 1 }]);
    assert_eq!(rows(&AnyStore::new(store), "ego/projections").await, before);
}

#[tokio::test]
async fn views_that_were_folded_behind_the_log_are_built_anew_when_they_become_inline() {
    let store = unfolded(8).await;
    on(store.clone()).await.stop(LONG).await.unwrap();
    // As an async projection leaves them that was not at the end.
    set_record(&store, |record| drop(record.as_object_mut().unwrap().remove("inline"))).await;
    store.step(Step { advance: None, rows: vec![RowChange::remove("view/takings/1", "t1")] }).await.unwrap();
    let engine = on(store.clone()).await;
    assert_eq!(live_generation(&store).await, 2);
    assert_as_the_log_says(engine.store(), 2).await;
}

/// As a program without the projection records it.
async fn spoil_by_hand(store: &MemoryStore, id: &str) {
    let metadata = Metadata::new(CommandId::new("by hand").unwrap(), "Spoil", ego::Timestamp::UNIX_EPOCH);
    let spoilt = NewEvent { name: "Spoilt".into(), version: 1, payload: "{}".into(), tags: Vec::new() };
    let commit = Commit {
        stream: StreamId::new("till", id).unwrap(),
        expected: Expected::Any,
        metadata: Arc::new(metadata),
        codec: "json".into(),
        body: Body::Events(vec![spoilt]),
        reply: bytes::Bytes::new(),
        rows: Vec::new(),
    };
    store.append(vec![commit]).await.unwrap();
}

#[tokio::test]
async fn an_aggregate_whose_view_cannot_be_folded_takes_no_commands() {
    let store = MemoryStore::new();
    let engine = on(store.clone()).await;
    spoil_by_hand(&store, "t").await;
    let error = engine.send::<Till>("t", Take { amount: 1 }).await.unwrap_err();
    let CommandError::Unloadable { source: RecoveryError::Projection { projection, revision, .. }, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*projection, revision.get()), ("takings", 1));
    assert_eq!(engine.load::<Till>("t").await.unwrap().revision, Some(*revision), "the aggregate itself can be read");
    engine.send::<Till>("u", Take { amount: 1 }).await.unwrap();
}

#[tokio::test]
async fn what_the_events_of_a_store_cannot_be_folded_into_keeps_the_engine_from_starting() {
    let store = unfolded(3).await;
    spoil_by_hand(&store, "t1").await;
    let error = Engine::builder().store(store).start().await.unwrap_err();
    let StartError::Views { projection, source } = &error else { panic!("{error}") };
    assert_eq!(projection, "takings");
    assert!(matches!(source, ego::projection::ViewError::Unfoldable { key, .. } if key == "t1"), "{source}");
}

#[tokio::test]
async fn there_is_nothing_to_operate_of_an_inline_projection() {
    let engine = on(MemoryStore::new()).await;
    assert!(engine.projection::<Takings>().is_none());
}
