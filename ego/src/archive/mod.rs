//! Recorded events in files: one line of JSON each.

mod files;
mod line;
mod lines;

pub use files::{Archive, ArchivedEvents};
pub use line::{LineError, from_line, to_line};

pub(crate) use lines::Lines;
