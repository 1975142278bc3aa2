//! The log's segments: files of a fixed size, filled with zeros before they are used, so that a sync of a group has nothing to tell
//! the file system. Creating and reading them; `group.rs` writes groups into them.

use crate::error;
use crate::io::{Disk, DiskFile, read_exact_at};
use crate::record::{self, ALIGNMENT, GROUP_HEADER, GroupHeader, SEGMENT_HEADER, SegmentHeader};
use bytes::Bytes;
use ego::store::StoreError;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const MIN_SEGMENT: u64 = 4 << 10;
pub(crate) const MAX_SEGMENT: u64 = 1 << 30;
/// How many segments stay open at a time.
const OPEN_FILES: usize = 128;
const CHUNK: usize = 1 << 20;

/// Where a group begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Spot {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

impl Spot {
    /// Where the first group of a segment begins.
    pub(crate) fn first(segment: u32) -> Self {
        Self { segment, offset: SEGMENT_HEADER as u32 }
    }
}

/// Where an entry stands, and how long it is with its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// What stands at a spot.
pub(crate) enum Found {
    Group(GroupHeader, Bytes),
    /// Nothing was written there: zeros, or no room for a group.
    Nothing,
    Bad(&'static str),
}

/// One open segment.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) len: u64,
}

/// All segments of a store, numbered from 1 without a gap.
pub(crate) struct Log {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    pub(crate) store: u64,
    open: RwLock<HashMap<u32, Arc<Segment>>>,
    last: AtomicU32,
}

impl Log {
    /// Looks at the segments that are there. Nothing is changed.
    pub(crate) fn open(folder: PathBuf, disk: Arc<dyn Disk>, store: u64) -> Result<Self, StoreError> {
        Self::survey(folder, disk, store, |_, error| Err(error)).map(|(log, _)| log)
    }

    /// As [`open`](Self::open), for those who want to know all that is wrong: whatever that is goes to `tell`, with the number of the
    /// segment that it is before or in, and may end the survey. Also the numbers of the segments that can be read.
    pub(crate) fn survey(
        folder: PathBuf,
        disk: Arc<dyn Disk>,
        store: u64,
        mut tell: impl FnMut(u32, StoreError) -> Result<(), StoreError>,
    ) -> Result<(Self, Vec<u32>), StoreError> {
        let log = Self { folder, disk, store, open: RwLock::default(), last: AtomicU32::new(0) };
        let names = log.disk.list(&log.folder).map_err(error::io("listing", &log.folder))?;
        let mut readable = Vec::new();
        for name in names.iter().filter(|name| !name.ends_with(".new")) {
            let next = log.last() + 1;
            let number: Option<u32> = name.strip_suffix(".seg").and_then(|number| number.parse().ok());
            let Some(number) = number.filter(|number| *number >= next && *name == segment_name(*number)) else {
                tell(next, error::damaged(&log.folder.join(name), None, "no file of a store has this name"))?;
                continue;
            };
            if number > next {
                tell(next, error::damaged(&log.path(next), None, "this segment is missing"))?;
            }
            log.last.store(number, Ordering::Release);
            match log.segment(number) {
                Ok(_) => readable.push(number),
                Err(error) => tell(number, error)?,
            }
        }
        if log.last() == 0 {
            tell(1, error::damaged(&log.path(1), None, "this segment is missing"))?;
        }
        Ok((log, readable))
    }

    pub(crate) fn path(&self, number: u32) -> PathBuf {
        self.folder.join(segment_name(number))
    }

    /// The number of the newest segment; it may be empty.
    pub(crate) fn last(&self) -> u32 {
        self.last.load(Ordering::Acquire)
    }

    /// Removes what a crash left of a segment that was being made, and makes the names of the others durable: a process that was killed
    /// may not have come to it.
    pub(crate) fn settle_names(&self) -> Result<(), StoreError> {
        for name in self.disk.list(&self.folder).map_err(error::io("listing", &self.folder))? {
            if name.ends_with(".new") {
                let path = self.folder.join(name);
                self.disk.remove(&path).map_err(error::io("removing", &path))?;
            }
        }
        self.disk.sync_folder(&self.folder).map_err(error::io("syncing", &self.folder))
    }

