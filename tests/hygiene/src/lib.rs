//! Every macro of ego, in every accepted form, under everything that a program may do to names: one module per condition.
//!
//! It compiles under the strictest lints that a user may set; `tests` show that what was written also works.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

pub mod big;
pub mod by_macro;
pub mod conditional;
pub mod durable;
pub mod generic;
pub mod hidden;
pub mod no_prelude;
pub mod raw;
pub mod same_names;
pub mod shadowed_macros;
pub mod shadowed_modules;
pub mod shadowed_types;
pub mod signatures;

/// The service that handlers ask for.
pub trait Limit: Send + Sync {
    /// How much is allowed at once.
    fn most(&self) -> u64;
}

/// A fixed limit.
#[derive(Debug)]
pub struct UpTo(pub u64);

impl Limit for UpTo {
    fn most(&self) -> u64 {
        self.0
    }
}
