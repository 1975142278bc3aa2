//! Writes that fail: the old state stands, in memory and in the store.

use crate::cart::*;
use crate::rigged::Rigged;
use crate::{engine_on, until};
use ego::engine::CommandError;
use ego::message::CommandId;
use ego::prelude::*;
use futures_util::future::join_all;
use std::sync::atomic::Ordering::SeqCst;

#[tokio::test]
async fn a_failed_write_leaves_the_old_state() {
    let store = Rigged::open();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Cart>("a", add("tea")).await.unwrap();
    for _ in 0..3 {
        store.fail.store(1, SeqCst);
        let error = engine.send::<Cart>("a", add("milk")).await.unwrap_err();
        assert!(matches!(error, CommandError::Store(_)), "{error}");
        assert_eq!(engine.send::<Cart>("a", Count).await.unwrap().reply, 1, "in memory");
        assert_eq!(engine.load::<Cart>("a").await.unwrap().state, Cart::of([("tea", 1)]), "in the store");
    }
    let receipt = engine.send::<Cart>("a", add("salt")).await.unwrap();
    assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (2, Some(2)));
    assert_eq!(engine.load::<Cart>("a").await.unwrap().state, Cart::of([("tea", 1), ("salt", 1)]));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_by_the_command_id() {
    let store = Rigged::open();
    let (engine, _) = engine_on(store.clone()).await;
    let id = CommandId::new("first").unwrap();
    store.lose_answer.store(1, SeqCst);
    engine.send::<Cart>("a", add("tea")).command_id(id.clone()).await.unwrap_err();
    let again = engine.send::<Cart>("a", add("tea")).command_id(id).await.unwrap();
    assert!(again.repeated && again.reply == 1 && again.revision.map(u64::from) == Some(1));
    assert_eq!(engine.send::<Cart>("a", Count).await.unwrap().reply, 1);
}

/// Each command decides on the state that the one before left, before that is durable.
#[tokio::test]
async fn commands_are_pipelined_and_come_back_when_one_before_them_failed() {
    for failing in [0, 1] {
        let store = Rigged::closed();
        let (engine, _) = engine_on(store.clone()).await;
        let first = tokio::spawn(engine.send::<Cart>("a", add("tea")).into_future());
        until(|| store.begun.load(SeqCst) == 1).await;
        store.fail.store(failing, SeqCst);
        let others: Vec<_> = (0..5).map(|_| tokio::spawn(engine.send::<Cart>("a", add("tea")).into_future())).collect();
        let refused = tokio::spawn(engine.send::<Cart>("a", Spoil { panics: false }).into_future());
        let read = tokio::spawn(engine.send::<Cart>("a", Count).into_future());
        tokio::task::yield_now().await;
        store.gate.add_permits(1000);
        let all = u32::try_from(failing).unwrap();
        assert_eq!(first.await.unwrap().is_err(), failing == 1);
        let mut replies: Vec<_> = join_all(others).await.into_iter().map(|done| done.unwrap().unwrap().reply).collect();
        replies.sort_unstable();
        assert_eq!(replies, (2 - all..=6 - all).collect::<Vec<_>>(), "each saw the one before");
        assert!(matches!(refused.await.unwrap().unwrap_err(), CommandError::Rejected(CartError::Paid)));
        read.await.unwrap().unwrap();
        let loaded = engine.load::<Cart>("a").await.unwrap();
        assert_eq!((loaded.state, loaded.revision.map(u64::from)), (Cart::of([("tea", 6 - all)]), Some(u64::from(6 - all))));
    }
}
