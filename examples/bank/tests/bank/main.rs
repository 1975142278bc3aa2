//! The program as a user meets it: the built binary, its output and its exit code.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod import;
mod ledger;
mod run;
mod show;
mod sigkill;
