//! The steps of a deletion, in the order that keeps everything recoverable at each of them.

use super::archiving::archive;
use super::reach::reach;
use super::{DeleteError, Deletion, Retention, SnapshotError, snapshots};
use crate::engine::error::RecoveryError;
use crate::engine::read::ReadError;
use crate::engine::recover::{Recovered, recover};
use crate::engine::shared::Shared;
use crate::engine::snapshot::{self, KEPT, kept_key, list_kept};
use crate::message::{Revision, StreamId};
use crate::model::{Aggregate, Snapshots};
use crate::store::{AnyStore, RowChange, Step, Stepped, Store, StoreError};
use bytes::Bytes;

/// As far as everybody has finished → a snapshot that has seen it all, kept and read back → the archive, synced → the events go → earlier
/// kept snapshots go. A crash between any two of them leaves more than is needed, never less, and all of it may be done again.
pub(super) async fn delete<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    retention: &Retention,
) -> Result<Deletion, DeleteError> {
    let snapshots = snapshots::<A>()?;
    let head = shared.store.stream_head(stream).await?.filter(|head| !head.erased);
    let first = head.as_ref().and_then(|head| head.first);
    let mut deletion = Deletion { deleted: 0, archived: 0, first, snapshot: None, held_back: None };
    let last = head.and_then(|head| head.revision);
    let wanted = last.and_then(|last| Revision::new(last.get().saturating_sub(retention.keep)));
    let standing = standing::<A>(shared, &snapshots, stream).await?;
    deletion.snapshot = standing;
    let Some((first, wanted)) = first.zip(wanted).filter(|(first, wanted)| first <= wanted) else { return Ok(deletion) };
    let (upto, held_back) = reach(shared, stream, first, wanted).await?;
    deletion.held_back = held_back;
    let Some(upto) = upto else { return Ok(deletion) };
    if standing < Some(upto) {
        deletion.snapshot = Some(keep::<A>(shared, &snapshots, stream, upto).await?);
    }
    if let Some(to) = &retention.archive {
        deletion.archived = archive(shared, stream, (first, upto), to).await?;
    }
    match shared.store.delete_up_to(stream, upto).await {
        Ok(()) => {}
        Err(StoreError::HeldBack { consumer, checkpoint, .. }) => {
            deletion.held_back = Some(super::HeldBack { consumer, checkpoint });
            return Ok(deletion);
        }
        Err(error) => return Err(error.into()),
    }
    deletion.deleted = upto.get() - first.get() + 1;
    deletion.first = Some(upto.next()).filter(|first| Some(*first) <= last);
    metrics::counter!("ego_events_deleted_total", "kind" => A::KIND).increment(deletion.deleted);
    tracing::debug!(%stream, deleted = deletion.deleted, archived = deletion.archived, "events were deleted");
    remove_kept(&shared.store, stream, deletion.snapshot).await?;
    Ok(deletion)
}

/// What the latest kept snapshot has seen that this program reads.
async fn standing<A: Aggregate>(
    shared: &Shared,
    snapshots: &Snapshots<A>,
    stream: &StreamId,
) -> Result<Option<Revision>, StoreError> {
    let kept = list_kept(&shared.store, stream).await?;
    let is_read = |row: &Bytes| snapshot::open(shared, stream, snapshots, row, shared.inline_views(), false).is_ok();
    Ok(kept.into_iter().rev().find(|(_, row)| is_read(row)).map(|(revision, _)| revision))
}

/// Keeps a snapshot that has seen everything up to `upto`, and reads it back. Says what it has seen.
async fn keep<A: Aggregate>(
    shared: &Shared,
    snapshots: &Snapshots<A>,
    stream: &StreamId,
    upto: Revision,
) -> Result<Revision, DeleteError> {
    let loaded: Recovered<A> =
        recover(shared, stream, true).await.map_err(|error| SnapshotError::Read(ReadError::Recovery(error)))?;
    let made = snapshot::of(shared, stream, snapshots, &loaded).map_err(SnapshotError::Codec)?;
    let Some(made) = made.filter(|made| made.revision >= upto) else {
        return Err(StoreError::BeyondHead { asked: upto.get(), end: loaded.core.revision.map_or(0, Revision::get) }.into());
    };
    let revision = made.revision;
    let key = kept_key(stream, revision);
    let row = RowChange::put(KEPT, key.clone(), made.payload);
    match shared.store.step(Step { advance: None, rows: vec![row] }).await? {
        Stepped::Done => {}
        Stepped::TooLarge { bytes, limit } => return Err(DeleteError::TooLarge { bytes, limit }),
        stepped => return Err(StoreError::other("keeping a snapshot", Refused(stepped)).into()),
    }
    // Whoever erases the stream removes what is kept of it; what came behind that goes again.
    if shared.store.stream_head(stream).await?.is_some_and(|head| head.erased) {
        remove_kept(&shared.store, stream, None).await?;
        return Err(SnapshotError::Read(ReadError::Recovery(RecoveryError::Erased)).into());
    }
    let unverified = |reason: String| DeleteError::Unverified { revision, reason };
    let found = shared.store.load_rows(KEPT, &[key]).await?.into_iter().next().flatten();
    let (revision, found) = match found {
        Some(found) => (revision, found),
        // Another engine that deletes has put a later one in its place: that one stands for these events, too.
        None => {
            let later = list_kept(&shared.store, stream).await?.into_iter().rev().find(|(later, _)| *later > revision);
            later.ok_or_else(|| unverified("it is not there".to_owned()))?
        }
    };
    let read = snapshot::open(shared, stream, snapshots, &found, shared.inline_views(), false);
    match read.map_err(|why| unverified(why.to_string()))?.core.revision {
        Some(read) if read == revision => Ok(revision),
        _ => Err(unverified("it is of another revision".to_owned())),
    }
}

/// Why a store did not keep a row.
#[derive(Debug, thiserror::Error)]
#[error("the store answered {0:?}")]
struct Refused(Stepped);

/// Removes the kept snapshots of a stream that have seen less than this; all of them for `None`.
pub(crate) async fn remove_kept(store: &AnyStore, stream: &StreamId, before: Option<Revision>) -> Result<(), StoreError> {
    let gone = |revision: &Revision| before.is_none_or(|before| *revision < before);
    let kept = list_kept(store, stream).await?;
    let gone = kept.into_iter().map(|(revision, _)| revision).filter(gone);
    let rows: Vec<_> = gone.map(|revision| RowChange::remove(KEPT, kept_key(stream, revision))).collect();
    if !rows.is_empty() {
        store.step(Step { advance: None, rows }).await?;
    }
    Ok(())
}

/// What the kind's policy asks for, once another snapshot was saved.
pub(in crate::engine) async fn after_snapshot<A: Aggregate>(shared: &Shared, stream: &StreamId) {
    let Some(retention) = shared.retentions.get(A::KIND) else { return };
    match delete::<A>(shared, stream, retention).await {
        Ok(Deletion { held_back: Some(by), .. }) => {
            tracing::debug!(%stream, consumer = by.consumer, "a consumer holds up that events are deleted");
        }
        Ok(_) => {}
        Err(error) => {
            let error = crate::consumer::with_causes(&error);
            tracing::warn!(%stream, %error, "events were not deleted; it is tried again after the next snapshot");
            metrics::counter!("ego_retention_failed_total", "kind" => A::KIND).increment(1);
        }
    }
}
