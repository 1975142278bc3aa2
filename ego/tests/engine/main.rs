//! The engine's promises, each with a test that goes red when it is broken. The names say which; I1 to I12 stand in ARCHITECTURE.md.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod answers;
mod bounds;
mod cancel;
mod clock;
mod commits;
mod dropped;
mod dropped_readers;
mod ids;
mod lifecycle;
mod names;
mod reads;
mod review;
mod rigged;
mod stage;
mod tally;
mod writers;

use ego::Engine;
use ego::engine::{EngineBuilder, Limits};
use ego::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tally::Signal;

/// An engine on this store, and what its slow handlers wait for.
async fn engine_on(store: impl Store) -> (Engine, Arc<Signal>) {
    start(Engine::builder().store(store)).await
}

async fn start(builder: EngineBuilder) -> (Engine, Arc<Signal>) {
    let signal = Signal::new();
    let engine = builder.service::<Signal>(Arc::clone(&signal)).start().await.unwrap();
    (engine, signal)
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// Waits until something is so; fails when it does not become so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it does not become so");
}

/// Long enough for anything that could happen to happen.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}
