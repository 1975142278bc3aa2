//! Subscriptions: every event that is wanted, once, in order, from any place on; and nothing while nothing happens.

use crate::domain::*;
use crate::rigged::Rigged;
use crate::support::*;
use ego::Engine;
use ego::engine::ReadError;
use ego::message::{Position, Revision, StreamId};
use ego::store::{MemoryStore, Store, StoreError};
use ego::subscription::{Subscribe, Subscription, SubscriptionError};
use ego_sled::SledStore;
use futures_util::{FutureExt, StreamExt};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

async fn engine_on(store: impl Store) -> Engine {
    Engine::builder().store(store).start().await.unwrap()
}

async fn next<T>(subscription: &mut Subscription<T>) -> T {
    soon(subscription.next()).await.expect("it ended").unwrap()
}

/// The positions of what is there, and nothing that comes later.
async fn positions(subscribe: Subscribe<'_>, count: usize) -> Vec<u64> {
    let mut subscription = subscribe.raw().await.unwrap();
    let mut found = Vec::new();
    while found.len() < count {
        found.push(next(&mut subscription).await.position.get());
    }
    assert!(subscription.next().now_or_never().is_none(), "there is more than {found:?}");
    found
}

/// Writers append while readers come at every moment: each is given every position once, in order, past the seam and all.
async fn seam(store: impl Store) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 60;
    let engine = engine_on(store).await;
    deposit(&engine, "first", 0..20).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let engine = engine.clone();
            tokio::spawn(async move { deposit(&engine, &format!("a-{writer}"), 0..EACH).await })
        })
        .collect();
    let all = 20 + WRITERS * EACH;
    let readers: Vec<_> = (0..12)
        .map(|reader| {
            let engine = engine.clone();
            tokio::spawn(async move {
                // Begins somewhere in the middle of the writing.
                engine.store().wait_for_head(Position::new(reader * all / 14)).await.unwrap();
                let buffer = usize::try_from(1 + reader * 7).unwrap();
                let mut subscription = engine.subscribe().buffer(buffer).events::<Account>().await.unwrap();
                let mut revisions = std::collections::BTreeMap::<String, u64>::new();
                for expected in 1..=all {
                    let event = next(&mut subscription).await;
                    assert!(event.delivery.position() == expected, "{} instead of {expected}", event.delivery.position());
                    let last = revisions.entry(event.delivery.id().to_owned()).or_default();
                    *last += 1;
                    assert!(event.delivery.revision() == *last);
                }
                assert!(subscription.next().now_or_never().is_none());
            })
        })
        .collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
    stop(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_gap_and_no_duplicate_at_the_seam_in_memory() {
    seam(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_gap_and_no_duplicate_at_the_seam_on_sled() {
    let folder = tempfile::tempdir().unwrap();
    seam(SledStore::open(folder.path().join("store")).unwrap()).await;
}

#[tokio::test]
async fn it_begins_at_the_start_behind_a_position_now_or_at_a_checkpoint() {
    let engine = engine_on(MemoryStore::new()).await;
    deposit(&engine, "a", 1..=6).await;
    engine.store().save_checkpoint("me", Some(position(4))).await.unwrap();
    assert_eq!(positions(engine.subscribe(), 6).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(positions(engine.subscribe().from_now().from_start(), 6).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(positions(engine.subscribe().after(position(2)), 4).await, [3, 4, 5, 6]);
    assert_eq!(positions(engine.subscribe().from_checkpoint("me"), 2).await, [5, 6]);
    assert_eq!(positions(engine.subscribe().from_checkpoint("nobody"), 6).await, [1, 2, 3, 4, 5, 6]);
    let mut now = engine.subscribe().from_now().raw().await.unwrap();
    let mut later = engine.subscribe().after(position(8)).raw().await.unwrap();
    deposit(&engine, "a", 7..=9).await;
    assert_eq!(next(&mut now).await.position, position(7));
    assert_eq!(next(&mut later).await.position, position(9), "a place that the log had not reached");
    stop(&engine).await;
}

#[tokio::test]
async fn only_what_is_asked_for_comes() {
    let store = MemoryStore::new();
    let order = StreamId::new("order", "o").unwrap();
    for (stream, name, payload, tags) in [
        (&account("a"), "Opened", r#"{"owner":"Ann"}"#, &["vip", "new"][..]),
        (&account("a"), "Deposited", r#"{"amount":2}"#, &[]),
        (&account("b"), "Deposited", r#"{"amount":3}"#, &["vip"]),
        (&order, "Placed", r#"{"total":4}"#, &["new"]),
        (&account("a"), "Deposited", r#"{"amount":5}"#, &["vip"]),
    ] {
        record(&store, stream, name, 1, payload, tags).await;
    }
    let engine = engine_on(store).await;
    let from = || engine.subscribe().buffer(2);
    assert_eq!(positions(from().kind("order"), 1).await, [4]);
    assert_eq!(positions(from().kind("order").kind("account"), 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(positions(from().event("Deposited"), 3).await, [2, 3, 5]);
    assert_eq!(positions(from().tag("vip"), 3).await, [1, 3, 5]);
    assert_eq!(positions(from().tag("new").tag("vip"), 4).await, [1, 3, 4, 5]);
    assert_eq!(positions(from().stream(account("a")), 3).await, [1, 2, 5]);
    assert_eq!(positions(from().stream(account("a")).stream(order.clone()), 4).await, [1, 2, 4, 5]);
    assert_eq!(positions(from().stream(account("a")).tag("vip"), 2).await, [1, 5], "both lists, on the way of one stream");
    assert_eq!(positions(from().stream(account("a")).kind("order"), 0).await, [0; 0], "what cannot be");
    assert_eq!(positions(from().event("Deposited").tag("vip").after(position(3)), 1).await, [5]);
    let mut accounts = from().events::<Account>().await.unwrap();
    for expected in [1, 2, 3, 5] {
        assert_eq!(next(&mut accounts).await.delivery.position(), position(expected));
    }
    stop(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_is_followed_through_pages_and_beside_others() {
    let engine = engine_on(MemoryStore::new()).await;
    deposit(&engine, "a", 0..10).await;
    deposit(&engine, "b", 0..10).await;
    deposit(&engine, "a", 0..10).await;
    let mut one = engine.subscribe().stream(account("a")).after(position(5)).buffer(3).raw().await.unwrap();
    for revision in 6..=20 {
        assert_eq!(next(&mut one).await.revision, Revision::new(revision).unwrap());
    }
    assert!(one.next().now_or_never().is_none());
    // What others record wakes it, and it sleeps again.
    let waiting = tokio::spawn(async move { next(&mut one).await });
    deposit(&engine, "b", 0..10).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!waiting.is_finished());
    deposit(&engine, "a", [1]).await;
    assert_eq!(soon(waiting).await.unwrap().revision, Revision::new(21).unwrap());
    // A stream that is not there yet is waited for.
    let mut new = engine.subscribe().stream(account("new")).raw().await.unwrap();
    assert!(new.next().now_or_never().is_none());
    deposit(&engine, "new", [1]).await;
    assert_eq!(next(&mut new).await.revision, Revision::FIRST);
    stop(&engine).await;
}

#[tokio::test]
async fn i7_events_come_in_their_newest_shape_split_ones_one_by_one_and_retired_ones_not() {
    let store = MemoryStore::new();
    record(&store, &account("a"), "Moved", 1, r#"{"amounts":[1,2,3]}"#, &[]).await;
    record(&store, &account("a"), "Noted", 1, r#"{"anything":true}"#, &[]).await;
    record(&store, &StreamId::new("gone", "g").unwrap(), "Left", 1, "{}", &[]).await;
    record(&store, &account("a"), "Noted", 2, r#"{"text":"here"}"#, &[]).await;
    let engine = Engine::builder().store(store).retired_kind("gone").start().await.unwrap();
    let mut typed = engine.subscribe().events::<Account>().await.unwrap();
    let mut json = engine.subscribe().json().await.unwrap();
    for (token, amount) in [("1.0", 1), ("1.1", 2), ("1.2", 3)] {
        let event = next(&mut typed).await;
        assert_eq!((event.delivery.token().to_string(), event.event), (token.to_owned(), AccountEvent::Moved { amount }));
        let event = next(&mut json).await;
        assert_eq!((event.delivery.token().to_string(), event.name), (token.to_owned(), "Moved"));
        assert_eq!(event.event, serde_json::json!({ "amount": amount }));
    }
    assert_eq!(next(&mut typed).await.delivery.token().to_string(), "4.0");
    assert_eq!(next(&mut json).await.event, serde_json::json!({ "text": "here" }));
    stop(&engine).await;
}

#[tokio::test]
async fn an_unreadable_event_is_said_once_and_gone_past() {
    let store = MemoryStore::new();
    for payload in [r#"{"amount":1}"#, r#"{"amount":"much"}"#, r#"{"amount":3}"#] {
        record(&store, &account("a"), "Deposited", 1, payload, &[]).await;
    }
    let engine = engine_on(store).await;
    let mut typed = engine.subscribe().events::<Account>().await.unwrap();
    assert_eq!(next(&mut typed).await.event, AccountEvent::Deposited { amount: 1 });
    let error = soon(typed.next()).await.unwrap().unwrap_err();
    let SubscriptionError::Unreadable { stream, revision, position: at, .. } = error else { panic!("{error}") };
    assert_eq!((stream, revision.get(), at), (account("a"), 2, position(2)));
    assert_eq!(next(&mut typed).await.event, AccountEvent::Deposited { amount: 3 });
    stop(&engine).await;
}

#[tokio::test]
async fn i12_a_slow_reader_holds_one_page_and_slows_nobody() {
    let store = Rigged::on(MemoryStore::new());
    let engine = engine_on(store.clone()).await;
    let mut slow = engine.subscribe().buffer(10).events::<Account>().await.unwrap();
    deposit(&engine, "a", 0..5).await;
    next(&mut slow).await;
    deposit(&engine, "a", 0..500).await;
    assert!(store.rig.events.load(SeqCst) <= 10, "{}", store.rig.events.load(SeqCst));
    let mut read = 1;
    while read < 505 {
        next(&mut slow).await;
        read += 1;
        // Never more than a page ahead of its reader.
        assert!(store.rig.events.load(SeqCst) <= read + 10, "{} for {read}", store.rig.events.load(SeqCst));
    }
    stop(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_idle_subscriptions_do_nothing() {
    const COUNT: usize = 1000;
    let store = Rigged::on(MemoryStore::new());
    let engine = engine_on(store.clone()).await;
    deposit(&engine, "a", [1]).await;
    let (sender, mut woken) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..COUNT {
        let mut subscription = engine.subscribe().events::<Account>().await.unwrap();
        let sender = sender.clone();
        tokio::spawn(async move {
            while subscription.next().await.is_some() {
                sender.send(()).unwrap();
            }
        });
    }
    for _ in 0..COUNT {
        woken.recv().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = store.rig.calls.load(SeqCst);
    // The clock of these hours jumps from timer to timer: whoever polled would be seen.
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(store.rig.calls.load(SeqCst), before, "somebody asked the store");
    assert!(woken.try_recv().is_err());
    deposit(&engine, "a", [2]).await;
    for _ in 0..COUNT {
        soon(woken.recv()).await.unwrap();
    }
    stop(&engine).await;
}

#[tokio::test]
async fn it_ends_when_the_engine_stops_behind_what_was_read() {
    let engine = engine_on(MemoryStore::new()).await;
    deposit(&engine, "a", 0..3).await;
    let mut waiting = engine.subscribe().from_now().raw().await.unwrap();
    let waiting = tokio::spawn(async move { waiting.next().await.is_none() });
    let mut reading = engine.subscribe().raw().await.unwrap();
    assert_eq!(next(&mut reading).await.position, position(1));
    stop(&engine).await;
    assert!(soon(waiting).await.unwrap());
    assert_eq!(next(&mut reading).await.position, position(2));
    assert_eq!(next(&mut reading).await.position, position(3));
    for _ in 0..3 {
        assert!(soon(reading.next()).await.is_none());
    }
    let refused = engine.subscribe().from_now().raw().await.unwrap_err();
    assert!(matches!(refused, ReadError::Store(StoreError::Closed)), "{refused}");
}

#[tokio::test]
async fn what_is_finished_is_kept_under_a_name_and_the_rest_comes_again() {
    let store = MemoryStore::new();
    for round in 0..3 {
        let engine = engine_on(store.clone()).await;
        deposit(&engine, "a", 0..3).await;
        let mut mine = engine.subscribe().from_checkpoint("mine").raw().await.unwrap();
        for expected in 2 * round + 1..=2 * round + 2 {
            assert_eq!(next(&mut mine).await.position, position(expected));
        }
        mine.save_checkpoint(position(2 * round + 2)).await.unwrap();
        let beyond = mine.save_checkpoint(position(1000)).await.unwrap_err();
        assert!(matches!(beyond, SubscriptionError::Store(StoreError::BeyondHead { .. })), "{beyond}");
        let unnamed = engine.subscribe().raw().await.unwrap().save_checkpoint(position(1)).await.unwrap_err();
        assert!(matches!(unnamed, SubscriptionError::Unnamed), "{unnamed}");
        stop(&engine).await;
    }
    assert_eq!(store.list_checkpoints().await.unwrap(), [("mine".to_owned(), Some(position(6)))]);
}

#[tokio::test]
async fn i12_retention_waits_for_a_named_subscription() {
    let engine = engine_on(MemoryStore::new()).await;
    deposit(&engine, "a", 0..5).await;
    let mut mine = engine.subscribe().from_checkpoint("mine").raw().await.unwrap();
    next(&mut mine).await;
    mine.save_checkpoint(Position::FIRST).await.unwrap();
    let delete = async |revision| engine.store().delete_up_to(&account("a"), Revision::new(revision).unwrap()).await;
    let held = delete(2).await.unwrap_err();
    assert!(matches!(&held, StoreError::HeldBack { consumer, .. } if consumer == "mine"), "{held}");
    delete(1).await.unwrap();
    mine.save_checkpoint(position(5)).await.unwrap();
    delete(5).await.unwrap();
    // Who comes too late is given what is left.
    deposit(&engine, "b", [1]).await;
    assert_eq!(positions(engine.subscribe(), 1).await, [6]);
    assert_eq!(positions(engine.subscribe().stream(account("a")), 0).await, [0; 0]);
    stop(&engine).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_loses_nothing() {
    let store = Rigged::on(MemoryStore::new());
    let engine = engine_on(store.clone()).await;
    let mut subscription = engine.subscribe().buffer(3).raw().await.unwrap();
    let mut found = Vec::new();
    for amount in 0..50 {
        deposit(&engine, "a", [amount]).await;
        // Polled once and dropped, ready or not.
        for _ in 0..3 {
            if let Some(event) = subscription.next().now_or_never() {
                found.push(event.unwrap().unwrap().position.get());
            }
        }
        let _ = tokio::time::timeout(Duration::ZERO, subscription.next()).now_or_never();
    }
    while found.len() < 50 {
        found.push(next(&mut subscription).await.position.get());
    }
    assert_eq!(found, (1..=50).collect::<Vec<_>>());
    stop(&engine).await;
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_and_nothing_is_passed_over() {
    let store = Rigged::on(MemoryStore::new());
    let engine = engine_on(store.clone()).await;
    deposit(&engine, "a", 0..3).await;
    let mut subscription = engine.subscribe().events::<Account>().await.unwrap();
    store.rig.fail_reads.store(2, SeqCst);
    for _ in 0..2 {
        let failed = soon(subscription.next()).await.unwrap().unwrap_err();
        assert!(matches!(failed, SubscriptionError::Store(StoreError::Io { .. })), "{failed}");
    }
    for expected in 1..=3 {
        assert_eq!(next(&mut subscription).await.delivery.position(), position(expected));
    }
    stop(&engine).await;
}

#[tokio::test]
async fn a_kind_that_nobody_registered_is_refused_by_name() {
    let engine = engine_on(MemoryStore::new()).await;
    let refused = engine.subscribe().kind("acount").json().await.unwrap_err();
    assert!(refused.to_string().contains("account"), "{refused}");
    stop(&engine).await;
}

#[tokio::test]
async fn a_subscription_is_a_stream_too() {
    let engine = engine_on(MemoryStore::new()).await;
    deposit(&engine, "a", 1..=4).await;
    let events = engine.subscribe().events::<Account>().await.unwrap().into_stream();
    let found: Vec<_> = soon(events.take(4).map(|event| event.unwrap().event).collect()).await;
    assert_eq!(found, (1..=4).map(|amount| AccountEvent::Deposited { amount }).collect::<Vec<_>>());
    stop(&engine).await;
}
