//! Event Horizon.

use super::*;
use ego::consumer::{Backoff, Policy};
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::projection::{ProjectionOptions, Rebuild};
use ego::store::{Body, Commit, MemoryStore, NewEvent, Store};
use ego::subscription::SubscriptionError;

/// Its outbox holds its lock while handlers run: one that causes an event waits for itself, and so does everybody else.
#[tokio::test]
async fn event_horizon_outbox_deadlocks_when_a_handler_causes_an_event() {
    let crew: Arc<Crew> = Arc::default();
    let engine = start(&crew).await;
    assert!(crew.engine.set(engine.clone()).is_ok());
    for number in 0..20 {
        sail(&engine, &format!("s-{}", number % 3), 1).await;
    }
    let crossed = engine.projection::<Crossing>().unwrap();
    eventually(async || (crossed.status().await.unwrap().lag == 0).then_some(())).await;
    let visits = engine.history::<Port>("harbour").unwrap().collect().await.unwrap();
    assert_eq!(visits.len(), 20);
    let head = engine.store().head().await.unwrap();
    assert_eq!(engine.view::<Log>("s-0").after(head).await.unwrap().unwrap().ports, 7);
}

/// An event that failed is tried again there after newer ones; a slow handler runs twice at the same time.
#[tokio::test]
async fn event_horizon_retries_lose_the_order_and_run_twice() {
    let crew: Arc<Crew> = Arc::default();
    crew.poison.lock().unwrap().insert(2);
    let policy = Policy::fail().retries(u32::MAX).backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(5)));
    let engine = builder(&crew).projection::<Log>(ProjectionOptions::new().policy(policy)).start().await.unwrap();
    let mut last = Position::FIRST;
    for _ in 0..10 {
        last = sail(&engine, "a", 1).await;
    }
    let projection = engine.projection::<Log>().unwrap();
    eventually(async || (projection.status().await.unwrap().failures > 5).then_some(())).await;
    crew.poison.lock().unwrap().clear();
    assert_eq!(engine.view::<Log>("a").after(last).await.unwrap().unwrap().positions, (1..=10).collect::<Vec<_>>());
    engine.view::<Crossing>("a").after(last).await.unwrap();
    assert_eq!(crew.most_at_once.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// Its local bus drops what a slow handler has no room for: 1,012 of 5,000 arrived, without an error.
#[tokio::test]
async fn event_horizon_bus_drops_events_when_a_handler_is_slow() {
    let engine = start(&Arc::default()).await;
    let mut events = engine.subscribe().buffer(10).raw().await.unwrap();
    for _ in 0..50 {
        engine.send::<Ship>("a", Sail { legs: (0..100).collect() }).await.unwrap();
    }
    for expected in 1..=5000 {
        if expected % 500 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(take(&mut events, 1).await[0].position, expected);
    }
}

/// One event that cannot be decoded ends its handler for ever.
#[tokio::test]
async fn event_horizon_handlers_end_at_an_event_that_cannot_be_decoded() {
    let store = MemoryStore::new();
    let policy = Policy::dead_letter();
    let crew = Arc::default();
    let engine =
        builder(&crew).store(store.clone()).projection::<Log>(ProjectionOptions::new().policy(policy)).start().await.unwrap();
    sail(&engine, "a", 1).await;
    // As a program with a mistake would have written it.
    let event = NewEvent { name: "Sailed".into(), version: 1, payload: "{\"miles\":\"far\"}".into(), tags: vec![] };
    let commit = Commit {
        stream: StreamId::new("ship", "wreck").unwrap(),
        expected: Expected::Any,
        metadata: Arc::new(Metadata::new(CommandId::new("c").unwrap(), "Sail", ego::Timestamp::UNIX_EPOCH)),
        codec: "json".into(),
        body: Body::Events(vec![event]),
        reply: Default::default(),
        rows: vec![],
    };
    store.append(vec![commit]).await.unwrap();
    let last = sail(&engine, "a", 1).await;
    let mut events = engine.subscribe().events::<Ship>().await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().delivery.position(), 1);
    let unreadable = events.next().await.unwrap().unwrap_err();
    assert!(matches!(unreadable, SubscriptionError::Unreadable { position, .. } if position == 2), "{unreadable}");
    assert_eq!(events.next().await.unwrap().unwrap().delivery.position(), last);
    assert_eq!(engine.view::<Log>("a").after(last).await.unwrap().unwrap().positions, [1, 3]);
    let letters = engine.projection::<Log>().unwrap().dead_letters(None, 10).await.unwrap().items;
    assert_eq!((letters.len(), letters[0].event.position.get(), &*letters[0].key), (1, 2, "wreck"));
}

/// There is no way to read all events, so no way to build a view anew.
#[tokio::test]
async fn event_horizon_cannot_build_a_view_anew() {
    let engine = start(&Arc::default()).await;
    let mut last = Position::FIRST;
    for number in 0..50 {
        last = sail(&engine, &format!("s-{}", number % 5), number).await;
    }
    engine.view::<Log>("s-0").after(last).await.unwrap();
    let rebuilt = engine.projection::<Log>().unwrap().rebuild(Rebuild::beside()).await.unwrap();
    assert_eq!((rebuilt.same, rebuilt.views), (true, 5));
}

/// Its projector wants each event to be the next version of one aggregate, so a view of several is not possible.
#[tokio::test]
async fn event_horizon_views_are_of_one_aggregate() {
    let engine = start(&Arc::default()).await;
    sail(&engine, "a", 5).await;
    for port in ["x", "y", "x"] {
        engine.send::<Port>(port, Visit { ship: "a".into() }).await.unwrap();
    }
    let last = sail(&engine, "a", 7).await;
    let view = engine.view::<Log>("a").after(last).await.unwrap().unwrap();
    assert_eq!(view, Log { positions: vec![1, 2, 3, 4, 5], miles: 12, ports: 3 });
}
