//! A row, and how an entry of the log says what becomes of rows: a step of a reader, or what a commit brings along. Read
//! [`RecordedStep`] first; what readers see of rows is in `rows.rs`.
//!
//! A compaction leaves rows where they stand, so the index may point at a content inside an entry.

use crate::entry::{Raw, STEP, UNREADABLE, Whole};
use crate::log::{Place, Spot};
use crate::record::ENTRY_HEADER;
use bytes::Bytes;
use ego::store::RowChange;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The largest content that the index keeps itself; of a larger one it keeps the place in the log.
const INLINE: usize = 1024;

/// What an entry says of rows, and of the checkpoint that moves with them.
#[derive(Clone, Debug)]
pub(crate) struct RecordedStep {
    /// All of the entry's content.
    pub(crate) content: Bytes,
    /// A consumer and how far it is.
    pub(crate) advance: Option<(String, u64)>,
    pub(crate) rows: Vec<ChangedRow>,
}

/// One row as an entry changes it.
#[derive(Clone, Debug)]
pub(crate) struct ChangedRow {
    pub(crate) name: Bytes,
    /// `None` removes it.
    pub(crate) kept: Option<Kept>,
    /// Where it stands in the entry's content; its own content is the end of that.
    span: Range<u32>,
}

/// A row that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where its content stands in the log: no two changes share it.
    pub(crate) spot: Spot,
    pub(crate) kept: Kept,
}

/// A row's content, or what it takes to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Here(Bytes),
    Logged { len: u32, crc: u32 },
}

impl Kept {
    /// A copy: a row may be in memory for long, and must not keep the whole step.
    fn of(content: &[u8]) -> Self {
        if content.len() <= INLINE {
            Self::Here(Bytes::copy_from_slice(content))
        } else {
            Self::Logged { len: content.len() as u32, crc: crc32fast::hash(content) }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Here(content) => content.len(),
            Self::Logged { len, .. } => *len as usize,
        }
    }

    /// How many bytes of the content are in memory.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Here(content) => content.len(),
            Self::Logged { .. } => 0,
        }
    }
}

impl ChangedRow {
    /// Where what is said of it ends.
    pub(crate) fn end(&self, place: Place) -> Spot {
        Spot { segment: place.segment, offset: place.offset + ENTRY_HEADER as u32 + self.span.end }
    }

    /// The row as it stands after the entry in this place; `None` when it is not there any more.
    pub(crate) fn row(&self, place: Place) -> Option<Row> {
        let kept = self.kept.clone()?;
        let end = self.end(place);
        Some(Row { spot: Spot { offset: end.offset - kept.len() as u32, ..end }, kept })
    }
}

/// A row's name: its table, behind the length of that, and its key. Names sort as keys do within a table; `None` when there is no such
/// table.
pub(crate) fn name(table: &str, key: &[u8]) -> Option<Vec<u8>> {
    let len = u8::try_from(table.len()).ok().filter(|len| *len > 0)?;
    Some([&[len], table.as_bytes(), key].concat())
}

#[derive(Serialize, Deserialize)]
struct StepWire<'a> {
    #[serde(borrow)]
    advance: Option<(&'a str, u64)>,
    rows: u32,
}

#[derive(Serialize, Deserialize)]
struct RowWire<'a> {
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    value: Option<Raw<'a>>,
}

impl RecordedStep {
    /// Encodes what changes. The rows must be valid.
    pub(crate) fn new(advance: Option<(&str, u64)>, rows: &[RowChange]) -> Result<Self, postcard::Error> {
        let mut content = vec![STEP];
        let wire = StepWire { advance, rows: u32::try_from(rows.len()).unwrap_or(u32::MAX) };
        content = postcard::serialize_with_flavor(&wire, Whole(content))?;
        content.reserve(rows.iter().map(|row| row.size() + 8).sum());
        let mut named = Vec::new();
        for RowChange { table, key, value } in rows {
            named.clear();
            named.push(table.len() as u8);
            named.extend_from_slice(table.as_bytes());
            named.extend_from_slice(key);
            let wire = RowWire { name: Raw(&named), value: value.as_deref().map(Raw) };
            content = postcard::serialize_with_flavor(&wire, Whole(content))?;
        }
        Self::read(content.into()).map_err(|_| postcard::Error::SerdeSerCustom)
    }