    /// The segment with this number, opened and its header checked.
    pub(crate) fn segment(&self, number: u32) -> Result<Arc<Segment>, StoreError> {
        if let Some(segment) = self.open.read().get(&number) {
            return Ok(Arc::clone(segment));
        }
        let path = self.path(number);
        let file = self.disk.open(&path).map_err(error::io("opening", &path))?;
        let len = file.len().map_err(error::io("reading", &path))?;
        let mut header = [0; SEGMENT_HEADER];
        if len < SEGMENT_HEADER as u64 {
            return Err(error::damaged(&path, Some(len), "the file is cut"));
        }
        read_exact_at(&*file, &mut header, 0).map_err(error::io("reading", &path))?;
        let header = SegmentHeader::decode(&header).map_err(|reason| error::damaged(&path, Some(0), reason))?;
        if header.store != self.store || header.number != number {
            return Err(error::damaged(&path, Some(0), "the segment belongs to another place"));
        }
        if header.len != len || len > u64::from(u32::MAX) {
            return Err(error::damaged(&path, Some(len), "the file has another length than it was made with"));
        }
        let segment = Arc::new(Segment { path, file, len });
        let mut open = self.open.write();
        if open.len() >= OPEN_FILES {
            open.clear();
        }
        open.insert(number, Arc::clone(&segment));
        Ok(segment)
    }

    /// Forgets an open segment, so that the next reader opens the file that stands there now.
    pub(crate) fn reopen(&self, number: u32) {
        self.open.write().remove(&number);
    }

    /// Makes a segment full of zeros and durable, in place of one that nothing was written to if there is one.
    pub(crate) fn create(&self, number: u32, len: u64) -> Result<(), StoreError> {
        create_segment(&*self.disk, &self.folder, SegmentHeader { number, store: self.store, len })?;
        self.reopen(number);
        self.last.fetch_max(number, Ordering::AcqRel);
        Ok(())
    }

    /// Puts a new file in a segment's place; whoever reads the old one goes on with that.
    pub(crate) fn replace(
        &self,
        header: SegmentHeader,
        write: impl FnOnce(&dyn DiskFile) -> std::io::Result<()>,
    ) -> Result<(), StoreError> {
        make_segment(&*self.disk, &self.folder, header.number, write)?;
        self.reopen(header.number);
        Ok(())
    }

    /// What stands at a spot. Whatever does not check is told, not judged.
    pub(crate) fn group_at(&self, segment: &Segment, offset: u64) -> Result<Found, StoreError> {
        self.group_with(segment, offset, |at, len| bytes_of(segment, at, len))
    }

