//! What the programs of `benches/` share: the load, the figures of each round, and the report.
//!
//! A program asks one question (`README.md` lists them). It runs its subjects in turns – A, B, A, B – and compares medians, so that a
//! mood of the machine meets all of them. Each run checks what it did: a command that was lost is an error, not a figure.

pub mod account;
pub mod load;
pub mod log;
pub mod process;
pub mod readme;
pub mod report;
pub mod samples;
pub mod settings;
pub mod show;

/// Whatever went wrong: a program ends with it.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
