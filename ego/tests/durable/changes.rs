//! What handlers change, and what becomes of it.

use crate::cart::*;
use crate::engine_on;
use ego::engine::{CommandError, ReadError, RecoveryError};
use ego::message::{CommandId, StreamId};
use ego::prelude::*;
use ego::store::{MemoryStore, Store};
use ego_sled::SledStore;
use serde_json::json;
use std::sync::atomic::Ordering;

fn stream(id: &str) -> StreamId {
    StreamId::new("cart", id).unwrap()
}

/// What the store holds of a cart.
async fn stored(store: &impl Store, id: &str) -> Option<(u64, serde_json::Value)> {
    let state = store.load_state(&stream(id)).await.unwrap()?;
    Some((state.revision.get(), serde_json::from_slice(&state.payload).unwrap()))
}

/// Every way of looking at a cart says the same.
async fn is_everywhere(engine: &Engine, id: &str, revision: u64, cart: &Cart) {
    let loaded = engine.load::<Cart>(id).await.unwrap();
    assert_eq!((&loaded.state, loaded.revision.map(u64::from)), (cart, Some(revision)));
    assert_eq!(engine.send::<Cart>(id, Count).await.unwrap().reply, cart.count(), "in memory");
    assert_eq!(stored(engine.store(), id).await, Some((revision, serde_json::to_value(cart).unwrap())));
}

async fn a_cart_lives_on(store: impl Store) {
    let (engine, signal) = engine_on(store).await;
    let empty = engine.load::<Cart>("a").await.unwrap();
    assert_eq!((empty.state, empty.revision, empty.position), (Cart::default(), None, None));

    let receipt = engine.send::<Cart>("a", add("tea")).await.unwrap();
    assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (1, Some(1)));
    assert_eq!(receipt.position, engine.store().head().await.unwrap());
    let receipt = engine.send::<Cart>("a", Add { item: "tea".into(), count: 2 }).expect_revision(1).await.unwrap();
    assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (3, Some(2)));
    engine.send::<Cart>("a", add("milk")).await.unwrap();
    engine.send::<Cart>("a", Remove { item: "tea".into() }).await.unwrap();
    signal.permits.add_permits(1);
    assert_eq!(engine.send::<Cart>("a", AddSlowly { item: "bread".into() }).await.unwrap().reply, 4, "the revision before");
    is_everywhere(&engine, "a", 5, &Cart::of([("milk", 1), ("bread", 1)])).await;

    let reply = engine.dispatch("cart", "a", "Add", json!({"item": "salt", "count": 3})).await.unwrap();
    assert_eq!((reply.reply, reply.revision.map(u64::from)), (json!(5), Some(6)));
    engine.send::<Cart>("b", add("tea")).await.unwrap();
    assert_eq!(engine.ids::<Cart>(None, 10).await.unwrap().items, ["a", "b"]);
    is_everywhere(&engine, "a", 6, &Cart::of([("milk", 1), ("bread", 1), ("salt", 3)])).await;
    engine.stop(std::time::Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn a_cart_lives_on_in_memory() {
    a_cart_lives_on(MemoryStore::new()).await;
}

#[tokio::test]
async fn a_cart_lives_on_in_sled() {
    let folder = tempfile::tempdir().unwrap();
    a_cart_lives_on(SledStore::open(folder.path()).unwrap()).await;
    let (engine, _) = engine_on(SledStore::open(folder.path()).unwrap()).await;
    is_everywhere(&engine, "a", 6, &Cart::of([("milk", 1), ("bread", 1), ("salt", 3)])).await;
    assert_eq!(engine.send::<Cart>("a", add("tea")).await.unwrap().revision.map(u64::from), Some(7));
}

#[tokio::test]
async fn a_refusal_and_a_panic_leave_no_trace() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    let head = engine.store().head().await.unwrap();
    for own_id in [false, true] {
        for panics in [false, true] {
            let sending = engine.send::<Cart>("a", Spoil { panics });
            let sending = if own_id { sending.command_id(CommandId::new(format!("spoil-{panics}")).unwrap()) } else { sending };
            match sending.await.unwrap_err() {
                CommandError::Panicked { message } => assert_eq!((&*message, panics), ("spoilt", true)),
                error => assert_eq!((error.rejection(), panics), (Some(&CartError::Paid), false), "{error}"),
            }
            is_everywhere(&engine, "a", 1, &Cart::of([("tea", 1)])).await;
        }
    }
    assert_eq!(engine.store().head().await.unwrap(), head);
}