    /// The same; `read` gives so many bytes of the segment from an offset on.
    pub(crate) fn group_with(
        &self,
        segment: &Segment,
        offset: u64,
        mut read: impl FnMut(u64, usize) -> Result<Bytes, StoreError>,
    ) -> Result<Found, StoreError> {
        let room = segment.len.saturating_sub(offset);
        if room < GROUP_HEADER as u64 {
            return Ok(Found::Nothing);
        }
        let header = read(offset, GROUP_HEADER)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(Found::Nothing);
        }
        let header = match GroupHeader::decode(&header, self.store) {
            Ok(header) => header,
            Err(reason) => return Ok(Found::Bad(reason)),
        };
        if header.room() > room {
            return Ok(Found::Bad("a group reaches beyond its segment"));
        }
        let body = read(offset + GROUP_HEADER as u64, header.body_len as usize)?;
        if crc32fast::hash(&body) == header.body_crc {
            Ok(Found::Group(header, body))
        } else {
            Ok(Found::Bad("the checksum of a group does not hold"))
        }
    }

    /// The first group's header in a segment if it checks, whether or not its body does.
    pub(crate) fn first_header(&self, segment: &Segment) -> Result<Option<GroupHeader>, StoreError> {
        let header = bytes_of(segment, u64::from(Spot::first(1).offset), GROUP_HEADER)?;
        Ok(GroupHeader::decode(&header, self.store).ok())
    }

    /// The content of one entry, checked.
    pub(crate) fn read(&self, place: Place) -> Result<Bytes, StoreError> {
        let segment = self.segment(place.segment)?;
        let offset = u64::from(place.offset);
        let bad = |reason| error::damaged(&segment.path, Some(offset), reason);
        if offset + u64::from(place.len) > segment.len {
            return Err(bad("an entry reaches beyond its segment"));
        }
        record::check_entry(&bytes_of(&segment, offset, place.len as usize)?).map_err(bad)
    }

    /// Some bytes of an entry, unchecked.
    pub(crate) fn bytes(&self, Spot { segment, offset }: Spot, len: u32) -> Result<Bytes, StoreError> {
        let segment = self.segment(segment)?;
        if u64::from(offset) + u64::from(len) > segment.len {
            return Err(error::damaged(&segment.path, Some(offset.into()), "a row reaches beyond its segment"));
        }
        bytes_of(&segment, offset.into(), len as usize)
    }

    /// Headers of groups in a segment from `offset` on, wherever they stand, that check; the search goes on while `found` is false.
    pub(crate) fn search(
        &self,
        segment: &Segment,
        offset: u64,
        mut found: impl FnMut(u64, GroupHeader) -> bool,
    ) -> Result<bool, StoreError> {
        let mut at = offset.next_multiple_of(ALIGNMENT as u64);
        while at + GROUP_HEADER as u64 <= segment.len {
            // Chunks overlap by a header, so that none is missed between two.
            let len = (segment.len - at).min((CHUNK + GROUP_HEADER) as u64) as usize;
            let mut chunk = vec![0; len];
            read_exact_at(&*segment.file, &mut chunk, at).map_err(error::io("reading", &segment.path))?;
            for start in (0..len.saturating_sub(GROUP_HEADER - 1).min(CHUNK)).step_by(ALIGNMENT) {
                let Some(bytes) = chunk.get(start..start + GROUP_HEADER) else { break };
                if GroupHeader::begins(bytes)
                    && let Ok(header) = GroupHeader::decode(bytes, self.store)
                    && found(at + start as u64, header)
                {
                    return Ok(true);
                }
            }
            at += CHUNK as u64;
        }
        Ok(false)
    }

    /// Where the last byte that is not zero stands, from `offset` on.
    pub(crate) fn last_written(&self, segment: &Segment, offset: u64) -> Result<Option<u64>, StoreError> {
        let mut last = None;
        let mut at = offset;
        while at < segment.len {
            let mut chunk = vec![0; (segment.len - at).min(CHUNK as u64) as usize];
            read_exact_at(&*segment.file, &mut chunk, at).map_err(error::io("reading", &segment.path))?;
            if let Some(index) = chunk.iter().rposition(|byte| *byte != 0) {
                last = Some(at + index as u64);
            }
            at += chunk.len() as u64;
        }
        Ok(last)
    }

    /// Overwrites a range with zeros and makes that durable.
    pub(crate) fn clear(&self, segment: &Segment, from: u64, to: u64) -> Result<(), StoreError> {
        write_zeros(&*segment.file, from, to)
            .and_then(|()| segment.file.sync_data())
            .map_err(error::io("clearing", &segment.path))
    }
}

fn bytes_of(segment: &Segment, offset: u64, len: usize) -> Result<Bytes, StoreError> {
    let mut bytes = vec![0; len];
    read_exact_at(&*segment.file, &mut bytes, offset).map_err(error::io("reading", &segment.path))?;
    Ok(bytes.into())
}

pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:010}.seg")
}

pub(crate) fn create_segment(disk: &dyn Disk, folder: &Path, header: SegmentHeader) -> Result<(), StoreError> {
    make_segment(disk, folder, header.number, |file| {
        file.write_all_at(&header.encode(), 0)?;
        write_zeros(file, SEGMENT_HEADER as u64, header.len)
    })
}

// 1. everything into a file of another name  2. sync it  3. give it its name  4. sync the folder. A crash before 3 leaves a file that
// opening removes; after 3 the segment is whole, whether or not its name survives.
fn make_segment(
    disk: &dyn Disk,
    folder: &Path,
    number: u32,
    write: impl FnOnce(&dyn DiskFile) -> std::io::Result<()>,
) -> Result<(), StoreError> {
    let path = folder.join(segment_name(number));
    let new = path.with_extension("seg.new");
    let make = || {
        match disk.remove(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&new)?;
        write(&*file)?;
        file.sync_all()?;
        disk.rename(&new, &path)?;
        disk.sync_folder(folder)
    };
    make().map_err(error::io("creating", &path))
}

fn write_zeros(file: &dyn DiskFile, from: u64, to: u64) -> std::io::Result<()> {
    let zeros = vec![0; CHUNK.min(to.saturating_sub(from) as usize)];
    let mut at = from;
    while at < to {
        let len = (to - at).min(CHUNK as u64) as usize;
        file.write_all_at(zeros.get(..len).unwrap_or_default(), at)?;
        at += len as u64;
    }
    Ok(())
}
