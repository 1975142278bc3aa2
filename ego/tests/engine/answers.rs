//! What a sender is answered, and when.

use crate::rigged::Rigged;
use crate::tally::*;
use crate::{a_while, engine_on, start};
use ego::clock::ManualClock;
use ego::engine::CommandError;
use ego::message::{Expected, MetadataDraft, Revision};
use ego::prelude::*;
use ego::store::MemoryStore;
use futures_util::FutureExt;
use std::pin::pin;
use std::time::Duration;

#[tokio::test]
async fn a_receipt_tells_reply_revision_position_and_id() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("other", Count { by: 9 }).await.unwrap();
    let receipt = engine.send::<Tally>("a", Count { by: 2 }).command_id("c-1").await.unwrap();
    assert_eq!(receipt.reply, 2);
    assert_eq!(receipt.revision, Some(Revision::FIRST));
    assert_eq!(receipt.position.unwrap(), 2);
    assert_eq!(receipt.command_id.as_str(), "c-1");
    assert!(!receipt.repeated);
}

#[tokio::test]
async fn a_command_that_records_nothing_tells_where_the_aggregate_is() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let before = engine.send::<Tally>("a", Peek).await.unwrap();
    assert_eq!((before.reply, before.revision, before.position), (0, None, None));
    let counted = engine.send::<Tally>("a", CountMany { times: 3 }).await.unwrap();
    let after = engine.send::<Tally>("a", Peek).await.unwrap();
    assert_eq!((after.reply, after.revision, after.position), (3, counted.revision, counted.position));
    assert_eq!(counted.revision, Revision::new(3));
}

#[tokio::test]
async fn i2_a_reply_waits_until_its_events_are_durable() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut reply = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut reply).now_or_never().is_none());
    a_while().await;
    assert!((&mut reply).now_or_never().is_none(), "answered before the store had it");
    assert_eq!(engine.load::<Tally>("a").await.unwrap().revision, None, "seen before the store had it");
    store.let_through(1);
    assert_eq!(reply.await.unwrap().reply, 1);
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 1);
}

#[tokio::test]
async fn i2_an_answer_that_relies_on_what_is_not_durable_yet_waits_for_it() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut count = pin!(engine.send::<Tally>("a", Count { by: 5 }).into_future());
    assert!((&mut count).now_or_never().is_none());
    // Both were decided on a total of 5, which is not recorded yet.
    let mut refusal = pin!(engine.send::<Tally>("a", CountBelow { limit: 5 }).into_future());
    let mut peek = pin!(engine.send::<Tally>("a", Peek).into_future());
    let mut conflict = pin!(engine.send::<Tally>("a", Peek).expect_revision(9).into_future());
    for early in [(&mut refusal).now_or_never().is_some(), (&mut peek).now_or_never().is_some()] {
        assert!(!early, "answered before what it relied on was durable");
    }
    assert!((&mut conflict).now_or_never().is_none());
    a_while().await;
    assert!((&mut refusal).now_or_never().is_none() && (&mut peek).now_or_never().is_none());
    store.let_through(10);
    count.await.unwrap();
    assert_eq!(refusal.await.unwrap_err().rejection(), Some(&TooMany { total: 5 }));
    let peek = peek.await.unwrap();
    assert_eq!((peek.reply, peek.position.map(u64::from)), (5, Some(1)));
    let actual = Revision::new(1);
    assert!(matches!(conflict.await, Err(CommandError::Conflict { actual: a, .. }) if a == actual));
}

#[tokio::test]
async fn i4_a_refused_command_leaves_no_trace() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 5 }).await.unwrap();
    let error = engine.send::<Tally>("a", CountBelow { limit: 5 }).command_id("c").await.unwrap_err();
    assert_eq!(error.rejection(), Some(&TooMany { total: 5 }));
    assert_eq!(error.to_string(), "the total is 5 already");
    let loaded = engine.load::<Tally>("a").await.unwrap();
    assert_eq!(loaded.state, (5, 1));
    assert_eq!(loaded.revision, Some(Revision::FIRST));
    // Not even its id: it decides anew.
    engine.send::<Tally>("a", CountBelow { limit: 6 }).await.unwrap();
    let receipt = engine.send::<Tally>("a", CountBelow { limit: 7 }).command_id("c").await.unwrap();
    assert!(!receipt.repeated);
}

#[tokio::test]
async fn a_panicking_handler_is_that_commands_error_alone() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    let error = engine.send::<Tally>("a", Panic).await.unwrap_err();
    assert!(matches!(&error, CommandError::Panicked { message } if &**message == "as told"), "{error}");
    assert_eq!(engine.send::<Tally>("a", Peek).await.unwrap().reply, 1, "what it left behind in the state is gone");
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 2);
}

#[tokio::test]
async fn a_panic_while_commits_are_under_way_harms_none_of_them() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut first = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut first).now_or_never().is_none());
    assert!(matches!(engine.send::<Tally>("a", Panic).await, Err(CommandError::Panicked { .. })));
    let mut second = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut second).now_or_never().is_none());
    store.let_through(2);
    assert_eq!((first.await.unwrap().reply, second.await.unwrap().reply), (1, 2));
}

