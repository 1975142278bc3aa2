//! What is sent out: eGo's publishers, Event Horizon's outbox and buses, esrc's relay.

use super::*;
use async_trait::async_trait;
use ego::consumer::{Backoff, ConsumerKind, Policy, State};
use ego::publish::{Envelope, PublishError, Publisher, PublisherOptions};
use ego::store::MemoryStore;
use std::sync::Mutex;

/// A place that takes some events, and then none, until it is mended.
#[derive(Clone, Default)]
struct Broker(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    positions: Vec<u64>,
    /// How many it takes before it fails.
    room: Option<usize>,
}

impl Broker {
    fn with_room(room: usize) -> Self {
        let broker = Self::default();
        broker.0.lock().unwrap().room = Some(room);
        broker
    }

    fn mend(&self) {
        self.0.lock().unwrap().room = None;
    }

    fn positions(&self) -> Vec<u64> {
        self.0.lock().unwrap().positions.clone()
    }
}

#[async_trait]
impl Publisher for Broker {
    fn name(&self) -> &str {
        "broker"
    }
    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        let mut taken = self.0.lock().map_err(PublishError::new)?;
        for envelope in batch {
            if taken.room == Some(taken.positions.len()) {
                return Err(PublishError::new("the broker is down"));
            }
            taken.positions.push(envelope.delivery.position().get());
        }
        Ok(())
    }
}

fn options(policy: Policy) -> PublisherOptions {
    PublisherOptions::new().policy(policy.backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(2))))
}

async fn published(broker: &Broker, upto: u64) {
    eventually(async || (broker.positions().last() == Some(&upto)).then_some(())).await;
}

/// What comes once, in order: at least once means that something may come again, never that something is missing or overtaken.
fn at_least_once(positions: &[u64], upto: u64) {
    let mut firsts = Vec::new();
    for position in positions {
        if !firsts.contains(position) {
            firsts.push(*position);
        }
    }
    assert_eq!(firsts, (1..=upto).collect::<Vec<_>>(), "{positions:?}");
}

/// An event that could not be published is logged and dropped there; nothing goes on after a restart.
#[tokio::test]
async fn ego_publishers_drop_what_they_cannot_send() {
    let (store, broker) = (MemoryStore::new(), Broker::with_room(3));
    let crew = Arc::default();
    let begin = || builder(&crew).store(store.clone()).publisher_with(broker.clone(), options(Policy::fail().retries(3))).start();
    let engine = begin().await.unwrap();
    for _ in 0..10 {
        sail(&engine, "a", 1).await;
    }
    let publisher = engine.consumer(ConsumerKind::Publisher, "broker").unwrap();
    eventually(async || (publisher.status().await.unwrap().state == State::Failed).then_some(())).await;
    assert_eq!(engine.health().failed[0].error.as_ref().unwrap().message, "the broker is down");
    engine.stop(Duration::from_secs(10)).await.unwrap();
    broker.mend();
    let engine = begin().await.unwrap();
    published(&broker, 10).await;
    at_least_once(&broker.positions(), 10);
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

/// Its relay marks all that it fetched as published, also what came behind a failure.
#[tokio::test]
async fn esrc_relay_marks_as_published_what_failed() {
    let (store, broker) = (MemoryStore::new(), Broker::with_room(0));
    let engine = builder(&Arc::default()).store(store.clone()).start().await.unwrap();
    engine.send::<Ship>("a", Sail { legs: vec![1; 50] }).await.unwrap();
    engine.stop(Duration::from_secs(10)).await.unwrap();
    broker.0.lock().unwrap().room = Some(20);
    let publishing =
        builder(&Arc::default()).store(store).publisher_with(broker.clone(), options(Policy::fail().retries(u32::MAX)));
    let engine = publishing.start().await.unwrap();
    let publisher = engine.consumer(ConsumerKind::Publisher, "broker").unwrap();
    eventually(async || (publisher.status().await.unwrap().failures > 5).then_some(())).await;
    assert!(publisher.status().await.unwrap().position <= Position::new(20));
    broker.mend();
    published(&broker, 50).await;
    at_least_once(&broker.positions(), 50);
}

/// Two publishers of a kind have one name there: one overwrites the other, which is never closed.
#[tokio::test]
async fn ego_publishers_of_one_name_overwrite_each_other() {
    let refused = builder(&Arc::default()).publisher(Broker::default()).publisher(Broker::default()).start().await.unwrap_err();
    assert!(refused.to_string().contains("\"broker\""), "{refused}");
}

/// Saving and publishing are two steps there: a crash between them, and the event is never published.
#[tokio::test]
async fn event_horizon_publishes_after_the_save_or_never() {
    let (store, crew) = (MemoryStore::new(), Arc::default());
    let engine = builder(&crew).store(store.clone()).start().await.unwrap();
    // Recorded by a program that ends before anybody could publish.
    sail(&engine, "a", 1).await;
    sail(&engine, "b", 2).await;
    drop(engine);
    let broker = Broker::default();
    let engine = builder(&crew).store(store).publisher(broker.clone()).start().await.unwrap();
    sail(&engine, "a", 3).await;
    published(&broker, 3).await;
    assert_eq!(broker.positions(), [1, 2, 3]);
}

/// Its waiter has room for one event: what comes meanwhile is dropped, and with it the one that is waited for.
#[tokio::test]
async fn event_horizon_waiters_drop_what_comes_while_they_look_elsewhere() {
    let engine = start(&Arc::default()).await;
    let mut waiter = engine.wait_for::<Ship>(|seen| seen.event == ShipEvent::Sailed { miles: 77 }).await.unwrap();
    for miles in 0..100 {
        sail(&engine, "a", miles).await;
    }
    let found = waiter.within(Duration::from_secs(30)).await.unwrap();
    assert_eq!(found.delivery.position(), 78);
}
