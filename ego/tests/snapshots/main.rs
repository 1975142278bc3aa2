//! Snapshots and retention: each promise with a test that goes red when it is broken.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod archive;
mod domain;
mod durable;
mod policy;
mod recovery;
mod retention;
mod same;
mod watched;
mod written;

use std::future::Future;
use std::time::Duration;

/// Waits until something is there; fails when it does not come.
async fn until<T, F: Future<Output = Option<T>>>(there: impl Fn() -> F) -> T {
    let waiting = async {
        loop {
            match there().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it does not come")
}
