//! Where a replay begins: at the latest snapshot that can be used, or at the first event.

use super::content::{Content, Unusable, read};
use super::kept::list_kept;
use crate::engine::cell::Core;
use crate::engine::error::{RecoveryError, panic_message};
use crate::engine::inline::Views;
use crate::engine::recover::Recovered;
use crate::engine::shared::Shared;
use crate::engine::snapshot::{Mark, Replay};
use crate::message::{Revision, StreamId};
use crate::model::{Aggregate, Snapshots};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::panic::AssertUnwindSafe;

/// What is recorded up to the latest snapshot; `None` when there is none that can be used, whatever the reason (I8).
pub(in crate::engine) async fn latest<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    views: Option<Box<Views<A>>>,
) -> Option<Recovered<A>> {
    let snapshots = A::SNAPSHOTS?;
    let opened = match shared.store.load_snapshot(stream).await {
        Ok(None) => return None,
        Ok(Some(snapshot)) => {
            open(shared, stream, &snapshots, &snapshot.payload, views, false).and_then(|opened| match opened.core.revision {
                Some(revision) if revision == snapshot.revision => Ok(opened),
                _ => Err(Unusable::Damaged),
            })
        }
        Err(error) => Err(Unusable::Unreadable(error.to_string())),
    };
    opened.inspect_err(|why| passed_over(stream, why)).ok()
}

/// I8: everything is as if it were not there.
pub(in crate::engine) fn passed_over(stream: &StreamId, why: &dyn std::fmt::Display) {
    tracing::warn!(%stream, %why, "a snapshot is passed over");
    metrics::counter!("ego_snapshots_unusable_total", "kind" => stream.kind().to_owned()).increment(1);
}

/// What is recorded up to the snapshot that stands for the deleted events, `first` being the first one that is left.
pub(in crate::engine) async fn in_place_of_history<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    first: Revision,
    views: impl Fn() -> Option<Box<Views<A>>>,
) -> Result<Recovered<A>, RecoveryError> {
    let deleted = || StoreError::HistoryDeleted { first };
    let snapshots = A::SNAPSHOTS.ok_or_else(deleted)?;
    let mut kept = list_kept(&shared.store, stream).await?;
    // Those that have seen all that was deleted, the latest first.
    kept.retain(|(revision, _)| revision.next() >= first);
    let mut unreadable = None;
    while let Some((revision, row)) = kept.pop() {
        match open(shared, stream, &snapshots, &row, views(), true) {
            Ok(opened) if opened.core.revision == Some(revision) => return Ok(opened),
            Ok(_) => unreadable = Some((revision, Unusable::Damaged)),
            Err(why) => unreadable = Some((revision, why)),
        }
    }
    match unreadable {
        None => Err(deleted().into()),
        Some((revision, why)) => Err(RecoveryError::SnapshotUnreadable { first, revision, reason: why.to_string().into() }),
    }
}

/// The state that a snapshot of this stream holds, with its inline views in `views` if they are wanted.
pub(in crate::engine) fn open<A: Aggregate>(
    shared: &Shared,
    stream: &StreamId,
    snapshots: &Snapshots<A>,
    payload: &Bytes,
    mut views: Option<Box<Views<A>>>,
    any_shape: bool,
) -> Result<Recovered<A>, Unusable> {
    let content @ Content { revision, position, .. } = &read(stream, payload)?;
    let decode = AssertUnwindSafe(|| content.decode(&shared.codecs, snapshots, views.as_deref_mut(), any_shape));
    let state = std::panic::catch_unwind(decode)
        .unwrap_or_else(|panic| Err(Unusable::Unreadable(format!("it panicked: {}", panic_message(&*panic)))))?;
    let mark = Some(Box::new(Mark { revision: Some(*revision), since: None }));
    Ok(Recovered {
        core: Core { state, revision: Some(*revision), views, mark },
        position: Some(*position),
        replay: Replay::default(),
    })
}
