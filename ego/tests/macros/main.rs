//! What the macros write does the right thing, without an engine.
#![deny(warnings, missing_docs, clippy::pedantic, unreachable_pub, unused_qualifications)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod account;
mod events;
mod forms;
mod generic;
mod hygiene;
mod payloads;
mod registry;
mod support;
mod upcast;
