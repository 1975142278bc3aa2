//! Reading much of the log with few reads: a piece of a segment in memory, from which groups and entries are cut without a copy.
//! A window lives as long as a page is read, and never tells of more than the reader asked for.

use crate::error;
use crate::io::read_exact_at;
use crate::log::{Found, Log, Place, Segment, Spot};
use crate::record;
use bytes::Bytes;
use ego::store::StoreError;
use std::ops::Range;
use std::sync::Arc;

/// How much the first read of a walk through the log takes; the next ones take twice as much each, up to a piece.
const FIRST: u64 = 32 << 10;
/// The most that is read at once, unless a single group or entry is larger.
const PIECE: u64 = 256 << 10;
/// Two entries with more between them are not read at once.
const GAP: u64 = 4 << 10;

/// A piece of one segment.
pub(crate) struct Window<'l> {
    log: &'l Log,
    segment: Option<(u32, Arc<Segment>)>,
    start: u64,
    piece: Bytes,
    next: u64,
}

impl<'l> Window<'l> {
    pub(crate) fn new(log: &'l Log) -> Self {
        Self { log, segment: None, start: 0, piece: Bytes::new(), next: FIRST }
    }

    /// What stands at a spot, as [`Log::group_at`] says; the groups behind it are read along, up to `end`.
    pub(crate) fn group_at(&mut self, spot: Spot, end: Option<Spot>) -> Result<Found, StoreError> {
        let segment = self.segment(spot.segment)?;
        let end = end.filter(|end| end.segment == spot.segment).map_or(segment.len, |end| u64::from(end.offset));
        let log = self.log;
        log.group_with(&segment, u64::from(spot.offset), |at, len| {
            if let Some(bytes) = self.cut(at, len) {
                return Ok(bytes);
            }
            let whole = at + len as u64;
            self.fill(&segment, at..whole.max(end.min(at + self.next)))?;
            self.next = PIECE.min(self.next * 2);
            self.cut(at, len).ok_or_else(|| error::damaged(&segment.path, Some(at), "the file ends too early"))
        })
    }

    /// The content of one entry, checked, as [`Log::read`]; its neighbours among `following` are read along.
    pub(crate) fn entry(&mut self, place: Place, following: impl Iterator<Item = Place>) -> Result<Bytes, StoreError> {
        let segment = self.segment(place.segment)?;
        let (offset, len) = (u64::from(place.offset), place.len as usize);
        let bad = |reason| error::damaged(&segment.path, Some(offset), reason);
        let bytes = match self.cut(offset, len) {
            Some(bytes) => bytes,
            None => {
                let mut wanted = range(place);
                for next in following.take_while(|next| next.segment == place.segment) {
                    let next = range(next);
                    let joined = wanted.start.min(next.start)..wanted.end.max(next.end);
                    if size(&joined) > PIECE || size(&joined) > size(&wanted) + size(&next) + GAP {
                        break;
                    }
                    wanted = joined;
                }
                if wanted.end > segment.len {
                    wanted = range(place);
                }
                if wanted.end > segment.len {
                    return Err(bad("an entry reaches beyond its segment"));
                }
                self.fill(&segment, wanted)?;
                self.cut(offset, len).ok_or_else(|| bad("the file ends too early"))?
            }
        };
        record::check_entry(&bytes).map_err(bad)
    }

    fn segment(&mut self, number: u32) -> Result<Arc<Segment>, StoreError> {
        if let Some((_, segment)) = self.segment.as_ref().filter(|(known, _)| *known == number) {
            return Ok(Arc::clone(segment));
        }
        let segment = self.log.segment(number)?;
        self.piece = Bytes::new();
        self.segment = Some((number, Arc::clone(&segment)));
        Ok(segment)
    }

    fn cut(&self, offset: u64, len: usize) -> Option<Bytes> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(len)?;
        (to <= self.piece.len()).then(|| self.piece.slice(from..to))
    }

    fn fill(&mut self, segment: &Segment, wanted: Range<u64>) -> Result<(), StoreError> {
        let mut piece = vec![0; size(&wanted) as usize];
        read_exact_at(&*segment.file, &mut piece, wanted.start).map_err(error::io("reading", &segment.path))?;
        (self.start, self.piece) = (wanted.start, piece.into());
        Ok(())
    }
}

fn range(place: Place) -> Range<u64> {
    u64::from(place.offset)..u64::from(place.offset) + u64::from(place.len)
}

fn size(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}
