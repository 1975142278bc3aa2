//! Opening: finding the end of the log, telling a torn tail from damage, and bringing the index up to it.
//!
//! The log ends at the first group that does not check, provided that nothing says that there was more: no group behind it that was
//! written when this one was durable already, and no index that knows it. What is left of a torn group is cleared and told.

use crate::engine::Engine;
use crate::entry::{Entry, Texts, read_entry};
use crate::error;
use crate::folder::Folder;
use crate::group::LogEnd;
use crate::index::Index;
use crate::key::{self, CommitRef, Head, Meta, command_hash};
use crate::log::{Found, Log, Segment, Spot};
use crate::mark;
use crate::options::Options;
use crate::record::{Entries, GROUP_HEADER, GroupHeader, GroupKind, RawEntry};
use crate::tail::{Effect, Reach, Tail};
use bytes::Bytes;
use ego::message::{Position, StreamId};
use ego::store::{Body, EventType, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What opening a store found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whether the store had been closed, rather than killed, and nothing was begun since.
    pub clean: bool,
    /// How many bytes of a write that was cut short were cleared. Nobody had been told that it was recorded.
    pub bytes_cut: u64,
    /// Commits that the index lacked and that were applied to it from the log.
    pub commits_applied: u64,
    /// Why the index was rebuilt from the log, if it was.
    pub index_rebuilt: Option<String>,
    /// The number of the log's last group, 0 for none.
    pub sequence: u64,
    /// The head of the log.
    pub head: Option<Position>,
}

/// What an opened store starts with.
pub(crate) struct Recovered {
    pub(crate) log: Arc<Log>,
    pub(crate) index: Index,
    pub(crate) tail: Tail,
    pub(crate) end: LogEnd,
    pub(crate) recovery: Recovery,
}

// 1. open the index, or an empty one in place of a useless one  2. walk the log from the index's place, applying what it lacks
// 3. judge the end  4. clear a torn tail  5. write again and sync what may never have reached the disk  6. make the index durable.
// Up to 3 nothing of the log was changed; a crash in 4, 5 or 6 leaves what the next opening does again.
pub(crate) fn recover(folder: &Folder, options: &Options) -> Result<Recovered, StoreError> {
    let log = Arc::new(Log::open(folder.log(), Arc::clone(&options.disk), folder.store)?);
    let marked = mark::read(&*options.disk, &folder.mark(), folder.store)?.unwrap_or_else(|reason| {
        tracing::warn!(reason, file = %folder.mark().display(), "does not check and is written anew");
        0
    });
    let path = folder.index();
    let engine = Engine::open(&path, options.cache_bytes).and_then(|engine| Index::open(engine, folder.store));
    let known = engine.as_ref().map(Index::meta).unwrap_or_default();
    let (index, mut rebuilt) = match engine {
        Ok(index) if known.sequence > 0 || log_is_empty(&log)? => (index, None),
        Ok(index) => (index, Some("it was empty".to_owned())),
        Err(reason) => (fresh_index(folder, options)?, Some(reason)),
    };
    if let Some(reason) = &rebuilt {
        tracing::info!(%reason, "rebuilding the index from the log");
    }
    let mut replay = Replay::new(index, options)?;
    let mut end = replay.walk(&log)?;
    if replay.mismatch {
        let reason = "it does not fit the log".to_owned();
        tracing::info!(%reason, "rebuilding the index from the log");
        drop(replay);
        replay = Replay::new(fresh_index(folder, options)?, options)?;
        end = replay.walk(&log)?;
        rebuilt = Some(reason);
    }
    end.judge(&log, &known, marked)?;
    log.settle_names()?;
    let bytes_cut = end.cut(&log)?;
    end.write_again(&log)?;
    let Replay { index, mut tail, commits, .. } = replay;
    // Only what is durable may be in the index; now all of it is.
    apply(&index, &mut tail)?;
    if commits > 0 || rebuilt.is_some() {
        index.engine.flush()?;
    }
    let recovery = Recovery {
        clean: (end.sealed || end.sequence == 0) && bytes_cut == 0,
        bytes_cut,
        commits_applied: commits,
        index_rebuilt: rebuilt,
        sequence: end.sequence,
        head: Position::new(end.position),
    };
    if bytes_cut > 0 {
        tracing::warn!(bytes_cut, segment = end.spot.segment, offset = end.spot.offset, "cleared a write that was cut short");
    }
    let end = LogEnd { spot: end.spot, sequence: end.sequence, sealed: end.sealed };
    Ok(Recovered { log, index, tail, end, recovery })
}

