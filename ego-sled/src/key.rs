//! The index's keys and values. One table holds them all, so that a batch with the place that it reaches is atomic. Kinds have no
//! control characters and ids neither, so a zero byte ends them, and keys sort as [`StreamId`] does.
//!
//! | key | value |
//! |---|---|
//! | `m` | [`Meta`]: how far the index is |
//! | `h` kind 0 id | [`StreamEntry`]: the stream's head and its newest commits |
//! | `r` kind 0 id 0 revision ordinal | the stream's older commits, up to this revision and ordinal ([`Chunk`]) |
//! | `p` position | where the group begins that holds this position first ([`Spot`](crate::log::Spot)) |
//! | `s` position | the kind and id of the stream whose state was last saved there |
//! | `k` consumer | its checkpoint |
//! | `t` kind 0 version name | nothing: a shape of event that was recorded |
//! | `w` length table key | a row: where its content stands in the log, and the content unless it is large ([`Row`](crate::row::Row)) |

use crate::log::{Place, Spot};
use ego::message::StreamId;
use ego::store::EventType;
use serde::{Deserialize, Serialize};

pub(crate) const META: &[u8] = b"m";
/// The version of all this. Another one is rebuilt from the log.
pub(crate) const INDEX_FORMAT: u32 = 3;

/// How far the index is, and the sum of all that it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) format: u32,
    pub(crate) store: u64,
    /// The last group that was applied, 0 for none.
    pub(crate) sequence: u64,
    /// The last group that rows may be of: a layer's rows come before the rest of it.
    pub(crate) ahead: u64,
    /// The head of the log behind `sequence`.
    pub(crate) position: u64,
    /// Where the next group begins; `None` for the start.
    pub(crate) spot: Option<Spot>,
    /// Whether events of any stream were deleted or erased.
    pub(crate) deletions: bool,
    pub(crate) keys: u64,
    pub(crate) sum: u64,
}

/// Where a stream stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The last revision, 0 for none.
    pub(crate) revision: u64,
    /// The position of the last event or state, 0 for none.
    pub(crate) position: u64,
    /// Up to which revision events were deleted.
    pub(crate) deleted: u64,
    /// How many commits there are.
    pub(crate) commits: u64,
    /// The last commit with a state.
    pub(crate) state: Option<Place>,
    pub(crate) erased: bool,
}

impl Head {
    /// The position of the last save of the stream's state.
    pub(crate) fn save(&self) -> Option<u64> {
        self.state.map(|_| self.position)
    }
}

/// Where a commit of a stream stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRef {
    /// The stream's revision after it.
    pub(crate) revision: u64,
    /// How many events it holds.
    pub(crate) events: u32,
    pub(crate) place: Place,
    /// The [`command_hash`] of its command id.
    pub(crate) command: u64,
}

/// A stream's head and its newest commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamEntry {
    pub(crate) head: Head,
    /// The last of the `head.commits` commits; the others are in chunks.
    pub(crate) recent: Vec<CommitRef>,
}

/// Some commits of a stream, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// How many commits there are before these.
    pub(crate) first: u64,
    pub(crate) commits: Vec<CommitRef>,
}

fn named(prefix: u8, stream: &StreamId) -> Vec<u8> {
    let mut key = Vec::with_capacity(stream.kind().len() + stream.id().len() + 20);
    key.push(prefix);
    key.extend_from_slice(stream.kind().as_bytes());
    key.push(0);
    key.extend_from_slice(stream.id().as_bytes());
    key
}

pub(crate) fn stream(stream: &StreamId) -> Vec<u8> {
    named(b'h', stream)
}

/// Where the streams of a kind begin; `None` for all.
pub(crate) fn streams_of(kind: Option<&str>) -> Vec<u8> {
    let mut key = vec![b'h'];
    if let Some(kind) = kind {
        key.extend_from_slice(kind.as_bytes());
        key.push(0);
    }
    key
}

/// The stream that a key of `h` names.
pub(crate) fn stream_of(key: &[u8]) -> Option<StreamId> {
    let name = std::str::from_utf8(key.get(1..)?).ok()?;
    let (kind, id) = name.split_once('\0')?;
    StreamId::new(kind, id).ok()
}

pub(crate) fn chunks(stream: &StreamId) -> Vec<u8> {
    let mut key = named(b'r', stream);
    key.push(0);
    key
}

/// The key of a chunk whose last commit reaches this revision and has this ordinal; also where to look for a revision from.
pub(crate) fn chunk(stream: &StreamId, revision: u64, ordinal: u64) -> Vec<u8> {
    let mut key = chunks(stream);
    key.extend_from_slice(&revision.to_be_bytes());
    key.extend_from_slice(&ordinal.to_be_bytes());
    key
}

pub(crate) fn mark(position: u64) -> Vec<u8> {
    placed(b'p', position)
}

/// Where a state was last saved.
pub(crate) fn save(position: u64) -> Vec<u8> {
    placed(b's', position)
}

/// The position in a key of `p` or `s`.
pub(crate) fn position_of(key: &[u8]) -> Option<u64> {
    key.get(1..)?.try_into().ok().map(u64::from_be_bytes)
}

fn placed(prefix: u8, position: u64) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice(&position.to_be_bytes());
    key
}

pub(crate) fn consumer(name: &str) -> Vec<u8> {
    let mut key = vec![b'k'];
    key.extend_from_slice(name.as_bytes());
    key
}

pub(crate) fn consumer_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(1..)?).ok()
}

pub(crate) fn event_type(event: &EventType) -> Vec<u8> {
    let mut key = vec![b't'];
    key.extend_from_slice(event.kind.as_bytes());
    key.push(0);
    key.extend_from_slice(&event.version.to_be_bytes());
    key.extend_from_slice(event.name.as_bytes());
    key
}

pub(crate) fn event_type_of(key: &[u8]) -> Option<EventType> {
    let rest = key.get(1..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let kind = std::str::from_utf8(rest.get(..end)?).ok()?;
    let (version, name) = rest.get(end + 1..)?.split_first_chunk()?;
    let name = std::str::from_utf8(name).ok()?;
    Some(EventType { kind: kind.into(), name: name.into(), version: u32::from_be_bytes(*version) })
}

/// The key of the row of this name, which is what stands behind the first byte.
pub(crate) fn row(name: &[u8]) -> Vec<u8> {
    [b"w", name].concat()
}

/// The first key behind all that begin with `prefix`; `None` when there is none.
pub(crate) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.pop() {
        if let Some(next) = last.checked_add(1) {
            key.push(next);
            return Some(key);
        }
    }
    None
}

/// A number for a command id, the same in every run: two ids rarely share one, and whoever finds one looks at the id itself.
pub(crate) fn command_hash(id: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_streams_do_and_give_them_back() {
        let names = [("a", "z"), ("a", "zz"), ("a-b", "a"), ("a.b", "a"), ("b", "a"), ("b", "é")];
        let streams: Vec<_> = names.iter().map(|(kind, id)| StreamId::new(*kind, *id).unwrap()).collect();
        let mut sorted = streams.clone();
        sorted.sort();
        let mut by_key = streams.clone();
        by_key.sort_by_key(stream);
        assert_eq!(sorted, by_key);
        for one in &streams {
            assert_eq!(stream_of(&stream(one)).as_ref(), Some(one));
        }
        assert!(!chunks(&streams[1]).starts_with(&chunks(&streams[0])));
        assert_eq!(behind(b"a"), Some(b"b".to_vec()));
    }

    #[test]
    fn the_number_of_a_command_id_never_changes() {
        assert_eq!(command_hash("c1"), 0xf345853b628772b6);
    }
}
