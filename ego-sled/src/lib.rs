//! The embedded store of ego.