fn log_is_empty(log: &Log) -> Result<bool, StoreError> {
    Ok(matches!(log.group_at(&*log.segment(1)?, u64::from(Spot::first(1).offset))?, Found::Nothing | Found::Bad(_)))
}

fn fresh_index(folder: &Folder, options: &Options) -> Result<Index, StoreError> {
    let path = folder.index();
    Engine::remove(&path)?;
    Engine::open(&path, options.cache_bytes)
        .and_then(|engine| Index::open(engine, folder.store))
        .map_err(|reason| error::damaged(&path, None, format!("a new index cannot be used: {reason}")))
}

/// The end of the log, and what led to it.
pub(crate) struct End {
    pub(crate) spot: Spot,
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    pub(crate) sealed: bool,
    /// Why the walk went no further, unless there was nothing.
    pub(crate) bad: Option<&'static str>,
    /// Where the first group stands that may not be durable.
    pub(crate) doubtful: Option<Spot>,
}

/// Walks through the log's groups from the beginning of a segment, and tells each to `visit` with its spot and the one behind it.
fn walk(
    log: &Log,
    segment: u32,
    mut visit: impl FnMut(&GroupHeader, Spot, Spot, &Bytes) -> Result<(), StoreError>,
) -> Result<End, StoreError> {
    let mut spot = Spot::first(segment);
    // The numbers of a walk that begins later are those of its first group.
    let mut at = (segment == 1).then_some((0, 0));
    let (mut sealed, mut groups): (_, Vec<(u64, Spot)>) = (false, Vec::new());
    let bad = loop {
        let segment = log.segment(spot.segment)?;
        let bad = match log.group_at(&segment, u64::from(spot.offset))? {
            Found::Group(header, body) if at.is_none_or(|at| at == (header.sequence - 1, header.position)) => {
                let next = Spot { offset: spot.offset + header.room() as u32, ..spot };
                visit(&header, spot, next, &body)?;
                at = Some((header.sequence, header.position + u64::from(header.positions)));
                sealed = header.kind == GroupKind::Seal;
                groups.retain(|(sequence, _)| *sequence > header.durable);
                groups.push((header.sequence, spot));
                spot = next;
                continue;
            }
            Found::Group(..) => Some("a group has another number than the one before it leads to"),
            Found::Bad(reason) => Some(reason),
            Found::Nothing => None,
        };
        if bad.is_none() && spot.segment < log.last() {
            let next = Spot::first(spot.segment + 1);
            // Also where only the header reached the disk: the log goes on there, and ends there.
            let following = log.first_header(&*log.segment(next.segment)?)?;
            if let (Some(header), Some((sequence, _))) = (following, at)
                && header.sequence == sequence + 1
            {
                if let Some(written) = log.last_written(&segment, u64::from(spot.offset))? {
                    return Err(error::damaged(&segment.path, Some(written), "something stands behind the segment's last group"));
                }
                spot = next;
                continue;
            }
        }
        break bad;
    };
    let (sequence, position) = at.unwrap_or_default();
    Ok(End { spot, sequence, position, sealed, bad, doubtful: groups.first().map(|(_, spot)| *spot) })
}

impl End {
    /// Whether the log may end here.
    pub(crate) fn judge(&self, log: &Log, known: &Meta, marked: u64) -> Result<(), StoreError> {
        let next = self.sequence + 1;
        let segment = log.segment(self.spot.segment)?;
        let damaged = |path, offset: u64, why: String| {
            let reason = self.bad.unwrap_or("a group is missing");
            Err(error::damaged(path, Some(offset), format!("{reason}, and {why}")))
        };
        if known.ahead >= next {
            let why = format!("the index knows the log up to group {}, which is more than there is", known.ahead);
            return damaged(&segment.path, self.spot.offset.into(), why);
        }
        if marked >= next {
            let why = format!("DURABLE says that the log was durable up to group {marked}");
            return damaged(&segment.path, self.spot.offset.into(), why);
        }
        for number in self.spot.segment..=log.last() {
            let (later, from) = self.behind(log, number)?;
            let mut proof = None;
            log.search(&later, from, |at, header| {
                let here = number == self.spot.segment && at == from;
                if header.durable >= next || header.sequence == next && !here {
                    proof = Some((at, header.sequence));
                }
                proof.is_some()
            })?;
            if let Some((at, sequence)) = proof {
                let why = format!("group {sequence} was written behind it, in segment {number} at byte {at}");
                return damaged(&segment.path, self.spot.offset.into(), why);
            }
        }
        Ok(())
    }

