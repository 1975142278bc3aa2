//! What is stored stays readable: the lock, red for each of its rules; and every reader sees what a stored event means today.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "these are tests")]

mod file;
mod green;
mod house;
mod readers;
mod red;
