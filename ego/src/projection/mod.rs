//! Projections: views that are folded from the log, with the checkpoint that says how far.

mod descriptor;
mod source;

pub use descriptor::ProjectionDescriptor;
pub use source::{Source, Sources};
