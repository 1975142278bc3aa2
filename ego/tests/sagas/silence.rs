//! Accounts that do not answer: timeouts, commands that are given up, compensations that are refused.

use crate::domain::*;
use crate::support::*;
use ego::clock::ManualClock;
use ego::consumer::ConsumerKind;
use ego::prelude::*;
use ego::saga::{SagaEvent, SagaOptions, SagaStatus, Status};
use ego::store::MemoryStore;
use std::sync::Arc;
use std::time::Duration;

fn clock() -> ManualClock {
    ManualClock::at("2026-05-01T12:00:00Z".parse().unwrap())
}

/// Gives up soon.
fn impatient() -> SagaOptions {
    quick().timeout(Duration::from_millis(20))
}

async fn bank_at(store: MemoryStore, house: &Arc<House>, options: SagaOptions, clock: &ManualClock) -> Engine {
    let engine = start_at(store, house, options, clock.clone()).await;
    open(&engine).await;
    engine
}

async fn status(engine: &Engine, id: &str) -> SagaStatus {
    engine.saga::<Transfer>(id).status().await.unwrap().unwrap()
}

async fn until_withdrawn(engine: &Engine, id: &str) {
    until("it is withdrawn", || async {
        engine.saga::<Transfer>(id).state().await.unwrap().is_some_and(|transfer| transfer.withdrawn)
    })
    .await;
}

