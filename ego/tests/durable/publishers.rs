//! Publishers of states: at least once, in order, never an older state after a newer one.

use crate::cart::*;
use crate::shapes::{Note, Write, saved};
use crate::{start, until};
use async_trait::async_trait;
use ego::Engine;
use ego::consumer::{ConsumerKind, Policy, State};
use ego::engine::{StartError, StartProblem};
use ego::prelude::*;
use ego::publish::{ChannelPublisher, Envelope, PublishError, Publisher, PublisherOptions};
use ego::store::{MemoryStore, Store};
use ego_sled::SledStore;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Notes what it is given.
#[derive(Clone)]
struct Notes(Arc<Inner>);

struct Inner {
    published: Mutex<Vec<(String, u64)>>,
    largest: AtomicUsize,
    fail: AtomicUsize,
    /// One permit lets one call begin.
    calls: Semaphore,
    called: AtomicUsize,
}

impl Notes {
    fn new(permits: usize) -> Self {
        Self(Arc::new(Inner {
            published: Mutex::default(),
            largest: AtomicUsize::default(),
            fail: AtomicUsize::default(),
            calls: Semaphore::new(permits),
            called: AtomicUsize::default(),
        }))
    }

    fn published(&self) -> Vec<(String, u64)> {
        self.0.published.lock().unwrap().clone()
    }
}

#[async_trait]
impl Publisher for Notes {
    fn name(&self) -> &str {
        "notes"
    }
    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        self.0.called.fetch_add(1, SeqCst);
        self.0.calls.acquire().await.unwrap().forget();
        self.0.largest.fetch_max(batch.len(), SeqCst);
        if self.0.fail.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(PublishError::new("not now"));
        }
        let counts = batch.iter().map(|state| {
            let items = state.event["items"].as_object().unwrap();
            (state.delivery.id().to_owned(), items.values().map(|count| count.as_u64().unwrap()).sum())
        });
        self.0.published.lock().unwrap().extend(counts);
        Ok(())
    }
}

fn tell(carts: &[(&str, u64)]) -> Vec<(String, u64)> {
    carts.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
}

async fn publishing(store: impl Store, notes: &Notes) -> Engine {
    let builder = Engine::builder().store(store);
    start(builder.publisher_with(notes.clone(), PublisherOptions::states().kind("cart").batch(2))).await.0
}

#[tokio::test]
async fn states_are_published_as_events_are() {
    let (publisher, mut published) = ChannelPublisher::new("screen", 8);
    let builder = Engine::builder().publisher_with(publisher, PublisherOptions::states());
    let (engine, _) = start(builder).await;
    engine.send::<Note>("n", Write { text: "no state".into() }).await.unwrap();
    engine.send::<Cart>("c-1", add("tea")).await.unwrap();
    let state = published.recv().await.unwrap();
    assert_eq!((state.name, &*state.id()), ("state", "2.0"), "its identity is its position");
    let cart = json!({"items": {"tea": 1}, "paid": false});
    let event = state.cloud_event();
    assert_eq!((&*event.kind, &*event.subject, &*event.position), ("cart.state", "cart/c-1", "2"));
    assert_eq!((&*event.revision, &event.data), ("1", &cart));
    let flat = state.flat();
    assert_eq!((&*flat.kind, &*flat.aggregate_type, flat.version, flat.data), ("state", "cart", 1, cart));
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_slow_publisher_is_given_the_last_state_in_small_batches() {
    let notes = Notes::new(0);
    let engine = publishing(MemoryStore::new(), &notes).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    until(|| notes.0.called.load(SeqCst) == 1).await;
    for id in ["b", "c", "a", "b", "d", "b"] {
        engine.send::<Cart>(id, add("tea")).await.unwrap();
    }
    notes.0.calls.add_permits(100);
    until(|| notes.published().len() == 5).await;
    assert_eq!(notes.published(), tell(&[("a", 1), ("c", 1), ("a", 2), ("d", 1), ("b", 3)]));
    assert_eq!(notes.0.largest.load(SeqCst), 2);
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn it_goes_on_behind_its_checkpoint_and_repeats_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::new(1000);
    {
        let engine = publishing(SledStore::open(folder.path()).unwrap(), &notes).await;
        for id in ["a", "b"] {
            engine.send::<Cart>(id, add("tea")).await.unwrap();
        }
        until(|| notes.published().len() == 2).await;
        engine.stop(Duration::from_secs(30)).await.unwrap();
    }
    let (engine, _) = start(Engine::builder().store(SledStore::open(folder.path()).unwrap())).await;
    for id in ["b", "c", "b"] {
        engine.send::<Cart>(id, add("tea")).await.unwrap();
    }
    engine.stop(Duration::from_secs(30)).await.unwrap();
    notes.0.published.lock().unwrap().clear();
    notes.0.fail.store(1, SeqCst);
    let engine = publishing(SledStore::open(folder.path()).unwrap(), &notes).await;
    until(|| notes.published().len() == 2).await;
    assert_eq!(notes.published(), tell(&[("c", 1), ("b", 3)]), "nothing that it had finished, and not what b was before");
    engine.stop(Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn a_state_that_cannot_be_read_stops_it_visibly() {
    let store = MemoryStore::new();
    saved(&store, "newer", 9, "{}").await;
    let (publisher, mut published) = ChannelPublisher::new("baskets", 8);
    let options = PublisherOptions::states().kind("basket").policy(Policy::fail().retries(1));
    let (engine, _) = start(Engine::builder().store(store.clone()).publisher_with(publisher, options)).await;
    let publisher = engine.consumer(ConsumerKind::Publisher, "baskets").unwrap();
    let failed = async {
        while publisher.status().await.unwrap().state != State::Failed {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), failed).await.unwrap();
    let status = publisher.status().await.unwrap();
    assert_eq!((status.position, status.lag), (None, 1));
    // Saved anew by somebody who can, it is given.
    saved(&store, "newer", 3, r#"{"items": [], "currency": "EUR"}"#).await;
    publisher.resume();
    assert_eq!(published.recv().await.unwrap().id(), "2.0");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_publisher_follows_what_there_is() {
    let (wrong, _a) = ChannelPublisher::new("states-of-notes", 1);
    let (other, _b) = ChannelPublisher::new("events-of-carts", 1);
    let builder = Engine::builder().service::<Signal>(Signal::new());
    let builder = builder
        .publisher_with(wrong, PublisherOptions::states().kind("note"))
        .publisher_with(other, PublisherOptions::new().kind("cart"));
    let Err(StartError::Problems(problems)) = builder.start().await else { panic!("it started") };
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(matches!(problems[..], [StartProblem::FollowsOther { .. }, StartProblem::FollowsOther { .. }]), "{said:?}");
    assert!(said[0].contains("has no states") && said[1].contains("has no events"), "{said:?}");
}
