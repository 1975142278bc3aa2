//! Methods that fail, panic or wait hold up their own instance and nobody else.

use crate::domain::*;
use crate::support::*;
use crate::task::*;
use ego::consumer::ConsumerKind;
use ego::prelude::*;
use ego::saga::{SagaRefusal, Status};
use ego::store::MemoryStore;

async fn act(engine: &Engine, event: TaskEvent) {
    engine.send::<Task>("the-task", Do(event)).await.unwrap();
}

fn begun(process: &str) -> TaskEvent {
    TaskEvent::Begun { process: process.into() }
}

fn went(process: &str, step: u32) -> TaskEvent {
    TaskEvent::Went { process: process.into(), step }
}

async fn steps(engine: &Engine, process: &str) -> Vec<u32> {
    engine.saga::<Picky>(process).state().await.unwrap().unwrap_or_default().steps
}

async fn parked(engine: &Engine, process: &str) -> String {
    let status = tokio::time::timeout(LONG, engine.saga::<Picky>(process).settled()).await.unwrap().unwrap();
    assert_eq!(status.status(), Status::Parked);
    status.parked.unwrap()
}

#[tokio::test]
async fn a_method_that_fails_parks_its_instance_and_the_next_inputs_wait_behind() {
    for (mood, reason) in [("fails", "cannot take step 1"), ("panics", "it panicked: what a mood")] {
        let house = House::new();
        let engine = start(MemoryStore::new(), &house, quick()).await;
        act(&engine, begun("p")).await;
        act(&engine, begun("q")).await;
        idle(&engine).await;
        house.be(mood);
        act(&engine, went("p", 1)).await;
        assert_eq!(parked(&engine, "p").await, reason);
        house.be("well");
        for step in 2..5 {
            act(&engine, went("p", step)).await;
            act(&engine, went("q", step)).await;
        }
        idle(&engine).await;
        assert_eq!(steps(&engine, "p").await, [0], "nothing overtakes what waits");
        assert_eq!(steps(&engine, "q").await, [0, 2, 3, 4]);
        let status = engine.saga::<Picky>("p").status().await.unwrap().unwrap();
        assert_eq!((status.waiting, status.parked.as_deref()), (4, Some(reason)));
        let health = engine.health();
        assert!(!health.is_ok() && health.failed.is_empty(), "{health:?}");
        let said: Vec<_> = health.parked.iter().map(|one| (one.saga, &*one.id, &*one.reason)).collect();
        assert_eq!(said, [("picky", "p", reason)]);

        engine.saga::<Picky>("p").retry().await.unwrap();
        assert_eq!(steps(&engine, "p").await, [0, 1, 2, 3, 4]);
        idle(&engine).await;
        assert!(engine.health().is_ok());
        let again = engine.saga::<Picky>("p").retry().await;
        assert!(matches!(again, Err(CommandError::Rejected(SagaRefusal::NotParked))), "{again:?}");
        act(&engine, TaskEvent::Ended { process: "p".into() }).await;
        idle(&engine).await;
        assert_eq!(engine.saga::<Picky>("p").status().await.unwrap().unwrap().status(), Status::Completed);
    }
}

#[tokio::test]
async fn one_that_fails_again_is_parked_again_where_it_failed() {
    let house = House::new();
    let engine = start(MemoryStore::new(), &house, quick()).await;
    act(&engine, begun("p")).await;
    house.be("fails");
    for step in 1..4 {
        act(&engine, went("p", step)).await;
    }
    parked(&engine, "p").await;
    idle(&engine).await;
    engine.saga::<Picky>("p").retry().await.unwrap();
    assert_eq!(parked(&engine, "p").await, "cannot take step 1");
    assert_eq!(engine.saga::<Picky>("p").status().await.unwrap().unwrap().waiting, 3);
    house.be("well");
    engine.saga::<Picky>("p").retry().await.unwrap();
    assert_eq!(steps(&engine, "p").await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn what_is_parked_is_known_after_a_restart_and_can_be_given_up() {
    let (house, store) = (House::new(), MemoryStore::new());
    let engine = start(store.clone(), &house, quick()).await;
    act(&engine, begun("p")).await;
    house.be("fails");
    act(&engine, went("p", 1)).await;
    parked(&engine, "p").await;
    engine.stop(LONG).await.unwrap();
    house.be("well");

    let engine = start(store, &house, quick()).await;
    until("the parked one is known", || async { !engine.health().is_ok() }).await;
    assert_eq!(engine.health().parked[0].reason, "cannot take step 1");
    engine.saga::<Picky>("p").abandon("nobody needs it").await.unwrap();
    let status = engine.saga::<Picky>("p").status().await.unwrap().unwrap();
    assert_eq!((status.status(), status.reason(), status.waiting), (Status::Failed, Some("nobody needs it"), 0));
    until("nothing is parked", || async { engine.health().is_ok() }).await;
    act(&engine, went("p", 2)).await;
    idle(&engine).await;
    assert_eq!(steps(&engine, "p").await, [0], "it has ended");
    let again = engine.saga::<Picky>("p").abandon("again").await;
    assert!(matches!(again, Err(CommandError::Rejected(SagaRefusal::Ended))), "{again:?}");
}

#[tokio::test]
async fn a_method_that_waits_holds_up_nobody_else() {
    let house = House::new();
    let engine = start(MemoryStore::new(), &house, quick()).await;
    house.set("begun", Some(Door::Stuck));
    act(&engine, begun("p")).await;
    until("it waits", || async { house.entered("begun") == 1 }).await;
    ask_with_money(&engine).await;
    assert_eq!(engine.saga::<Picky>("p").status().await.unwrap(), None);
    let inbox = engine.consumer(ConsumerKind::Saga, "picky").unwrap().status().await.unwrap();
    house.set("begun", None);
    until("it began", || async { steps(&engine, "p").await == [0] }).await;
    assert!(inbox.lag > 0, "what is not finished is not behind the checkpoint");
}

async fn ask_with_money(engine: &Engine) {
    open(engine).await;
    ask(engine, "t-1", 250).await;
    assert_eq!(settled(engine, "t-1").await.status(), Status::Completed);
}
