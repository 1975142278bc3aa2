//! What is sealed at rest, what is forgotten, and what is never written.

mod at_rest;
mod clinic;
mod forgetting;
mod keys;
mod kills;
mod narrow;
mod raw;
mod sealed;
