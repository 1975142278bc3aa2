//! Projections: views that are folded from the log, with the checkpoint that says how far.
//!
//! The way of an event: `follow` (whoever folds a projection) → `track` (one generation of its views: reads a page, saves it in one step)
//! → `fold` (each key's events one after the other) → rows (`table`). `rebuild` lets another generation take the place of the one that is
//! read; `sweep` removes what is left of old ones.

mod cache;
mod cursor;
mod dead;
mod descriptor;
mod error;
mod fold;
mod follow;
mod forget;
mod handle;
mod inline;
mod live;
mod ops;
mod options;
mod problems;
mod projected;
mod rebuild;
mod record;
mod source;
mod sweep;
mod table;
mod track;
mod view;
mod views;

pub use cursor::{Cursor, InvalidCursor};
pub(crate) use dead::Row as DeadRow;
pub use dead::{Cause, DeadLetter};
pub use descriptor::ProjectionDescriptor;
pub use error::ViewError;
pub use handle::{OpError, ProjectionHandle, Rebuild, Rebuilt, Replayed};
pub use options::{OnNewVersion, ProjectionOptions};
pub use source::{Source, Sources};
pub use view::{IntoPosition, ReadView};
pub use views::ReadViews;

pub(crate) use forget::remove_view;
pub(crate) use projected::{AnyProjection, Projected};
