//! Checking a whole store: every sum and number of the log, every place in a stream, and the index against it (`compare.rs`). Reads only:
//! the disk it has can do nothing else. All damage is told, not just the first.

use crate::compare::{self, IndexCopy};
use crate::entry::{Entry, RecordedCommit, Texts, read_entry};
use crate::folder::Folder;
use crate::io::{Disk, ReadOnlyDisk, read_exact_at};
use crate::key::{CommitRef, Head, Meta, command_hash};
use crate::log::{Found, Log, Place, Segment, Spot};
use crate::mark;
use crate::record::{Entries, GROUP_HEADER, GroupHeader, GroupKind, RawEntry, SEGMENT_HEADER, SegmentHeader};
use crate::recover::End;
use bytes::Bytes;
use ego::message::StreamId;
use ego::store::{Body, EventType, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// What checking a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Everything that does not check, each with its file and where in it: first the log from its beginning, then the index and the
    /// snapshots. Empty for a store that is whole.
    pub damage: Vec<String>,
    /// Whether the log ends with the seal of a store that was closed. Without it the index may lack the end of the log.
    pub sealed: bool,
    /// Bytes behind the last group that nobody was told of, a write that was cut short: opening clears them.
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

impl Verification {
    pub(crate) fn damaged(&mut self, what: impl Into<String>) {
        match self.damage.len() {
            0..MOST_DAMAGE => self.damage.push(what.into()),
            MOST_DAMAGE => self.damage.push("and more".to_owned()),
            _ => {}
        }
    }
}

/// An error as a line: its place first when it has one.
pub(crate) fn line(error: &StoreError) -> String {
    match error {
        StoreError::Damaged { place, reason } => format!("{place}: {reason}"),
        other => other.source().map_or_else(|| other.to_string(), |source| format!("{other}: {source}")),
    }
}

/// Checks the store in a folder. Nobody may have it open, and nothing in it is changed: the index, which sled writes to even when it
/// only reads, is looked at in a copy.
pub(crate) fn verify(path: &Path) -> Result<Verification, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(ReadOnlyDisk);
    let mut folder = Folder::look(path)?;
    let mut found = Verification::default();
    folder.store = store_number(&folder, &*disk, &mut found)?;
    let marked = mark::read(&*disk, &folder.mark(), folder.store)?.unwrap_or_else(|reason| {
        found.damaged(format!("{}: {reason}; it is written anew when the store is opened", folder.mark().display()));
        0
    });
    let mut unreadable = VecDeque::new();
    let (log, readable) = Log::survey(folder.log(), Arc::clone(&disk), folder.store, |number, error| {
        unreadable.push_back((number, error));
        Ok(())
    })?;
    let index = IndexCopy::of(&folder)?;
    let known = index.as_ref().map(IndexCopy::meta).unwrap_or_default();
    let mut check = Check { found, unreadable, ..Check::default() };
    check.log(&log, &readable, &known, marked);
    check.deletions();
    match &index {
        Ok(index) => check.index(&folder, &log, index),
        Err(reason) => {
            check.found.damaged(format!("{}: {reason}; it is rebuilt when the store is opened", folder.index().display()));
        }
    }
    folder.undisturbed()?;
    Ok(check.found)
}

/// The number of the store as FORMAT says it, or, where that is damaged, as the first segment does that checks.
fn store_number(folder: &Folder, disk: &dyn Disk, found: &mut Verification) -> Result<u64, StoreError> {
    let damage = match folder.number(disk) {
        Err(damage @ StoreError::Damaged { .. }) => damage,
        read => return read,
    };
    let header_of = |name: &String| {
        name.ends_with(".seg").then_some(())?;
        let mut header = [0; SEGMENT_HEADER];
        read_exact_at(&*disk.open(&folder.log().join(name)).ok()?, &mut header, 0).ok()?;
        SegmentHeader::decode(&header).ok()
    };
    match disk.list(&folder.log()).unwrap_or_default().iter().find_map(header_of) {
        Some(header) => {
            found.damaged(line(&damage));
            Ok(header.store)
        }
        None => Err(damage),
    }
}

