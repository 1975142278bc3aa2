//! Engines for the tests, and how they wait.

use crate::domain::*;
use crate::task::Picky;
use ego::clock::{Clock, SystemClock};
use ego::consumer::{Backoff, Policy};
use ego::prelude::*;
use ego::saga::{SagaOptions, SagaStatus};
use ego::store::Store;
use std::sync::Arc;
use std::time::Duration;

/// How long something may take that is certain to come.
pub const LONG: Duration = Duration::from_secs(60);

pub fn quick() -> SagaOptions {
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(5));
    SagaOptions::new().policy(Policy::fail().retries(2).backoff(backoff))
}

pub async fn start(store: impl Store, house: &Arc<House>, options: SagaOptions) -> Engine {
    start_at(store, house, options, SystemClock).await
}

pub async fn start_at(store: impl Store, house: &Arc<House>, options: SagaOptions, clock: impl Clock) -> Engine {
    let builder = Engine::builder().store(store).service::<House>(Arc::clone(house)).clock(clock);
    builder.saga::<Transfer>(options).saga::<Picky>(options).start().await.unwrap()
}

/// With money in two accounts.
pub async fn bank(store: impl Store, house: &Arc<House>, options: SagaOptions) -> Engine {
    let engine = start(store, house, options).await;
    open(&engine).await;
    engine
}

pub async fn open(engine: &Engine) {
    engine.send::<Account>("a", Deposit { amount: 1000 }).command_id("open").await.unwrap();
    engine.send::<Account>("b", Deposit { amount: 500 }).command_id("open").await.unwrap();
}

pub async fn ask(engine: &Engine, id: &str, amount: u64) {
    engine.send::<Request>(id, Ask { from: "a".into(), to: "b".into(), amount }).command_id("ask").await.unwrap();
}

pub async fn settled(engine: &Engine, id: &str) -> SagaStatus {
    let handle = engine.saga::<Transfer>(id);
    tokio::time::timeout(LONG, handle.settled()).await.unwrap_or_else(|_| panic!("{id} is not settled")).unwrap()
}

/// Waits until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

pub async fn balances(engine: &Engine) -> (u64, u64) {
    let balance = async |id: &str| engine.load::<Account>(id).await.unwrap().state.balance;
    (balance("a").await, balance("b").await)
}

/// Until everything that is recorded has been handled and sent.
pub async fn idle(engine: &Engine) {
    until("nothing is left to do", || async {
        let mut idle = true;
        for consumer in engine.consumers() {
            idle &= consumer.status().await.unwrap().lag == 0;
        }
        idle
    })
    .await;
}
