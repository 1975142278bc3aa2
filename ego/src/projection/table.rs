//! Where a projection's rows stand: its views, its indexes, its dead letters, one set of tables for each generation.

use crate::codec::AnyCodec;
use crate::engine::Codecs;
use crate::message::Name;
use crate::model::{DecodeError, IndexValue, Indexable};
use crate::store::RowChange;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The row of each projection that says which generation is read: [`Record`](super::record::Record).
pub(super) const RECORDS: &str = "ego/projections";

/// A set of views, numbered from 1. A rebuild makes the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Generation(pub(super) u32);

impl Generation {
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The tables of one generation of a projection.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// Under whose name its checkpoint is kept.
    pub(super) consumer: String,
    pub(super) views: Name,
    /// Of all its indexes.
    pub(super) index: Name,
    pub(super) dead: Name,
}

impl Tables {
    pub(super) fn new(projection: &str, Generation(generation): Generation) -> Self {
        Self {
            consumer: format!("projection/{projection}/{generation}"),
            views: format!("view/{projection}/{generation}").into(),
            index: format!("index/{projection}/{generation}").into(),
            dead: format!("dead/{projection}/{generation}").into(),
        }
    }

    /// What changes when a view is put in place of another, or removed: its row, and the entries of its indexes; with the values, sorted,
    /// under which it stood and under which it stands now.
    pub(super) fn change(
        &self,
        indexes: &[&str],
        key: &str,
        row: Option<Bytes>,
        (before, now): (&[Vec<IndexValue>], &[Vec<IndexValue>]),
        rows: &mut Vec<RowChange>,
    ) {
        let place = Bytes::copy_from_slice(key.as_bytes());
        for ((index, before), now) in indexes.iter().zip(before).zip(now) {
            let gone = before.iter().filter(|value| now.binary_search(value).is_err());
            rows.extend(gone.map(|value| RowChange::remove(self.index.clone(), index_key(index, value, key))));
            let new = now.iter().filter(|value| before.binary_search(value).is_err());
            rows.extend(new.map(|value| RowChange::put(self.index.clone(), index_key(index, value, key), place.clone())));
        }
        rows.push(RowChange { table: self.views.clone(), key: place, value: row });
    }

    /// All that hold rows.
    pub(super) fn all(&self) -> impl Iterator<Item = &Name> {
        [&self.views, &self.index, &self.dead].into_iter()
    }
}

/// How the keys of an index begin.
pub(super) fn index_prefix(index: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.write(&mut bytes);
    bytes
}

/// The key of a view in an index: first the index, then the value, then the view's key.
pub(super) fn index_key(index: &str, value: &IndexValue, key: &str) -> Bytes {
    [&*index_prefix(index), value.as_bytes(), key.as_bytes()].concat().into()
}

/// The first key behind all that begin with these bytes; `None` when there is none.
pub(super) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// The key of a dead letter: letters of one view stand together, in the order of the log.
pub(super) fn dead_key(key: &str, position: u64, ordinal: u32) -> Bytes {
    let mut bytes = dead_prefix(key);
    bytes.extend(position.to_be_bytes());
    bytes.extend(ordinal.to_be_bytes());
    bytes.into()
}

/// How the keys of a view's dead letters begin.
pub(super) fn dead_prefix(key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 14);
    key.write(&mut bytes);
    bytes
}

/// A view as it is kept: the codec's name with its length in front, then the encoded view.
pub(super) fn encode<P: Serialize>(codecs: &Codecs, view: &P) -> Result<Bytes, crate::codec::CodecError> {
    let name = codecs.write.name();
    let mut bytes = Vec::with_capacity(name.len() + 65);
    bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    bytes.extend(name.as_bytes().iter().take(usize::from(u8::MAX)));
    codecs.write.encode_into(view, &mut bytes)?;
    Ok(bytes.into())
}

/// The view again.
pub(super) fn decode<P: DeserializeOwned>(codecs: &Codecs, row: &[u8]) -> Result<P, Unreadable> {
    let (name, payload) = row
        .split_first()
        .and_then(|(len, rest)| rest.split_at_checked(usize::from(*len)))
        .ok_or_else(|| Unreadable("it is cut".to_owned()))?;
    let name = str::from_utf8(name).map_err(|error| Unreadable(error.to_string()))?;
    let codec: &AnyCodec = codecs.named(name).map_err(|error: DecodeError| Unreadable(error.to_string()))?;
    codec.decode(payload).map_err(|error| Unreadable(error.to_string()))
}

/// Why a row is no view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Name;

    fn codecs() -> Codecs {
        let write = AnyCodec::default();
        Codecs { name: Name::fixed(write.name()), write, read: Vec::new() }
    }

    #[test]
    fn a_view_is_read_as_it_was_written_and_a_cut_one_is_not() {
        let row = encode(&codecs(), &("ann", 5)).unwrap();
        assert_eq!(&*row, b"\x04json[\"ann\",5]");
        assert_eq!(decode::<(String, u32)>(&codecs(), &row), Ok(("ann".to_owned(), 5)));
        for cut in [0, 1, 4, row.len() - 1] {
            assert!(decode::<(String, u32)>(&codecs(), &row[..cut]).is_err());
        }
    }

    #[test]
    fn what_is_behind_a_prefix_is_behind_all_that_begin_with_it() {
        assert_eq!(behind(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(behind(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(behind(b"\xff"), None);
        assert_eq!(behind(b""), None);
    }

    #[test]
    fn dead_letters_of_a_view_stand_together_in_the_order_of_the_log() {
        let mut keys =
            vec![dead_key("b", 1, 0), dead_key("a", 300, 0), dead_key("a", 2, 1), dead_key("a", 2, 0), dead_key("aa", 1, 0)];
        keys.sort();
        assert_eq!(
            keys,
            [dead_key("a", 2, 0), dead_key("a", 2, 1), dead_key("a", 300, 0), dead_key("aa", 1, 0), dead_key("b", 1, 0)]
        );
        assert!(keys[..3].iter().all(|key| key.starts_with(&dead_prefix("a"))));
        assert!(!keys[3].starts_with(&dead_prefix("a")));
    }
}
