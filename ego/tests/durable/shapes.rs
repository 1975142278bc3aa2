//! States of older versions, of newer ones, and of what is no state.

use crate::cart::*;
use crate::{engine_on, start};
use ego::Engine;
use ego::engine::{CommandError, ReadError, RecoveryError, StartError, StartProblem};
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::model::DecodeError;
use ego::prelude::*;
use ego::store::{Body, Commit, MemoryStore, NewEvent, NewState, Store, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A list of names, then of names with counts, then with a currency.
#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "basket", durable, version = 3, upcast(1 => count_each, 2 => add_currency))]
pub struct Basket {
    items: Vec<Item>,
    currency: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    name: String,
    count: u32,
}

#[derive(Deserialize)]
struct BasketV1 {
    items: Vec<String>,
}

struct BasketV2 {
    items: Vec<Item>,
}

impl<'de> Deserialize<'de> for BasketV2 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            items: Vec<Item>,
        }
        Fields::deserialize(deserializer).map(|Fields { items }| Self { items })
    }
}

fn count_each(old: BasketV1) -> Result<BasketV2, String> {
    if old.items.iter().any(String::is_empty) {
        return Err("an item has no name".to_owned());
    }
    Ok(BasketV2 { items: old.items.into_iter().map(|name| Item { name, count: 1 }).collect() })
}

fn add_currency(old: BasketV2) -> Basket {
    Basket { items: old.items, currency: "EUR".into() }
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Put {
    name: String,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Look;

#[ego::handlers]
impl Basket {
    #[handle]
    fn put(&mut self, cmd: Put) -> Result<(), String> {
        self.items.push(Item { name: cmd.name, count: 1 });
        Ok(())
    }
}

/// A block whose handlers only read says what it is for.
#[ego::handlers(durable)]
impl Basket {
    #[handle]
    fn look(&self, _: &Look) -> Result<usize, String> {
        Ok(self.items.len())
    }
}

async fn record(store: &impl Store, kind: &str, id: &str, body: Body) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let command = CommandId::new(format!("recorded-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))).unwrap();
    let commit = Commit {
        stream: StreamId::new(kind, id).unwrap(),
        expected: Expected::Any,
        metadata: Arc::new(Metadata::new(command, "Recorded", ego::Timestamp::UNIX_EPOCH)),
        codec: "json".into(),
        body,
        reply: "null".into(),
        rows: Vec::new(),
    };
    let verdicts = store.append(vec![commit]).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Committed(_)]), "{verdicts:?}");
}

pub async fn saved(store: &impl Store, id: &str, version: u32, json: &str) {
    let payload = json.to_owned().into();
    record(store, "basket", id, Body::State(NewState { version, payload })).await;
}

fn basket(names: &[&str]) -> Basket {
    let items = names.iter().map(|name| Item { name: (*name).to_owned(), count: 1 }).collect();
    Basket { items, currency: "EUR".into() }
}

