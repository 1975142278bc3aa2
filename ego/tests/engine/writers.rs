//! Several writers on one store: the expected revision decides, and the loser decides again (I5).

use crate::rigged::Rigged;
use crate::tally::*;
use crate::{engine_on, limits, start};
use ego::engine::CommandError;
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::prelude::*;
use ego::store::{Body, Commit, MemoryStore, NewEvent, Store, Verdict};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::pin::pin;
use std::sync::Arc;

/// Another writer counts.
pub async fn count_behind_the_engines_back(store: &impl Store, id: &str) {
    let metadata = Metadata::new(CommandId::new(id).unwrap(), "Count", ego::Timestamp::UNIX_EPOCH);
    let event = NewEvent { name: "Counted".into(), version: 1, payload: r#"{"by":1000}"#.into(), tags: Vec::new() };
    let commit = Commit {
        stream: StreamId::new("tally", "a").unwrap(),
        expected: Expected::Any,
        metadata: Arc::new(metadata),
        codec: "json".into(),
        body: Body::Events(vec![event]),
        reply: "1000".into(),
        rows: vec![],
    };
    let verdicts = store.append(vec![commit]).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Committed(_)]));
}

#[tokio::test]
async fn a_command_that_lost_the_race_decides_again_on_what_is_recorded() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    count_behind_the_engines_back(&store, "other").await;
    let receipt = engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (1002, Some(3)));
}

#[tokio::test]
async fn a_sender_who_expects_a_revision_is_told_that_he_lost() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    count_behind_the_engines_back(&store, "other").await;
    let error = engine.send::<Tally>("a", Count { by: 1 }).expect_revision(1).await.unwrap_err();
    assert!(matches!(error, CommandError::Conflict { actual: Some(actual), .. } if actual == 2), "{error}");
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 1001);
}

#[tokio::test]
async fn a_sender_who_expects_a_revision_is_not_answered_from_an_old_state() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    count_behind_the_engines_back(&store, "other").await;
    let error = engine.send::<Tally>("a", Peek).expect_revision(1).await.unwrap_err();
    assert!(matches!(error, CommandError::Conflict { actual: Some(actual), .. } if actual == 2), "{error}");
    assert_eq!(engine.send::<Tally>("a", Peek).expect_revision(2).await.unwrap().reply, 1001);
}

#[tokio::test]
async fn commits_in_line_behind_one_that_lost_are_decided_again_in_their_order() {
    // The other writer fills revisions that the waiting commits expect, so that one of them would fit by chance: the first of the next
    // batch, or a later one.
    for others in 1..=5 {
        let store = Rigged::closed();
        let (engine, _) = engine_on(store.clone()).await;
        store.let_through(1);
        engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
        let mut replies: Vec<_> = (0..6).map(|_| engine.send::<Tally>("a", Count { by: 1 }).into_future()).collect();
        for reply in &mut replies {
            assert!(reply.now_or_never().is_none());
        }
        for other in 0..others {
            count_behind_the_engines_back(&store.inner, &format!("other-{other}")).await;
        }
        store.let_through(50);
        let replies: Vec<u64> = join_all(replies).await.into_iter().map(|reply| reply.unwrap().reply).collect();
        let first = 1000 * others + 2;
        assert_eq!(replies, (first..first + 6).collect::<Vec<_>>());
        let loaded = engine.load::<Tally>("a").await.unwrap();
        assert_eq!((loaded.state.total, loaded.revision.map(u64::from)), (first + 5, Some(7 + others)));
    }
}

#[tokio::test]
async fn a_repeat_that_another_writer_recorded_is_answered_with_his_reply() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut reply = pin!(engine.send::<Tally>("a", Count { by: 1000 }).command_id("same").into_future());
    assert!((&mut reply).now_or_never().is_none());
    count_behind_the_engines_back(&store.inner, "same").await;
    store.let_through(10);
    let receipt = reply.await.unwrap();
    assert_eq!((receipt.reply, receipt.repeated), (1000, true));
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_on_one_store_lose_and_double_nothing() {
    let store = MemoryStore::new();
    let patient = || limits(|limits| limits.conflict_retries = 10_000);
    let (one, _) = start(Engine::builder().store(store.clone()).limits(patient())).await;
    let (two, _) = start(Engine::builder().store(store.clone()).limits(patient())).await;
    let send = |n: u64| {
        let engine = if n.is_multiple_of(2) { one.clone() } else { two.clone() };
        tokio::spawn(async move { engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply })
    };
    let mut totals: Vec<u64> = join_all((0..200).map(send)).await.into_iter().map(Result::unwrap).collect();
    totals.sort_unstable();
    assert_eq!(totals, (1..=200).collect::<Vec<_>>(), "each command saw a total of its own");
    assert_eq!(one.load::<Tally>("a").await.unwrap().state, (200, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i11_one_command_id_sent_through_two_engines_takes_effect_once() {
    let store = MemoryStore::new();
    let (one, _) = engine_on(store.clone()).await;
    let (two, _) = engine_on(store.clone()).await;
    for round in 0..50 {
        let id = format!("c-{round}");
        let (first, second) =
            tokio::join!(async { one.send::<Tally>("a", Count { by: 1 }).command_id(&*id).await.unwrap() }, async {
                two.send::<Tally>("a", Count { by: 1 }).command_id(&*id).await.unwrap()
            },);
        assert_eq!((first.reply, second.reply), (round + 1, round + 1));
        assert!(first.repeated != second.repeated, "one of them is the repeat");
    }
    assert_eq!(one.load::<Tally>("a").await.unwrap().state.total, 50);
}
