//! Kept snapshots: those that stand in the place of deleted events. They are no cache any more, so they are rows: as durable as the
//! log, and no store loses one as it may lose a snapshot.
//!
//! One row for each stream and revision: two engines that delete at the same time never put an earlier one in the place of a later one.

use crate::message::{Revision, StreamId};
use crate::store::{AnyStore, Page, Store, StoreError};
use bytes::{BufMut, Bytes};

/// Their table.
pub(crate) const KEPT: &str = "ego/kept";

/// Where those of a stream stand: behind its kind and id, in which there are no control characters.
fn prefix(stream: &StreamId) -> Vec<u8> {
    let mut key = Vec::with_capacity(stream.kind().len() + stream.id().len() + 10);
    key.put_slice(stream.kind().as_bytes());
    key.put_u8(0);
    key.put_slice(stream.id().as_bytes());
    key.put_u8(0);
    key
}

/// The key of the one that has seen the events up to this revision.
pub(in crate::engine) fn kept_key(stream: &StreamId, revision: Revision) -> Bytes {
    let mut key = prefix(stream);
    key.put_u64(revision.get());
    key.into()
}

/// All of a stream, the earliest first.
pub(in crate::engine) async fn list_kept(store: &AnyStore, stream: &StreamId) -> Result<Vec<(Revision, Bytes)>, StoreError> {
    let begin = prefix(stream);
    let mut end = begin.clone();
    if let Some(last) = end.last_mut() {
        *last = 1;
    }
    let (mut kept, mut start) = (Vec::new(), begin.clone());
    loop {
        let Page { items, next } = store.list_rows(KEPT, &start, Some(&end), 16).await?;
        let revision = |key: &[u8]| Revision::new(u64::from_be_bytes(key.get(begin.len()..)?.try_into().ok()?));
        kept.extend(items.into_iter().filter_map(|row| Some((revision(&row.key)?, row.value))));
        match next {
            Some(next) => start = next.to_vec(),
            None => return Ok(kept),
        }
    }
}