#[tokio::test]
async fn what_changes_nothing_is_not_recorded() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let nothing = engine.send::<Cart>("a", Add { item: "tea".into(), count: 0 }).await.unwrap();
    assert_eq!(nothing.revision.map(u64::from), Some(1), "an entry with a count of 0 is a change");
    engine.send::<Cart>("a", Pay).await.unwrap();
    let head = engine.store().head().await.unwrap();
    for _ in 0..3 {
        let again = engine.send::<Cart>("a", Pay).await.unwrap();
        assert_eq!((again.revision.map(u64::from), again.position), (Some(2), head));
    }
    assert_eq!(engine.send::<Cart>("a", Count).await.unwrap().position, head);
    assert_eq!(engine.store().head().await.unwrap(), head, "nothing was saved");
    assert_eq!(engine.send::<Cart>("nobody", Count).await.unwrap().revision, None);
    assert_eq!(engine.ids::<Cart>(None, 10).await.unwrap().items, ["a"], "nothing is known of who was only looked at");
}

#[tokio::test]
async fn what_is_not_stored_does_not_live_on() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(engine.send::<Cart>("a", LookAt).await.unwrap().reply, 1, "the state in memory is what would be loaded");
    }
    assert_eq!(engine.load::<Cart>("a").await.unwrap().revision.map(u64::from), Some(1));
}

async fn a_command_repeated_has_one_effect(store: impl Store + Clone) {
    let (engine, _) = engine_on(store.clone()).await;
    let id = |text: &str| CommandId::new(text).unwrap();
    let first = engine.send::<Cart>("a", add("tea")).command_id(id("1")).await.unwrap();
    engine.send::<Cart>("a", add("milk")).await.unwrap();
    let read = engine.send::<Cart>("a", Count).command_id(id("2")).await.unwrap();
    assert_eq!(read.reply, 2);
    engine.send::<Cart>("a", add("salt")).await.unwrap();
    // Also by an engine that has not seen the first time.
    for engine in [engine, engine_on(store).await.0] {
        let again = engine.send::<Cart>("a", add("tea")).command_id(id("1")).await.unwrap();
        assert_eq!((again.reply, again.revision, again.position), (first.reply, first.revision, first.position));
        assert!(again.repeated);
        let again = engine.send::<Cart>("a", Count).command_id(id("2")).await.unwrap();
        assert!(again.repeated && again.reply == 2, "a command that changed nothing is known, too");
        let reused = engine.send::<Cart>("a", Pay).command_id(id("1")).await.unwrap_err();
        assert!(matches!(reused, CommandError::CommandIdReused { .. }), "{reused}");
        is_everywhere(&engine, "a", 3, &Cart::of([("tea", 1), ("milk", 1), ("salt", 1)])).await;
    }
}

#[tokio::test]
async fn i11_a_command_repeated_has_one_effect() {
    a_command_repeated_has_one_effect(MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = ego::store::AnyStore::new(SledStore::open(folder.path()).unwrap());
    a_command_repeated_has_one_effect(store).await;
}

#[tokio::test]
async fn who_is_sent_away_comes_back_with_the_last_state() {
    let limits = ego::engine::Limits { active_aggregates: 2, ..ego::engine::Limits::default() };
    let (engine, _) = crate::start(Engine::builder().limits(limits)).await;
    for round in 1..=5 {
        for id in 0..10 {
            let receipt = engine.send::<Cart>(&id.to_string(), add("tea")).await.unwrap();
            assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (round, Some(u64::from(round))));
        }
        assert!(engine.active_aggregates() <= 2);
    }
}

#[tokio::test]
async fn there_is_no_history_and_that_is_said() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    let is_told = |error: ReadError| assert!(matches!(error, ReadError::NoEvents { kind: "cart" }), "{error}");
    is_told(engine.history::<Cart>("a").unwrap_err());
    is_told(engine.history_by_name("cart", "a").unwrap_err());
    is_told(engine.subscribe().events::<Cart>().await.unwrap_err());
    is_told(engine.subscribe().kind("cart").json().await.unwrap_err());
    assert_eq!(engine.store().event_types().await.unwrap(), []);
}

#[tokio::test]
async fn an_erased_cart_is_gone() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    engine.store().erase(&stream("a")).await.unwrap();
    let error = engine.load::<Cart>("a").await.unwrap_err();
    assert!(matches!(error, ReadError::Recovery(RecoveryError::Erased)), "{error}");
    let error = engine.send::<Cart>("a", add("tea")).await.unwrap_err();
    assert!(matches!(error, CommandError::Refused(ego::store::Refusal::Erased)), "{error}");
    let error = engine.send::<Cart>("a", add("tea")).await.unwrap_err();
    assert!(matches!(error, CommandError::Unloadable { source: RecoveryError::Erased, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_time_is_over_has_changed_nothing() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    let sending = engine.send::<Cart>("a", AddSlowly { item: "milk".into() }).timeout(std::time::Duration::from_secs(1));
    let error = sending.await.unwrap_err();
    assert!(matches!(error, CommandError::Timeout { recorded_unknown: false, .. }), "{error}");
    assert!(signal.waiting.load(Ordering::SeqCst), "the copy was changed");
    is_everywhere(&engine, "a", 1, &Cart::of([("tea", 1)])).await;
}
