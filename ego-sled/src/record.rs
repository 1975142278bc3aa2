//! The frames of the log, byte by byte: what FORMAT, a segment, a group and an entry begin with. All numbers are little endian.
//! What an entry says is in `entry.rs`; the prose is in FORMAT.md.

use crate::log::{Place, Spot};
use bytes::Bytes;

/// The format that this release writes, and the newest that it reads. It reads all before it: format 1 knows no steps.
pub(crate) const FORMAT: u32 = 2;
/// What a segment's first group stands behind.
pub(crate) const SEGMENT_HEADER: usize = 64;
/// What a group's body stands behind.
pub(crate) const GROUP_HEADER: usize = 56;
/// What an entry's content stands behind.
pub(crate) const ENTRY_HEADER: usize = 8;
/// Groups begin at multiples of this, so that a search for them knows where to look.
pub(crate) const ALIGNMENT: usize = 8;
/// FORMAT is this long.
pub(crate) const FORMAT_BYTES: usize = 28;

/// DURABLE is this long.
pub(crate) const MARK_BYTES: usize = 28;

const FORMAT_MAGIC: [u8; 8] = *b"ego-sled";
const SEGMENT_MAGIC: [u8; 8] = *b"ego-segm";
const GROUP_MAGIC: [u8; 4] = *b"egoG";
const MARK_MAGIC: [u8; 8] = *b"ego-mark";

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|found| found.try_into().ok()).unwrap_or([0; N])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

/// Writes fields one behind the other, and the sum of all before it last.
fn sealed<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let sum = N - 4;
    let content = fields.iter().flat_map(|field| field.iter());
    for (slot, byte) in bytes.iter_mut().take(sum).zip(content) {
        *slot = *byte;
    }
    let crc = crc32fast::hash(bytes.get(..sum).unwrap_or_default());
    for (slot, byte) in bytes.iter_mut().skip(sum).zip(crc.to_le_bytes()) {
        *slot = byte;
    }
    bytes
}

fn sum_holds(bytes: &[u8]) -> bool {
    let sum = bytes.len().saturating_sub(4);
    bytes.len() > 4 && crc32fast::hash(bytes.get(..sum).unwrap_or_default()) == u32_at(bytes, sum)
}

/// What FORMAT says: which format, and the number that all files of one store share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreHeader {
    pub(crate) format: u32,
    pub(crate) store: u64,
}

impl StoreHeader {
    pub(crate) fn encode(self) -> [u8; FORMAT_BYTES] {
        sealed(&[&FORMAT_MAGIC, &self.format.to_le_bytes(), &[0; 4], &self.store.to_le_bytes()])
    }

    /// The layout of these bytes is the same in every format to come, so a newer format is told from damage.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() != FORMAT_BYTES || bytes_at(bytes, 0) != FORMAT_MAGIC {
            return Err("it does not begin as a store's FORMAT does");
        }
        if !sum_holds(bytes) {
            return Err("its checksum does not hold");
        }
        Ok(Self { format: u32_at(bytes, 8), store: u64_at(bytes, 16) })
    }
}

/// What DURABLE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MarkRecord {
    pub(crate) store: u64,
    /// The last group that was durable.
    pub(crate) durable: u64,
}

impl MarkRecord {
    pub(crate) fn encode(self) -> [u8; MARK_BYTES] {
        sealed(&[&MARK_MAGIC, &self.store.to_le_bytes(), &self.durable.to_le_bytes()])
    }

    pub(crate) fn decode(bytes: &[u8], store: u64) -> Result<Self, &'static str> {
        if bytes.len() != MARK_BYTES || bytes_at(bytes, 0) != MARK_MAGIC {
            return Err("it does not begin as a store's DURABLE does");
        }
        if !sum_holds(bytes) {
            return Err("its checksum does not hold");
        }
        let record = Self { store: u64_at(bytes, 8), durable: u64_at(bytes, 16) };
        if record.store == store { Ok(record) } else { Err("it belongs to another store") }
    }
}

