//! Snapshots: the state of an aggregate, and the inline views beside it, as of a revision, so that not everything is folded each time.
//!
//! Disposable: whatever is wrong with one, it is passed over, and everything is folded from the events (I8). The exception is a
//! [kept](kept) one, which stands in the place of events that were deleted.
//!
//! Read `take` and `load` first.

mod content;
mod kept;
mod load;
mod take;
mod writer;

pub(crate) use content::Inside;
pub(super) use content::{KeptView, Unusable};
pub(crate) use kept::KEPT;
pub(super) use kept::{kept_key, list_kept};
pub(super) use load::{in_place_of_history, latest, open, passed_over};
pub(super) use take::{Mark, Replay, after_commit, after_load, before_leaving, of};
pub(super) use writer::Writer;
