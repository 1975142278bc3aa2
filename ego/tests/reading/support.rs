//! What these tests have in common: events of any age in a store, and waiting for something to become so.

use crate::domain::{Account, Deposit};
use ego::Engine;
use ego::consumer::{ConsumerHandle, ConsumerKind, State, Status};
use ego::message::{CommandId, Expected, Metadata, Name, Position, StreamId};
use ego::prelude::*;
use ego::store::{Body, Commit, NewEvent, Store, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// Much longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(60);

/// Waits until something is so; fails when it does not become so.
pub async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(LONG, waiting).await.is_err() {
        panic!("{what}: it does not become so");
    }
}

/// What comes; fails when nothing does.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("nothing comes")
}

pub fn account(id: &str) -> StreamId {
    StreamId::new("account", id).unwrap()
}

pub fn position(number: u64) -> Position {
    Position::new(number).unwrap()
}

/// Records deposits of these amounts for an account, each with a command of its own.
pub async fn deposit(engine: &Engine, id: &str, amounts: impl IntoIterator<Item = u64>) {
    for amount in amounts {
        engine.send::<Account>(id, Deposit { amount }).await.unwrap();
    }
}

/// Records an event as it stands here: with any name, version, content and tag.
pub async fn record(store: &impl Store, stream: &StreamId, name: &str, version: u32, payload: &str, tags: &[&str]) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let id = CommandId::new(format!("recorded-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))).unwrap();
    let event = NewEvent {
        name: name.into(),
        version,
        payload: payload.to_owned().into(),
        tags: tags.iter().map(|tag| (*tag).into()).collect(),
    };
    let commit = Commit {
        stream: stream.clone(),
        expected: Expected::Any,
        metadata: Arc::new(Metadata::new(id, "Recorded", ego::Timestamp::UNIX_EPOCH)),
        codec: Name::fixed("json"),
        body: Body::Events(vec![event]),
        reply: "null".into(),
        rows: Vec::new(),
    };
    let verdicts = store.append(vec![commit]).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Committed(_)]), "{verdicts:?}");
}

pub fn publisher(engine: &Engine, name: &str) -> ConsumerHandle {
    engine.consumer(ConsumerKind::Publisher, name).unwrap()
}

pub async fn until_status(consumer: &ConsumerHandle, what: &str, so: impl Fn(&Status) -> bool) -> Status {
    until(what, async || so(&consumer.status().await.unwrap())).await;
    consumer.status().await.unwrap()
}

pub async fn until_state(consumer: &ConsumerHandle, state: State) -> Status {
    until_status(consumer, &format!("{state}"), |status| status.state == state).await
}

/// Waits until it has finished everything that is recorded, and its checkpoint says so.
pub async fn until_done(engine: &Engine, consumer: &ConsumerHandle) {
    let name = format!("{}/{}", consumer.kind(), consumer.name());
    until(&format!("{name} is done"), async || {
        let head = engine.store().head().await.unwrap();
        engine.store().load_checkpoint(&name).await.unwrap() == head
    })
    .await;
}

pub async fn stop(engine: &Engine) {
    engine.stop(LONG).await.unwrap();
}
