//! Durable aggregates: what is stored is the state, and every promise that events have, it has, too.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod cart;
mod changes;
mod failing;
mod feed;
mod publishers;
mod rigged;
mod scenario;
mod shapes;
mod writers;

use cart::Signal;
use ego::Engine;
use ego::engine::EngineBuilder;
use ego::store::Store;
use std::sync::Arc;

/// An engine on this store, and what its slow handlers wait for.
async fn engine_on(store: impl Store) -> (Engine, Arc<Signal>) {
    start(Engine::builder().store(store)).await
}

async fn start(builder: EngineBuilder) -> (Engine, Arc<Signal>) {
    let signal = Signal::new();
    let engine = builder.service::<Signal>(Arc::clone(&signal)).start().await.unwrap();
    (engine, signal)
}

/// Waits until something is so; fails when it does not become so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.expect("it does not become so");
}