    pub(crate) fn read(content: Bytes) -> Result<Self, &'static str> {
        let step = content.get(1..).unwrap_or_default();
        let (StepWire { advance, rows: count }, mut rest) = postcard::take_from_bytes(step).map_err(|_| UNREADABLE)?;
        let mut rows = Vec::with_capacity((count as usize).min(rest.len()));
        for _ in 0..count {
            let start = content.len() - rest.len();
            let (RowWire { name, value }, behind) = postcard::take_from_bytes(rest).map_err(|_| UNREADABLE)?;
            rest = behind;
            // A compaction leaves zeros of a row that was changed again.
            if name.0.first().is_none_or(|table| *table == 0) {
                continue;
            }
            let kept = value.map(|value| Kept::of(value.0));
            let span = start as u32..(content.len() - rest.len()) as u32;
            rows.push(ChangedRow { name: content.slice_ref(name.0), kept, span });
        }
        let advance = advance.map(|(consumer, position): (&str, u64)| (consumer.to_owned(), position));
        Ok(Self { advance, rows, content })
    }

    /// The same with zeros in place of the rows of which `gone` says so, in the same room, and how many these are; `None` when there
    /// are none. What is removed stays said: an earlier content must not come back.
    pub(crate) fn without<E>(self, mut gone: impl FnMut(&ChangedRow) -> Result<bool, E>) -> Result<Option<(Self, u64)>, E> {
        let mut content = self.content.to_vec();
        let mut count = 0;
        for row in self.rows.iter().filter(|row| row.kept.is_some()) {
            if gone(row)? {
                count += 1;
                let len = row.kept.as_ref().map_or(0, Kept::len);
                let (name, value) = (vec![0; row.name.len()], vec![0; len]);
                let zeros = postcard::to_stdvec(&RowWire { name: Raw(&name), value: Some(Raw(&value)) }).unwrap_or_default();
                for (slot, byte) in content.iter_mut().skip(row.span.start as usize).zip(zeros) {
                    *slot = byte;
                }
            }
        }
        Ok((count > 0).then(|| (Self { content: content.into(), ..self }, count)))
    }
}

#[derive(Serialize, Deserialize)]
enum KeptWire<'a> {
    #[serde(borrow)]
    Here(Raw<'a>),
    Logged {
        len: u32,
        crc: u32,
    },
}

impl Row {
    /// What tells it from another: where its content stands, how long it is, and its sum.
    pub(crate) fn seen(&self) -> (Spot, usize, u32) {
        let crc = match &self.kept {
            Kept::Here(content) => crc32fast::hash(content),
            Kept::Logged { crc, .. } => *crc,
        };
        (self.spot, self.kept.len(), crc)
    }

    /// As the index keeps it.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let kept = match &self.kept {
            Kept::Here(content) => KeptWire::Here(Raw(content)),
            Kept::Logged { len, crc } => KeptWire::Logged { len: *len, crc: *crc },
        };
        postcard::serialize_with_flavor(&(self.spot, kept), Whole(Vec::with_capacity(16 + self.kept.len().min(INLINE))))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (spot, kept) = postcard::from_bytes::<(Spot, KeptWire<'_>)>(bytes).ok()?;
        let kept = match kept {
            KeptWire::Here(content) => Kept::Here(Bytes::copy_from_slice(content.0)),
            KeptWire::Logged { len, crc } => Kept::Logged { len, crc },
        };
        Some(Self { spot, kept })
    }
}
