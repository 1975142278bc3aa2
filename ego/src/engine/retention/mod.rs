//! Retention: events are deleted up to a snapshot that was read back, and not before everybody who follows them has finished them.
//!
//! What stands in their place is no disposable snapshot but a [kept](super::snapshot) one: so also now deleting every snapshot changes
//! no answer (I8).

mod archiving;
mod delete;
mod reach;

pub(super) use delete::after_snapshot;
pub(crate) use delete::remove_kept;

use super::Engine;
use super::read::ReadError;
use super::recover::recover_apart;
use super::shared::Shared;
use super::snapshot::of;
use crate::archive::Archive;
use crate::codec::CodecError;
use crate::message::{Position, Revision};
use crate::model::{Aggregate, Snapshots};
use crate::store::{Store, StoreError};
use std::path::PathBuf;
use std::sync::Arc;

/// How many events of an aggregate are kept, and where the others go before they are deleted.
///
/// ```
/// use ego::archive::Archive;
/// use ego::engine::Retention;
///
/// let thousand = Retention::keep(1000);
/// let archived = Retention::keep(0).archive(Archive::in_folder("archive"));
/// ```
#[derive(Clone, Debug)]
pub struct Retention {
    keep: u64,
    archive: Option<Archive>,
}

impl Retention {
    /// Keeps the last so many events.
    #[must_use]
    pub fn keep(events: u64) -> Self {
        Self { keep: events, archive: None }
    }

    /// Writes events to this archive, durably, before they are deleted.
    #[must_use]
    pub fn archive(self, archive: Archive) -> Self {
        Self { archive: Some(archive), ..self }
    }
}

impl From<u64> for Retention {
    fn from(keep: u64) -> Self {
        Self::keep(keep)
    }
}

/// What became of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// How many events were deleted.
    pub deleted: u64,
    /// How many of them were written to the archive now; those that were there already are not counted.
    pub archived: u64,
    /// The first event that is left; `None` when none is.
    pub first: Option<Revision>,
    /// What the snapshot has seen that stands in the place of the deleted events; `None` when none were ever deleted.
    pub snapshot: Option<Revision>,
    /// Who held up that more were deleted.
    pub held_back: Option<HeldBack>,
}

/// A named consumer that has not finished what was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Its name.
    pub consumer: String,
    /// What it has finished; `None` for nothing.
    pub checkpoint: Option<Position>,
}

/// Why no snapshot was saved. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The aggregate does not say how its state is written down.
    #[error("no snapshots are kept of {kind:?}: add `snapshot` to `#[aggregate(…)]`")]
    None {
        /// Its kind.
        kind: &'static str,
    },
    /// The aggregate could not be loaded.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The state, or an inline view, could not be written down.
    #[error("the state could not be encoded")]
    Codec(#[from] CodecError),
    /// The store did not take it.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Why events were not deleted. They are all there, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// There is no snapshot that could stand in their place.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The snapshot is larger than what the store takes at once.
    #[error("the snapshot holds {bytes} bytes, the store takes {limit}")]
    TooLarge {
        /// How much it holds.
        bytes: usize,
        /// How much the store takes.
        limit: usize,
    },
    /// The snapshot was saved, but what was read back is not what was saved. Nothing was deleted.
    #[error("the snapshot of revision {revision} that was just saved cannot be read back: {reason}")]
    Unverified {
        /// What it has seen.
        revision: Revision,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive could not be written. Some of the events may stand in it; they do not come twice when it is tried again.
    #[error("the archive {} could not be written", path.display())]
    Archive {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The store failed. For the deletion itself, it is not known whether it took place: doing it again is no error.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The engine is stopping or stopped.
    #[error("the engine is stopped")]
    Stopped,
}

impl Engine {
    /// Saves a snapshot of the aggregate as it is recorded now. Returns the revision that it has seen; `None` when nothing has happened
    /// to the aggregate.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn snapshot<A: Aggregate>(&self, id: impl AsRef<str>) -> Result<Option<Revision>, SnapshotError> {
        let snapshots = snapshots::<A>()?;
        let (shared, stream) = (self.shared(), self.stream::<A>(id.as_ref())?);
        let loaded = recover_apart::<A>(shared, stream.clone(), true).await.map_err(ReadError::from)?;
        let Some(snapshot) = of(shared, &stream, &snapshots, &loaded)? else { return Ok(None) };
        let revision = snapshot.revision;
        shared.store.save_snapshot(&stream, snapshot).await?;
        Ok(Some(revision))
    }

    /// Deletes events of the aggregate, the first ones, for good: all but the last `keep`, but none that a named consumer has not
    /// finished. What they came to is kept as a snapshot, which is read back before. Their revisions and positions are not given again,
    /// and their command ids stay known (I11).
    ///
    /// Whoever would read from the first event on misses them: [`history`](Engine::history), projections that are built anew, and the
    /// views of new inline or live projections, which say so. A program whose state has another [version](Aggregate::VERSION) cannot load
    /// the aggregate any more, and [says so](super::RecoveryError::SnapshotUnreadable): add fields with serde's defaults instead, which
    /// are read without another version.
    ///
    /// Dropped before it is ready, it has deleted all of them or none; a snapshot or lines in the archive may be there already.
    ///
    /// # Errors
    /// [`DeleteError`].
    pub async fn delete_events<A: Aggregate>(
        &self,
        id: impl AsRef<str>,
        keep: impl Into<Retention>,
    ) -> Result<Deletion, DeleteError> {
        snapshots::<A>()?;
        let stream = self.stream::<A>(id.as_ref()).map_err(SnapshotError::from)?;
        let shared: &Arc<Shared> = self.shared();
        let _alone = shared.snapshots.wait_for(&stream).await.ok_or(DeleteError::Stopped)?;
        delete::delete::<A>(shared, &stream, &keep.into()).await
    }
}

fn snapshots<A: Aggregate>() -> Result<Snapshots<A>, SnapshotError> {
    A::SNAPSHOTS.ok_or(SnapshotError::None { kind: A::KIND })
}