#[tokio::test]
async fn i7_older_states_are_upcast_wherever_they_are_read() {
    let store = MemoryStore::new();
    saved(&store, "v1", 1, r#"{"items": ["tea"]}"#).await;
    saved(&store, "v2", 2, r#"{"items": [{"name": "tea", "count": 1}]}"#).await;
    saved(&store, "v3", 3, r#"{"items": [{"name": "tea", "count": 1}], "currency": "EUR"}"#).await;
    let (engine, _) = engine_on(store.clone()).await;
    let mut states = engine.subscribe().states::<Basket>().await.unwrap();
    let mut json = engine.subscribe().kind("basket").json_states().await.unwrap();
    for id in ["v1", "v2", "v3"] {
        assert_eq!(engine.load::<Basket>(id).await.unwrap().state, basket(&["tea"]), "{id}");
        assert_eq!(engine.send::<Basket>(id, Look).await.unwrap().reply, 1);
        assert_eq!(states.next().await.unwrap().unwrap().state, basket(&["tea"]));
        let read = json.next().await.unwrap().unwrap();
        assert_eq!((read.name, read.event), ("state", serde_json::to_value(basket(&["tea"])).unwrap()));
        let stream = StreamId::new("basket", id).unwrap();
        let before = store.load_state(&stream).await.unwrap().unwrap();
        assert_eq!(before.version, id[1..].parse::<u32>().unwrap(), "reading writes nothing");
        engine.send::<Basket>(id, Put { name: "milk".into() }).await.unwrap();
        let after = store.load_state(&stream).await.unwrap().unwrap();
        assert_eq!((after.version, after.revision.get()), (3, 2));
        assert_eq!(serde_json::from_slice::<Basket>(&after.payload).unwrap(), basket(&["tea", "milk"]));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_typed_error_and_stays() {
    let store = MemoryStore::new();
    saved(&store, "newer", 4, r#"{"whatever": true}"#).await;
    saved(&store, "damaged", 3, r#"{"items": 7}"#).await;
    saved(&store, "refused", 1, r#"{"items": [""]}"#).await;
    let (engine, _) = engine_on(store.clone()).await;
    for id in ["newer", "damaged", "refused"] {
        let stream = StreamId::new("basket", id).unwrap();
        let before = store.load_state(&stream).await.unwrap();
        let is_said = |source: &DecodeError| match id {
            "newer" => matches!(source, DecodeError::Unknown { version: 4, .. }),
            "damaged" => matches!(source, DecodeError::Content { version: 3, .. }),
            _ => matches!(source, DecodeError::Upcast { version: 1, reason, .. } if &**reason == "an item has no name"),
        };
        let error = engine.load::<Basket>(id).await.unwrap_err();
        assert!(matches!(&error, ReadError::Recovery(RecoveryError::Unreadable { source, .. }) if is_said(source)), "{error:?}");
        for _ in 0..2 {
            let error = engine.send::<Basket>(id, Put { name: "tea".into() }).await.unwrap_err();
            let CommandError::Unloadable { source: RecoveryError::Unreadable { revision, source }, .. } = error else {
                panic!("{error:?}");
            };
            assert!(revision.get() == 1 && is_said(&source), "{source:?}");
        }
        assert_eq!(store.load_state(&stream).await.unwrap(), before, "nothing was overwritten");
    }
    // What cannot be read holds up nobody else.
    engine.send::<Basket>("other", Put { name: "tea".into() }).await.unwrap();
    let mut states = engine.subscribe().states::<Basket>().await.unwrap();
    let mut read = Vec::new();
    for _ in 0..4 {
        read.push(states.next().await.unwrap().map(|state| state.delivery.id().to_owned()).ok());
    }
    assert_eq!(read, [None, None, None, Some("other".to_owned())]);
}

#[tokio::test]
async fn a_kind_that_became_durable_says_so() {
    let store = MemoryStore::new();
    let event = NewEvent { name: "ItemAdded".into(), version: 1, payload: "{}".into(), tags: Vec::new() };
    record(&store, "basket", "old", Body::Events(vec![event.clone()])).await;
    let error = Engine::builder().store(store.clone()).service::<Signal>(Signal::new()).start().await.unwrap_err();
    let StartError::Problems(problems) = error else { panic!("{error}") };
    assert!(matches!(&problems[..], [StartProblem::UnreadableEvent { stored }] if &*stored.name == "ItemAdded"), "{problems:?}");

    // Not even then is what is there passed over.
    let (engine, _) = start(Engine::builder().store(store.clone()).retired_kind("basket")).await;
    let error = engine.load::<Basket>("old").await.unwrap_err();
    assert!(matches!(error, ReadError::Recovery(RecoveryError::Mixed { state: false })), "{error}");
    let error = engine.send::<Basket>("old", Put { name: "tea".into() }).await.unwrap_err();
    assert!(matches!(error, CommandError::Unloadable { source: RecoveryError::Mixed { state: false }, .. }), "{error}");
    engine.send::<Basket>("new", Put { name: "tea".into() }).await.unwrap();
}

#[tokio::test]
async fn a_kind_that_is_event_sourced_again_says_so() {
    let store = MemoryStore::new();
    record(&store, "note", "a", Body::State(NewState { version: 1, payload: "{}".into() })).await;
    let (engine, _) = engine_on(store).await;
    let error = engine.load::<Note>("a").await.unwrap_err();
    assert!(matches!(error, ReadError::Recovery(RecoveryError::Mixed { state: true })), "{error}");
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NoteEvent {
    Written { text: String },
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Write {
    pub text: String,
}

/// An event-sourced neighbour.
#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "note", event = NoteEvent)]
pub struct Note;

#[ego::handlers]
impl Note {
    #[handle]
    fn write(&self, cmd: Write) -> Result<NoteEvent, String> {
        Ok(NoteEvent::Written { text: cmd.text })
    }
    #[apply]
    fn apply(&mut self, event: &NoteEvent) {
        let NoteEvent::Written { .. } = event;
    }
}
