//! After a crash at any write: everything that was begun comes to its end, and nothing has a second effect.

use crate::domain::*;
use crate::dying::Dying;
use crate::support::*;
use ego::prelude::*;
use ego::saga::{SagaEvent, Status};
use ego::store::{MemoryStore, Store};
use std::collections::HashSet;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Story {
    Happy,
    Poor,
    Closed,
}

impl Story {
    fn house(self) -> Arc<House> {
        let house = House::new();
        if self == Self::Closed {
            house.set("b", Some(Door::Closed));
        }
        house
    }
    fn amount(self) -> u64 {
        if self == Self::Poor { 5000 } else { 250 }
    }
    fn end(self) -> (Status, (u64, u64)) {
        if self == Self::Happy { (Status::Completed, (750, 750)) } else { (Status::Failed, (1000, 500)) }
    }
}

/// Sends each of the commands once more, as a client does who heard no answer.
async fn ask_anyhow(engine: &Engine, amount: u64) {
    let ask = Ask { from: "a".into(), to: "b".into(), amount };
    let _ = engine.send::<Request>("t-1", ask).command_id("ask").await;
}

async fn with_money() -> MemoryStore {
    let store = MemoryStore::new();
    let engine = bank(store.clone(), &House::new(), quick()).await;
    idle(&engine).await;
    store
}

/// Each command id has one effect, and every command that a saga sent is among those that it recorded.
async fn nothing_happened_twice(engine: &Engine, ids: &[&str]) {
    let mut sent = HashSet::new();
    for id in ids {
        for one in engine.saga::<Transfer>(*id).history().unwrap().collect().await.unwrap() {
            for event in one.events {
                if let SagaEvent::Handled { commands, .. } | SagaEvent::Retried { commands, .. } = event {
                    sent.extend(commands.into_iter().map(|one| format!("saga.transfer/{id}@{}", one.number)));
                }
            }
        }
    }
    for account in ["a", "b"] {
        let mut seen = HashSet::new();
        for event in engine.history::<Account>(account).unwrap().collect().await.unwrap() {
            let id = event.metadata.command_id.as_str().to_owned();
            assert!(id == "open" || sent.contains(&id), "{id} was sent by nobody");
            assert!(seen.insert(id.clone()), "{id} took effect twice");
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_write_changes_nothing_about_the_end() {
    for story in [Story::Happy, Story::Poor, Story::Closed] {
        for last_is_lost in [false, true] {
            for writes in 1.. {
                let (store, house) = (with_money().await, story.house());
                let dying = Dying::after(store.clone(), writes, last_is_lost);
                let engine = start(dying.clone(), &house, quick()).await;
                ask_anyhow(&engine, story.amount()).await;
                until("it is dead or done", || async { dying.is_dead() || is_done(&engine).await }).await;
                let survived = !dying.is_dead();
                drop(engine);

                let engine = start(store, &house, quick()).await;
                ask_anyhow(&engine, story.amount()).await;
                let (status, money) = story.end();
                assert_eq!(settled(&engine, "t-1").await.status(), status, "{story:?} after {writes} writes");
                idle(&engine).await;
                assert_eq!(balances(&engine).await, money, "{story:?} after {writes} writes");
                assert!(engine.saga::<Transfer>("t-1").status().await.unwrap().unwrap().is_ended());
                nothing_happened_twice(&engine, &["t-1"]).await;
                if survived {
                    assert!(writes > 6, "only {writes} writes were tried");
                    break;
                }
            }
        }
    }
}

async fn is_done(engine: &Engine) -> bool {
    let status = engine.saga::<Transfer>("t-1").status().await.ok().flatten();
    let mut done = status.is_some_and(|status| status.is_ended() && status.outstanding.is_empty());
    for consumer in engine.consumers() {
        done &= consumer.status().await.is_ok_and(|status| status.lag == 0);
    }
    done
}

#[tokio::test]
async fn what_was_refused_before_a_crash_stays_refused_when_the_account_could_pay_by_now() {
    for writes in 1..20 {
        let (store, house) = (with_money().await, House::new());
        let dying = Dying::after(store.clone(), writes, false);
        let engine = start(dying.clone(), &house, quick()).await;
        ask_anyhow(&engine, 5000).await;
        until("it is dead or done", || async { dying.is_dead() || is_done(&engine).await }).await;
        drop(engine);
        let told = Engine::builder().store(store.clone()).service::<House>(House::new()).start().await.unwrap();
        told.send::<Account>("a", Deposit { amount: 9000 }).command_id("open-2").await.unwrap();
        drop(told);
        let engine = start(store, &house, quick()).await;
        ask_anyhow(&engine, 5000).await;
        let status = settled(&engine, "t-1").await.status();
        idle(&engine).await;
        let expected = if status == Status::Completed { (5000, 5500) } else { (10_000, 500) };
        assert_eq!(balances(&engine).await, expected, "{status} after {writes} writes");
    }
}

#[tokio::test]
async fn two_engines_on_one_store_do_everything_once() {
    let (store, house) = (with_money().await, House::new());
    let engines = [start(store.clone(), &house, quick()).await, start(store.clone(), &house, quick()).await];
    let ids: Vec<String> = (0..24).map(|index| format!("t-{index}")).collect();
    for (index, id) in ids.iter().enumerate() {
        // Some are too poor, when their turn comes.
        ask(&engines[index % 2], id, if index % 3 == 0 { 400 } else { 10 }).await;
    }
    let mut moved = 0;
    for (index, id) in ids.iter().enumerate() {
        let status = settled(&engines[(index + 1) % 2], id).await;
        assert!(status.parked.is_none(), "{status:?}");
        if status.status() == Status::Completed {
            moved += if index % 3 == 0 { 400 } else { 10 };
        }
    }
    idle(&engines[0]).await;
    idle(&engines[1]).await;
    assert_eq!(balances(&engines[0]).await, (1000 - moved, 500 + moved));
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    nothing_happened_twice(&engines[0], &ids).await;
}

#[tokio::test]
async fn a_restart_goes_on_where_everything_stands() {
    let (store, house) = (with_money().await, House::new());
    let engine = start(store.clone(), &house, quick()).await;
    house.set("b", Some(Door::Stuck));
    ask(&engine, "t-1", 250).await;
    until("it waits", || async { house.entered("b") == 1 }).await;
    let _ = engine.stop(std::time::Duration::from_millis(20)).await;
    house.set("b", None);
    let engine = start(store, &house, quick()).await;
    assert_eq!(settled(&engine, "t-1").await.status(), Status::Completed);
    idle(&engine).await;
    assert_eq!(balances(&engine).await, (750, 750));
    nothing_happened_twice(&engine, &["t-1"]).await;
}

#[tokio::test]
async fn a_replay_calls_none_of_the_methods() {
    let (store, house) = (with_money().await, House::new());
    let engine = start(store.clone(), &house, quick()).await;
    ask(&engine, "t-1", 250).await;
    settled(&engine, "t-1").await;
    idle(&engine).await;
    let (before, entered) = (engine.store().head().await.unwrap(), house.entered("a"));
    drop(engine);
    let engine = start(store, &house, quick()).await;
    let transfer = engine.saga::<Transfer>("t-1").state().await.unwrap().unwrap();
    assert!(transfer.withdrawn);
    idle(&engine).await;
    assert_eq!((engine.store().head().await.unwrap(), house.entered("a")), (before, entered));
}
