//! What a timer is: recorded with its command, due once, replaced and cancelled by its key.

use crate::pot::*;
use ego::engine::CommandError;
use ego::prelude::*;
use ego::store::{MemoryStore, Store};
use ego::timer::ScheduleError;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_timer_fires_once_and_never_early() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    // Another pot's timer is due then: whoever fires has looked.
    kitchen.clock.advance(seconds(60) - Duration::from_nanos(2));
    kitchen.all_due_rang("b").await;
    assert_eq!(kitchen.rang_at("a").await, []);
    assert_eq!(kitchen.keys("a").await, ["k"]);
    kitchen.clock.advance(Duration::from_nanos(1));
    kitchen.until_rang("a", &["egg"]).await;
    assert_eq!(kitchen.keys("a").await, [""; 0]);
    kitchen.clock.advance(seconds(3600));
    kitchen.all_due_rang("a").await;
    assert_eq!(kitchen.rang_at("a").await[0], ("egg".to_owned(), 60));
    assert_eq!(kitchen.rang("a").await, ["egg", "fence"]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_due_at_a_time_and_at_once_when_that_has_passed() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::At(noon() - seconds(5)), "late").await;
    kitchen.until_rang("a", &["late"]).await;
    kitchen.set("a", "k", Due::At(noon() + seconds(5)), "in time").await;
    kitchen.clock.set(noon() + seconds(5));
    kitchen.until_rang("a", &["late", "in time"]).await;
}

