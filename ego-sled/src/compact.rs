//! Compaction: taking the bytes of erased streams, of deleted events and of rows that changed again off the disk. A segment is rewritten with the same layout, what
//! is gone left empty, so that nothing that points into it changes. FORMAT.md says why a crash is harmless at any time.

use crate::entry::{Entry, RecordedCommit, Texts, read_entry, write_entry};
use crate::error;
use crate::find::Reader;
use crate::hash::Seed;
use crate::index::Index;
use crate::log::{Found, Log, Place, Segment, Spot};
use crate::record::{ENTRY_HEADER, Entries, GROUP_HEADER, GroupHeader, RawEntry, SegmentHeader, finish_entry};
use crate::request::{Task, ask};
use crate::row::ChangedRow;
use crate::shared::Shared;
use bytes::Bytes;
use ego::message::{Name, StreamId};
use ego::store::{Body, StoreError};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compaction {
    /// How many segments were rewritten.
    pub segments: u32,
    /// How many commits to erased streams were emptied.
    pub commits: u64,
    /// How many deleted events were emptied.
    pub events: u64,
    /// How many contents of rows were emptied that had been replaced or removed.
    pub rows: u64,
}

/// What nothing reads any more.
struct Gone<'a> {
    index: &'a Index,
    /// Up to which revision the events of streams are gone; `u64::MAX` for erased streams.
    streams: HashMap<StreamId, u64>,
    /// The last removals of rows, by numbers for their names.
    removals: HashMap<u64, Spot>,
    names: Seed,
}

impl Gone<'_> {
    /// Takes note of an entry that says that something is gone; true when it holds rows.
    fn note(&mut self, entry: Entry, place: Place) -> bool {
        match entry {
            Entry::Delete { stream, revision } => drop(self.streams.insert(stream, revision)),
            Entry::Erase { stream, .. } => drop(self.streams.insert(stream, u64::MAX)),
            Entry::Step(step) => {
                for removed in step.rows.iter().filter(|row| row.kept.is_none()) {
                    self.removals.insert(self.names.hash_one(&removed.name), removed.end(place));
                }
                return !step.rows.is_empty();
            }
            _ => {}
        }
        false
    }

    /// Whether a row was put or removed again, durably: the index and the segments that were left know only what is. That the index lacks
    /// a row is not taken on its word alone.
    fn row(&self, changed: &ChangedRow, place: Place) -> Result<bool, StoreError> {
        let Some(row) = changed.row(place) else { return Ok(false) };
        Ok(match self.index.row(&changed.name)? {
            Some(known) => known.spot > row.spot,
            None => self.removals.get(&self.names.hash_one(&changed.name)).is_some_and(|removal| *removal > row.spot),
        })
    }
}

pub(crate) async fn end_segment(shared: &Shared) -> Result<(), StoreError> {
    ask(shared, 1, |answer| Task::Roll { answer }).await
}

// 1. the segment in use was ended, so every commit of a stream that is gone stands in a segment that nobody writes to any more
// 2. find what is gone, by these segments alone, and for rows by the index  3. rewrite them, the newest first: what is left of a stream
// is always its beginning. Before a row's content goes, the index that knows better is made durable.
pub(crate) fn compact(reader: &Reader) -> Result<Compaction, StoreError> {
    let (log, index) = (&*reader.shared.log, &*reader.index);
    let closed = reader.shared.compacted.lock();
    if *closed {
        return Err(StoreError::Closed);
    }
    let recorded = reader.shared.tail.read().reach.sequence;
    reader.shared.indexing.hurry(|| index.meta().sequence >= recorded)?;
    let active = reader.shared.active.load(Ordering::Acquire);
    let mut gone = Gone { index, streams: HashMap::new(), removals: HashMap::new(), names: Seed::default() };
    let (mut any_rows, mut done) = (false, Compaction::default());
    for number in 1..active {
        let segment = log.segment(number)?;
        each_group(log, &segment, |offset, _, body, bad| {
            for entry in Entries::of(body) {
                let entry = entry.map_err(bad)?;
                let place = entry.place(Spot { segment: number, offset: offset as u32 });
                any_rows |= gone.note(read_entry(&entry.content, &mut Texts::default()).map_err(bad)?, place);
            }
            Ok(())
        })?;
    }
    if gone.streams.is_empty() && !any_rows {
        return Ok(done);
    }
    for number in (1..active).rev() {
        if reader.shared.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        let before = done;
        let segment = log.segment(number)?;
        let mut groups = Vec::new();
        each_group(log, &segment, |offset, header, body, bad| {
            let spot = Spot { segment: number, offset: offset as u32 };
            groups.push((offset, empty_group(header, body, spot, &gone, &mut done, bad)?));
            Ok(())
        })?;
        if done.rows > before.rows {
            index.engine.flush()?;
        }
        if done != before {
            replace(log, number, &segment, &groups)?;
            done.segments += 1;
        }
    }
    Ok(done)
}

