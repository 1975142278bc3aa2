//! The macros of ego. Use them through the crate `ego`, which re-exports them.
