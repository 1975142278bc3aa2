//! What goes wrong is visible, and can be put right: refused commands, commands that do not get through, commands that nothing takes.

use crate::pot::*;
use ego::clock::ManualClock;
use ego::consumer::ConsumerKind;
use ego::engine::CommandError;
use ego::message::StreamId;
use ego::prelude::*;
use ego::store::{MemoryStore, RowChange, Step, Store};
use ego::timer::{FailedTimer, TimerError};
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn failed(kitchen: &Kitchen) -> Vec<FailedTimer> {
    kitchen.engine.failed_timers(None, 100).await.unwrap().items
}

async fn refused(kitchen: &Kitchen) -> FailedTimer {
    kitchen.cook.refuses.store(1, Ordering::SeqCst);
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    kitchen.clock.advance(seconds(1));
    until("it was refused", async || !failed(kitchen).await.is_empty()).await;
    failed(kitchen).await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_timer_whose_command_is_refused_is_kept_with_the_reason_and_not_sent_again() {
    let kitchen = Kitchen::new().await;
    let failed_timer = refused(&kitchen).await;
    assert_eq!((&*failed_timer.reason, failed_timer.times), ("egg is not ready", 1));
    assert_eq!((failed_timer.timer.stream.id(), failed_timer.timer.key.as_str()), ("a", "k"));
    assert_eq!(failed_timer.time, noon() + seconds(1));
    assert_eq!(kitchen.waiting("a").await, []);
    kitchen.clock.advance(seconds(3600));
    kitchen.all_due_rang("a").await;
    assert_eq!(kitchen.rang("a").await, ["fence"]);
    assert!(kitchen.health().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_refused_timer_can_be_sent_again() {
    let kitchen = Kitchen::new().await;
    let first = refused(&kitchen).await;
    kitchen.cook.refuses.store(1, Ordering::SeqCst);
    assert!(matches!(kitchen.engine.retry_timer(&first).await, Err(CommandError::Rejected(_))));
    let second = failed(&kitchen).await.remove(0);
    assert_eq!(second.times, 2);
    // Who looked before that does not send what failed since.
    assert!(matches!(kitchen.engine.retry_timer(&first).await, Err(CommandError::Unscheduled { .. })));
    kitchen.engine.retry_timer(&second).await.unwrap();
    assert_eq!(kitchen.rang("a").await, ["egg"]);
    assert_eq!(failed(&kitchen).await, []);
    assert!(matches!(kitchen.engine.retry_timer(&second).await, Err(CommandError::Unscheduled { .. })));
    assert_eq!(kitchen.rang("a").await, ["egg"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_timer_can_be_discarded() {
    let kitchen = Kitchen::new().await;
    let timer = refused(&kitchen).await;
    assert!(kitchen.engine.discard_timer(&timer).await.unwrap());
    assert_eq!(failed(&kitchen).await, []);
    assert!(!kitchen.engine.discard_timer(&timer).await.unwrap());
    assert!(matches!(kitchen.engine.retry_timer(&timer).await, Err(CommandError::Unscheduled { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_timer_can_be_cancelled_from_outside() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    kitchen.set("a", "other", Due::After(seconds(60)), "other").await;
    assert!(kitchen.engine.cancel_timer::<Pot>("a", "k").await.unwrap());
    assert!(!kitchen.engine.cancel_timer::<Pot>("a", "k").await.unwrap());
    assert!(matches!(kitchen.engine.cancel_timer::<Pot>("", "k").await, Err(TimerError::Invalid(_))));
    assert!(matches!(kitchen.engine.cancel_timer::<Pot>("a", "").await, Err(TimerError::Invalid(_))));
    kitchen.clock.advance(seconds(60));
    kitchen.all_due_rang("a").await;
    assert_eq!(but_fences(kitchen.rang("a").await), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_cancelled_from_outside_while_its_command_waits_for_its_turn_has_no_effect() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    let stirring = tokio::spawn(kitchen.engine.send::<Pot>("a", Stir {}).into_future());
    kitchen.cook.stirring.notified().await;
    let engine = kitchen.engine.clone();
    let cancelling = tokio::spawn(async move { engine.cancel_timer::<Pot>("a", "k").await });
    until("the cancellation waits", async || kitchen.engine.queued_commands() == 1).await;
    kitchen.clock.advance(seconds(60));
    until("the timer's command waits", async || kitchen.engine.queued_commands() == 2).await;
    kitchen.cook.stirred.notify_one();
    stirring.await.unwrap().unwrap();
    assert!(cancelling.await.unwrap().unwrap());
    kitchen.all_due_rang("a").await;
    assert_eq!(but_fences(kitchen.rang("a").await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_timers_of_an_aggregate_are_listed_page_by_page_and_no_others() {
    let kitchen = Kitchen::new().await;
    for number in 0..600 {
        kitchen.set("a", &format!("{number:03}"), Due::After(seconds(1000 - number)), "egg").await;
    }
    kitchen.set("aa", "k", Due::After(seconds(1)), "egg").await;
    kitchen.set("Z", "k", Due::After(seconds(1)), "egg").await;
    let keys = kitchen.keys("a").await;
    assert_eq!(keys, (0..600).map(|number| format!("{number:03}")).collect::<Vec<_>>());
    assert_eq!((kitchen.keys("aa").await.len(), kitchen.keys("b").await.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_get_through_is_tried_again_and_has_one_effect() {
    let store = Rigged::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    kitchen.set("b", "k", Due::After(seconds(1)), "soup").await;
    store.fail.store(3, Ordering::SeqCst);
    kitchen.clock.advance(seconds(1));
    until("it is tried again", async || !kitchen.health().retrying.is_empty()).await;
    let ailment = kitchen.health().retrying.remove(0);
    assert_eq!(ailment.kind, ConsumerKind::Timers);
    assert!(ailment.error.unwrap().message.contains("rigged"));
    tokio::time::sleep(seconds(300)).await;
    kitchen.until_rang("a", &["egg"]).await;
    kitchen.until_rang("b", &["soup"]).await;
    until("all is well", async || kitchen.health().retrying.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_effect_whose_answer_was_lost_is_not_had_again() {
    let store = Rigged::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    kitchen.set("a", "silent", Due::After(seconds(1)), "silent").await;
    store.lose_answer.store(1, Ordering::SeqCst);
    kitchen.clock.advance(seconds(1));
    until("the answer was lost", async || store.lose_answer.load(Ordering::SeqCst) == 0).await;
    tokio::time::sleep(seconds(300)).await;
    until("it is over", async || kitchen.waiting("a").await.is_empty()).await;
    kitchen.until_rang("a", &["egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_whose_answer_was_lost_is_kept_once() {
    let store = Rigged::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    kitchen.cook.refuses.store(5, Ordering::SeqCst);
    store.lose_answer.store(1, Ordering::SeqCst);
    kitchen.clock.advance(seconds(1));
    until("the answer was lost", async || store.lose_answer.load(Ordering::SeqCst) == 0).await;
    tokio::time::sleep(seconds(300)).await;
    let failed = failed(&kitchen).await;
    assert_eq!((failed.len(), failed[0].times), (1, 1));
    assert_eq!(kitchen.cook.refuses.load(Ordering::SeqCst), 4, "it was asked once");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_holds_up_no_other_timer_and_is_tried_again() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    kitchen.cook.panics.store(2, Ordering::SeqCst);
    kitchen.clock.advance(seconds(1));
    until("it panicked", async || kitchen.cook.panics.load(Ordering::SeqCst) == 1).await;
    kitchen.cook.panics.store(0, Ordering::SeqCst);
    kitchen.set("a", "other", Due::After(seconds(1)), "other").await;
    kitchen.clock.advance(seconds(1));
    kitchen.until_rang("a", &["other"]).await;
    tokio::time::sleep(seconds(1)).await;
    kitchen.until_rang("a", &["other", "egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_asked_again() {
    let store = Rigged::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    store.fail_rows.store(4, Ordering::SeqCst);
    kitchen.clock.advance(seconds(1));
    until("it is said", async || !kitchen.health().retrying.is_empty()).await;
    tokio::time::sleep(seconds(60)).await;
    kitchen.until_rang("a", &["egg"]).await;
    assert_eq!(kitchen.health().retrying, []);
}

/// The same rows with another kind, of the same length.
async fn of_another_kind(store: &impl Store, table: &str) -> Vec<RowChange> {
    let renamed = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("pot", "wok").into_bytes();
    let mut rows = Vec::new();
    for row in store.list_rows(table, &[], None, 100).await.unwrap().items {
        let (key, value) = (bytes::Bytes::from(key_renamed(&row.key)), renamed(&row.value));
        rows.push(RowChange::remove(table.to_owned(), row.key));
        rows.push(RowChange::put(table.to_owned(), key, value));
    }
    rows
}

fn key_renamed(key: &[u8]) -> Vec<u8> {
    let at = key.windows(3).position(|three| three == b"pot").unwrap();
    [&key[..at], b"wok", &key[at + 3..]].concat()
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_nothing_in_the_program_takes_stays_and_is_visible() {
    let store = MemoryStore::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
    kitchen.stop().await;
    let mut rows = of_another_kind(&store, "ego/timers").await;
    rows.extend(of_another_kind(&store, "ego/timers/due").await);
    store.step(Step { advance: None, rows }).await.unwrap();
    let clock = ManualClock::at(noon() + seconds(60));
    let kitchen = Kitchen::with(store.clone(), clock, |builder| builder).await;
    until("it is said", async || !kitchen.health().is_ok()).await;
    let ailment = kitchen.health().failed.remove(0);
    assert_eq!((ailment.kind, &*ailment.name), (ConsumerKind::Timers, "wok"));
    // Others go on, and it stays.
    kitchen.set("a", "k", Due::After(Duration::ZERO), "egg").await;
    kitchen.until_rang("a", &["egg"]).await;
    tokio::time::sleep(seconds(300)).await;
    assert_eq!(store.list_rows("ego/timers", &[], None, 10).await.unwrap().items.len(), 1);
    assert_eq!(store.list_rows("ego/timers/due", &[], None, 10).await.unwrap().items.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_an_erased_stream_is_dropped() {
    let store = MemoryStore::new();
    let kitchen = Kitchen::small(store.clone()).await;
    for in_memory in [true, false] {
        let id = format!("pot-{in_memory}");
        kitchen.set(&id, "k", Due::After(seconds(1)), "egg").await;
        if !in_memory {
            kitchen.engine.send::<Pot>("other", Ring { name: "now".into() }).await.unwrap();
        }
        store.erase(&StreamId::new("pot", &*id).unwrap()).await.unwrap();
        kitchen.clock.advance(seconds(1));
        until("it is gone", async || {
            let due = store.list_rows("ego/timers/due", &[], None, 10).await.unwrap();
            due.items.is_empty() && kitchen.waiting(&id).await.is_empty()
        })
        .await;
    }
    assert!(kitchen.health().is_ok() && kitchen.health().retrying.is_empty());
}
