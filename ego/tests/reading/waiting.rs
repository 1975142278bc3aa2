//! Waiting for one event.

use crate::domain::*;
use crate::support::*;
use ego::Engine;
use ego::subscription::{SubscriptionError, WaitError};
use std::time::Duration;

#[tokio::test]
async fn a_waiter_that_has_begun_misses_nothing_however_late_it_is_asked() {
    let engine = Engine::builder().start().await.unwrap();
    deposit(&engine, "a", [7]).await;
    let mut waiter = engine.wait_for::<Account>(|event| event.event == AccountEvent::Deposited { amount: 7 }).await.unwrap();
    deposit(&engine, "a", [1]).await;
    deposit(&engine, "b", [7, 7]).await;
    let found = waiter.within(LONG).await.unwrap();
    assert_eq!((found.delivery.id(), found.delivery.position()), ("b", position(3)), "not what was there before");
    assert_eq!(waiter.within(LONG).await.unwrap().delivery.position(), position(4), "asked again, it goes on");
    stop(&engine).await;
}

#[tokio::test]
async fn a_waiter_is_woken_by_what_comes() {
    let engine = Engine::builder().start().await.unwrap();
    let mut waiter = engine.wait_for::<Account>(|event| event.delivery.id() == "b").await.unwrap();
    let waiting = tokio::spawn(async move { waiter.within(LONG).await.unwrap().delivery.position() });
    deposit(&engine, "a", [1, 2]).await;
    assert!(!waiting.is_finished());
    deposit(&engine, "b", [3]).await;
    assert_eq!(soon(waiting).await.unwrap(), position(3));
    stop(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_says_how_far_it_looked_and_can_go_on() {
    let engine = Engine::builder().start().await.unwrap();
    let mut waiter = engine.wait_for::<Account>(|event| event.delivery.id() == "b").await.unwrap();
    deposit(&engine, "a", [1, 2]).await;
    let error = waiter.within(Duration::from_secs(30)).await.unwrap_err();
    let WaitError::Timeout { within, position: Some(reached) } = &error else { panic!("{error}") };
    assert_eq!((*within, *reached), (Duration::from_secs(30), position(2)));
    deposit(&engine, "b", [3]).await;
    assert_eq!(waiter.within(LONG).await.unwrap().delivery.position(), position(3));
    stop(&engine).await;
    assert!(matches!(waiter.within(LONG).await, Err(WaitError::Stopped)));
}

#[tokio::test]
async fn any_subscription_can_be_waited_on_and_goes_on_behind_what_cannot_be_read() {
    let engine = Engine::builder().start().await.unwrap();
    let mut waiter = engine.subscribe().kind("account").json().await.unwrap().first(|event| event.event["amount"] == 3);
    record(engine.store(), &account("b"), "Deposited", 1, r#"{"amount":"much"}"#, &[]).await;
    deposit(&engine, "a", [3]).await;
    let error = waiter.within(LONG).await.unwrap_err();
    assert!(matches!(error, WaitError::Subscription(SubscriptionError::Unreadable { .. })), "{error}");
    assert_eq!(waiter.within(LONG).await.unwrap().delivery.position(), position(2));
    stop(&engine).await;
}
