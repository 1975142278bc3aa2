//! Spans and metrics: every name that the docs of `ego::telemetry` promise.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod contested;
mod domain;
mod metered;
mod names;
mod seen;
mod traced;

/// Waits until something is so; fails when it does not become so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.expect("it does not become so");
}
