//! The commit pipeline: group commit, pipelining, and what happens when a batch fails.

use crate::engine_on;
use crate::rigged::Rigged;
use crate::tally::*;
use ego::engine::CommandError;
use ego::message::Revision;
use ego::prelude::*;
use futures_util::future::join_all;
use std::sync::atomic::Ordering;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_arrive_during_a_write_form_the_next_batch() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let spawn = |id: String| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.send::<Tally>(id, Count { by: 1 }).await })
    };
    let first = spawn("first".into());
    store.wait_until_begun(1).await;
    let rest: Vec<_> = (0..20).map(|n| spawn(format!("a-{n}"))).collect();
    crate::until(|| engine.active_aggregates() == 21).await;
    crate::a_while().await;
    store.let_through(2);
    first.await.unwrap().unwrap();
    join_all(rest).await.into_iter().for_each(|reply| assert_eq!(reply.unwrap().unwrap().reply, 1));
    assert_eq!(store.batch_sizes(), [1, 20]);
}

#[tokio::test]
async fn a_hot_aggregate_decides_on_while_its_commits_become_durable() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut replies: Vec<_> = (0..20).map(|_| engine.send::<Tally>("hot", Count { by: 1 }).into_future()).collect();
    // Polled once, in order: each decides on the state that the one before it left.
    for reply in &mut replies {
        assert!(futures_util::FutureExt::now_or_never(reply).is_none());
    }
    store.let_through(2);
    let totals: Vec<u64> = join_all(replies).await.into_iter().map(|reply| reply.unwrap().reply).collect();
    assert_eq!(totals, (1..=20).collect::<Vec<_>>());
    assert_eq!(store.batch_sizes(), [1, 19]);
}

#[tokio::test]
async fn a_failed_batch_is_told_to_all_in_it_and_the_next_command_works() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    store.let_through(1);
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    store.fail.store(1, Ordering::SeqCst);
    let mut failing = std::pin::pin!(engine.send::<Tally>("a", Count { by: 10 }).into_future());
    assert!(futures_util::FutureExt::now_or_never(&mut failing).is_none());
    // Decided on what is about to fail: decides again on what is recorded.
    let mut relying = std::pin::pin!(engine.send::<Tally>("a", Count { by: 100 }).into_future());
    assert!(futures_util::FutureExt::now_or_never(&mut relying).is_none());
    store.let_through(5);
    let error = failing.await.unwrap_err();
    assert!(matches!(error, CommandError::Store(_)), "{error}");
    let relying = relying.await.unwrap();
    assert_eq!((relying.reply, relying.revision), (101, Revision::new(2)));
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 102);
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 102);
}

#[tokio::test]
async fn an_answer_that_relied_on_a_failed_commit_is_decided_again() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    store.fail.store(1, Ordering::SeqCst);
    let mut failing = std::pin::pin!(engine.send::<Tally>("a", Count { by: 5 }).into_future());
    assert!(futures_util::FutureExt::now_or_never(&mut failing).is_none());
    let mut below = std::pin::pin!(engine.send::<Tally>("a", CountBelow { limit: 5 }).into_future());
    let mut peek = std::pin::pin!(engine.send::<Tally>("a", Peek).into_future());
    assert!(futures_util::FutureExt::now_or_never(&mut below).is_none());
    assert!(futures_util::FutureExt::now_or_never(&mut peek).is_none());
    store.let_through(5);
    assert!(failing.await.is_err());
    assert_eq!(below.await.unwrap().revision, Some(Revision::FIRST), "refused for a total that was never recorded");
    assert_eq!(peek.await.unwrap().reply, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_i5_commands_to_one_aggregate_run_one_after_the_other() {
    let (engine, _) = engine_on(Rigged::open()).await;
    let send = |_| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.send::<Tally>("a", Count { by: 1 }).await.unwrap() })
    };
    let mut receipts: Vec<_> = join_all((0..500).map(send)).await.into_iter().map(Result::unwrap).collect();
    receipts.sort_by_key(|receipt| receipt.reply);
    for (index, receipt) in receipts.iter().enumerate() {
        let place = index as u64 + 1;
        assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (place, Some(place)));
        assert_eq!(receipt.position.map(u64::from), Some(place));
    }
    let revisions: Vec<u64> =
        engine.history::<Tally>("a").unwrap().collect().await.unwrap().iter().map(|event| event.revision.get()).collect();
    assert_eq!(revisions, (1..=500).collect::<Vec<_>>());
}
