//! Nothing here is named `ego`: it is `my_ego` in `Cargo.toml`, or comes through another crate.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

pub mod by_facade;
pub mod by_name;
