//! The read side: what follows the log. The names of the tests say which rule each holds; I1 to I12 stand in ARCHITECTURE.md.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod domain;
mod files;
mod publishers;
mod reactors;
mod rigged;
mod support;
mod waiting;
