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

#[cfg(test)]
mod tests {
    use crate::SledStore;
    use ego::message::{CommandId, Expected, Metadata, StreamId};
    use ego::store::{Body, Commit, Direction, Filter, NewEvent, Store};
    use jiff::Timestamp;
    use std::sync::Arc;

    fn commit(stream: &StreamId, number: usize, payload: Vec<u8>) -> Commit {
        let event = NewEvent { name: "e".into(), version: 1, payload: payload.into(), tags: vec![] };
        let id = CommandId::new(number.to_string()).unwrap();
        Commit {
            stream: stream.clone(),
            expected: Expected::Any,
            metadata: Arc::new(Metadata::new(id, "c", Timestamp::UNIX_EPOCH)),
            codec: "json".into(),
            body: Body::Events(vec![event]),
            reply: "".into(),
            rows: vec![],
        }
    }

    /// Neighbours and strangers, within a piece, across its end, and larger than it; a group of one and groups of many.
    #[tokio::test]
    async fn entries_of_every_size_and_distance_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::options(folder.path()).segment_bytes(400 << 10).open().unwrap();
        let streams = ["near", "far"].map(|id| StreamId::new("account", id).unwrap());
        let (mut written, mut all) = ([Vec::new(), Vec::new()], Vec::new());
        for round in 0..12_usize {
            for many in [1, 40] {
                let sizes = [9, 300, 4 << 10, 300 << 10, 70, 33 << 10, 20, 5000];
                let size = |number: usize| if many == 1 { sizes[round % sizes.len()] } else { 10 + number * 40 };
                let batch = (0..many).map(|number| {
                    let which = usize::from(many == 1 || number % 9 == 0);
                    let payload: Vec<u8> = (0..size(number)).map(|byte| (byte * 7 + all.len()) as u8).collect();
                    written[which].push(payload.clone());
                    all.push(payload.clone());
                    commit(&streams[which], all.len(), payload)
                });
                store.append(batch.collect()).await.unwrap();
            }
        }
        for (stream, written) in streams.iter().zip(&mut written) {
            for direction in [Direction::Forwards, Direction::Backwards] {
                for limit in [3, 1000] {
                    let (mut read, mut from) = (Vec::new(), None);
                    loop {
                        let page = store.read_stream(stream, from, direction, limit).await.unwrap();
                        read.extend(page.items.into_iter().map(|event| event.payload));
                        from = page.next;
                        if from.is_none() {
                            break;
                        }
                    }
                    assert!(read == *written, "{stream} {direction:?} in pages of {limit}");
                }
                written.reverse();
            }
        }
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = store.read_log(after, &Filter::all(), 77).await.unwrap();
            read.extend(page.items.into_iter().map(|event| event.payload));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert!(read == all);
    }
}
