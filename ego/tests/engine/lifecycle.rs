//! Starting and stopping.

use crate::rigged::Rigged;
use crate::tally::*;
use crate::{engine_on, start};
use ego::engine::{CommandError, ForgetError, StartError, StartProblem, StopError};
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::prelude::*;
use ego::store::{Body, Commit, MemoryStore, NewEvent, Store, StoreError};
use futures_util::FutureExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn stopping_finishes_what_was_taken_and_takes_nothing_new() {
    let store = Rigged::closed();
    let (engine, signal) = engine_on(store.clone()).await;
    let mut committing = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    let mut deciding = pin!(engine.send::<Tally>("b", CountWhenLet).into_future());
    let mut waiting = pin!(engine.send::<Tally>("b", Count { by: 1 }).into_future());
    assert!((&mut committing).now_or_never().is_none());
    assert!((&mut deciding).now_or_never().is_none());
    assert!((&mut waiting).now_or_never().is_none());
    let mut stopping = pin!(engine.stop(SOON));
    assert!((&mut stopping).now_or_never().is_none(), "commands are under way");
    assert!(matches!(engine.send::<Tally>("c", Peek).await, Err(CommandError::Stopped)));
    assert_eq!(engine.send_and_forget::<Tally>("c", Peek), Err(ForgetError::Stopped));
    store.let_through(10);
    signal.permits.add_permits(1);
    let (committing, deciding, waiting, stopped) = tokio::join!(committing, deciding, waiting, stopping);
    assert_eq!(committing.unwrap().reply, 1);
    deciding.unwrap();
    assert_eq!(waiting.unwrap().reply, 2);
    stopped.unwrap();
    assert!(matches!(engine.store().head().await, Err(StoreError::Closed)), "the store is closed");
    assert!(matches!(engine.send::<Tally>("a", Peek).await, Err(CommandError::Stopped)));
    assert!(engine.load::<Tally>("a").await.is_err());
    engine.stop(SOON).await.unwrap();
}

#[tokio::test]
async fn stopping_has_a_deadline_and_tells_what_was_not_finished() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    let mut deciding = pin!(engine.send::<Tally>("a", CountWhenLet).into_future());
    let mut waiting = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut deciding).now_or_never().is_none());
    assert!((&mut waiting).now_or_never().is_none());
    let error = engine.stop(Duration::from_millis(30)).await.unwrap_err();
    assert!(matches!(error, StopError::Unfinished { unfinished: 2, .. }), "{error}");
    signal.permits.add_permits(1);
    assert!(matches!(deciding.await, Err(CommandError::Store(StoreError::Closed))));
    assert!(matches!(waiting.await, Err(CommandError::Stopped)));
}

#[tokio::test]
async fn a_store_in_memory_can_be_taken_over_by_the_next_engine() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 2 }).await.unwrap();
    engine.stop(SOON).await.unwrap();
    let (engine, _) = engine_on(store).await;
    assert_eq!(engine.send::<Tally>("a", Count { by: 2 }).await.unwrap().reply, 4);
}

#[tokio::test]
async fn a_missing_service_is_told_before_anything_runs() {
    let error = Engine::builder().start().await.unwrap_err();
    let StartError::Problems(problems) = &error else { panic!("{error}") };
    assert!(
        problems.iter().any(|problem| matches!(problem, StartProblem::MissingService { service, kind: "tally", handler }
            if service.ends_with("tally::Signal") && handler.to_string().contains("tests/engine/tally.rs:"))),
        "{error}"
    );
}

fn old_event(name: &str, version: u32) -> Commit {
    Commit {
        stream: StreamId::new("tally", "old").unwrap(),
        expected: Expected::Any,
        metadata: Arc::new(Metadata::new(CommandId::new(name).unwrap(), "Old", ego::Timestamp::UNIX_EPOCH)),
        codec: "json".into(),
        body: Body::Events(vec![NewEvent { name: name.into(), version, payload: "{}".into(), tags: Vec::new() }]),
        reply: Default::default(),
        rows: vec![],
    }
}

#[tokio::test]
async fn a_stored_event_that_nobody_can_read_keeps_the_engine_from_starting() {
    let store = MemoryStore::new();
    store.append(vec![old_event("Vanished", 1), old_event("Counted", 2)]).await.unwrap();
    let builder = || Engine::builder().store(store.clone()).service(Signal::new());
    let error = builder().start().await.unwrap_err();
    let StartError::Problems(problems) = &error else { panic!("{error}") };
    assert_eq!(problems.len(), 2, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("\"Vanished\" of \"tally\" in version 1") && text.contains("\"Counted\" of \"tally\" in version 2"),
        "{text}"
    );
    builder().retired_kind("tally").start().await.unwrap();
}

#[tokio::test]
async fn a_required_aggregate_that_is_not_linked_keeps_the_engine_from_starting() {
    #[derive(Default)]
    struct Elsewhere;
    impl Aggregate for Elsewhere {
        const KIND: &'static str = "elsewhere";
        type Event = TallyEvent;
        fn apply(&mut self, _: &TallyEvent) {}
    }
    let error = Engine::builder().service(Signal::new()).require::<Tally>().require::<Elsewhere>().start().await.unwrap_err();
    let StartError::Problems(problems) = &error else { panic!("{error}") };
    assert!(matches!(&problems[..], [StartProblem::NotRegistered { aggregate }] if aggregate.ends_with("Elsewhere")), "{error}");
}

#[test]
fn an_engine_needs_a_runtime_and_says_so() {
    let error = Engine::builder().start().now_or_never().unwrap().unwrap_err();
    assert!(matches!(error, StartError::NoRuntime), "{error}");
}

#[tokio::test]
async fn a_dropped_engine_leaves_nothing_running() {
    let store = MemoryStore::new();
    let (engine, signal) = start(Engine::builder().store(store.clone())).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    drop(engine);
    crate::until(|| Arc::strong_count(&signal) == 1).await;
}