    /// A segment from the end on, and where in it nothing should stand.
    fn behind(&self, log: &Log, number: u32) -> Result<(Arc<Segment>, u64), StoreError> {
        let from = if number == self.spot.segment { self.spot } else { Spot::first(number) };
        Ok((log.segment(number)?, u64::from(from.offset)))
    }

    /// Clears what stands behind the end, the last of it first, so that a crash meanwhile leaves the same end.
    fn cut(&self, log: &Log) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for number in (self.spot.segment..=log.last()).rev() {
            let (segment, from) = self.behind(log, number)?;
            if let Some(last) = log.last_written(&segment, from)? {
                log.clear(&segment, from, last + 1)?;
                bytes += last + 1 - from;
            }
        }
        Ok(bytes)
    }

    /// After a crash, the last groups may be in the system's memory and not on the disk – also after a sync that failed, which the
    /// system does not repeat. Writing them again makes it try.
    fn write_again(&self, log: &Log) -> Result<(), StoreError> {
        let Some(doubtful) = self.doubtful else { return Ok(()) };
        let mut spot = doubtful;
        while spot != self.spot {
            let segment = log.segment(spot.segment)?;
            match log.group_at(&segment, u64::from(spot.offset))? {
                Found::Group(header, body) => {
                    let write = || {
                        segment.file.write_all_at(&header.encode(), u64::from(spot.offset))?;
                        segment.file.write_all_at(&body, u64::from(spot.offset) + GROUP_HEADER as u64)
                    };
                    write().map_err(error::io("writing", &segment.path))?;
                    spot.offset += header.room() as u32;
                }
                Found::Nothing if spot.segment < self.spot.segment => spot = Spot::first(spot.segment + 1),
                _ => return Err(error::damaged(&segment.path, Some(spot.offset.into()), "a group changed while it was read")),
            }
        }
        for number in doubtful.segment..=self.spot.segment {
            let segment = log.segment(number)?;
            segment.file.sync_data().map_err(error::io("syncing", &segment.path))?;
        }
        Ok(())
    }
}

/// Applies the log to the index.
struct Replay {
    index: Index,
    known: Meta,
    tail: Tail,
    /// Where the streams stand that were met since the last layer.
    heads: HashMap<StreamId, Head>,
    /// The head of the log so far.
    position: u64,
    commits: u64,
    /// The index was found to be of another log.
    mismatch: bool,
    told: Instant,
    texts: Texts,
}

impl Replay {
    fn new(index: Index, options: &Options) -> Result<Self, StoreError> {
        let known = index.meta();
        let spot = known.spot.unwrap_or(Spot::first(1));
        let mut tail = Tail::new(Reach { sequence: known.sequence, position: known.position, spot }, options.layer_room());
        tail.deletions = known.deletions;
        index.table().scan(b"k", Some(b"l"), false, |key, value| {
            let consumer = key::consumer_of(key).ok_or_else(|| index.table().unreadable())?;
            tail.checkpoints.insert(consumer.to_owned(), Position::new(index.value(value)?));
            Ok(true)
        })?;
        index.table().scan(b"t", Some(b"u"), false, |key, _| {
            let one = key::event_type_of(key).ok_or_else(|| index.table().unreadable())?;
            Arc::make_mut(&mut tail.types).insert(one);
            Ok(true)
        })?;
        Ok(Self {
            index,
            known,
            tail,
            heads: HashMap::new(),
            position: known.position,
            commits: 0,
            mismatch: false,
            told: Instant::now(),
            texts: Texts::default(),
        })
    }

