//! What reads the log: each promise with a test that goes red when it is broken.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod bank;
mod views;
