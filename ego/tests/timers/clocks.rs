//! Clocks that jump.

use crate::pot::*;
use ego::Timestamp;
use ego::clock::{Clock, ManualClock};
use ego::store::MemoryStore;
use ego::timer::Cron;
use parking_lot::Mutex;
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_forwards_fires_all_that_is_due_then() {
    let kitchen = Kitchen::new().await;
    for number in 1..=10 {
        kitchen.set("a", &number.to_string(), Due::After(seconds(number * 3600)), &number.to_string()).await;
    }
    kitchen.clock.advance(seconds(5 * 3600 + 1));
    kitchen.until_rang("a", &["1", "2", "3", "4", "5"]).await;
    kitchen.clock.set(Timestamp::MAX);
    kitchen.until_rang("a", &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_backwards_fires_nothing_twice_and_nothing_too_early() {
    let kitchen = Kitchen::new().await;
    kitchen.set("a", "once", Due::After(seconds(60)), "once").await;
    kitchen.set("a", "cron", Due::Cron(Cron::new("*/10 * * * *")), "tick").await;
    kitchen.set("a", "later", Due::After(seconds(1200)), "later").await;
    kitchen.clock.set(noon() + seconds(600));
    kitchen.until_rang("a", &["once", "tick"]).await;
    kitchen.clock.set(noon() - seconds(86_400));
    kitchen.all_due_rang("a").await;
    kitchen.clock.set(noon() + seconds(600));
    kitchen.all_due_rang("a").await;
    assert_eq!(but_fences(kitchen.rang("a").await), ["once", "tick"]);
    // They wait for the times that they wait for.
    kitchen.clock.set(noon() + seconds(1200));
    until("both came", async || but_fences(kitchen.rang("a").await).len() == 4).await;
    assert_eq!(kitchen.rang_at("a").await.iter().filter(|(name, due)| name != "fence" && *due == 1200).count(), 2);
}

/// Tells another time than before without waking anybody, as the machine's does when somebody sets it.
#[derive(Clone)]
struct Silent(Arc<Mutex<Timestamp>>);

impl Clock for Silent {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_silently_is_noticed_within_a_second() {
    let silent = Silent(Arc::new(Mutex::new(noon())));
    let clock = silent.clone();
    let kitchen = Kitchen::with(MemoryStore::new(), ManualClock::at(noon()), |builder| builder.clock(clock)).await;
    kitchen.set("a", "k", Due::After(seconds(3600)), "egg").await;
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(kitchen.rang("a").await, [""; 0]);
    *silent.0.lock() = noon() + seconds(3600);
    // The runtime's time goes on by itself while everybody sleeps.
    tokio::time::sleep(seconds(1)).await;
    kitchen.until_rang("a", &["egg"]).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_manual_clock_is_woken_when_it_shows_the_time() {
    let clock = ManualClock::at(noon());
    let woken = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep_until(noon() + seconds(10)).await }
    });
    clock.advance(seconds(9));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!woken.is_finished());
    clock.set(noon());
    clock.advance(seconds(10));
    woken.await.unwrap();
    // It has passed.
    clock.sleep_until(noon()).await;
}
