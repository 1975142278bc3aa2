//! Why a view could not be read.

use crate::consumer::{LastError, State};
use crate::engine::RecoveryError;
use crate::message::{InvalidText, Position};
use crate::model::Failure;
use crate::store::StoreError;
use std::time::Duration;

/// Why a view could not be read. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The type is no projection of this program.
    #[error("the projection `{projection}` is not registered: add `#[ego::projection(…)]`, or submit its descriptor")]
    Unknown {
        /// The type's path.
        projection: &'static str,
    },
    /// No projection has this name.
    #[error("no projection is named {name:?}; there are: {}", known.join(", "))]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The projection has no such index.
    #[error("{projection:?} has no index {index:?}; it has: {}", known.join(", "))]
    UnknownIndex {
        /// The projection's name.
        projection: &'static str,
        /// The index that was asked for.
        index: String,
        /// The indexes that it has.
        known: &'static [&'static str],
    },
    /// The projection has not passed the place in time. It goes on; a paused one once it is resumed.
    #[error("{projection:?} is {}, and did not reach position {wanted} within {within:?}; it is {state}", at(*.position))]
    NotYet {
        /// The projection's name.
        projection: &'static str,
        /// How far it is.
        position: Option<Position>,
        /// How far it should have been.
        wanted: Position,
        /// How long that was waited for.
        within: Duration,
        /// What it is doing.
        state: State,
    },
    /// The projection has failed or was stopped before the place, so that waiting is of no use.
    #[error("{projection:?} is {state} {}, before position {wanted}{}", at(*.position), because(.error.as_ref()))]
    Failed {
        /// The projection's name.
        projection: &'static str,
        /// How far it is.
        position: Option<Position>,
        /// How far it should have been.
        wanted: Position,
        /// Failed or stopped.
        state: State,
        /// What failed, if anything did.
        error: Option<LastError>,
    },
    /// The views are being built, the first time or in a new version. Until then there are none to read.
    #[error("the views of {projection:?} are being built: it is {}, the log ends {}", at(*.position), at(*.head))]
    Building {
        /// The projection's name.
        projection: &'static str,
        /// How far that is.
        position: Option<Position>,
        /// The last position of the log.
        head: Option<Position>,
    },
    /// The view cannot be read as one of this version of the projection.
    #[error("the view {key:?} of {projection:?} cannot be read: {reason}")]
    Unreadable {
        /// The projection's name.
        projection: &'static str,
        /// The view's key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A live view could not be folded.
    #[error("the view {key:?} of {projection:?} could not be folded at position {position}")]
    Unfoldable {
        /// The projection's name.
        projection: &'static str,
        /// The view's key.
        key: String,
        /// At which event.
        position: Position,
        /// What its method says.
        #[source]
        failure: Failure,
    },
    /// A view could not be written. Only when the views of an inline projection are built.
    #[error("the view {key:?} of {projection:?} cannot be written: {reason}")]
    Unwritable {
        /// The projection's name.
        projection: &'static str,
        /// The view's key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// The events of a live view cannot be read.
    #[error("the events of the view {key:?} of {projection:?} could not be read")]
    Events {
        /// The projection's name.
        projection: &'static str,
        /// The view's key.
        key: String,
        /// Why not.
        #[source]
        source: RecoveryError,
    },
    /// The key is longer than any key is.
    #[error("the key has {length} bytes, the limit is {limit}")]
    KeyTooLong {
        /// Its length in bytes.
        length: usize,
        /// The most bytes in a key.
        limit: usize,
    },
    /// The key of a live view is no aggregate's id.
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    /// The views cannot be listed in this manner.
    #[error("the views of {projection:?} cannot be listed so: {reason}")]
    Unlistable {
        /// The projection's name.
        projection: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// The cursor does not belong to this list.
    #[error("the cursor is not one of this list of {projection:?}")]
    ForeignCursor {
        /// The projection's name.
        projection: &'static str,
    },
    /// The store could not be read.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

fn at(position: Option<Position>) -> String {
    position.map_or_else(|| "at the beginning".to_owned(), |position| format!("at position {position}"))
}

fn because(error: Option<&LastError>) -> String {
    error.map_or_else(String::new, |error| format!(": {}", error.message))
}