#[tokio::test]
async fn an_event_that_its_applier_cannot_take_is_never_recorded() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    let error = engine.send::<Tally>("a", Poison).await.unwrap_err();
    assert!(matches!(&error, CommandError::Panicked { message } if &**message == "poison"), "{error}");
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().revision, Revision::new(2));
    assert_eq!(engine.history::<Tally>("a").unwrap().collect().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_that_cannot_be_written_is_that_commands_error_alone() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    let error = engine.send::<Tally>("a", Write { text: "fail".into() }).await.unwrap_err();
    assert!(matches!(&error, CommandError::Codec { what, encoding: true, .. } if &**what == "Written"), "{error}");
    let error = engine.send::<Tally>("a", Write { text: "panic".into() }).await.unwrap_err();
    assert!(matches!(&error, CommandError::Panicked { message } if &**message == "while writing"), "{error}");
    let written = engine.send::<Tally>("a", Write { text: "well".into() }).await.unwrap();
    assert_eq!(written.revision, Revision::new(2));
}

#[tokio::test]
async fn an_expected_revision_is_checked_before_the_handler() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("a", Count { by: 1 }).expect(Expected::NoStream).await.unwrap();
    engine.send::<Tally>("a", Count { by: 1 }).expect_revision(1).await.unwrap();
    let error = engine.send::<Tally>("a", Panic).expect_revision(1).await.unwrap_err();
    let (expected, actual) = (Expected::Exact(Revision::FIRST), Revision::new(2));
    assert!(matches!(error, CommandError::Conflict { expected: e, actual: a } if e == expected && a == actual), "{error}");
    assert_eq!(error.to_string(), "expected revision 1, found revision 2");
    assert!(matches!(engine.send::<Tally>("a", Peek).expect_revision(0).await, Err(CommandError::RevisionZero)));
}

#[tokio::test]
async fn a_handler_that_hangs_is_dropped_when_its_time_is_over() {
    let (engine, signal) = engine_on(MemoryStore::new()).await;
    let error = engine.send::<Tally>("a", CountWhenLet).timeout(Duration::from_millis(30)).await.unwrap_err();
    assert!(matches!(error, CommandError::Timeout { recorded_unknown: false, .. }), "{error}");
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 1, "the next command has its turn");
    signal.permits.add_permits(1);
    a_while().await;
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 1, "the dropped handler has no effect");
}

#[tokio::test]
async fn a_timeout_tells_whether_the_command_may_be_recorded() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let sending = engine.send::<Tally>("a", Count { by: 1 }).command_id("c").timeout(Duration::from_millis(30));
    let error = sending.await.unwrap_err();
    assert!(matches!(&error, CommandError::Timeout { recorded_unknown: true, command_id, .. } if command_id.as_str() == "c"));
    store.let_through(10);
    let again = engine.send::<Tally>("a", Count { by: 1 }).command_id("c").await.unwrap();
    assert_eq!((again.reply, again.repeated), (1, true), "the id finds out, without a second effect");
    assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 1);
}

#[tokio::test]
async fn metadata_stands_with_every_event_and_is_copied_down() {
    let clock = ManualClock::at("2026-02-03T04:05:06Z".parse().unwrap());
    let (engine, _) = start(Engine::builder().clock(clock)).await;
    let draft = MetadataDraft::new().actor("ann").tenant("shop").correlation_id("talk").entry("ip", "::1");
    engine.send::<Tally>("a", CountMany { times: 2 }).command_id("c-1").metadata(draft).await.unwrap();
    let history = engine.history::<Tally>("a").unwrap().collect().await.unwrap();
    assert_eq!(history.len(), 2);
    for recorded in &history {
        let metadata = &recorded.metadata;
        assert_eq!((metadata.command_id.as_str(), &*metadata.command), ("c-1", "CountMany"));
        assert_eq!(metadata.time.to_string(), "2026-02-03T04:05:06Z");
        assert_eq!(metadata.entries["ip"], "::1");
    }
    let following = MetadataDraft::following(&history[0].metadata);
    engine.send::<Tally>("b", Stamp).command_id("c-2").metadata(following).await.unwrap();
    let next = &engine.history::<Tally>("b").unwrap().collect().await.unwrap()[0];
    assert_eq!(next.events, [TallyEvent::Stamped { id: "b".into(), time: "2026-02-03T04:05:06Z".into() }]);
    let metadata = &next.metadata;
    assert_eq!(metadata.correlation_id.as_str(), "talk");
    assert_eq!(metadata.causation_id.as_ref().map(AsRef::as_ref), Some("c-1"));
    assert_eq!(metadata.actor.as_ref().map(AsRef::as_ref), Some("ann"));
    assert_eq!(metadata.tenant.as_ref().map(AsRef::as_ref), Some("shop"));
}

#[tokio::test]
async fn bad_texts_are_refused_before_anything_happens() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    assert!(matches!(engine.send::<Tally>("", Peek).await, Err(CommandError::Invalid(_))));
    assert!(matches!(engine.send::<Tally>("a", Peek).command_id("\n").await, Err(CommandError::Invalid(_))));
    let draft = MetadataDraft::new().actor("");
    assert!(matches!(engine.send::<Tally>("a", Peek).metadata(draft).await, Err(CommandError::Invalid(_))));
    assert_eq!(engine.active_aggregates(), 0);
}
