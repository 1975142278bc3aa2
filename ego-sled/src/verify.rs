//! Checking a store as a whole: every sum, number and place of the log, and the index against it. Reads only; all damage is told, not
//! just the first.

use crate::engine::Engine;
use crate::entry::{Entry, RecordedCommit, Texts, read_entry};
use crate::folder::Folder;
use crate::index::Index;
use crate::io::RealDisk;
use crate::key::{self, Chunk, CommitRef, Head, StreamEntry, command_hash};
use crate::log::{Found, Log, Place, Spot};
use crate::record::{Entries, GROUP_HEADER, GroupHeader, RawEntry};
use bytes::Bytes;
use ego::message::StreamId;
use ego::store::{Body, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What checking a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Everything that does not check, each with its place. Empty for a store that is whole.
    pub damage: Vec<String>,
    /// Whether the log ends with the mark of a store that was closed. Without it, bytes behind the last group are a write that was cut
    /// short, not damage, and the index may lack the end of the log.
    pub sealed: bool,
    /// Bytes behind the last group of a log that is not sealed: opening clears them.
    pub torn_bytes: u64,
    /// How many segments there are.
    pub segments: u32,
    /// How many groups check.
    pub groups: u64,
    /// How many commits they hold.
    pub commits: u64,
    /// How many events are in them.
    pub events: u64,
    /// The head of the log.
    pub head: u64,
    /// How many groups of the log the index lacks; opening applies them.
    pub index_behind: u64,
}

/// More than this is not told, only counted as one.
const MOST_DAMAGE: usize = 1000;

/// Checks the store in a folder. Nobody may have it open, and nothing in it is changed: the index, which sled writes to even when it
/// only reads, is looked at in a copy.
pub(crate) fn verify(folder: &Path) -> Result<Verification, StoreError> {
    let disk = Arc::new(RealDisk);
    let folder = Folder::existing(&*disk, folder)?;
    let mut check = Check::default();
    match Log::open(folder.log(), disk, folder.store) {
        Ok(log) => {
            check.log(&log)?;
            check.index(&folder);
        }
        Err(damaged @ StoreError::Damaged { .. }) => check.damaged(damaged.to_string()),
        Err(other) => return Err(other),
    }
    Ok(check.found)
}

#[derive(Default)]
struct Check {
    found: Verification,
    streams: HashMap<StreamId, (Head, Vec<CommitRef>)>,
    checkpoints: BTreeMap<String, u64>,
    /// Where groups begin, by the first position in them.
    spots: BTreeMap<u64, Spot>,
    sequence: u64,
    texts: Texts,
}

impl Check {
    fn damaged(&mut self, what: String) {
        if self.found.damage.len() < MOST_DAMAGE {
            self.found.damage.push(what);
        } else if self.found.damage.len() == MOST_DAMAGE {
            self.found.damage.push("and more".to_owned());
        }
    }