type Bad<'a> = &'a dyn Fn(&'static str) -> StoreError;

fn each_group(
    log: &Log,
    segment: &Segment,
    mut visit: impl FnMut(u64, GroupHeader, &Bytes, Bad<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut offset = u64::from(Spot::first(1).offset);
    loop {
        let bad = |reason| error::damaged(&segment.path, Some(offset), reason);
        match log.group_at(segment, offset)? {
            Found::Group(header, body) => {
                visit(offset, header, &body, &bad)?;
                offset += header.room();
            }
            Found::Nothing => return Ok(()),
            Found::Bad(reason) => return Err(bad(reason)),
        }
    }
}

/// The group without what is gone, in the same room.
fn empty_group(
    header: GroupHeader,
    body: &Bytes,
    spot: Spot,
    gone: &Gone<'_>,
    done: &mut Compaction,
    bad: Bad<'_>,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; GROUP_HEADER];
    for entry in Entries::of(body) {
        let entry = entry.map_err(bad)?;
        let place = entry.place(spot);
        let RawEntry { len, content, .. } = entry;
        let start = bytes.len();
        bytes.resize(start + ENTRY_HEADER, 0);
        match emptied(&content, place, gone, done, bad)? {
            None => bytes.extend_from_slice(&content),
            Some(entry) => {
                write_entry(&mut bytes, &entry).map_err(|_| bad("an entry cannot be written again"))?;
                if bytes.len() > start + len as usize {
                    return Err(bad("an entry is larger when it is empty"));
                }
                bytes.resize(start + len as usize, 0);
            }
        }
        finish_entry(&mut bytes, start);
    }
    let body_crc = crc32fast::hash(bytes.get(GROUP_HEADER..).unwrap_or_default());
    for (slot, byte) in bytes.iter_mut().zip(GroupHeader { body_crc, ..header }.encode()) {
        *slot = byte;
    }
    Ok(bytes)
}

/// What is left of an entry of which something is gone; `None` when nothing is, or was before.
fn emptied(
    content: &Bytes,
    place: Place,
    gone: &Gone<'_>,
    done: &mut Compaction,
    bad: Bad<'_>,
) -> Result<Option<Entry>, StoreError> {
    let mut commit = match read_entry(content, &mut Texts::default()).map_err(bad)? {
        Entry::Commit(commit) => commit,
        Entry::Step(step) => {
            let Some((step, rows)) = step.without(|row| gone.row(row, place))? else { return Ok(None) };
            done.rows += rows;
            return Ok(Some(Entry::Step(step)));
        }
        _ => return Ok(None),
    };
    match gone.streams.get(&commit.stream) {
        None => Ok(None),
        Some(&u64::MAX) => {
            done.commits += 1;
            Ok(Some(blank(&commit)))
        }
        Some(deleted) => {
            let before = commit.revision.saturating_sub(u64::from(commit.places()));
            let Body::Events(events) = &mut commit.body else { return Ok(None) };
            let mut changed = 0;
            for (event, _) in events.iter_mut().zip(before + 1..=*deleted) {
                if !event.payload.is_empty() || !event.tags.is_empty() {
                    (event.payload, event.tags) = (Bytes::new(), Vec::new());
                    changed += 1;
                }
            }
            done.events += changed;
            Ok((changed > 0).then_some(Entry::Commit(commit)))
        }
    }
}

fn blank(commit: &RecordedCommit) -> Entry {
    let mut shapes: Vec<(Name, u32)> = Vec::new();
    if let Body::Events(events) = &commit.body {
        for event in events {
            let shape = (event.name.clone(), event.version);
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
    }
    Entry::Blank { positions: commit.places(), kind: commit.stream.shared_kind(), shapes }
}

/// Puts a copy with these groups in a segment's place: written and synced under another name, renamed, the folder synced.
fn replace(log: &Log, number: u32, segment: &Segment, groups: &[(u64, Vec<u8>)]) -> Result<(), StoreError> {
    let header = SegmentHeader { number, store: log.store, len: segment.len };
    log.replace(header, |file| {
        // The last byte first, so that the file has its length and what nobody writes is a hole.
        file.write_all_at(&[0], segment.len - 1)?;
        file.write_all_at(&header.encode(), 0)?;
        groups.iter().try_for_each(|(offset, bytes)| file.write_all_at(bytes, *offset))
    })
}

#[cfg(test)]
mod tests {
    use crate::SledStore;
    use crate::key;
    use ego::store::{RowChange, Step, Store};

    /// An index that lost a row without a word is no reason to take its content out of the log.
    #[tokio::test]
    async fn a_row_that_the_index_lacks_is_not_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::options(folder.path()).segment_bytes(4096).open().unwrap();
        let rows = vec![RowChange::put("t", "lost", "content"), RowChange::put("t", "removed", "content")];
        store.step(Step { advance: None, rows }).await.unwrap();
        store.step(Step { advance: None, rows: vec![RowChange::remove("t", "removed")] }).await.unwrap();
        assert_eq!(store.compact().await.unwrap().rows, 1);
        let lost = key::row(&crate::row::name("t", b"lost").unwrap());
        store.shared.index().unwrap().table().apply(vec![(lost, None)]).unwrap();
        assert_eq!(store.load_rows("t", &["lost".into()]).await.unwrap(), [None]);
        assert_eq!(store.compact().await.unwrap().rows, 0);
        store.close().await.unwrap();
        let store = SledStore::options(folder.path()).segment_bytes(4096).open().unwrap();
        assert!(store.recovery().index_rebuilt.is_some());
        let found = store.load_rows("t", &["lost".into(), "removed".into()]).await.unwrap();
        assert_eq!(found, [Some("content".into()), None]);
    }
}
