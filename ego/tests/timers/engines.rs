//! Timers outlive the engine that scheduled them; of several engines on a store one has the effect.

use crate::pot::*;
use ego::clock::ManualClock;
use ego::engine::Limits;
use ego::prelude::*;
use ego::store::{MemoryStore, Store};
use ego_sled::SledStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[tokio::test]
async fn a_timer_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kitchen = Kitchen::on(SledStore::open(folder.path()).unwrap()).await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    kitchen.set("a", "cancelled", Due::After(seconds(60)), "never").await;
    kitchen.cancel("a", "cancelled").await;
    let before = kitchen.waiting("a").await;
    kitchen.stop().await;
    for (later, rang) in [(59, &[][..]), (60, &["egg"]), (600, &["egg"])] {
        let clock = ManualClock::at(noon() + seconds(later));
        let kitchen = Kitchen::with(SledStore::open(folder.path()).unwrap(), clock, |builder| builder).await;
        if rang.is_empty() {
            assert_eq!(kitchen.waiting("a").await, before);
        }
        kitchen.until_rang("a", rang).await;
        kitchen.all_due_rang("b").await;
        assert_eq!(kitchen.rang("a").await, rang);
        kitchen.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_survives_that_its_aggregate_leaves_memory() {
    let kitchen = Kitchen::small(MemoryStore::new()).await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    for other in 0..10 {
        kitchen.engine.send::<Pot>(format!("other-{other}"), Ring { name: "now".into() }).await.unwrap();
    }
    assert!(kitchen.engine.active_streams().iter().all(|stream| stream.id() != "a"));
    kitchen.clock.advance(seconds(60));
    kitchen.until_rang("a", &["egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn after_stop_nothing_fires() {
    let store = MemoryStore::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    kitchen.stop().await;
    kitchen.clock.advance(seconds(60));
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(store.head().await.unwrap().unwrap().get(), 1);
    assert!(kitchen.engine.cancel_timer::<Pot>("a", "k").await.is_err());
    // It is not lost.
    let kitchen = Kitchen::with(store, kitchen.clock.clone(), |builder| builder).await;
    kitchen.until_rang("a", &["egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_fired_when_the_engine_stops_is_finished() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    let stirring = tokio::spawn(kitchen.engine.send::<Pot>("a", Stir {}).into_future());
    kitchen.cook.stirring.notified().await;
    kitchen.clock.advance(seconds(60));
    until("the timer's command waits", async || kitchen.engine.queued_commands() == 1).await;
    let engine = kitchen.engine.clone();
    let stopping = tokio::spawn(async move { engine.stop(seconds(60)).await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    kitchen.cook.stirred.notify_one();
    stirring.await.unwrap().unwrap();
    stopping.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_dropped_fires_nothing_and_lets_go_of_its_store() {
    let shared = Arc::new(());
    #[derive(Clone)]
    struct Held(MemoryStore, #[allow(dead_code, reason = "counts those who hold the store")] Arc<()>);
    #[async_trait::async_trait]
    impl Store for Held {
        ego::delegate_store!(0: capabilities, is_new_command, append, find_command, stream_head, read_stream, read_log, read_states, head,
            wait_for_head, list_streams, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, save_checkpoint,
            load_checkpoint, list_checkpoints, delete_checkpoint, step, load_rows, list_rows, delete_up_to, erase, close);
    }
    let kitchen = Kitchen::on(Held(MemoryStore::new(), Arc::clone(&shared))).await;
    kitchen.set("a", "k", Due::After(seconds(3600)), "egg").await;
    assert!(Arc::strong_count(&shared) > 1);
    // It also looks for idle aggregates, and lets go when it does so next.
    drop(kitchen);
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(Arc::strong_count(&shared), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_engines_on_one_store_one_has_the_effect() {
    let store = MemoryStore::new();
    let clock = ManualClock::at(noon());
    let one = Kitchen::with(store.clone(), clock.clone(), |builder| builder).await;
    let two = Kitchen::with(store.clone(), clock.clone(), |builder| builder).await;
    for number in 0..50 {
        one.set(&format!("pot-{number}"), "k", Due::After(seconds(60)), if number % 2 == 0 { "egg" } else { "silent" }).await;
        one.set(&format!("pot-{number}"), "cron", Due::Cron(ego::timer::Cron::new("* * * * *")), "tick").await;
    }
    // Now both know when the first is due.
    tokio::time::sleep(seconds(10)).await;
    for minute in 1..=5 {
        clock.set(noon() + seconds(60 * minute));
        for number in 0..50 {
            until("it ticked", async || {
                let waiting = one.waiting(&format!("pot-{number}")).await;
                waiting.len() == 1 && waiting[0].due == noon() + seconds(60 * (minute + 1))
            })
            .await;
        }
    }
    tokio::time::sleep(seconds(10)).await;
    for number in 0..50 {
        let mut rang = one.rang(&format!("pot-{number}")).await;
        rang.sort_unstable();
        let eggs = if number % 2 == 0 { &["egg"][..] } else { &[] };
        assert_eq!(rang, [eggs, &["tick"; 5]].concat(), "pot {number}");
    }
    assert_eq!((one.health().retrying, two.health().retrying), (Vec::new(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn an_engine_fires_what_another_scheduled_within_five_seconds() {
    let store = MemoryStore::new();
    let clock = ManualClock::at(noon());
    let one = Kitchen::with(store.clone(), clock.clone(), |builder| builder).await;
    let two = Kitchen::with(store.clone(), clock.clone(), |builder| builder).await;
    one.set("a", "k", Due::After(seconds(60)), "egg").await;
    // Gone without a word.
    drop(one);
    clock.advance(seconds(60));
    tokio::time::sleep(seconds(5) + Duration::from_millis(1)).await;
    two.until_rang("a", &["egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_engine_replaces_while_a_timer_is_on_its_way_has_no_effect() {
    let store = Rigged::new();
    let clock = ManualClock::at(noon());
    // By its clock nothing is ever due.
    let one = Kitchen::on(store.clone()).await;
    one.set("a", "k", Due::After(seconds(60)), "egg").await;
    let held = store.beside();
    let two = Kitchen::with(held.clone(), clock.clone(), |builder| builder).await;
    held.timers.forget_permits(usize::MAX);
    held.timers.add_permits(1);
    clock.advance(seconds(60));
    // It looked once, sent the command, and that asks whether its timer is still there. The answer is on its way.
    until("it asked", async || held.timers_read.load(Ordering::SeqCst) == 2).await;
    one.set("a", "k", Due::After(seconds(6000)), "later").await;
    held.timers.add_permits(1000);
    two.all_due_rang("b").await;
    two.all_due_rang("a").await;
    assert_eq!(but_fences(two.rang("a").await), [""; 0]);
    assert_eq!(two.keys("a").await, ["k"]);
}

/// Threads, and a clock that goes on while commands cancel: whichever is first, nothing rings behind the cancellation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_is_cancelled_as_it_is_due_either_rang_before_or_never() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { active_aggregates: 8, ..Limits::default() };
    let store = SledStore::open(folder.path()).unwrap();
    let kitchen = Kitchen::with(store, ManualClock::at(noon()), |builder| builder.limits(limits)).await;
    let (mut before, mut never) = (0, 0);
    for round in 0..150u64 {
        let id = format!("pot-{}", round % 16);
        let key = format!("k-{round}");
        kitchen.set(&id, &key, Due::After(seconds(1)), &key).await;
        let done = Arc::new(AtomicBool::new(false));
        let clock = kitchen.clock.clone();
        let (engine, cancel) = (kitchen.engine.clone(), CancelTimer { key: key.clone(), silent: false });
        let cancelling = tokio::spawn({
            let (id, done) = (id.clone(), Arc::clone(&done));
            async move {
                tokio::time::sleep(Duration::from_micros(round * 37 % 1500)).await;
                engine.send::<Pot>(id, cancel).await.unwrap();
                done.store(true, Ordering::SeqCst);
            }
        });
        clock.advance(seconds(1));
        cancelling.await.unwrap();
        assert!(done.load(Ordering::SeqCst));
        kitchen.all_due_rang(&id).await;
        let events = kitchen.engine.load::<Pot>(&id).await.unwrap().state.events;
        let cancelled = events.iter().position(|event| *event == PotEvent::Cancelled { key: key.clone() }).unwrap();
        let rang: Vec<_> =
            (0..events.len()).filter(|at| matches!(&events[*at], PotEvent::Rang { name, .. } if *name == key)).collect();
        match rang[..] {
            [] => never += 1,
            [at] if at < cancelled => before += 1,
            _ => panic!("round {round}: cancelled at {cancelled}, rang at {rang:?}"),
        }
    }
    assert_eq!(before + never, 150);
    kitchen.stop().await;
}
