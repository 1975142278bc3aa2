//! Publishers: at least once, in order, nothing before it is durable, nothing ever passed over.

mod checkpoints;
mod said;

use crate::domain::*;
use crate::rigged::{ALL, Rigged};
use crate::support::*;
use async_trait::async_trait;
use ego::Engine;
use ego::consumer::{Backoff, Begin, Policy, State};
use ego::engine::{EngineBuilder, StartError, StartProblem};
use ego::prelude::*;
use ego::publish::{ChannelPublisher, CloudEvent, Envelope, FlatEvent, Format, PublishError, Publisher, PublisherOptions};
use ego::store::{MemoryStore, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Notes what it is given, and fails as it is told.
#[derive(Clone)]
struct Notes(Arc<Inner>);

struct Inner {
    name: String,
    /// What was published: batches of positions and ordinals.
    batches: Mutex<Vec<Vec<String>>>,
    /// Every envelope that was published.
    events: Mutex<Vec<Envelope>>,
    /// Says how a batch fails.
    fails: Mutex<SaysHow>,
    /// One permit lets one call begin.
    calls: Semaphore,
}

type SaysHow = Box<dyn FnMut(&[Envelope]) -> Fails + Send>;

enum Fails {
    Not,
    Before(&'static str),
    /// With everything sent, as a broker whose answer is lost.
    Behind,
    Panics,
}

impl Notes {
    fn new(name: &str) -> Self {
        Self::failing(name, |_| Fails::Not)
    }

    fn failing(name: &str, fails: impl FnMut(&[Envelope]) -> Fails + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            batches: Mutex::default(),
            events: Mutex::default(),
            fails: Mutex::new(Box::new(fails)),
            calls: Semaphore::new(Semaphore::MAX_PERMITS / 2),
        }))
    }

    fn published(&self) -> Vec<String> {
        self.0.batches.lock().unwrap().concat()
    }

    fn batches(&self) -> usize {
        self.0.batches.lock().unwrap().len()
    }

    fn fails(&self, fails: impl FnMut(&[Envelope]) -> Fails + Send + 'static) {
        *self.0.fails.lock().unwrap() = Box::new(fails);
    }

    async fn until_published(&self, events: usize) {
        until(&format!("{events} are published"), async || self.published().len() >= events).await;
    }
}

#[async_trait]
impl Publisher for Notes {
    fn name(&self) -> &str {
        &self.0.name
    }
    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        self.0.calls.acquire().await.unwrap().forget();
        let fails = (self.0.fails.lock().unwrap())(batch);
        match fails {
            Fails::Before(reason) => return Err(PublishError::new(reason)),
            Fails::Panics => panic!("the publisher is out of order"),
            Fails::Not | Fails::Behind => {}
        }
        self.0.batches.lock().unwrap().push(batch.iter().map(Envelope::id).collect());
        self.0.events.lock().unwrap().extend_from_slice(batch);
        if matches!(fails, Fails::Behind) { Err(PublishError::new("the answer was lost")) } else { Ok(()) }
    }
}

fn ids(positions: impl IntoIterator<Item = u64>) -> Vec<String> {
    positions.into_iter().map(|position| format!("{position}.0")).collect()
}

/// At once, so often.
fn at_once(policy: Policy, retries: u32) -> PublisherOptions {
    PublisherOptions::new().policy(policy.retries(retries).backoff(Backoff::new(Duration::ZERO, Duration::ZERO)))
}

async fn start(builder: EngineBuilder) -> Engine {
    builder.start().await.unwrap()
}

fn holds(batch: &[Envelope], position: u64) -> bool {
    batch.iter().any(|event| event.delivery.position() == position)
}

#[tokio::test]
async fn what_is_recorded_is_published_in_the_order_of_the_log_once_when_nothing_fails() {
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().publisher_with(notes.clone(), PublisherOptions::new().batch(7))).await;
    for round in 0..10 {
        deposit(&engine, "a", [round]).await;
        deposit(&engine, "b", [round, round]).await;
    }
    notes.until_published(30).await;
    assert_eq!(notes.published(), ids(1..=30));
    assert!(notes.0.batches.lock().unwrap().iter().all(|batch| batch.len() <= 7));
    stop(&engine).await;
}