/// What a segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u32,
    pub(crate) store: u64,
    /// The length of the whole file.
    pub(crate) len: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(self) -> [u8; SEGMENT_HEADER] {
        sealed(&[
            &SEGMENT_MAGIC,
            &FORMAT.to_le_bytes(),
            &self.number.to_le_bytes(),
            &self.store.to_le_bytes(),
            &self.len.to_le_bytes(),
        ])
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() != SEGMENT_HEADER || bytes_at(bytes, 0) != SEGMENT_MAGIC {
            return Err("it does not begin as a segment does");
        }
        if !sum_holds(bytes) {
            return Err("the checksum of its header does not hold");
        }
        if !(1..=FORMAT).contains(&u32_at(bytes, 8)) {
            return Err("it has another format than the store");
        }
        Ok(Self { number: u32_at(bytes, 12), store: u64_at(bytes, 16), len: u64_at(bytes, 24) })
    }
}

/// What a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// Entries that were written and made durable together.
    Entries,
    /// Empty: the store was closed here, everything before was durable.
    Seal,
}

/// What a group begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) kind: GroupKind,
    pub(crate) store: u64,
    /// The number of the group, 1 for the first of the log, no gaps.
    pub(crate) sequence: u64,
    /// The number of the last group that was known to be durable when this one was written.
    pub(crate) durable: u64,
    /// The head of the log before this group.
    pub(crate) position: u64,
    /// How many positions it takes.
    pub(crate) positions: u32,
    pub(crate) body_len: u32,
    pub(crate) body_crc: u32,
}

impl GroupHeader {
    pub(crate) fn encode(self) -> [u8; GROUP_HEADER] {
        let kind: u32 = match self.kind {
            GroupKind::Entries => 1,
            GroupKind::Seal => 2,
        };
        sealed(&[
            &GROUP_MAGIC,
            &kind.to_le_bytes(),
            &self.store.to_le_bytes(),
            &self.sequence.to_le_bytes(),
            &self.durable.to_le_bytes(),
            &self.position.to_le_bytes(),
            &self.positions.to_le_bytes(),
            &self.body_len.to_le_bytes(),
            &self.body_crc.to_le_bytes(),
        ])
    }

    /// Whether these bytes could begin a group at all; cheap, for searching.
    pub(crate) fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(&GROUP_MAGIC)
    }

    pub(crate) fn decode(bytes: &[u8], store: u64) -> Result<Self, &'static str> {
        if bytes.len() != GROUP_HEADER || !Self::begins(bytes) {
            return Err("no group begins here");
        }
        if !sum_holds(bytes) {
            return Err("the checksum of a group's header does not hold");
        }
        let kind = match u32_at(bytes, 4) {
            1 => GroupKind::Entries,
            2 => GroupKind::Seal,
            _ => return Err("a group is of an unknown kind"),
        };
        let header = Self {
            kind,
            store: u64_at(bytes, 8),
            sequence: u64_at(bytes, 16),
            durable: u64_at(bytes, 24),
            position: u64_at(bytes, 32),
            positions: u32_at(bytes, 40),
            body_len: u32_at(bytes, 44),
            body_crc: u32_at(bytes, 48),
        };
        if header.store != store {
            return Err("a group belongs to another store");
        }
        if header.sequence == 0 || header.position.checked_add(u64::from(header.positions)).is_none() {
            return Err("a group has an impossible number");
        }
        Ok(header)
    }

    /// How much room the group takes, up to where the next one may begin.
    pub(crate) fn room(self) -> u64 {
        group_room(self.body_len as usize)
    }
}

/// How much room a group with a body of this length takes.
pub(crate) fn group_room(body_len: usize) -> u64 {
    (GROUP_HEADER + body_len).next_multiple_of(ALIGNMENT) as u64
}

/// One entry as it stands in a group's body: where, how long (with its header), and its content.
#[derive(Clone, Debug)]
pub(crate) struct RawEntry {
    pub(crate) offset: u32,
    pub(crate) len: u32,
    pub(crate) content: Bytes,
}

