//! What can go wrong in a store.

use super::PrivacyError;
use super::commit::found;
use crate::message::{Position, Revision};
use std::sync::Arc;

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// Why a store could not do what it was asked. Cheap to clone: one failure is the answer to everyone who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed; nothing was done.
    #[error("the store is closed")]
    Closed,
    /// A write or a sync failed before, so nothing is written any more until the store is opened again; reading goes on. Nothing of
    /// this call was written.
    #[error("the store takes no writes since {reason}; open it again to find out what was kept")]
    Halted {
        /// What failed.
        reason: Arc<str>,
    },
    /// The operating system refused an operation. For a write, what became of it is unknown until the store is opened again.
    #[error("{action} failed")]
    Io {
        /// What the store was doing.
        action: Arc<str>,
        /// Why it failed.
        #[source]
        source: Source,
    },
    /// What is stored does not check: bytes were changed, lost or cut. Nothing was changed by finding out.
    #[error("{place} is damaged: {reason}")]
    Damaged {
        /// Which file and where in it.
        place: Arc<str>,
        /// What does not check.
        reason: Arc<str>,
    },
    /// The store was written by a newer release. It was not touched.
    #[error("the store has format {found}, this release reads up to {supported}")]
    NewerFormat {
        /// The format that was found.
        found: u32,
        /// The newest format that this release reads.
        supported: u32,
    },
    /// Somebody else has the store open.
    #[error("{place} is in use by another process or store")]
    InUse {
        /// Which folder.
        place: Arc<str>,
    },
    /// The stream or the log has not reached this place.
    #[error("{asked} was asked for, but the end is at {end}")]
    BeyondHead {
        /// The number that was asked for.
        asked: u64,
        /// The last number that there is, 0 for none.
        end: u64,
    },
    /// A named consumer has not finished what was to be deleted.
    #[error("{consumer:?} has finished {}, the deletion reaches position {needed}", finished(*.checkpoint))]
    HeldBack {
        /// Who holds it up.
        consumer: String,
        /// How far the consumer is.
        checkpoint: Option<Position>,
        /// How far it would have to be.
        needed: Position,
    },
    /// The history of a stream is not whole any more: its first events were deleted.
    #[error("the events before {} were deleted", found(Some(*.first)))]
    HistoryDeleted {
        /// The first revision that is left.
        first: Revision,
    },
    /// Something is sealed, and cannot be opened; or something personal cannot be sealed. Nothing was written.
    #[error("{place} is closed")]
    Sealed {
        /// What it is.
        place: Arc<str>,
        /// Why.
        #[source]
        source: PrivacyError,
    },
    /// Something else that only this store knows.
    #[error("{action} failed")]
    Other {
        /// What the store was doing.
        action: Arc<str>,
        /// Why it failed.
        #[source]
        source: Source,
    },
}

fn finished(checkpoint: Option<Position>) -> String {
    checkpoint.map_or_else(|| "nothing".to_owned(), |position| format!("position {position}"))
}

impl StoreError {
    /// An error of the operating system while the store was doing `action`.
    pub fn io(action: impl Into<Arc<str>>, source: std::io::Error) -> Self {
        Self::Io { action: action.into(), source: Arc::new(source) }
    }

    /// Any other error while the store was doing `action`.
    pub fn other(action: impl Into<Arc<str>>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Other { action: action.into(), source: Arc::new(source) }
    }

    /// Something sealed at `place` that cannot be opened.
    pub fn sealed(place: impl Into<Arc<str>>, source: PrivacyError) -> Self {
        Self::Sealed { place: place.into(), source }
    }

    /// A store around another hands on what it knows of; this it does not.
    pub(crate) fn unlisted(what: &str) -> Self {
        #[derive(Debug, thiserror::Error)]
        #[error("this store does not list them")]
        struct Unlisted;
        Self::other(format!("listing {what}"), Unlisted)
    }

    /// Damage found at `place`.
    pub fn damaged(place: impl Into<Arc<str>>, reason: impl Into<Arc<str>>) -> Self {
        Self::Damaged { place: place.into(), reason: reason.into() }
    }
}
