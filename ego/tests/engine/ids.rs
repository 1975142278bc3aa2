//! I11: the same command id twice has one effect and gives the same reply.

use crate::rigged::Rigged;
use crate::tally::*;
use crate::{engine_on, start};
use ego::engine::CommandError;
use ego::prelude::*;
use ego::store::MemoryStore;
use futures_util::FutureExt;
use std::pin::pin;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_repeated_command_has_no_second_effect_and_gets_the_first_reply() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let first = engine.send::<Tally>("a", Count { by: 2 }).command_id("c").await.unwrap();
    engine.send::<Tally>("a", Count { by: 40 }).await.unwrap();
    let again = engine.send::<Tally>("a", Count { by: 2 }).command_id("c").await.unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!((again.reply, again.revision, again.position), (first.reply, first.revision, first.position));
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 42);
}

#[tokio::test]
async fn a_repeat_is_known_before_the_handler_could_refuse_it() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("a", CountBelow { limit: 1 }).command_id("c").await.unwrap();
    let again = engine.send::<Tally>("a", CountBelow { limit: 1 }).command_id("c").await.unwrap();
    assert!(again.repeated);
}

#[tokio::test]
async fn a_repeat_of_a_command_under_way_waits_for_it() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut first = pin!(engine.send::<Tally>("a", CountBelow { limit: 1 }).command_id("c").into_future());
    assert!((&mut first).now_or_never().is_none());
    let mut again = pin!(engine.send::<Tally>("a", CountBelow { limit: 1 }).command_id("c").into_future());
    assert!((&mut again).now_or_never().is_none());
    store.let_through(5);
    assert!(!first.await.unwrap().repeated);
    assert!(again.await.unwrap().repeated, "not refused for a total of 1");
}

#[tokio::test]
async fn a_reply_that_was_lost_after_the_commit_comes_with_the_repeat() {
    let store = Rigged::open();
    let (engine, _) = engine_on(store.clone()).await;
    store.lose_answer.store(1, Ordering::SeqCst);
    let error = engine.send::<Tally>("a", Count { by: 7 }).command_id("c").await.unwrap_err();
    assert!(matches!(error, CommandError::Store(_)), "{error}");
    let again = engine.send::<Tally>("a", Count { by: 7 }).command_id("c").await.unwrap();
    assert_eq!((again.reply, again.repeated), (7, true));
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 7);
}

#[tokio::test]
async fn a_repeat_is_known_to_the_next_engine() {
    let store = MemoryStore::new();
    let (first, _) = engine_on(store.clone()).await;
    first.send::<Tally>("a", Count { by: 7 }).command_id("c").await.unwrap();
    first.stop(std::time::Duration::from_secs(5)).await.unwrap();
    let (second, _) = engine_on(store).await;
    let again = second.send::<Tally>("a", Count { by: 7 }).command_id("c").await.unwrap();
    assert_eq!((again.reply, again.repeated), (7, true));
}

#[tokio::test]
async fn a_command_that_records_nothing_keeps_its_reply_under_its_id() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let first = engine.send::<Tally>("a", Peek).command_id("c").await.unwrap();
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    let again = engine.send::<Tally>("a", Peek).command_id("c").await.unwrap();
    assert_eq!((first.reply, again.reply, again.repeated), (0, 0, true));
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, 1);
}

#[tokio::test]
async fn an_id_belongs_to_one_aggregate_and_one_command() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("a", Count { by: 1 }).command_id("c").await.unwrap();
    assert!(!engine.send::<Tally>("b", Count { by: 1 }).command_id("c").await.unwrap().repeated);
    let error = engine.send::<Tally>("a", Stamp).command_id("c").await.unwrap_err();
    assert!(matches!(&error, CommandError::CommandIdReused { recorded, .. } if &**recorded == "Count"), "{error}");
}

#[tokio::test]
async fn ids_that_nobody_gave_come_from_the_id_source() {
    struct Same;
    impl ego::clock::IdSource for Same {
        fn next(&self) -> ego::message::CommandId {
            ego::message::CommandId::new("made").unwrap()
        }
    }
    let (engine, _) = start(Engine::builder().id_source(Same)).await;
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().command_id.as_str(), "made");
}