#[tokio::test(start_paused = true)]
async fn timers_of_one_aggregate_come_in_the_order_of_time() {
    let kitchen = Kitchen::new().await;
    let names: Vec<_> = (0..20).map(|number| format!("{number:02}")).collect();
    for (number, name) in names.iter().enumerate() {
        // Scheduled in another order than they are due.
        let place = (number * 7) % 20;
        kitchen.set("a", &names[place], Due::After(seconds(1 + place as u64)), &names[place]).await;
        assert_eq!(name.len(), 2);
    }
    kitchen.clock.advance(seconds(60));
    kitchen.until_rang("a", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_becomes_due_while_earlier_ones_are_under_way_comes_behind_them() {
    let kitchen = Kitchen::new().await;
    for (key, after) in [("1", 60), ("2", 60), ("3", 61)] {
        kitchen.set("a", key, Due::At(noon() + seconds(after) + Duration::from_millis(key.len() as u64)), key).await;
    }
    let stirring = tokio::spawn(kitchen.engine.send::<Pot>("a", Stir {}).into_future());
    kitchen.cook.stirring.notified().await;
    kitchen.clock.set(noon() + seconds(61));
    until("the first waits for its turn", async || kitchen.engine.queued_commands() == 1).await;
    kitchen.clock.advance(seconds(1));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    kitchen.cook.stirred.notify_one();
    stirring.await.unwrap().unwrap();
    until("all came", async || kitchen.rang("a").await.len() == 3).await;
    assert_eq!(kitchen.rang("a").await[2], "3");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_timer_wakes_whoever_sleeps_for_a_later_one() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "late", Due::After(seconds(3600)), "late").await;
    // It sleeps now, and knows of that one.
    kitchen.all_due_rang("b").await;
    kitchen.set("a", "soon", Due::After(seconds(60)), "soon").await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    kitchen.clock.advance(seconds(60));
    kitchen.until_rang("a", &["soon"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_key_again_replaces_whether_it_is_later_or_earlier() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "first").await;
    kitchen.set("a", "k", Due::After(seconds(120)), "second").await;
    assert_eq!(kitchen.waiting("a").await.len(), 1);
    kitchen.clock.advance(seconds(61));
    kitchen.all_due_rang("a").await;
    assert_eq!(kitchen.rang("a").await, ["fence"]);
    kitchen.set("a", "k", Due::After(seconds(1)), "third").await;
    kitchen.clock.advance(seconds(1));
    kitchen.until_rang("a", &["fence", "third"]).await;
    kitchen.clock.advance(seconds(600));
    kitchen.all_due_rang("a").await;
    assert_eq!(kitchen.rang("a").await, ["fence", "third", "fence"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_in_the_store_of_timers_that_are_over() {
    let store = MemoryStore::new();
    let kitchen = Kitchen::on(store.clone()).await;
    for number in 0..10 {
        kitchen.set("a", "k", Due::After(seconds(number + 1)), "replaced").await;
    }
    kitchen.set("a", "other", Due::After(seconds(5)), "cancelled").await;
    kitchen.cancel("a", "other").await;
    kitchen.clock.advance(seconds(60));
    until("every row is gone", async || {
        let due = store.list_rows("ego/timers/due", &[], None, 100).await.unwrap();
        let timers = store.list_rows("ego/timers", &[], None, 100).await.unwrap();
        due.items.is_empty() && timers.items.is_empty()
    })
    .await;
    assert_eq!(kitchen.rang("a").await, ["replaced"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_timer_never_fires() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    kitchen.set("a", "other", Due::After(seconds(60)), "other").await;
    kitchen.cancel("a", "k").await;
    assert_eq!(kitchen.keys("a").await, ["other"]);
    kitchen.clock.advance(seconds(60));
    kitchen.all_due_rang("a").await;
    assert_eq!(but_fences(kitchen.rang("a").await), ["other"]);
    // There is none: no error.
    kitchen.cancel("a", "k").await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_cancelled_or_replaced_while_its_command_waits_for_its_turn_has_no_effect() {
    for replaced in [false, true] {
        let kitchen = Kitchen::new().await;
        kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
        let stirring = kitchen.engine.send::<Pot>("a", Stir {});
        let stirring = tokio::spawn(stirring.into_future());
        kitchen.cook.stirring.notified().await;
        // First in line behind the spoon: the change. Then the command of the timer, which is still there when it is sent.
        let change = if replaced {
            let set = SetTimer { key: "k".into(), due: Due::After(seconds(600)), name: "later".into(), silent: true };
            tokio::spawn(is_accepted(kitchen.engine.send::<Pot>("a", set).into_future()))
        } else {
            tokio::spawn(is_accepted(
                kitchen.engine.send::<Pot>("a", CancelTimer { key: "k".into(), silent: true }).into_future(),
            ))
        };
        until("the change waits", async || kitchen.engine.queued_commands() == 1).await;
        kitchen.clock.advance(seconds(60));
        until("the timer's command waits", async || kitchen.engine.queued_commands() == 2).await;
        assert_eq!(kitchen.keys("a").await, ["k"], "it was there when it was sent");
        kitchen.cook.stirred.notify_one();
        stirring.await.unwrap().unwrap();
        assert!(change.await.unwrap());
        kitchen.all_due_rang("a").await;
        assert_eq!(but_fences(kitchen.rang("a").await), [""; 0]);
        assert_eq!(kitchen.keys("a").await.len(), usize::from(replaced));
    }
}

async fn is_accepted<T, E>(answer: impl Future<Output = Result<T, E>>) -> bool {
    answer.await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_not_durable_yet_counts_when_the_timer_is_due() {
    let store = Rigged::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", Due::After(seconds(60)), "egg").await;
    store.gate.forget_permits(usize::MAX);
    let cancelling = kitchen.engine.send::<Pot>("a", CancelTimer { key: "k".into(), silent: false }).into_future();
    let cancelling = tokio::spawn(cancelling);
    // Decided, and on its way into the store.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    kitchen.clock.advance(seconds(60));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    store.gate.add_permits(1000);
    cancelling.await.unwrap().unwrap();
    kitchen.all_due_rang("a").await;
    assert_eq!(but_fences(kitchen.rang("a").await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_command_schedules_nothing_again() {
    let kitchen = Kitchen::new().await;
    let set = SetTimer { key: "k".into(), due: Due::After(seconds(60)), name: "egg".into(), silent: true };
    kitchen.engine.send::<Pot>("a", set.clone()).command_id("once").await.unwrap();
    let first = kitchen.waiting("a").await;
    kitchen.clock.advance(seconds(30));
    assert!(kitchen.engine.send::<Pot>("a", set.clone()).command_id("once").await.unwrap().repeated);
    assert_eq!(kitchen.waiting("a").await, first);
    kitchen.clock.advance(seconds(30));
    kitchen.until_rang("a", &["egg"]).await;
    assert!(kitchen.engine.send::<Pot>("a", set).command_id("once").await.unwrap().repeated);
    assert_eq!(kitchen.waiting("a").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_refused_or_panics_leaves_timers_as_they_were() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "old", Due::After(seconds(60)), "egg").await;
    let before = kitchen.waiting("a").await;
    for panics in [false, true] {
        assert!(kitchen.engine.send::<Pot>("a", ChangeYourMind { panics }).await.is_err());
        assert!(kitchen.engine.send::<Pot>("a", ChangeYourMind { panics }).command_id("own").await.is_err());
    }
    assert_eq!(kitchen.waiting("a").await, before);
    kitchen.clock.advance(seconds(60));
    kitchen.until_rang("a", &["egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_not_recorded_leaves_no_timer() {
    let store = Rigged::new();
    let kitchen = Kitchen::on(store.clone()).await;
    store.fail.store(1, Ordering::SeqCst);
    let set = SetTimer { key: "k".into(), due: Due::After(seconds(1)), name: "egg".into(), silent: false };
    assert!(matches!(kitchen.engine.send::<Pot>("a", set).await, Err(CommandError::Store(_))));
    assert_eq!(kitchen.waiting("a").await, []);
    kitchen.clock.advance(seconds(5));
    kitchen.all_due_rang("a").await;
    assert_eq!(kitchen.rang("a").await, ["fence"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_scheduled_fails_the_command_and_nothing_is_recorded() {
    let kitchen = Kitchen::new().await;
    for what in [
        Misschedule::OtherKind,
        Misschedule::Pattern,
        Misschedule::Zone,
        Misschedule::Never,
        Misschedule::Unencodable,
        Misschedule::Key,
        Misschedule::TooFar,
    ] {
        let failed = kitchen.engine.send::<Pot>("a", what.clone()).await.unwrap_err();
        let CommandError::Unschedulable { key, source } = &failed else { panic!("{what:?}: {failed:?}") };
        assert_eq!(key.is_empty(), matches!(what, Misschedule::Key));
        let fits = match what {
            Misschedule::OtherKind => matches!(source, ScheduleError::OtherKind { given: "pan", .. }),
            Misschedule::Pattern => matches!(source, ScheduleError::Pattern { .. }),
            Misschedule::Zone => matches!(source, ScheduleError::Zone { .. }),
            Misschedule::Never => matches!(source, ScheduleError::Never { .. }),
            Misschedule::Unencodable => matches!(source, ScheduleError::Encode { command: "Unencodable", .. }),
            Misschedule::Key => matches!(source, ScheduleError::Key(_)),
            Misschedule::TooFar => *source == ScheduleError::TooFar,
        };
        assert!(fits, "{what:?}: {source:?}");
    }
    assert_eq!(kitchen.waiting("a").await, []);
    assert_eq!(kitchen.engine.load::<Pot>("a").await.unwrap().state, Pot::default());
    // The next command works.
    kitchen.set("a", "k", Due::After(seconds(1)), "egg").await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_records_nothing_but_a_timer_is_recorded() {
    let kitchen = Kitchen::new().await;
    let set = SetTimer { key: "k".into(), due: Due::After(seconds(60)), name: "egg".into(), silent: true };
    assert_eq!(kitchen.engine.send::<Pot>("a", set).await.unwrap().revision, None);
    assert_eq!(kitchen.keys("a").await, ["k"]);
    let cancel = CancelTimer { key: "k".into(), silent: true };
    assert_eq!(kitchen.engine.send::<Pot>("a", cancel).await.unwrap().revision, None);
    assert_eq!(kitchen.keys("a").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_command_of_a_timer_that_records_nothing_ends_it_too() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(1)), "silent").await;
    kitchen.clock.advance(seconds(1));
    until("it is over", async || kitchen.waiting("a").await.is_empty()).await;
    assert_eq!(kitchen.rang("a").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_command_of_a_timer_may_schedule_another_under_its_key() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::After(seconds(60)), "again and again").await;
    kitchen.clock.advance(seconds(60));
    kitchen.until_rang("a", &["again and again"]).await;
    assert_eq!(kitchen.keys("a").await, ["k"]);
    kitchen.clock.advance(seconds(60));
    kitchen.until_rang("a", &["again and again", "and again"]).await;
    assert_eq!(kitchen.keys("a").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_keeps_the_conversation_of_the_command_that_scheduled_it() {
    let kitchen = Kitchen::new().await;
    let set = SetTimer { key: "k".into(), due: Due::After(seconds(60)), name: "egg".into(), silent: false };
    let metadata = ego::message::MetadataDraft::new().correlation_id("breakfast").actor("ann").tenant("home");
    kitchen.engine.send::<Pot>("a", set).command_id("set").metadata(metadata).await.unwrap();
    kitchen.clock.advance(seconds(90));
    kitchen.until_rang("a", &["egg"]).await;
    let history = kitchen.engine.history::<Pot>("a").unwrap().collect().await.unwrap();
    let rang = &history.last().unwrap().metadata;
    assert_eq!((rang.correlation_id.as_str(), rang.causation_id.as_ref().unwrap().as_str()), ("breakfast", "set"));
    assert_eq!((rang.actor.as_ref().unwrap().as_str(), rang.tenant.as_ref().unwrap().as_str()), ("ann", "home"));
    assert_eq!((&*rang.entries["ego.timer"], &*rang.entries["ego.timer.due"]), ("k", "2026-03-02T12:01:00Z"));
    assert_eq!(rang.time, noon() + seconds(90));
}

#[tokio::test(start_paused = true)]
async fn timers_of_many_aggregates_all_come() {
    let kitchen = Kitchen::small(MemoryStore::new()).await;
    for number in 0..300 {
        kitchen.set(&format!("pot-{number}"), "k", Due::After(seconds(1 + number % 7)), "egg").await;
    }
    kitchen.clock.advance(seconds(10));
    for number in 0..300 {
        kitchen.until_rang(&format!("pot-{number}"), &["egg"]).await;
    }
}