/// Where the content of rows stands, how long it is, and its sum, by their names.
pub(crate) type Rows = BTreeMap<Vec<u8>, (Spot, usize, u32)>;

/// What the log says, as far as it was read: what the index must say, too.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) streams: HashMap<StreamId, (Head, Vec<CommitRef>)>,
    pub(crate) checkpoints: BTreeMap<String, u64>,
    pub(crate) types: BTreeSet<EventType>,
    pub(crate) rows: Rows,
    /// Where groups begin, by the first position in them.
    pub(crate) spots: BTreeMap<u64, Spot>,
    /// Something before this could not be read, so not all is known.
    pub(crate) gaps: bool,
}

#[derive(Default)]
struct Check {
    found: Verification,
    model: Model,
    /// The model as the index should be, when that is behind the log.
    indexed: Option<Model>,
    /// The rows as far as the index may have them, when that is behind the log and some of a layer may have been applied.
    ahead: Option<Rows>,
    /// What is wrong with segments as files, by their numbers: told when it is their turn.
    unreadable: VecDeque<(u32, StoreError)>,
    /// The last group, and where the log goes on behind it.
    sequence: u64,
    end: Option<Spot>,
    /// What could not be read is told; the next group may have any number.
    lost: bool,
    texts: Texts,
}

impl Check {
    fn log(&mut self, log: &Log, readable: &[u32], known: &Meta, marked: u64) {
        self.found.segments = log.last();
        let mut last = 0;
        for number in readable {
            self.tell_up_to(*number);
            if *number != last + 1 {
                self.lose();
            }
            last = *number;
            match log.segment(*number) {
                Ok(segment) => {
                    if !self.segment(log, &segment, *number, known, marked) {
                        return;
                    }
                }
                Err(error) => {
                    self.found.damaged(line(&error));
                    self.lose();
                }
            }
        }
        self.tell_up_to(u32::MAX);
        // What is known of groups that are not there was not told yet, unless the end could not be read.
        if !self.lost
            && last == log.last()
            && let Err(error) = self.end_at(self.end.unwrap_or(Spot::first(1)), None).judge(log, known, marked)
        {
            self.found.damaged(line(&error));
        }
    }

    /// Asked when all was read: a compaction may have emptied what was deleted, if the stream was erased later.
    fn deletions(&mut self) {
        let beyond = self.model.streams.iter().filter(|(_, (head, _))| head.deleted > head.revision);
        let mut beyond: Vec<_> = beyond.map(|(stream, (head, _))| (stream.clone(), head.deleted, head.revision)).collect();
        beyond.sort_unstable();
        for (stream, deleted, end) in beyond.into_iter().filter(|_| !self.model.gaps) {
            self.found.damaged(format!("{stream} is deleted up to revision {deleted}, and ends with {end}"));
        }
    }

    fn tell_up_to(&mut self, segment: u32) {
        while let Some((_, error)) = self.unreadable.pop_front_if(|(number, _)| *number <= segment) {
            self.found.damaged(line(&error));
        }
    }

    /// Reads a segment; false when the log ends in it with a write that was cut short.
    fn segment(&mut self, log: &Log, segment: &Segment, number: u32, known: &Meta, marked: u64) -> bool {
        let mut spot = Spot::first(number);
        self.groups(log, segment, &mut spot, known, marked).unwrap_or_else(|error| {
            self.found.damaged(format!("{} at byte {}: {}", segment.path.display(), spot.offset, line(&error)));
            self.lose();
            true
        })
    }

