//! What the macros write does the right thing, without an engine.
#![deny(warnings, missing_docs, clippy::pedantic, unreachable_pub, unused_qualifications)]

mod account;
mod support;
