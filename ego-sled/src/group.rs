//! Writing groups: entries are gathered behind room for a header, then written with one write and made durable with one sync.
//! The protocol and why each crash in it is harmless stands in FORMAT.md.

use crate::error;
use crate::log::{Log, Place, Segment, Spot};
use crate::mark::Mark;
use crate::options::{Durability, Options};
use crate::record::{self, ENTRY_HEADER, GROUP_HEADER, GroupHeader, GroupKind, SEGMENT_HEADER};
use ego::store::StoreError;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The end of the log, and the group that is being gathered there.
pub(crate) struct GroupWriter {
    log: Arc<Log>,
    durability: Durability,
    segment_bytes: u64,
    segment: Arc<Segment>,
    /// Where the next group will begin.
    spot: Spot,
    /// The number of the next group.
    sequence: u64,
    /// The last group that is known to be durable.
    durable: u64,
    mark: Mark,
    /// The group so far, its header left open.
    buffer: Vec<u8>,
    positions: u32,
    /// Whether the log ends with a seal, or is empty and needs none.
    sealed: bool,
    /// The next segment, in the making.
    spare: Option<JoinHandle<()>>,
}

/// The end of the log, as recovery found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogEnd {
    pub(crate) spot: Spot,
    /// The number of the last group, 0 for none.
    pub(crate) sequence: u64,
    /// Whether the last group is a seal.
    pub(crate) sealed: bool,
}

impl GroupWriter {
    /// Goes on at the end of a log of which everything is durable.
    pub(crate) fn new(log: Arc<Log>, options: &Options, end: LogEnd, mark: Mark) -> Result<Self, StoreError> {
        let mut group = Self {
            segment: log.segment(end.spot.segment)?,
            log,
            durability: options.durability,
            segment_bytes: options.segment_bytes,
            spot: end.spot,
            sequence: end.sequence + 1,
            durable: end.sequence,
            mark,
            buffer: vec![0; GROUP_HEADER],
            positions: 0,
            sealed: end.sealed || end.sequence == 0,
            spare: None,
        };
        group.mark()?;
        Ok(group)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.len() == GROUP_HEADER
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The last group that was written.
    pub(crate) fn written(&self) -> u64 {
        self.sequence - 1
    }

    pub(crate) fn spot(&self) -> Spot {
        self.spot
    }

    /// Whether an entry of this length (without its header) still goes into the group, or into an empty group at its segment's end.
    pub(crate) fn fits(&self, content: usize) -> bool {
        let room = record::group_room(self.buffer.len() - GROUP_HEADER + ENTRY_HEADER + content);
        u64::from(self.spot.offset) + room <= self.segment.len
    }

    /// Whether nothing was written to the segment yet.
    pub(crate) fn at_start(&self) -> bool {
        self.spot == Spot::first(self.spot.segment)
    }

    /// Goes on in the next segment with room for an entry of this length. Nothing may be gathered.
    pub(crate) fn roll(&mut self, content: usize) -> Result<(), StoreError> {
        // What the next segment holds says that this one is durable.
        self.sync()?;
        if let Some(spare) = self.spare.take() {
            // What went wrong there goes wrong here again, and is told then.
            let _ = spare.join();
        }
        // An empty segment that is too small is made anew: a log that skipped one would end there for whoever opens it.
        let number = if self.at_start() { self.spot.segment } else { self.spot.segment + 1 };
        let needed = SEGMENT_HEADER as u64 + record::group_room(ENTRY_HEADER + content);
        if self.log.last() < number || self.log.segment(number)?.len < needed {
            self.log.create(number, self.segment_bytes.max(needed))?;
        }
        self.segment = self.log.segment(number)?;
        self.spot = Spot::first(number);
        Ok(())
    }

    /// Gathers an entry: `write` puts its content behind what the buffer holds. `positions` is how many it takes.
    pub(crate) fn push(&mut self, positions: u32, write: impl FnOnce(&mut Vec<u8>)) -> Place {
        let start = self.buffer.len();
        self.buffer.resize(start + ENTRY_HEADER, 0);
        write(&mut self.buffer);
        record::finish_entry(&mut self.buffer, start);
        self.positions += positions;
        // A segment is smaller than 4 GiB, so an offset in it fits.
        Place { segment: self.spot.segment, offset: self.spot.offset + start as u32, len: (self.buffer.len() - start) as u32 }
    }

    // I2: 1. the group is written with its sums  2. it is synced. Only then may anybody be told. A crash before 2 is over leaves a
    // group that checks, which is kept whole, or one that does not, which is cut: nobody was told of either.
    /// Writes what was gathered and makes it durable. `position` is the head of the log before it.
    pub(crate) fn flush(&mut self, position: u64) -> Result<(), StoreError> {
        self.write(GroupKind::Entries, position)?;
        if self.durability == Durability::Durable {
            self.sync()?;
        }
        if u64::from(self.spot.offset) > self.segment.len / 2 {
            self.prepare_spare();
        }
        Ok(())
    }

    /// Makes durable what was written.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        if self.durable < self.written() {
            self.segment.file.sync_data().map_err(error::io("syncing", &self.segment.path))?;
            self.durable = self.written();
        }
        Ok(())
    }

    /// Ends the log with a mark that all before it was durable, so that damage to its end is told from a torn write.
    pub(crate) fn seal(&mut self, position: u64) -> Result<(), StoreError> {
        if self.sealed {
            return Ok(());
        }
        self.sync()?;
        if !self.fits(0) {
            self.roll(0)?;
        }
        self.write(GroupKind::Seal, position)?;
        self.sync()?;
        self.mark()
    }

    /// Tells the mark what is durable. A next group says so itself, so this is for when none is waiting.
    pub(crate) fn mark(&mut self) -> Result<(), StoreError> {
        self.mark.tell(self.durable)
    }

    fn write(&mut self, kind: GroupKind, position: u64) -> Result<(), StoreError> {
        let body_len = self.buffer.len() - GROUP_HEADER;
        let header = GroupHeader {
            kind,
            store: self.log.store,
            sequence: self.sequence,
            durable: self.durable,
            position,
            positions: self.positions,
            body_len: body_len as u32,
            body_crc: crc32fast::hash(self.buffer.get(GROUP_HEADER..).unwrap_or_default()),
        };
        for (slot, byte) in self.buffer.iter_mut().zip(header.encode()) {
            *slot = byte;
        }
        let written = self.segment.file.write_all_at(&self.buffer, u64::from(self.spot.offset));
        self.buffer.truncate(GROUP_HEADER);
        if self.buffer.capacity() > 1 << 20 {
            self.buffer.shrink_to(1 << 20);
        }
        self.positions = 0;
        written.map_err(error::io("writing", &self.segment.path))?;
        self.spot.offset += header.room() as u32;
        self.sequence += 1;
        self.sealed = kind == GroupKind::Seal;
        Ok(())
    }

    /// Starts to make the next segment on the side.
    fn prepare_spare(&mut self) {
        let number = self.spot.segment + 1;
        if self.spare.is_some() || self.log.last() >= number {
            return;
        }
        let (log, len) = (Arc::clone(&self.log), self.segment_bytes);
        let make = move || {
            if let Err(error) = log.create(number, len) {
                tracing::warn!(%error, "the next segment could not be made in advance");
            }
        };
        // Without a thread the segment is made when it is needed.
        self.spare = std::thread::Builder::new().name("ego-sled-segment".to_owned()).spawn(make).ok();
    }

    /// Waits for what is under way on the side.
    pub(crate) fn finish(&mut self) {
        if let Some(spare) = self.spare.take() {
            let _ = spare.join();
        }
    }
}