    fn groups(&mut self, log: &Log, segment: &Segment, spot: &mut Spot, known: &Meta, marked: u64) -> Result<bool, StoreError> {
        loop {
            let at = u64::from(spot.offset);
            let reason = match log.group_at(segment, at)? {
                Found::Group(header, body) => {
                    self.group(log, *spot, header, &body, known);
                    spot.offset += header.room() as u32;
                    self.end = Some(*spot);
                    continue;
                }
                Found::Bad(reason) => reason,
                Found::Nothing if log.last_written(segment, at)?.is_some() => "something stands where nothing was written",
                Found::Nothing => return Ok(true),
            };
            match self.end_at(*spot, Some(reason)).judge(log, known, marked) {
                Ok(()) => {
                    self.torn(log, *spot)?;
                    return Ok(false);
                }
                Err(error @ StoreError::Damaged { .. }) => self.found.damaged(line(&error)),
                Err(error) => {
                    self.found.damaged(format!("{} at byte {at}: {reason} ({})", segment.path.display(), line(&error)));
                }
            }
            self.lose();
            // The next group that can be found.
            let mut next = None;
            log.search(segment, at + 8, |at, header| {
                next = (header.sequence > self.sequence).then_some(at);
                next.is_some()
            })?;
            match next {
                Some(next) => spot.offset = next as u32,
                None => return Ok(true),
            }
        }
    }

    fn end_at(&self, spot: Spot, bad: Option<&'static str>) -> End {
        let (sequence, position, sealed) = (self.sequence, self.found.head, self.found.sealed);
        End { spot, sequence, position, sealed, bad, doubtful: None }
    }

    /// What stands behind the end, which may be the end.
    fn torn(&mut self, log: &Log, end: Spot) -> Result<(), StoreError> {
        self.found.sealed = false;
        for number in end.segment..=log.last() {
            let from = if number == end.segment { end } else { Spot::first(number) };
            let last = log.last_written(&*log.segment(number)?, u64::from(from.offset))?;
            self.found.torn_bytes += last.map_or(0, |last| last + 1 - u64::from(from.offset));
        }
        Ok(())
    }

    /// Something cannot be read, which was told: what follows it in streams cannot be judged by what was before.
    fn lose(&mut self) {
        self.lost = true;
        self.model.gaps = true;
        self.model.streams.clear();
    }