#[tokio::test]
async fn a_publisher_goes_on_behind_its_checkpoint_after_a_restart() {
    let store = MemoryStore::new();
    for round in 0..3 {
        let notes = Notes::new("notes");
        let engine = start(Engine::builder().store(store.clone()).publisher(notes.clone())).await;
        deposit(&engine, "a", [1, 2, 3]).await;
        until_done(&engine, &publisher(&engine, "notes")).await;
        stop(&engine).await;
        assert_eq!(notes.published(), ids(3 * round + 1..=3 * round + 3));
    }
}

#[tokio::test]
async fn i6_nothing_is_lost_when_the_process_ends_between_publishing_and_the_checkpoint() {
    let store = Rigged::on(MemoryStore::new());
    store.rig.fail_steps.store(ALL, SeqCst);
    let first = Notes::new("notes");
    let engine = start(Engine::builder().store(store.clone()).publisher(first.clone())).await;
    deposit(&engine, "a", [1, 2, 3]).await;
    first.until_published(3).await;
    // It ends without another word: what it did is known to nobody.
    drop(engine);

    let second = Notes::new("notes");
    let engine = start(Engine::builder().store(store.inner.clone()).publisher(second.clone())).await;
    second.until_published(3).await;
    assert_eq!(second.published(), ids(1..=3), "at least once, with the same ids");
    stop(&engine).await;
}

#[tokio::test]
async fn i6_no_checkpoint_stands_before_its_events_are_published() {
    let store = MemoryStore::new();
    let first = Notes::new("notes");
    first.0.calls.forget_permits(usize::MAX);
    let engine = start(Engine::builder().store(store.clone()).publisher(first.clone())).await;
    deposit(&engine, "a", [1, 2, 3]).await;
    // It was given events and has not answered; then the process ends.
    until("it was asked", async || publisher(&engine, "notes").status().await.unwrap().state == State::Running).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(store.load_checkpoint("publisher/notes").await.unwrap(), None);
    assert_eq!(publisher(&engine, "notes").status().await.unwrap().position, None);
    drop(engine);

    let second = Notes::new("notes");
    let engine = start(Engine::builder().store(store).publisher(second.clone())).await;
    second.until_published(3).await;
    assert_eq!(second.published(), ids(1..=3));
    stop(&engine).await;
}

/// One of the relays that were studied marks everything that it fetched as published when one of it fails.
#[tokio::test]
async fn what_fails_in_the_middle_of_a_batch_is_not_passed_over_nor_is_what_follows_it() {
    let store = MemoryStore::new();
    let notes = Notes::failing("notes", |batch| if holds(batch, 3) { Fails::Before("no 3 today") } else { Fails::Not });
    let builder = || Engine::builder().store(store.clone());
    let engine = start(builder().publisher_with(notes.clone(), at_once(Policy::fail(), 2))).await;
    deposit(&engine, "a", 1..=5).await;
    let status = until_state(&publisher(&engine, "notes"), State::Failed).await;
    assert_eq!(notes.published().last().unwrap(), "2.0");
    assert_eq!(status.position, Some(position(2)));
    let error = status.last_error.unwrap();
    assert_eq!((&*error.message, error.position, error.attempts), ("no 3 today", Some(position(3)), 3));
    assert!(!engine.health().is_ok());
    stop(&engine).await;
    assert_eq!(store.load_checkpoint("publisher/notes").await.unwrap(), Some(position(2)), "what was published counts");

    let again = Notes::new("notes");
    let engine = start(builder().publisher(again.clone())).await;
    again.until_published(3).await;
    assert_eq!(again.published(), ids(3..=5));
    stop(&engine).await;
}

