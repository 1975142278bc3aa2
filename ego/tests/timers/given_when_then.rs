//! Timers in `ego::test`: without an engine, a store or a clock.

use crate::pot::*;
use ego::testing::{Given, Then};
use ego::timer::{Cron, Missed};
use std::sync::Arc;

fn pot() -> Given<Pot> {
    ego::test::<Pot>().at(noon()).service(Arc::new(Cook::default()))
}

async fn set(due: Due) -> Then<Pot, (), String> {
    pot().when(SetTimer { key: "k".into(), due, name: "egg".into(), silent: false }).await
}

fn egg() -> Ring {
    Ring { name: "egg".into() }
}

#[tokio::test]
async fn a_timer_is_expected_by_its_key_time_and_command() {
    let cron = Cron::new("0 9 * * *").zone("Europe/Berlin").missed(Missed::Skip);
    set(Due::After(seconds(60))).await.then_scheduled("k", seconds(60), egg()).then_scheduled("k", noon() + seconds(60), egg());
    set(Due::At(noon())).await.then_scheduled("k", noon(), egg());
    set(Due::Cron(cron.clone())).await.then_scheduled("k", cron, egg());
}

#[tokio::test]
async fn a_cancellation_is_expected_by_its_key_and_a_refused_command_has_no_timers() {
    let cancel = CancelTimer { key: "k".into(), silent: true };
    let refused = pot().when(cancel).await.then_cancelled("k").and().when(ChangeYourMind { panics: false }).await;
    refused.then_rejected("no".to_owned()).then_no_timers().and().when(egg()).await.then_no_timers();
}

#[tokio::test]
#[should_panic(expected = "expected the timer \"k\" at 2026-03-02T12:01:01Z")]
async fn another_time_is_told() {
    set(Due::After(seconds(60))).await.then_scheduled("k", seconds(61), egg());
}

#[tokio::test]
#[should_panic(expected = "to come Cron")]
async fn another_pattern_is_told() {
    let every = || Cron::new("* * * * *");
    set(Due::Cron(every())).await.then_scheduled("k", every().missed(Missed::Skip), egg());
}

#[tokio::test]
#[should_panic(expected = "to send")]
async fn another_command_is_told() {
    set(Due::After(seconds(60))).await.then_scheduled("k", seconds(60), Ring { name: "soup".into() });
}

#[tokio::test]
#[should_panic(expected = "expected the timer \"other\", found")]
async fn another_key_is_told() {
    set(Due::After(seconds(60))).await.then_scheduled("other", seconds(60), egg());
}

#[tokio::test]
#[should_panic(expected = "to be cancelled")]
async fn a_timer_is_no_cancellation() {
    set(Due::After(seconds(60))).await.then_cancelled("k");
}

#[tokio::test]
#[should_panic(expected = "expected no timers")]
async fn a_timer_is_not_nothing() {
    set(Due::After(seconds(60))).await.then_no_timers();
}

#[tokio::test]
#[should_panic(expected = "it would not be stored: the timer \"k\" cannot be scheduled")]
async fn what_cannot_be_scheduled_is_told() {
    pot().when(Misschedule::Pattern).await;
}
