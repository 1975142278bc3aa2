//! How far events may be deleted: not past the slowest of those who follow the log under a name.

use super::HeldBack;
use crate::engine::shared::Shared;
use crate::message::{Position, Revision, StreamId};
use crate::store::{Direction, Store, StoreError};

/// The last revision up to `wanted` that everybody has finished, and who has not finished more. `first` is there.
pub(super) async fn reach(
    shared: &Shared,
    stream: &StreamId,
    first: Revision,
    wanted: Revision,
) -> Result<(Option<Revision>, Option<HeldBack>), StoreError> {
    let checkpoints = shared.store.list_checkpoints().await?;
    let Some((consumer, checkpoint)) = checkpoints.into_iter().min_by_key(|(_, checkpoint)| *checkpoint) else {
        return Ok((Some(wanted), None));
    };
    if is_finished(shared, stream, wanted, checkpoint).await? {
        return Ok((Some(wanted), None));
    }
    // Finished up to `below`, not at `beyond`.
    let (mut below, mut beyond) = (first.get() - 1, wanted.get());
    while beyond - below > 1 {
        let middle = below + (beyond - below) / 2;
        let Some(revision) = Revision::new(middle) else { break };
        if is_finished(shared, stream, revision, checkpoint).await? {
            below = middle;
        } else {
            beyond = middle;
        }
    }
    let reached = Revision::new(below).filter(|below| *below >= first);
    Ok((reached, Some(HeldBack { consumer, checkpoint })))
}

async fn is_finished(
    shared: &Shared,
    stream: &StreamId,
    revision: Revision,
    checkpoint: Option<Position>,
) -> Result<bool, StoreError> {
    let page = shared.store.read_stream(stream, Some(revision), Direction::Forwards, 1).await?;
    Ok(page.items.first().is_some_and(|event| Some(event.position) <= checkpoint))
}