#[tokio::test]
async fn a_publisher_that_stopped_goes_on_when_it_is_resumed() {
    let notes = Notes::failing("notes", |_| Fails::Before("the broker is away"));
    let engine = start(Engine::builder().publisher_with(notes.clone(), at_once(Policy::fail(), 1))).await;
    deposit(&engine, "a", 1..=3).await;
    let handle = publisher(&engine, "notes");
    until_state(&handle, State::Failed).await;
    let health = engine.health();
    assert_eq!((health.failed.len(), &*health.failed[0].name), (1, "notes"));
    assert!(notes.published().is_empty());

    notes.fails(|_| Fails::Not);
    handle.resume();
    until_done(&engine, &handle).await;
    assert_eq!(notes.published(), ids(1..=3));
    assert!(engine.health().is_ok());
    stop(&engine).await;
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_its_events_stay_in_order() {
    let mut calls = 0;
    let notes = Notes::failing("notes", move |_| {
        calls += 1;
        if calls % 3 == 0 { Fails::Not } else { Fails::Before("not now") }
    });
    let engine = start(Engine::builder().publisher_with(notes.clone(), at_once(Policy::fail(), 5).batch(4))).await;
    deposit(&engine, "a", 1..=20).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids(1..=20));
    let status = publisher(&engine, "notes").status().await.unwrap();
    assert!(status.failures > 0 && status.state == State::Running, "{status:?}");
    assert_eq!(status.events, 20);
    stop(&engine).await;
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_comes_again_with_the_same_ids() {
    let mut calls = 0;
    let notes = Notes::failing("notes", move |_| {
        calls += 1;
        if calls == 1 { Fails::Behind } else { Fails::Not }
    });
    let store = MemoryStore::new();
    let account = account("a");
    for amount in 1..=3 {
        record(&store, &account, "Deposited", 1, &format!("{{\"amount\":{amount}}}"), &[]).await;
    }
    let engine = start(Engine::builder().store(store).publisher_with(notes.clone(), at_once(Policy::fail(), 5))).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), [ids(1..=3), ids(1..=3)].concat());
    stop(&engine).await;
}

#[tokio::test]
async fn skip_leaves_out_the_event_that_fails_and_no_other() {
    let notes = Notes::failing("notes", |batch| if holds(batch, 3) { Fails::Before("no 3 today") } else { Fails::Not });
    let engine = start(Engine::builder().publisher_with(notes.clone(), at_once(Policy::skip(), 1))).await;
    deposit(&engine, "a", 1..=5).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids([1, 2, 4, 5]));
    let status = publisher(&engine, "notes").status().await.unwrap();
    assert_eq!((status.skipped, status.state), (1, State::Running));
    assert!(engine.health().is_ok());
    stop(&engine).await;
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    let notes = Notes::failing("notes", |batch| if holds(batch, 2) { Fails::Panics } else { Fails::Not });
    let engine = start(Engine::builder().publisher_with(notes.clone(), at_once(Policy::fail(), 0))).await;
    deposit(&engine, "a", 1..=3).await;
    let status = until_state(&publisher(&engine, "notes"), State::Failed).await;
    assert_eq!(notes.published(), ids([1]));
    assert!(status.last_error.unwrap().message.contains("the publisher is out of order"));
    stop(&engine).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_a_failure_of_that_event() {
    let store = MemoryStore::new();
    let account = account("a");
    record(&store, &account, "Deposited", 1, r#"{"amount":1}"#, &[]).await;
    record(&store, &account, "Deposited", 1, r#"{"amount":"much"}"#, &[]).await;
    record(&store, &account, "Deposited", 1, r#"{"amount":3}"#, &[]).await;
    let strict = Notes::new("strict");
    let loose = Notes::new("loose");
    let builder = Engine::builder().store(store).publisher(strict.clone());
    let engine = start(builder.publisher_with(loose.clone(), at_once(Policy::skip(), 0))).await;
    let status = until_state(&publisher(&engine, "strict"), State::Failed).await;
    assert_eq!((strict.published(), status.position), (ids([1]), Some(position(1))));
    assert!(status.last_error.unwrap().message.contains("Deposited"));
    until_done(&engine, &publisher(&engine, "loose")).await;
    assert_eq!(loose.published(), ids([1, 3]));
    stop(&engine).await;
}

#[tokio::test]
async fn i7_split_events_are_published_each_and_retired_ones_not() {
    let store = MemoryStore::new();
    let account = account("a");
    record(&store, &account, "Moved", 1, r#"{"amounts":[1,2,3]}"#, &[]).await;
    record(&store, &account, "Noted", 1, r#"{"anything":true}"#, &[]).await;
    record(&store, &account, "Deposited", 1, r#"{"amount":4}"#, &[]).await;
    record(&store, &ego::message::StreamId::new("gone", "g").unwrap(), "Left", 1, "{}", &[]).await;
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().store(store).retired_kind("gone").publisher(notes.clone())).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ["1.0", "1.1", "1.2", "3.0"]);
    let amounts: Vec<_> = notes.0.events.lock().unwrap().iter().map(|event| event.event["amount"].clone()).collect();
    assert_eq!(amounts, [1, 2, 3, 4]);
    stop(&engine).await;
}

#[tokio::test]
async fn i2_nothing_is_published_before_it_is_durable() {
    let store = Rigged::closed(MemoryStore::new());
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().store(store.clone()).publisher(notes.clone())).await;
    // One is refused, one waits for the store.
    store.rig.fail_appends.store(1, SeqCst);
    store.rig.appending.add_permits(1);
    engine.send::<Account>("a", Deposit { amount: 1 }).await.unwrap_err();
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.send::<Account>("b", Deposit { amount: 2 }).await.map(|_| ()) })
    };
    until("the store was asked", async || store.rig.appends.load(SeqCst) == 2).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(notes.published().is_empty());

    store.rig.appending.add_permits(1);
    waiting.await.unwrap().unwrap();
    notes.until_published(1).await;
    assert_eq!(notes.0.events.lock().unwrap()[0].event, serde_json::json!({ "amount": 2 }));
    stop(&engine).await;
}

