//! I12: nothing is unbounded, and over a limit there is backpressure or a typed error.

use crate::rigged::Rigged;
use crate::tally::*;
use crate::{a_while, engine_on, limits, start, until};
use ego::engine::{CommandError, ForgetError};
use ego::prelude::*;
use ego::store::MemoryStore;
use futures_util::FutureExt;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn a_full_mailbox_makes_its_senders_wait_and_nobody_else() {
    let (engine, signal) = start(Engine::builder().limits(limits(|limits| limits.mailbox = 2))).await;
    let mut running = pin!(engine.send::<Tally>("a", CountWhenLet).into_future());
    assert!((&mut running).now_or_never().is_none());
    signal.wait_until_waiting(1).await;
    let mut waiting: Vec<_> = (0..5).map(|_| engine.send::<Tally>("a", Count { by: 1 }).into_future()).collect();
    for sending in &mut waiting {
        assert!(sending.now_or_never().is_none());
    }
    let sending = engine.send::<Tally>("a", Count { by: 1 }).timeout(Duration::from_millis(30));
    let error = sending.await.unwrap_err();
    assert!(matches!(error, CommandError::Timeout { recorded_unknown: false, .. }), "{error}");
    assert_eq!(engine.queued_commands(), 2);
    assert_eq!(engine.send::<Tally>("b", Count { by: 1 }).await.unwrap().reply, 1);
    signal.permits.add_permits(1);
    running.await.unwrap();
    let totals: Vec<u64> = futures_util::future::join_all(waiting).await.into_iter().map(|reply| reply.unwrap().reply).collect();
    assert_eq!(totals, [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn commits_wait_for_room_in_the_pipeline() {
    let store = Rigged::closed();
    let (engine, _) = start(Engine::builder().store(store.clone()).limits(limits(|limits| limits.commit_bytes = 0))).await;
    // The least room is 64 KiB, and each commit counts for 256 bytes and more: 300 do not fit.
    let mut replies: Vec<_> = (0..300).map(|n| engine.send::<Tally>(format!("a-{n}"), Count { by: 1 }).into_future()).collect();
    for reply in &mut replies {
        assert!(reply.now_or_never().is_none());
    }
    a_while().await;
    store.let_through(1);
    until(|| store.begun.load(Ordering::SeqCst) == 2).await;
    let second = store.batch_sizes()[1];
    assert!(second < 260, "{second} commits were let into the pipeline at once");
    store.let_through(300);
    for reply in replies {
        reply.await.unwrap();
    }
}

#[tokio::test]
async fn a_command_that_is_given_up_while_it_waits_for_room_is_not_recorded() {
    let store = Rigged::closed();
    let (engine, _) = start(Engine::builder().store(store.clone()).limits(limits(|limits| limits.commit_bytes = 0))).await;
    let mut large = pin!(engine.send::<Tally>("large", Write { text: "x".repeat(100_000) }).into_future());
    assert!((&mut large).now_or_never().is_none());
    let sending = engine.send::<Tally>("a", Count { by: 1 }).timeout(Duration::from_millis(30));
    let error = sending.await.unwrap_err();
    assert!(matches!(error, CommandError::Timeout { recorded_unknown: false, .. }), "{error}");
    store.let_through(10);
    large.await.unwrap();
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 1);
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 1);
}

#[tokio::test]
async fn idle_aggregates_leave_memory_and_come_back() {
    let (engine, _) = start(Engine::builder().limits(limits(|limits| limits.idle = Duration::from_millis(40)))).await;
    engine.send::<Tally>("a", Count { by: 3 }).await.unwrap();
    assert_eq!(engine.active_aggregates(), 1);
    until(|| engine.active_aggregates() == 0).await;
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 4);
}

#[tokio::test]
async fn the_aggregate_that_was_used_longest_ago_leaves_first() {
    let (engine, _) = start(Engine::builder().limits(limits(|limits| limits.active_aggregates = 3))).await;
    for id in ["a", "b", "c", "a", "d"] {
        engine.send::<Tally>(id, Count { by: 1 }).await.unwrap();
    }
    assert_eq!(engine.active_aggregates(), 3);
    let active: Vec<String> = engine.active_streams().iter().map(ToString::to_string).collect();
    assert_eq!(active, ["tally/a", "tally/c", "tally/d"], "b was used longest ago");
    for n in 0..1000 {
        engine.send::<Tally>(format!("x-{n}"), Count { by: 1 }).await.unwrap();
        assert!(engine.active_aggregates() <= 3);
    }
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 3, "re-activated");
}

#[tokio::test]
async fn an_aggregate_with_a_command_under_way_stays() {
    let store = Rigged::closed();
    let limits = limits(|limits| {
        limits.active_aggregates = 1;
        limits.idle = Duration::from_millis(10);
    });
    let (engine, signal) = start(Engine::builder().store(store.clone()).limits(limits)).await;
    let mut deciding = pin!(engine.send::<Tally>("deciding", CountWhenLet).into_future());
    assert!((&mut deciding).now_or_never().is_none());
    let mut committing = pin!(engine.send::<Tally>("committing", Count { by: 1 }).into_future());
    assert!((&mut committing).now_or_never().is_none());
    assert!(engine.send::<Tally>("third", Peek).await.is_ok());
    a_while().await;
    let active: Vec<String> = engine.active_streams().iter().map(ToString::to_string).collect();
    assert!(active.contains(&"tally/deciding".to_owned()) && active.contains(&"tally/committing".to_owned()), "{active:?}");
    store.let_through(10);
    signal.permits.add_permits(1);
    assert_eq!(deciding.await.unwrap().revision.map(u64::from), Some(1));
    assert_eq!(committing.await.unwrap().reply, 1);
}

#[tokio::test]
async fn commands_that_nobody_waits_for_are_bounded_and_their_failures_heard() {
    let (engine, signal) = start(Engine::builder().limits(limits(|limits| limits.forgotten = 2))).await;
    let mut failures = engine.failures();
    engine.send_and_forget::<Tally>("a", CountWhenLet).unwrap();
    engine.send::<Tally>("b", CountWhenLet).command_id("mine").and_forget().unwrap();
    let refused = engine.send_and_forget::<Tally>("c", Count { by: 1 });
    assert_eq!(refused, Err(ForgetError::Overloaded { limit: 2 }));
    signal.wait_until_waiting(2).await;
    signal.permits.add_permits(2);
    until(|| engine.send_and_forget::<Tally>("d", CountBelow { limit: 0 }).is_ok()).await;
    let failure = failures.next().await.unwrap().unwrap();
    assert_eq!((failure.command, &*failure.reason), ("CountBelow", "the total is 0 already"));
    assert!(engine.send::<Tally>("b", CountWhenLet).command_id("mine").await.unwrap().repeated);
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 1);
    let invalid = engine.send::<Tally>("a", Peek).command_id("").and_forget();
    assert!(matches!(invalid, Err(ForgetError::Invalid(_))));
}

#[tokio::test]
async fn a_slow_handler_holds_up_its_own_aggregate_only() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    let mut slow = pin!(engine.send::<Tally>("slow", CountWhenLet).into_future());
    assert!((&mut slow).now_or_never().is_none());
    for n in 0..10 {
        engine.send::<Tally>(format!("a-{n}"), Count { by: 1 }).await.unwrap();
    }
    signal.permits.add_permits(1);
    slow.await.unwrap();
}
