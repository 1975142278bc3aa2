//! Snapshots: disposable, so they are in the index's engine only and in no log. Cut into parts, because sled keeps large values in
//! files of their own; a snapshot of which a part is missing or changed is none (I8).

use crate::engine::Changes;
use crate::find::Reader;
use crate::index::{Index, encode};
use crate::key;
use ego::message::{Position, Revision, StreamId};
use ego::store::{Snapshot, StoreError};
use serde::{Deserialize, Serialize};

const PART_BYTES: usize = 4000;

#[derive(Serialize, Deserialize)]
struct Header {
    revision: Revision,
    position: Position,
    version: u32,
    codec: String,
    len: u64,
    crc: u32,
}

impl Header {
    fn holds(&self, payload: &[u8]) -> bool {
        payload.len() as u64 == self.len && crc32fast::hash(payload) == self.crc
    }
}

fn prefix(stream: &StreamId) -> Vec<u8> {
    let mut key = key::stream(stream);
    key.push(0);
    key
}

fn part(stream: &StreamId, number: u32) -> Vec<u8> {
    let mut key = prefix(stream);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

impl Reader {
    /// Keeps a snapshot. What readers see is durable, so it is never of a revision that a crash takes back (in the buffered mode the
    /// caller syncs the log first).
    pub(crate) fn save_snapshot(&self, stream: &StreamId, snapshot: &Snapshot) -> Result<(), StoreError> {
        let _one_at_a_time = self.index.snapshots.lock();
        let head = self.head(stream)?.unwrap_or_default();
        let asked = snapshot.revision.get();
        let end = if head.erased { 0 } else { head.revision };
        if asked > end {
            return Err(StoreError::BeyondHead { asked, end });
        }
        let kept = self.index.snapshot_header(stream)?;
        if kept.is_some_and(|kept| kept.revision > snapshot.revision) {
            return Ok(());
        }
        let header = Header {
            revision: snapshot.revision,
            position: snapshot.position,
            version: snapshot.version,
            codec: snapshot.codec.as_ref().to_owned(),
            len: snapshot.payload.len() as u64,
            crc: crc32fast::hash(&snapshot.payload),
        };
        let mut changes = self.index.snapshot_parts(stream)?;
        changes.push((part(stream, 0), Some(encode(&header)?)));
        for (number, bytes) in (1..).zip(snapshot.payload.chunks(PART_BYTES)) {
            changes.push((part(stream, number), Some(bytes.to_vec())));
        }
        self.index.engine.snapshots.apply(changes)
    }

    pub(crate) fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        let Some(head) = self.head(stream)?.filter(|head| !head.erased) else { return Ok(None) };
        let _one_at_a_time = self.index.snapshots.lock();
        let Some(header) = self.index.snapshot_header(stream)? else { return Ok(None) };
        let mut payload = Vec::new();
        let (from, prefix) = (part(stream, 1), prefix(stream));
        self.index.engine.snapshots.scan(&from, key::behind(&prefix).as_deref(), false, |_, bytes| {
            payload.extend_from_slice(bytes);
            Ok(true)
        })?;
        let whole = header.holds(&payload);
        let Header { revision, position, version, codec, .. } = header;
        if !whole || revision.get() > head.revision {
            tracing::warn!(%stream, "a snapshot is damaged and is not used");
            return Ok(None);
        }
        Ok(Some(Snapshot { revision, position, version, codec: codec.into(), payload: payload.into() }))
    }

    pub(crate) fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.index.remove_snapshot(stream)
    }
}

impl Index {
    fn snapshot_header(&self, stream: &StreamId) -> Result<Option<Header>, StoreError> {
        let bytes = self.engine.snapshots.get(&part(stream, 0))?;
        // What cannot be read is none, and is replaced by the next one.
        Ok(bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
    }

    /// The removal of all parts that there are.
    fn snapshot_parts(&self, stream: &StreamId) -> Result<Changes, StoreError> {
        let prefix = prefix(stream);
        let mut changes = Vec::new();
        self.engine.snapshots.scan(&prefix, key::behind(&prefix).as_deref(), false, |key, _| {
            changes.push((key.to_vec(), None));
            Ok(true)
        })?;
        Ok(changes)
    }

    /// Whether each snapshot checks, in the order of the streams: its stream and revision, or why it is none.
    pub(crate) fn check_snapshots(
        &self,
        mut tell: impl FnMut(&StreamId, Result<Revision, &'static str>),
    ) -> Result<(), StoreError> {
        // The parts of one snapshot stand one behind the other, the header first.
        let mut current: Option<(StreamId, Option<Header>, Vec<u8>)> = None;
        let mut end = |found: Option<(StreamId, Option<Header>, Vec<u8>)>| match found {
            Some((stream, None, _)) => tell(&stream, Err("it has no header that can be read")),
            Some((stream, Some(header), payload)) if header.holds(&payload) => tell(&stream, Ok(header.revision)),
            Some((stream, Some(_), _)) => tell(&stream, Err("its checksum does not hold")),
            None => {}
        };
        self.engine.snapshots.scan(&[], None, false, |key, bytes| {
            let name = key.len().checked_sub(5).and_then(|len| key.get(..len));
            let Some(stream) = name.and_then(key::stream_of) else { return Err(self.engine.snapshots.unreadable()) };
            let of_this = |(known, ..): &(StreamId, _, _)| *known == stream;
            if !current.as_ref().is_some_and(of_this) {
                end(current.replace((stream.clone(), None, Vec::new())));
            }
            if let Some((_, header, payload)) = &mut current {
                if key.ends_with(&[0; 4]) {
                    *header = postcard::from_bytes(bytes).ok();
                } else {
                    payload.extend_from_slice(bytes);
                }
            }
            Ok(true)
        })?;
        end(current.take());
        Ok(())
    }

    pub(crate) fn remove_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        let _one_at_a_time = self.snapshots.lock();
        let changes = self.snapshot_parts(stream)?;
        if changes.is_empty() { Ok(()) } else { self.engine.snapshots.apply(changes) }
    }
}