#[tokio::test]
async fn only_what_is_asked_for_is_published() {
    let store = MemoryStore::new();
    record(&store, &account("a"), "Opened", 1, r#"{"owner":"Ann"}"#, &["vip"]).await;
    record(&store, &account("a"), "Deposited", 1, r#"{"amount":2}"#, &[]).await;
    record(&store, &account("b"), "Deposited", 1, r#"{"amount":3}"#, &["vip"]).await;
    record(&store, &ego::message::StreamId::new("order", "o").unwrap(), "Placed", 1, r#"{"total":4}"#, &[]).await;
    let options = PublisherOptions::new;
    let cases = [
        ("kind", options().kind("order"), ids([4])),
        ("kinds", options().kind("order").kind("account"), ids([1, 2, 3, 4])),
        ("event", options().event("Deposited"), ids([2, 3])),
        ("stream", options().stream(account("a")), ids([1, 2])),
        ("tag", options().tag("vip"), ids([1, 3])),
        ("both", options().tag("vip").event("Deposited"), ids([3])),
    ];
    for (name, options, expected) in cases {
        let notes = Notes::new(name);
        let engine = start(Engine::builder().store(store.clone()).publisher_with(notes.clone(), options)).await;
        until_done(&engine, &publisher(&engine, name)).await;
        assert_eq!(notes.published(), expected, "{name}");
        stop(&engine).await;
    }
}

#[tokio::test]
async fn i12_a_slow_publisher_holds_one_batch_and_slows_nobody() {
    let store = Rigged::on(MemoryStore::new());
    let notes = Notes::new("notes");
    notes.0.calls.forget_permits(usize::MAX);
    let builder = Engine::builder().store(store.clone());
    let engine = start(builder.publisher_with(notes.clone(), PublisherOptions::new().batch(10))).await;
    deposit(&engine, "a", 0..500).await;
    until("it has read", async || store.rig.events.load(SeqCst) > 0).await;
    assert!(store.rig.events.load(SeqCst) <= 10, "{}", store.rig.events.load(SeqCst));
    notes.0.calls.add_permits(1000);
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids(1..=500));
    stop(&engine).await;
}

#[tokio::test]
async fn a_paused_publisher_publishes_nothing_and_goes_on_where_it_was() {
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().publisher(notes.clone())).await;
    let handle = publisher(&engine, "notes");
    deposit(&engine, "a", [1, 2]).await;
    until_done(&engine, &handle).await;
    handle.pause();
    until_state(&handle, State::Paused).await;
    deposit(&engine, "a", [3, 4]).await;
    assert_eq!(notes.published(), ids(1..=2));
    assert_eq!(handle.status().await.unwrap().lag, 2);
    handle.resume();
    until_done(&engine, &handle).await;
    assert_eq!(notes.published(), ids(1..=4));
    stop(&engine).await;
}

#[tokio::test]
async fn the_channel_holds_back_and_never_drops() {
    let (channel, mut published) = ChannelPublisher::new("channel", 2);
    let engine = start(Engine::builder().publisher(channel)).await;
    deposit(&engine, "a", 1..=50).await;
    for number in 1..=50 {
        assert_eq!(soon(published.recv()).await.unwrap().id(), format!("{number}.0"));
    }
    until_done(&engine, &publisher(&engine, "channel")).await;
    stop(&engine).await;
    drop(engine);
    assert!(soon(published.recv()).await.is_none());
}

#[tokio::test]
async fn a_channel_that_nobody_receives_from_is_an_error() {
    let (channel, published) = ChannelPublisher::new("channel", 2);
    drop(published);
    let engine = start(Engine::builder().publisher_with(channel, at_once(Policy::fail(), 0))).await;
    deposit(&engine, "a", [1]).await;
    let status = until_state(&publisher(&engine, "channel"), State::Failed).await;
    assert!(status.last_error.unwrap().message.contains("nobody receives"));
    stop(&engine).await;
}

#[tokio::test]
async fn a_publisher_that_never_answers_does_not_keep_the_engine_from_stopping() {
    let store = MemoryStore::new();
    let (channel, published) = ChannelPublisher::new("channel", 1);
    let engine = start(Engine::builder().store(store.clone()).publisher(channel)).await;
    deposit(&engine, "a", 1..=5).await;
    until("the channel is full", async || published.len() == 1).await;
    soon(engine.stop(Duration::from_millis(50))).await.unwrap();
    assert_eq!(store.load_checkpoint("publisher/channel").await.unwrap(), None);
}

#[tokio::test]
async fn i12_retention_waits_for_a_publisher_that_has_not_published() {
    let notes = Notes::failing("notes", |batch| if holds(batch, 3) { Fails::Before("no") } else { Fails::Not });
    let engine = start(Engine::builder().publisher_with(notes.clone(), at_once(Policy::fail(), 0))).await;
    deposit(&engine, "a", 1..=4).await;
    until_state(&publisher(&engine, "notes"), State::Failed).await;
    let up_to = async |revision| {
        let revision = ego::message::Revision::new(revision).unwrap();
        engine.store().delete_up_to(&account("a"), revision).await
    };
    until("the checkpoint is kept", async || {
        engine.store().load_checkpoint("publisher/notes").await.unwrap() == Some(position(2))
    })
    .await;
    let refused = up_to(3).await;
    assert!(matches!(&refused, Err(StoreError::HeldBack { consumer, .. }) if consumer == "publisher/notes"), "{refused:?}");
    up_to(2).await.unwrap();
    stop(&engine).await;
}

#[tokio::test]
async fn two_publishers_follow_each_for_itself() {
    let slow = Notes::failing("slow", |_| Fails::Before("never"));
    let quick = Notes::new("quick");
    let engine = start(Engine::builder().publisher(slow.clone()).publisher(quick.clone())).await;
    deposit(&engine, "a", 1..=5).await;
    until_done(&engine, &publisher(&engine, "quick")).await;
    assert_eq!((quick.published(), slow.batches()), (ids(1..=5), 0));
    stop(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_per_stream_holds_while_many_write() {
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().publisher_with(notes.clone(), PublisherOptions::new().batch(16))).await;
    let writers = (0..8).map(|writer| {
        let engine = engine.clone();
        tokio::spawn(async move { deposit(&engine, &format!("a-{}", writer % 4), 0..100).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids(1..=800));
    let mut revisions: BTreeMap<String, u64> = BTreeMap::new();
    for event in notes.0.events.lock().unwrap().iter() {
        let last = revisions.entry(event.delivery.id().to_owned()).or_default();
        assert!(event.delivery.revision() == *last + 1);
        *last += 1;
    }
    assert_eq!(revisions.values().sum::<u64>(), 800);
    stop(&engine).await;
}
