//! Where other systems lose or reorder events when they are read, and ego does not: one test for each such failure, named after the
//! system and what goes wrong there.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod ego_go;
mod event_horizon;
mod outbox;
mod ship;

use ego::Engine;
use ego::engine::EngineBuilder;
use ego::message::Position;
use ego::prelude::*;
use ship::*;
use std::sync::Arc;
use std::time::Duration;

async fn sail(engine: &Engine, ship: &str, miles: u64) -> Position {
    engine.send::<Ship>(ship, Sail { legs: vec![miles] }).await.unwrap().position.unwrap()
}

fn builder(crew: &Arc<Crew>) -> EngineBuilder {
    Engine::builder().service::<Crew>(Arc::clone(crew))
}

async fn start(crew: &Arc<Crew>) -> Engine {
    builder(crew).start().await.unwrap()
}

/// The next so many events of a subscription.
async fn take<T>(subscription: &mut ego::subscription::Subscription<T>, count: usize) -> Vec<T> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(30), subscription.next()).await.expect("an event is missing");
        taken.push(next.unwrap().unwrap());
    }
    taken
}

/// Waits until this gives something; fails when it does not.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it does not become so")
}
