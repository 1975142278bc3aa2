//! Projections: views that are folded from the log, with the checkpoint that says how far.

mod descriptor;
mod options;
mod record;
mod source;
mod table;

pub use descriptor::ProjectionDescriptor;
pub use options::{OnNewVersion, ProjectionOptions};
pub use source::{Source, Sources};
