//! A sender who goes away, or is never polled again, harms nobody.

use crate::engine_on;
use crate::rigged::Rigged;
use crate::tally::*;
use ego::prelude::*;
use ego::store::MemoryStore;
use futures_util::FutureExt;
use std::time::Duration;

#[tokio::test]
async fn nothing_happens_before_a_command_is_awaited() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    drop(engine.send::<Tally>("a", Count { by: 1 }));
    drop(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, 0);
}

#[tokio::test]
async fn a_command_that_is_dropped_while_it_waits_has_no_effect() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    let mut running = Box::pin(engine.send::<Tally>("a", CountWhenLet).into_future());
    assert!((&mut running).now_or_never().is_none());
    let mut waiting = Box::pin(engine.send::<Tally>("a", Count { by: 100 }).into_future());
    assert!((&mut waiting).now_or_never().is_none());
    drop(waiting);
    signal.permits.add_permits(1);
    running.await.unwrap();
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, 1);
}

#[tokio::test]
async fn a_handler_whose_sender_is_gone_is_dropped_and_the_next_has_its_turn() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    let mut running = Box::pin(engine.send::<Tally>("a", CountWhenLet).into_future());
    assert!((&mut running).now_or_never().is_none());
    signal.wait_until_waiting(1).await;
    drop(running);
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 1);
    signal.permits.add_permits(1);
    crate::a_while().await;
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, 1);
}

#[tokio::test]
async fn a_commit_whose_sender_is_gone_is_recorded_whole() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut committing = Box::pin(engine.send::<Tally>("a", CountMany { times: 3 }).command_id("c").into_future());
    assert!((&mut committing).now_or_never().is_none());
    drop(committing);
    store.let_through(5);
    let again = engine.send::<Tally>("a", CountMany { times: 3 }).command_id("c").await.unwrap();
    assert!(again.repeated);
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 3);
}

#[tokio::test]
async fn a_sender_that_is_never_polled_again_holds_up_nobody() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    // Each was polled once and is kept: one whose handler runs, and some that wait behind it.
    let mut forgotten: Vec<_> = (0..3).map(|_| engine.send::<Tally>("a", CountWhenLet).into_future()).collect();
    for sending in &mut forgotten {
        assert!(sending.now_or_never().is_none());
    }
    signal.permits.add_permits(3);
    let next = tokio::time::timeout(Duration::from_secs(10), engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert_eq!(next.await.expect("held up").unwrap().reply, 4);
    for sending in forgotten {
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn a_hanging_handler_whose_sender_is_never_polled_again_ends_with_its_time() {
    let (engine, _signal) = engine_on(MemoryStore::new()).await;
    let mut kept = engine.send::<Tally>("a", CountWhenLet).timeout(Duration::from_millis(30)).into_future();
    assert!((&mut kept).now_or_never().is_none());
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 1);
    assert!(matches!(kept.await, Err(CommandError::Timeout { recorded_unknown: false, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_that_go_away_at_any_moment_leave_a_history_of_whole_commands() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let mut kept = 0;
    for n in 0..400u64 {
        let sending = engine.send::<Tally>("a", CountMany { times: 5 }).into_future();
        let task = tokio::spawn(sending);
        if n % 3 == 0 {
            task.abort();
        }
        kept += u64::from(task.await.is_ok_and(|reply| reply.is_ok()));
    }
    let loaded = engine.load::<Tally>("a").await.unwrap();
    assert_eq!(loaded.state.total % 5, 0);
    assert!(loaded.state.total >= kept * 5, "an answered command is missing");
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, loaded.state.total);
}
