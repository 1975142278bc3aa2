//! Recorded events in files: one line of JSON each.

mod line;

pub use line::{LineError, from_line, to_line};
