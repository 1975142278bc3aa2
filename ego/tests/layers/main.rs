//! What layers see, what they may change, and what each of those that ego ships promises.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod around_commands;
mod around_events;
mod contested;
mod counter;
mod seen;
mod shipped;
mod watching;

use counter::*;
use ego::Engine;
use ego::engine::EngineBuilder;
use ego::model::Fold;
use std::time::Duration;

async fn start(builder: EngineBuilder) -> Engine {
    builder.service::<Gate>(Gate::new()).start().await.unwrap()
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

/// Waits until something is so; fails when it does not become so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it does not become so");
}
