//! A company's own crate, which hands ego on.
#![deny(warnings, missing_docs, clippy::pedantic)]

pub use ego as es;