    fn group(&mut self, log: &Log, spot: Spot, header: GroupHeader, body: &Bytes, known: &Meta) {
        let path = log.path(spot.segment);
        let place = |offset: u32| format!("{} at byte {}", path.display(), spot.offset + offset);
        let (sequence, head) = (self.sequence, self.found.head);
        let follows = (header.sequence, header.position) == (sequence + 1, head);
        if !(follows || self.lost && header.sequence > sequence && header.position >= head) {
            let (number, position) = (header.sequence, header.position);
            let group = format!("group {number} behind position {position} follows group {sequence} and position {head}");
            self.found.damaged(format!("{}: {group}", place(0)));
            self.lose();
        }
        self.lost = false;
        if header.kind == GroupKind::Entries && header.sequence > known.sequence && self.indexed.is_none() {
            self.indexed = Some(self.model.clone());
        }
        if known.ahead > known.sequence && header.sequence > known.ahead && self.ahead.is_none() {
            self.ahead = Some(self.model.rows.clone());
        }
        self.sequence = header.sequence;
        self.found.head = header.position;
        self.found.groups += 1;
        self.found.sealed = header.kind == GroupKind::Seal;
        if header.positions > 0 {
            self.model.spots.insert(header.position + 1, spot);
        }
        for entry in Entries::of(body) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(reason) => {
                    self.found.damaged(format!("{}: {reason}", place(0)));
                    self.lose();
                    break;
                }
            };
            let offset = GROUP_HEADER as u32 + entry.offset;
            if let Err(reason) = self.entry(spot, &entry) {
                self.found.damaged(format!("{}: {reason}", place(offset)));
            }
        }
        let head = header.position + u64::from(header.positions);
        if std::mem::replace(&mut self.found.head, head) != head {
            self.found.damaged(format!("{}: the group holds another number of positions than it says", place(0)));
        }
    }

    fn entry(&mut self, spot: Spot, entry: &RawEntry) -> Result<(), String> {
        let place = entry.place(spot);
        let model = &mut self.model;
        match read_entry(&entry.content, &mut self.texts)? {
            Entry::Commit(commit) => return self.commit(&commit, place),
            Entry::Checkpoint { consumer, position } => {
                if position > self.found.head {
                    return Err(format!("the checkpoint of {consumer:?} is ahead of the log"));
                }
                model.checkpoints.insert(consumer, position);
            }
            Entry::Step(step) => {
                for changed in &step.rows {
                    match changed.row(place) {
                        Some(row) => drop(model.rows.insert(changed.name.to_vec(), row.seen())),
                        None => drop(model.rows.remove(&*changed.name)),
                    }
                }
                if let Some((consumer, position)) = step.advance {
                    if position > self.found.head {
                        return Err(format!("the checkpoint of {consumer:?} is ahead of the log"));
                    }
                    model.checkpoints.insert(consumer, position);
                }
            }
            Entry::Forget { consumer } => drop(model.checkpoints.remove(&consumer)),
            Entry::Delete { stream, revision } => {
                model.streams.entry(stream).or_default().0.deleted = revision;
            }
            Entry::Erase { stream, revision, position } => {
                let head = Head { revision, position, erased: true, ..Head::default() };
                let erased = model.streams.insert(stream.clone(), (head, Vec::new()));
                // A compaction may have emptied the last commits of the stream.
                if erased.is_some_and(|(before, _)| before.revision > revision || before.position > position) {
                    return Err(format!("{stream} is erased at revision {revision}, and was further"));
                }
            }
            Entry::Blank { positions, kind, shapes } => {
                self.found.head += u64::from(positions);
                let shape = |(name, version)| EventType { kind: kind.clone(), name, version };
                model.types.extend(shapes.into_iter().map(shape));
            }
        }
        Ok(())
    }

    fn commit(&mut self, commit: &RecordedCommit, place: Place) -> Result<(), String> {
        let places = u64::from(commit.places());
        self.found.head += places;
        self.found.commits += 1;
        let gaps = self.model.gaps;
        let (head, commits) = self.model.streams.entry(commit.stream.clone()).or_default();
        let revision = head.revision + places;
        let position = if places > 0 { self.found.head } else { head.position };
        let follows = (commit.revision, commit.position) == (revision, position) && !head.erased;
        // Behind what is lost, the stream's first commit that is found is taken as it is.
        let known = head.commits > 0 || !gaps;
        head.revision = commit.revision;
        head.position = commit.position;
        head.commits += 1;
        let mut events = 0;
        match &commit.body {
            Body::Events(all) => {
                events = all.len() as u32;
                let kind = commit.stream.shared_kind();
                let shape = |(name, version)| EventType { kind: kind.clone(), name, version };
                self.model.types.extend(all.iter().map(|event| shape((event.name.clone(), event.version))));
            }
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

    fn index(&mut self, folder: &Folder, log: &Log, index: &IndexCopy) {
        let known = index.meta();
        self.found.index_behind = self.sequence.saturating_sub(known.sequence + u64::from(self.found.sealed));
        let lacks = if self.found.sealed { self.found.index_behind } else { 0 };
        let mut tell = |what: &str| self.found.damaged(format!("{}: {what}", folder.index().display()));
        if lacks > 0 {
            tell(&format!("it lacks the last {lacks} groups of a store that was closed; opening applies them"));
        }
        let model = self.indexed.as_ref().unwrap_or(&self.model);
        let ahead = self.ahead.as_ref().unwrap_or(&self.model.rows);
        compare::compare(index, log, model, ahead, &mut tell);
    }
}
