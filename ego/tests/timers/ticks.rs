//! Timers that come again and again: when, what becomes of missed ticks, and clocks that people set twice a year.

use crate::pot::*;
use ego::Timestamp;
use ego::clock::ManualClock;
use ego::store::MemoryStore;
use ego::timer::{Cron, Missed};
use std::sync::atomic::Ordering;

fn ticks(missed: Missed) -> Due {
    Due::Cron(Cron::new("*/10 * * * *").missed(missed))
}

const MINUTES: i64 = 60;

#[tokio::test(start_paused = true)]
async fn a_cron_ticks_at_each_of_its_times() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::Cron(Cron::new("*/10 * * * *")), "tick").await;
    for tick in 1..=5 {
        kitchen.clock.set(noon() + seconds(600 * tick - 1));
        kitchen.all_due_rang("b").await;
        assert_eq!(kitchen.rang("a").await.len() as u64, tick - 1);
        kitchen.clock.set(noon() + seconds(600 * tick));
        until("it ticked", async || kitchen.rang("a").await.len() as u64 == tick).await;
        assert_eq!(kitchen.rang_at("a").await.last().unwrap().1, tick as i64 * 10 * MINUTES);
        assert_eq!(kitchen.waiting("a").await[0].due, noon() + seconds(600 * (tick + 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cron_goes_on_until_it_is_cancelled() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::Cron(Cron::new("*/10 * * * *")), "tick").await;
    kitchen.clock.set(noon() + seconds(600));
    kitchen.until_rang("a", &["tick"]).await;
    kitchen.cancel("a", "k").await;
    kitchen.clock.set(noon() + seconds(6000));
    kitchen.all_due_rang("a").await;
    assert_eq!(but_fences(kitchen.rang("a").await), ["tick"]);
}

/// When a cron that was missed for so long rang, in minutes since noon.
async fn rang_after(missed: Missed, seconds_later: u64) -> Vec<i64> {
    let store = MemoryStore::new();
    let kitchen = Kitchen::on(store.clone()).await;
    kitchen.set("a", "k", ticks(missed), "tick").await;
    kitchen.stop().await;
    let clock = ManualClock::at(noon() + seconds(seconds_later));
    let kitchen = Kitchen::with(store.clone(), clock, |builder| builder).await;
    // Nothing that is due by then waits any more.
    until("it caught up", async || kitchen.waiting("a").await[0].due > noon() + seconds(seconds_later)).await;
    kitchen.all_due_rang("a").await;
    let rang = kitchen.rang_at("a").await.into_iter().filter(|(name, _)| name == "tick");
    let rang = rang.map(|(_, due)| due / MINUTES).collect();
    // It goes on with the next.
    let next = (seconds_later / 600 + 1) * 600;
    assert_eq!(kitchen.waiting("a").await[0].due, noon() + seconds(next));
    kitchen.stop().await;
    rang
}

#[tokio::test(start_paused = true)]
async fn of_missed_ticks_one_comes() {
    assert_eq!(rang_after(Missed::Once, 65 * 60).await, [10]);
    assert_eq!(rang_after(Missed::Once, 10 * 60).await, [10]);
}

#[tokio::test(start_paused = true)]
async fn missed_ticks_are_left_out_if_that_is_wanted() {
    assert_eq!(rang_after(Missed::Skip, 65 * 60).await, [0; 0]);
    // The last one is not late yet.
    assert_eq!(rang_after(Missed::Skip, 60 * 60 + 59).await, [60]);
    assert_eq!(rang_after(Missed::Skip, 10 * 60 + 61).await, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn each_missed_tick_comes_if_that_is_wanted_up_to_so_many() {
    assert_eq!(rang_after(Missed::Each { at_most: 100 }, 65 * 60).await, [10, 20, 30, 40, 50, 60]);
    assert_eq!(rang_after(Missed::Each { at_most: 6 }, 65 * 60).await, [10, 20, 30, 40, 50, 60]);
    assert_eq!(rang_after(Missed::Each { at_most: 2 }, 65 * 60).await, [50, 60]);
    assert_eq!(rang_after(Missed::Each { at_most: 0 }, 60 * 60).await, [60]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_refused_does_not_end_the_cron() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "k", Due::Cron(Cron::new("*/10 * * * *")), "tick").await;
    kitchen.cook.refuses.store(2, Ordering::SeqCst);
    for tick in 1..=3 {
        kitchen.clock.set(noon() + seconds(600 * tick));
        until("it ticked", async || kitchen.waiting("a").await[0].due == noon() + seconds(600 * (tick + 1))).await;
    }
    kitchen.until_rang("a", &["tick"]).await;
    let failed = kitchen.engine.failed_timers(None, 10).await.unwrap().items;
    assert_eq!((failed.len(), failed[0].times), (1, 2));
}

#[test]
fn nine_in_the_morning_is_nine_by_the_clocks_of_the_zone() {
    let cron = Cron::new("0 9 * * *").zone("Europe/Berlin");
    let next = |after: &str| cron.next(after.parse().unwrap()).unwrap().unwrap().to_string();
    assert_eq!(next("2026-03-28T09:00:00Z"), "2026-03-29T07:00:00Z");
    assert_eq!(next("2026-10-24T09:00:00Z"), "2026-10-25T08:00:00Z");
    assert_eq!(Cron::new("0 9 * * *").next(noon()).unwrap().unwrap().to_string(), "2026-03-03T09:00:00Z");
}

#[test]
fn a_time_that_does_not_exist_ticks_behind_the_gap_and_one_that_exists_twice_ticks_once() {
    let ticks = |pattern: &str, after: &str, many: usize| -> Vec<String> {
        let cron = Cron::new(pattern).zone("Europe/Berlin");
        let after: Timestamp = after.parse().unwrap();
        let next = |tick: &Timestamp| cron.next(*tick).unwrap();
        std::iter::successors(next(&after), next).take(many).map(|tick| tick.to_string()).collect()
    };
    // Clocks go from 2 to 3 there.
    assert_eq!(ticks("30 2 * * *", "2026-03-28T12:00:00Z", 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    assert_eq!(ticks("30 * * * *", "2026-03-29T00:00:00Z", 2), ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]);
    // And from 3 back to 2.
    assert_eq!(ticks("30 2 * * *", "2026-10-24T12:00:00Z", 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    assert_eq!(
        ticks("30 * * * *", "2026-10-25T00:00:00Z", 3),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
    );
}