#[tokio::test]
async fn a_timeout_takes_back_what_nobody_answered() {
    let (house, clock) = (House::new(), clock());
    let engine = bank_at(MemoryStore::new(), &house, quick(), &clock).await;
    house.set("a", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    until("it waits", || async { house.entered("a") == 2 }).await;
    assert_eq!(status(&engine, "t-1").await.timeouts[0].name, "late");
    clock.advance(LATE);
    let status = settled(&engine, "t-1").await;
    assert_eq!((status.status(), status.reason()), (Status::Failed, Some("the saga recalled it")));
    house.set("a", None);
    idle(&engine).await;
    assert_eq!(balances(&engine).await, (1000, 500), "what was recalled never takes effect");
}

#[tokio::test]
async fn a_timeout_on_the_way_is_compensated() {
    let (house, clock) = (House::new(), clock());
    let engine = bank_at(MemoryStore::new(), &house, impatient().timeout(Duration::from_millis(200)), &clock).await;
    house.set("b", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    until_withdrawn(&engine, "t-1").await;
    clock.advance(LATE);
    until("it failed", || async { status(&engine, "t-1").await.status() == Status::Failed }).await;
    house.set("b", None);
    idle(&engine).await;
    assert_eq!(balances(&engine).await, (1000, 500));
}

#[tokio::test]
async fn a_recall_that_comes_too_late_finds_the_effect() {
    let (house, clock) = (House::new(), clock());
    let engine = bank_at(MemoryStore::new(), &house, quick(), &clock).await;
    house.set("b", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    until_withdrawn(&engine, "t-1").await;
    // Another engine on the same store sends it, too, and finds the door open; nobody is told of the event.
    let inbox = |engine: &Engine| engine.consumer(ConsumerKind::Saga, "transfer").unwrap();
    inbox(&engine).pause();
    let other = Engine::builder().store(engine.store().clone()).service::<House>(House::new()).clock(clock.clone());
    let other = other.start().await.unwrap();
    inbox(&other).pause();
    until("it took effect", || async { balances(&other).await == (750, 750) }).await;
    clock.advance(LATE);
    until("the timeout came", || async { status(&engine, "t-1").await.timeouts.is_empty() }).await;
    until("it is known that it took effect", || async { status(&engine, "t-1").await.outstanding.is_empty() }).await;
    assert_eq!(status(&engine, "t-1").await.status(), Status::Running);
    inbox(&engine).resume();
    assert_eq!(settled(&engine, "t-1").await.status(), Status::Completed);
    house.set("b", None);
    idle(&engine).await;
    assert_eq!(balances(&engine).await, (750, 750));
}

#[tokio::test]
async fn the_timeout_of_one_that_is_done_does_not_come() {
    let (house, clock) = (House::new(), clock());
    let engine = bank_at(MemoryStore::new(), &house, quick(), &clock).await;
    ask(&engine, "t-1", 250).await;
    settled(&engine, "t-1").await;
    idle(&engine).await;
    let timers = engine.timers::<ego::saga::Instance<Transfer>>("t-1").await.unwrap();
    assert!(timers.is_empty(), "{timers:?}");
    let before = engine.saga::<Transfer>("t-1").history().unwrap().collect().await.unwrap().len();
    clock.advance(LATE * 2);
    ask(&engine, "t-2", 250).await;
    settled(&engine, "t-2").await;
    idle(&engine).await;
    assert_eq!(engine.saga::<Transfer>("t-1").history().unwrap().collect().await.unwrap().len(), before);
}

#[tokio::test]
async fn a_timeout_survives_a_restart() {
    let (house, clock, store) = (House::new(), clock(), MemoryStore::new());
    house.set("a", Some(Door::Stuck));
    let engine = start_at(store.clone(), &house, quick(), clock.clone()).await;
    ask(&engine, "t-1", 250).await;
    until("it waits", || async { house.entered("a") == 1 }).await;
    drop(engine);
    clock.advance(LATE);
    let engine = start_at(store, &house, quick(), clock).await;
    assert_eq!(settled(&engine, "t-1").await.reason(), Some("the saga recalled it"));
}

#[tokio::test]
async fn a_command_that_gets_no_answer_parks_its_instance_until_somebody_retries() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, impatient()).await;
    house.set("b", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    let status = settled(&engine, "t-1").await;
    assert_eq!(status.status(), Status::Parked);
    assert!(status.reason().unwrap().starts_with("Deposit to account/b got no answer: "), "{status:?}");
    assert_eq!(house.entered("b"), 1 + 3, "opened, and tried three times");
    until("it is known", || async { engine.health().parked.len() == 1 }).await;
    let number = status.outstanding[0].number.clone();

    house.set("b", None);
    engine.saga::<Transfer>("t-1").retry().await.unwrap();
    assert_eq!(settled(&engine, "t-1").await.status(), Status::Completed);
    assert_eq!(balances(&engine).await, (750, 750));
    idle(&engine).await;
    assert!(engine.health().is_ok());
    let last = engine.history::<Account>("b").unwrap().collect().await.unwrap().pop().unwrap().metadata;
    assert_eq!(last.command_id.as_str(), format!("saga.transfer/t-1@{number}"), "the same command, so that it has one effect");
}

#[tokio::test]
async fn a_compensation_that_is_refused_is_visible_and_can_be_retried() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, quick()).await;
    house.set("b", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    until_withdrawn(&engine, "t-1").await;
    house.set("a", Some(Door::Closed));
    house.set("b", Some(Door::Closed));
    let status = settled(&engine, "t-1").await;
    assert_eq!(status.status(), Status::Parked);
    assert_eq!(status.reason(), Some("account/a refused the compensation Deposit: the account is closed"));
    assert_eq!(house.entered("a"), 2 + 3, "opened, withdrawn, and tried three times");
    let stopped = status.outstanding[0].clone();
    assert!(stopped.compensates && stopped.stopped.unwrap().refused);

    engine.saga::<Transfer>("t-1").retry().await.unwrap();
    until("it was tried again", || async { house.entered("a") == 2 + 6 }).await;
    let status = settled(&engine, "t-1").await;
    assert_eq!(status.status(), Status::Parked, "it was refused again");
    assert_ne!(status.outstanding[0].number, stopped.number, "what was refused never takes effect: another is sent in its place");

    house.set("a", None);
    engine.saga::<Transfer>("t-1").retry().await.unwrap();
    let status = settled(&engine, "t-1").await;
    assert_eq!((status.status(), status.reason()), (Status::Failed, Some("the account is closed")));
    assert_eq!(balances(&engine).await, (1000, 500));
}

#[tokio::test]
async fn one_that_is_abandoned_takes_back_what_it_sent() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, quick()).await;
    house.set("a", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    until("it waits", || async { house.entered("a") == 2 }).await;
    engine.saga::<Transfer>("t-1").abandon("the customer changed his mind").await.unwrap();
    let number = "1.0";
    let id = ego::message::CommandId::new(format!("saga.transfer/t-1@{number}")).unwrap();
    let stream = ego::message::StreamId::new("account", "a").unwrap();
    until("it is taken back", || async {
        ego::store::Store::find_command(engine.store(), &stream, &id).await.unwrap().is_some()
    })
    .await;
    house.set("a", None);
    idle(&engine).await;
    assert_eq!(balances(&engine).await, (1000, 500));
    assert_eq!(status(&engine, "t-1").await.reason(), Some("the customer changed his mind"));
}

#[tokio::test]
async fn one_that_hangs_holds_up_nobody_else() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, quick()).await;
    house.set("stuck", Some(Door::Stuck));
    let stuck = Ask { from: "stuck".into(), to: "b".into(), amount: 1 };
    engine.send::<Request>("t-0", stuck).await.unwrap();
    until("it hangs", || async { house.entered("stuck") == 1 }).await;
    for index in 1..=20 {
        ask(&engine, &format!("t-{index}"), 10).await;
    }
    for index in 1..=20 {
        assert_eq!(settled(&engine, &format!("t-{index}")).await.status(), Status::Completed);
    }
    assert_eq!(balances(&engine).await, (800, 700));
    assert_eq!(status(&engine, "t-0").await.status(), Status::Running);
    // What hangs is not behind the checkpoint: the next start sends it again.
    let commands = engine.consumer(ConsumerKind::Saga, "transfer/commands").unwrap().status().await.unwrap();
    assert!(commands.lag > 0);
    let history = engine.saga::<Transfer>("t-0").history().unwrap().collect().await.unwrap();
    assert!(matches!(history[0].events[..], [SagaEvent::Handled { .. }]));
}
