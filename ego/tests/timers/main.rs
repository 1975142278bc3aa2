//! Timers: each promise of `ego::timer` by its name, under a clock that is moved by hand.
//!
//! Time stands still for the runtime, too, unless a test moves it: what wakes up only because it looks again now and then does not wake.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod clocks;
mod engines;
mod given_when_then;
mod operators;
mod pot;
mod promises;
mod ticks;
