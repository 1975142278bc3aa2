//! What is sealed at rest, what is forgotten, and what is never written.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod at_rest;
mod clinic;
mod forgetting;
mod keys;
mod kills;
mod narrow;
mod raw;
mod sealed;