    fn walk(&mut self, log: &Log) -> Result<End, StoreError> {
        let known = self.known.spot.unwrap_or(Spot::first(1));
        if known.segment > log.last() {
            return Err(error::damaged(&log.path(log.last() + 1), None, "this segment is missing, the index knows it"));
        }
        walk(log, known.segment, |header, spot, next, body| {
            let bad = |at: u32, reason| error::damaged(&log.path(spot.segment), Some(u64::from(spot.offset + at)), reason);
            if header.sequence <= self.known.sequence {
                self.mismatch |= header.sequence == self.known.sequence && next != known;
                return Ok(());
            }
            if self.mismatch {
                return Ok(());
            }
            // Only what this group knows to be durable: the newest groups are applied when the end was judged.
            if self.tail.is_due() && header.durable >= self.tail.reach.sequence {
                apply(&self.index, &mut self.tail)?;
                self.heads.clear();
                if self.told.elapsed() > Duration::from_secs(2) {
                    self.told = Instant::now();
                    tracing::info!(
                        segment = spot.segment,
                        of = log.last(),
                        commits = self.commits,
                        "applying the log to the index"
                    );
                }
            }
            let mut effects = Vec::new();
            for entry in Entries::of(body) {
                let entry = entry.map_err(|reason| bad(0, reason))?;
                self.effect(spot, &entry, &mut effects)?.map_err(|reason| bad(entry.offset, reason))?;
            }
            let reach = Reach { sequence: header.sequence, position: header.position + u64::from(header.positions), spot: next };
            if self.position != reach.position {
                return Err(bad(0, "a group holds another number of positions than it says"));
            }
            self.tail.publish(effects, spot, reach);
            Ok(())
        })
    }

    /// What an entry changes. The inner error is the log contradicting itself.
    fn effect(
        &mut self,
        spot: Spot,
        entry: &RawEntry,
        effects: &mut Vec<Effect>,
    ) -> Result<Result<(), &'static str>, StoreError> {
        let place = entry.place(spot);
        let decoded = match read_entry(&entry.content, &mut self.texts) {
            Ok(decoded) => decoded,
            Err(reason) => return Ok(Err(reason)),
        };
        match decoded {
            Entry::Commit(commit) => {
                let mut head = self.head(&commit.stream)?;
                let places = u64::from(commit.places());
                head.revision += places;
                self.position += places;
                if places > 0 {
                    head.position = self.position;
                }
                if (commit.revision, commit.position) != (head.revision, head.position) || head.erased {
                    return Ok(Err("a commit does not follow the one before it in its stream"));
                }
                head.commits += 1;
                self.commits += 1;
                let (mut events, mut types) = (0, Vec::new());
                match &commit.body {
                    Body::State(_) => head.state = Some(place),
                    Body::Events(all) => {
                        events = all.len() as u32;
                        let kind = commit.stream.shared_kind();
                        types.extend(all.iter().map(|event| EventType {
                            kind: kind.clone(),
                            name: event.name.clone(),
                            version: event.version,
                        }));
                        types.retain(|one| !self.tail.types.contains(one));
                    }
                }
                let command = command_hash(commit.metadata.command_id.as_str());
                let commit_ref = CommitRef { revision: head.revision, events, place, command };
                self.heads.insert(commit.stream.clone(), head.clone());
                effects.push(Effect::Commit { stream: commit.stream, head, commit: commit_ref, types });
            }
            Entry::Blank { positions, kind, shapes } => {
                self.position += u64::from(positions);
                let shape = |(name, version)| EventType { kind: kind.clone(), name, version };
                effects.push(Effect::Types(shapes.into_iter().map(shape).collect()));
            }
            Entry::Checkpoint { consumer, position } => {
                effects.push(Effect::Checkpoint { consumer, position: Some(position) });
            }
            Entry::Step(step) => {
                effects.push(Effect::Rows { rows: step.rows, place });
                if let Some((consumer, position)) = step.advance {
                    effects.push(Effect::Checkpoint { consumer, position: Some(position) });
                }
            }
            Entry::Forget { consumer } => effects.push(Effect::Checkpoint { consumer, position: None }),
            Entry::Delete { stream, revision } => {
                let mut head = self.head(&stream)?;
                head.deleted = revision;
                self.heads.insert(stream.clone(), head.clone());
                effects.push(Effect::Delete { stream, head });
            }
            Entry::Erase { stream, revision, position } => {
                let head = Head { revision, position, erased: true, ..Head::default() };
                self.heads.insert(stream.clone(), head.clone());
                effects.push(Effect::Erase { stream, head });
            }
        }
        Ok(Ok(()))
    }

    fn head(&self, stream: &StreamId) -> Result<Head, StoreError> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(head.clone());
        }
        Ok(self.index.stream(stream)?.map(|entry| entry.head).unwrap_or_default())
    }
}

fn apply(index: &Index, tail: &mut Tail) -> Result<(), StoreError> {
    if let Some(layer) = tail.freeze() {
        index.apply(&layer)?;
        tail.frozen = None;
    }
    Ok(())
}