impl RawEntry {
    /// Where it stands, in a group that begins at this spot.
    pub(crate) fn place(&self, group: Spot) -> Place {
        Place { segment: group.segment, offset: group.offset + GROUP_HEADER as u32 + self.offset, len: self.len }
    }
}

/// Puts the header in front of an entry whose content stands behind `start + ENTRY_HEADER` of the buffer.
pub(crate) fn finish_entry(buffer: &mut [u8], start: usize) {
    let Some(entry) = buffer.get_mut(start..) else { return };
    let Some((header, content)) = entry.split_at_mut_checked(ENTRY_HEADER) else { return };
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let crc = crc32fast::hash(content);
    for (slot, byte) in header.iter_mut().zip(len.to_le_bytes().into_iter().chain(crc.to_le_bytes())) {
        *slot = byte;
    }
}

/// Checks one entry that was read alone and takes its header off.
pub(crate) fn check_entry(bytes: &Bytes) -> Result<Bytes, &'static str> {
    let content = bytes.get(ENTRY_HEADER..).ok_or("an entry is cut")?;
    if u32_at(bytes, 0) as usize != content.len() {
        return Err("an entry has another length than expected");
    }
    if u32_at(bytes, 4) != crc32fast::hash(content) {
        return Err("the checksum of an entry does not hold");
    }
    Ok(bytes.slice(ENTRY_HEADER..))
}

/// The entries of a group's body, in order.
pub(crate) struct Entries<'a> {
    body: &'a Bytes,
    at: usize,
    check: fn(&Bytes) -> Result<Bytes, &'static str>,
}

impl<'a> Entries<'a> {
    /// Each is checked.
    pub(crate) fn of(body: &'a Bytes) -> Self {
        Self { body, at: 0, check: check_entry }
    }

    /// The sum of the body was checked, and with it all that stands in it.
    pub(crate) fn of_checked(body: &'a Bytes) -> Self {
        Self { check: |bytes| Ok(bytes.slice(ENTRY_HEADER..)), ..Self::of(body) }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<RawEntry, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        if start >= self.body.len() {
            return None;
        }
        let len = u32_at(self.body, start) as usize + ENTRY_HEADER;
        // A failed entry ends the walk: nothing behind it can be found.
        self.at = usize::MAX;
        let end = start.saturating_add(len);
        if end > self.body.len() {
            return Some(Err("an entry reaches beyond its group"));
        }
        let checked = (self.check)(&self.body.slice(start..end));
        Some(checked.map(|content| {
            self.at = end;
            RawEntry { offset: start as u32, len: len as u32, content }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_in_any_header_is_found() {
        let store = StoreHeader { format: FORMAT, store: 7 };
        assert_eq!(StoreHeader::decode(&store.encode()), Ok(store));
        let segment = SegmentHeader { number: 3, store: 7, len: 4096 };
        assert_eq!(SegmentHeader::decode(&segment.encode()), Ok(segment));
        let group = GroupHeader {
            kind: GroupKind::Entries,
            store: 7,
            sequence: 1,
            durable: 0,
            position: 0,
            positions: 2,
            body_len: 9,
            body_crc: 5,
        };
        assert_eq!(GroupHeader::decode(&group.encode(), 7), Ok(group));
        assert!(GroupHeader::decode(&group.encode(), 8).is_err());
        for bit in 0..FORMAT_BYTES * 8 {
            let mut bytes = store.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(StoreHeader::decode(&bytes).is_err(), "bit {bit}");
        }
        let mark = MarkRecord { store: 7, durable: 9 };
        assert_eq!(MarkRecord::decode(&mark.encode(), 7), Ok(mark));
        assert!(MarkRecord::decode(&mark.encode(), 8).is_err());
        for bit in 0..MARK_BYTES * 8 {
            let mut bytes = mark.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(MarkRecord::decode(&bytes, 7).is_err(), "bit {bit}");
        }
        for bit in 0..SEGMENT_HEADER * 8 {
            let mut bytes = segment.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
        }
        for bit in 0..GROUP_HEADER * 8 {
            let mut bytes = group.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(GroupHeader::decode(&bytes, 7).is_err(), "bit {bit}");
        }
    }
}
