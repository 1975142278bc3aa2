//! Events go to the archive before they are deleted.

use super::DeleteError;
use crate::archive::Archive;
use crate::engine::shared::Shared;
use crate::message::{Revision, StreamId};
use crate::store::{Direction, RecordedEvent, Store, StoreError};
use std::io;
use std::path::Path;

/// Writes the events from `first` up to `last` to the archive, durably; those that stand there already are left as they are. Says how
/// many were written.
pub(super) async fn archive(
    shared: &Shared,
    stream: &StreamId,
    (first, last): (Revision, Revision),
    archive: &Archive,
) -> Result<u64, DeleteError> {
    let path = archive.path(stream);
    let of = stream.clone();
    let (mut file, there) = blocking(&path, {
        let archive = archive.clone();
        move || archive.open(&of)
    })
    .await?;
    let mut next = first;
    if let Some(there) = there
        && there.revision >= first
    {
        is_same(shared, stream, &there, &path).await?;
        next = there.revision.next();
    }
    let mut written = 0;
    while next <= last {
        let left = usize::try_from(last.get() - next.get()).unwrap_or(usize::MAX).saturating_add(1);
        let limit = left.min(shared.limits.page);
        let mut events = shared.store_at_rest().read_stream(stream, Some(next), Direction::Forwards, limit).await?.items;
        events.retain(|event| event.revision <= last);
        let Some(end) = events.last().map(|event| event.revision) else {
            return Err(StoreError::HistoryDeleted { first: last.next() }.into());
        };
        if let Some(found) = events.first().filter(|event| event.revision != next) {
            return Err(StoreError::HistoryDeleted { first: found.revision }.into());
        }
        written += events.len() as u64;
        file = blocking(&path, move || file.add(&events).map(|()| file)).await?;
        next = end.next();
    }
    Ok(written)
}

/// Another log's archive must not be taken for this one's.
async fn is_same(shared: &Shared, stream: &StreamId, there: &RecordedEvent, path: &Path) -> Result<(), DeleteError> {
    let found = shared.store_at_rest().read_stream(stream, Some(there.revision), Direction::Forwards, 1).await?.items;
    match found.first() {
        Some(event) if event.revision == there.revision && event != there => {
            let reason = format!("its event of revision {} is not the one that is recorded", there.revision);
            Err(failed(path, io::Error::new(io::ErrorKind::InvalidData, reason)))
        }
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, DeleteError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|lost| failed(path, io::Error::other(lost)))?;
    done.map_err(|error| failed(path, error))
}

fn failed(path: &Path, source: io::Error) -> DeleteError {
    DeleteError::Archive { path: path.to_owned(), source }
}
