//! What reads the log: each promise with a test that goes red when it is broken.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod bank;
mod inline;
mod live;
#[allow(dead_code, reason = "the tests of the engine use the rest")]
#[path = "../engine/rigged.rs"]
mod rigged;
mod till;
mod views;

use std::time::Duration;

/// Waits until something is so; fails when it does not become so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it does not become so");
}
