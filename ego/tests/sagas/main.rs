//! Sagas: what they promise, under refusals, silence, crashes and repetition. The names of the tests say which rule each holds; I1 to I12
//! stand in ARCHITECTURE.md.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod crashes;
mod domain;
mod dying;
mod given;
mod methods;
mod running;
mod silence;
mod starting;
mod support;
mod task;
