//! Reading without a command, and what cannot be read.

use crate::stage::{Stage, soon};
use crate::tally::*;
use crate::writers::count_behind_the_engines_back;
use crate::{engine_on, limits, start};
use ego::codec::{Codec, CodecError, Json, Visit};
use ego::engine::{CommandError, ReadError, RecoveryError};
use ego::message::{CommandId, Expected, Metadata, Revision, StreamId};
use ego::model::DecodeError;
use ego::prelude::*;
use ego::store::{Body, Commit, MemoryStore, NewEvent, Store, StoreError};
use futures_util::FutureExt;
use std::pin::pin;
use std::sync::Arc;

fn stream() -> StreamId {
    StreamId::new("tally", "a").unwrap()
}

async fn record(store: &MemoryStore, name: &str, codec: &str, payload: &str) {
    let metadata = Metadata::new(CommandId::new(payload).unwrap(), "Raw", ego::Timestamp::UNIX_EPOCH);
    let event = NewEvent { name: name.into(), version: 1, payload: payload.to_owned().into(), tags: Vec::new() };
    let commit = Commit {
        stream: stream(),
        expected: Expected::Any,
        metadata: Arc::new(metadata),
        codec: codec.into(),
        body: Body::Events(vec![event]),
        reply: Default::default(),
        rows: vec![],
    };
    store.append(vec![commit]).await.unwrap();
}

#[tokio::test]
async fn an_aggregate_that_nothing_happened_to_is_its_default() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let loaded = engine.load::<Tally>("nobody").await.unwrap();
    assert_eq!(loaded.state, (0, 0));
    assert_eq!((loaded.revision, loaded.position), (None, None));
    assert!(engine.history::<Tally>("nobody").unwrap().next().await.is_none());
    assert!(matches!(engine.load::<Tally>("").await, Err(ReadError::Invalid(_))));
}

#[tokio::test]
async fn a_replay_goes_through_all_pages() {
    let (engine, _) = start(Engine::builder().limits(limits(|limits| limits.page = 3))).await;
    engine.send::<Tally>("a", CountMany { times: 10 }).await.unwrap();
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state, (10, 10));
    let revisions: Vec<_> =
        engine.history::<Tally>("a").unwrap().collect().await.unwrap().iter().map(|event| event.revision.get()).collect();
    assert_eq!(revisions, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn ids_are_listed_by_page_in_order() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    for id in ["b", "a", "d", "c"] {
        engine.send::<Tally>(id, Count { by: 1 }).await.unwrap();
    }
    let first = engine.ids::<Tally>(None, 3).await.unwrap();
    assert_eq!(first.items, ["a", "b", "c"]);
    let second = engine.ids::<Tally>(first.next.as_deref(), 3).await.unwrap();
    assert_eq!((second.items, second.next), (vec!["d".to_owned()], None));
}

#[tokio::test]
async fn an_unreadable_event_is_told_and_the_rest_of_the_history_is_read() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    record(&store, "Counted", "json", "{}").await;
    record(&store, "Counted", "json", r#"{"by":3}"#).await;
    let second = Revision::new(2).unwrap();
    let error = engine.load::<Tally>("a").await.unwrap_err();
    assert!(
        matches!(&error, ReadError::Recovery(RecoveryError::Unreadable { revision, source: DecodeError::Content { .. } }) if *revision == second),
        "{error}"
    );
    let mut history = engine.history::<Tally>("a").unwrap();
    assert!(history.next().await.unwrap().is_ok());
    assert!(history.next().await.unwrap().is_err());
    assert_eq!(history.next().await.unwrap().unwrap().events, [TallyEvent::Counted { by: 3 }]);
    assert!(history.next().await.is_none());
    let (other, _) = engine_on(store).await;
    let error = other.send::<Tally>("a", Count { by: 1 }).await.unwrap_err();
    assert!(matches!(error, CommandError::Unloadable { source: RecoveryError::Unreadable { .. }, .. }), "{error}");
    assert_eq!(other.send::<Tally>("b", Count { by: 1 }).await.unwrap().reply, 1);
}

#[tokio::test]
async fn an_event_of_an_unknown_codec_is_told_and_read_once_the_codec_is_given() {
    struct Other;
    impl Codec for Other {
        fn name(&self) -> &'static str {
            "other"
        }
        fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
            let mut bytes = Json.encode(value)?;
            bytes.reverse();
            Ok(bytes)
        }
        fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
            Json.decode(&bytes.iter().rev().copied().collect::<Vec<_>>(), visit)
        }
    }
    let store = MemoryStore::new();
    let (writer, _) = start(Engine::builder().store(store.clone()).codec(Other)).await;
    record(&store, "Counted", "json", r#"{"by":3}"#).await;
    assert_eq!(writer.send::<Tally>("a", Count { by: 4 }).command_id("c").await.unwrap().reply, 7);
    let (stranger, _) = engine_on(store.clone()).await;
    let error = stranger.load::<Tally>("a").await.unwrap_err();
    let unknown = |error: &ReadError| matches!(error, ReadError::Recovery(RecoveryError::Unreadable { source: DecodeError::Codec { codec }, .. }) if &**codec == "other");
    assert!(unknown(&error), "{error}");
    let (reader, _) = start(Engine::builder().store(store).also_reads(Other)).await;
    assert_eq!(reader.load::<Tally>("a").await.unwrap().state.total, 7);
    let again = reader.send::<Tally>("a", Count { by: 4 }).command_id("c").await.unwrap();
    assert_eq!((again.reply, again.repeated), (7, true));
}

#[tokio::test]
async fn a_history_without_its_beginning_is_no_new_aggregate() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", CountMany { times: 3 }).await.unwrap();
    for up_to in [2, 3] {
        store.delete_up_to(&stream(), Revision::new(up_to).unwrap()).await.unwrap();
        let error = engine.load::<Tally>("a").await.unwrap_err();
        let first_left = up_to + 1;
        assert!(
            matches!(error, ReadError::Recovery(RecoveryError::Store(StoreError::HistoryDeleted { first })) if first == first_left),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_erased_aggregate_is_told_to_readers_and_senders() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    store.erase(&stream()).await.unwrap();
    assert!(matches!(engine.load::<Tally>("a").await, Err(ReadError::Recovery(RecoveryError::Erased))));
    // Still active when it was erased: the store refuses.
    let refused = engine.send::<Tally>("a", Count { by: 1 }).await;
    assert!(matches!(refused, Err(CommandError::Refused(ego::store::Refusal::Erased))));
    let refused = engine.send::<Tally>("a", Count { by: 1 }).await;
    assert!(matches!(refused, Err(CommandError::Unloadable { source: RecoveryError::Erased, .. })));
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_begins_while_it_is_loaded_is_loaded() {
    for steps in 0..10 {
        let stage = Stage::new(|_| {}).await;
        stage.hold();
        let mut loading = pin!(stage.engine.load::<Tally>("a"));
        assert!((&mut loading).now_or_never().is_none());
        for _ in 0..steps {
            stage.step().await;
        }
        count_behind_the_engines_back(&stage.store.inner, "other").await;
        stage.free();
        let loaded = soon(loading).await.unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
        assert_eq!(loaded.state.total, loaded.revision.map_or(0, |_| 1000), "after {steps} steps");
    }
}
