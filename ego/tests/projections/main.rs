//! What async projections promise, each with a test that goes red when it is broken.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod following;
mod operations;
mod policies;
mod shop;

use ego::Engine;
use ego::prelude::*;
use shop::*;
use std::sync::Arc;

async fn place(engine: &Engine, order: &str, customer: &str, amount: u64) -> ego::message::Position {
    let placed = engine.send::<Order>(order, Do::Place { customer: customer.into(), amount }).await.unwrap();
    placed.position.unwrap()
}

async fn pay(engine: &Engine, order: &str, amount: u64) -> ego::message::Position {
    engine.send::<Order>(order, Do::Pay { amount }).await.unwrap().position.unwrap()
}

async fn start(store: impl ego::store::Store, knobs: &Arc<Knobs>) -> Engine {
    Engine::builder().store(store).service::<Knobs>(Arc::clone(knobs)).start().await.unwrap()
}

/// Waits until this gives something; fails when it does not.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.expect("it does not become so")
}