    fn log(&mut self, log: &Log) -> Result<(), StoreError> {
        self.found.segments = log.last();
        let mut torn: Option<(Spot, &'static str)> = None;
        for number in 1..=log.last() {
            let segment = log.segment(number)?;
            let mut spot = Spot::first(number);
            loop {
                let at = u64::from(spot.offset);
                let reason = match log.group_at(&segment, at)? {
                    Found::Group(header, body) => {
                        if let Some((spot, reason)) = torn.take() {
                            self.damaged(format!("{} at byte {}: {reason}", log.path(spot.segment).display(), spot.offset));
                        }
                        self.group(log, spot, header, &body);
                        spot.offset += header.room() as u32;
                        continue;
                    }
                    Found::Bad(reason) => reason,
                    Found::Nothing if log.last_written(&segment, at)?.is_some() => "something stands where nothing was written",
                    Found::Nothing => break,
                };
                // What is behind it decides whether it is a torn tail: the search goes on with the next group that can be found.
                torn.get_or_insert((spot, reason));
                let mut next = None;
                log.search(&segment, at + 8, |at, header| {
                    next = (header.sequence > self.sequence).then_some(at);
                    next.is_some()
                })?;
                match next {
                    Some(next) => spot.offset = next as u32,
                    None => break,
                }
            }
        }
        if let Some((spot, reason)) = torn {
            let segment = log.segment(spot.segment)?;
            if self.found.sealed {
                self.damaged(format!("{} at byte {}: {reason}", segment.path.display(), spot.offset));
            }
            let last = log.last_written(&segment, u64::from(spot.offset))?;
            self.found.torn_bytes = last.map_or(0, |last| last + 1 - u64::from(spot.offset));
        }
        Ok(())
    }

    fn group(&mut self, log: &Log, spot: Spot, header: GroupHeader, body: &Bytes) {
        let path = log.path(spot.segment);
        let place = |offset: u32| format!("{} at byte {}", path.display(), spot.offset + offset);
        if (header.sequence, header.position) != (self.sequence + 1, self.found.head) {
            let (sequence, head) = (self.sequence, self.found.head);
            self.damaged(format!(
                "{}: group {} behind position {} follows group {sequence} and position {head}",
                place(0),
                header.sequence,
                header.position
            ));
            // Places of streams cannot be judged over a gap.
            self.streams.clear();
        }
        self.sequence = header.sequence;
        self.found.head = header.position;
        self.found.groups += 1;
        self.found.sealed = header.kind == crate::record::GroupKind::Seal;
        if header.positions > 0 {
            self.spots.insert(header.position + 1, spot);
        }
        for entry in Entries::of(body) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(reason) => return self.damaged(format!("{}: {reason}", place(0))),
            };
            let offset = GROUP_HEADER as u32 + entry.offset;
            if let Err(reason) = self.entry(spot, &entry) {
                self.damaged(format!("{}: {reason}", place(offset)));
            }
        }
        if self.found.head != header.position + u64::from(header.positions) {
            self.damaged(format!("{}: the group holds another number of positions than it says", place(0)));
            self.found.head = header.position + u64::from(header.positions);
        }
    }

    fn entry(&mut self, spot: Spot, entry: &RawEntry) -> Result<(), String> {
        let place = Place { segment: spot.segment, offset: spot.offset + GROUP_HEADER as u32 + entry.offset, len: entry.len };
        match read_entry(&entry.content, &mut self.texts)? {
            Entry::Commit(commit) => self.commit(&commit, place),
            Entry::Checkpoint { consumer, position } => {
                if position > self.found.head {
                    return Err(format!("the checkpoint of {consumer:?} is ahead of the log"));
                }
                self.checkpoints.insert(consumer, position);
                Ok(())
            }
            Entry::Forget { consumer } => {
                self.checkpoints.remove(&consumer);
                Ok(())
            }
            Entry::Delete { stream, revision } => {
                self.streams.entry(stream).or_default().0.deleted = revision;
                Ok(())
            }
            Entry::Erase { stream, revision, position } => {
                let head = Head { revision, position, erased: true, ..Head::default() };
                self.streams.insert(stream, (head, Vec::new()));
                Ok(())
            }
            Entry::Blank { positions, .. } => {
                self.found.head += u64::from(positions);
                Ok(())
            }
        }
    }

    fn commit(&mut self, commit: &RecordedCommit, place: Place) -> Result<(), String> {
        let places = u64::from(commit.places());
        self.found.head += places;
        self.found.commits += 1;
        let (head, commits) = self.streams.entry(commit.stream.clone()).or_default();
        let revision = head.revision + places;
        let position = if places > 0 { self.found.head } else { head.position };
        let follows = (commit.revision, commit.position) == (revision, position) && !head.erased;
        // Behind damage, the stream's first commit that is found is taken as it is.
        let known = head.commits > 0 || self.found.damage.is_empty();
        head.revision = commit.revision;
        head.position = commit.position;
        head.commits += 1;
        let mut events = 0;
        match &commit.body {
            Body::Events(all) => events = all.len() as u32,
            Body::State(_) => head.state = Some(place),
        }
        self.found.events += u64::from(events);
        let command = command_hash(commit.metadata.command_id.as_str());
        commits.push(CommitRef { revision: commit.revision, events, place, command });
        if follows || !known {
            return Ok(());
        }
        let (stream, actual) = (&commit.stream, commit.revision);
        Err(format!("{stream} is at revision {actual} and position {} instead of {revision} and {position}", commit.position))
    }

    /// Compares a copy of the index with the log.
    fn index(&mut self, folder: &Folder) {
        let copy = std::env::temp_dir().join(format!("ego-sled-verify-{}-{:x}", std::process::id(), folder.store));
        let compared = copy_folder(&folder.index(), &copy)
            .map_err(|error| error.to_string())
            .and_then(|()| Engine::open(&copy, 16 << 20))
            .and_then(|engine| Index::open(engine, folder.store))
            .and_then(|index| self.compare(&index).map_err(|error| error.to_string()));
        if let Err(reason) = compared {
            self.damaged(format!("{}: {reason}; it is rebuilt when the store is opened", folder.index().display()));
        }
        if let Err(error) = fs::remove_dir_all(&copy) {
            tracing::warn!(%error, copy = %copy.display(), "the copy of the index was left behind");
        }
    }

    fn compare(&mut self, index: &Index) -> Result<(), StoreError> {
        let meta = index.meta();
        self.found.index_behind = self.sequence.saturating_sub(meta.sequence + u64::from(self.found.sealed));
        if meta.sequence > self.sequence {
            self.damaged(format!("the log ends with group {}, the index knows group {}", self.sequence, meta.sequence));
        }
        if self.found.sealed && self.found.index_behind > 0 {
            let behind = self.found.index_behind;
            self.damaged(format!("the index lacks {behind} groups of a store that was closed; opening applies them"));
        }
        if self.found.index_behind > 0 || !self.found.damage.is_empty() {
            return Ok(());
        }
        let mut wrong = Vec::new();
        let mut streams = 0;
        let prefix = key::streams_of(None);
        index.table().scan(&prefix, key::behind(&prefix).as_deref(), false, |key, value| {
            let stream = key::stream_of(key).ok_or_else(|| index.table().unreadable())?;
            let StreamEntry { head, recent } = index.value(value)?;
            let (mut commits, chunks) = (Vec::new(), key::chunks(&stream));
            index.table().scan(&chunks, key::behind(&chunks).as_deref(), false, |_, value| {
                commits.extend(index.value::<Chunk>(value)?.commits);
                Ok(true)
            })?;
            commits.extend(recent);
            if self.streams.get(&stream).is_none_or(|(known, all)| (known, all) != (&head, &commits)) {
                wrong.push(format!("the index is wrong about {stream}"));
            }
            streams += 1;
            Ok(true)
        })?;
        if streams != self.streams.len() {
            wrong.push(format!("the index knows {streams} streams, the log {}", self.streams.len()));
        }
        let mut checkpoints = BTreeMap::new();
        index.table().scan(b"k", Some(b"l"), false, |key, value| {
            let consumer = key::consumer_of(key).ok_or_else(|| index.table().unreadable())?;
            checkpoints.insert(consumer.to_owned(), index.value(value)?);
            Ok(true)
        })?;
        if checkpoints != self.checkpoints {
            wrong.push("the index is wrong about the checkpoints".to_owned());
        }
        index.table().scan(b"p", Some(b"q"), false, |key, value| {
            let position = key.get(1..).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            if self.spots.get(&position) != Some(&index.value(value)?) {
                wrong.push(format!("the index is wrong about position {position}"));
            }
            Ok(true)
        })?;
        wrong.into_iter().for_each(|what| self.damaged(what));
        Ok(())
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SledStore;
    use crate::tail::{Layer, LayerStream, Reach};

    #[test]
    fn an_index_that_is_whole_and_wrong_is_found() {
        let folder = tempfile::tempdir().unwrap();
        drop(SledStore::options(folder.path()).segment_bytes(4096).open().unwrap());
        assert_eq!(verify(folder.path()).unwrap().damage, Vec::<String>::new());
        let store = Folder::existing(&RealDisk, folder.path()).unwrap().store;
        let reach = Reach { sequence: 0, position: 0, spot: Spot::first(1) };
        let mut wrong = [Layer::default(), Layer::default(), Layer::default()];
        let head = Head { revision: 4, position: 4, ..Head::default() };
        wrong[0].streams.insert(StreamId::new("a", "b").unwrap(), LayerStream { head, ..LayerStream::default() });
        wrong[1].checkpoints.insert("c".to_owned(), Some(0));
        wrong[2].marks.push((9, Spot::first(2)));
        for (layer, about) in wrong.iter_mut().zip(["a/b", "checkpoints", "position 9"]) {
            layer.reach = Some(reach);
            let engine = Engine::open(&folder.path().join("index"), 1 << 20).unwrap();
            Index::open(engine, store).unwrap().apply(layer).unwrap();
            let damage = verify(folder.path()).unwrap().damage;
            assert!(damage.iter().any(|damage| damage.contains(about)), "{damage:?}");
        }
    }
}
