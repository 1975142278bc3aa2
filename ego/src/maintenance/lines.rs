//! Entries as lines of JSON: what an export writes and an import reads.
//!
//! ```text
//! {"ego_export":1,"head":2}
//! {"commit":{"stream":{"kind":"account","id":"a"},"before":null,"revision":1,"position":1,"events":1,"left":1,"command_id":"c1",…}}
//! {"stream":{"kind":"account","id":"a"},"revision":1,"position":1,"name":"Opened",…}
//! {"end":{"entries":3,"sum":"…","digest":"…"}}
//! ```
//!
//! A commit's line says how many of the lines behind it are its events, which are written as in archives ([`to_line`](crate::archive::to_line)).
//! The last line holds the SHA-256 of all lines before it, and the digest of the store. Bytes that are no event's stand as base64.

use super::digest::{Digest, hex};
use super::entry::{Entry, Moved, MovedBody};
use super::error::LineFault;
use crate::archive::{from_line, to_line};
use crate::message::{CommandId, Metadata, Name, Position, Revision, StreamId};
use crate::store::{Committed, EventType, Snapshot, StoredState};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

pub(super) const FORMAT: u32 = 1;

/// Bytes as base64.
#[derive(Clone, Debug)]
struct Base64(Bytes);

impl Serialize for Base64 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(|bytes| Self(bytes.into())).map_err(serde::de::Error::custom)
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct First {
    pub(super) ego_export: u32,
    pub(super) head: Option<Position>,
    /// What deleted events are put there again as, for a moment.
    types: Vec<(Name, Name, u32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Commit(CommitLine),
    Head(Option<Position>),
    Deleted(StreamId, Revision),
    Erased(StreamId),
    Snapshot(StreamId, SnapshotLine),
    Row { table: Name, key: Base64, value: Base64 },
    Checkpoint { consumer: String, position: Option<Position> },
    End { entries: u64, sum: String, digest: Digest },
}

#[derive(Serialize, Deserialize)]
struct CommitLine {
    stream: StreamId,
    before: Option<Revision>,
    revision: Option<Revision>,
    position: Option<Position>,
    events: u32,
    /// How many of its events are left: so many lines follow.
    left: usize,
    command_id: CommandId,
    command: Name,
    codec: Name,
    reply: Base64,
    /// The state that it saved, if it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<StateLine>,
}

#[derive(Serialize, Deserialize)]
struct StateLine {
    version: u32,
    payload: Base64,
    metadata: Arc<Metadata>,
}

#[derive(Serialize, Deserialize)]
struct SnapshotLine {
    revision: Revision,
    position: Position,
    version: u32,
    codec: Name,
    payload: Base64,
}

/// Makes lines of entries.
pub(super) struct ToLines {
    sum: Sha256,
    entries: u64,
}

impl ToLines {
    /// Begins with the first line.
    pub(super) fn begin(head: Option<Position>, types: Vec<EventType>, out: &mut Vec<u8>) -> Result<Self, String> {
        let mut lines = Self { sum: Sha256::new(), entries: 0 };
        let types = types.into_iter().map(|one| (one.kind, one.name, one.version)).collect();
        lines.add(&First { ego_export: FORMAT, head, types }, out)?;
        Ok(lines)
    }

    pub(super) fn entry(&mut self, entry: Entry, out: &mut Vec<u8>) -> Result<(), String> {
        self.entries += 1;
        let line = match entry {
            Entry::Commit(moved) => return self.commit(*moved, out),
            Entry::Head(head) => Line::Head(head),
            Entry::Deleted { stream, up_to } => Line::Deleted(stream, up_to),
            Entry::Erased(stream) => Line::Erased(stream),
            Entry::Snapshot(stream, Snapshot { revision, position, version, codec, payload }) => {
                Line::Snapshot(stream, SnapshotLine { revision, position, version, codec, payload: Base64(payload) })
            }
            Entry::Row { table, key, value } => Line::Row { table, key: Base64(key), value: Base64(value) },
            Entry::Checkpoint { consumer, position } => Line::Checkpoint { consumer, position },
        };
        self.add(&line, out)
    }

    fn commit(&mut self, moved: Moved, out: &mut Vec<u8>) -> Result<(), String> {
        let Moved { stream, before, committed, body } = moved;
        let Committed { revision, position, events, command_id, command, codec, reply } = committed;
        let (left, state) = match body {
            MovedBody::Events(left) => (left, None),
            MovedBody::State(state) => (Vec::new(), state),
            MovedBody::Nothing => (Vec::new(), None),
        };
        let state =
            state.map(|state| StateLine { version: state.version, payload: Base64(state.payload), metadata: state.metadata });
        let (count, reply) = (left.len(), Base64(reply));
        let line =
            CommitLine { stream, before, revision, position, events, left: count, command_id, command, codec, reply, state };
        self.add(&Line::Commit(line), out)?;
        for event in left {
            let line = to_line(&event).map_err(|error| error.to_string())?;
            self.text(line.as_bytes(), out);
        }
        Ok(())
    }

    /// The last line.
    pub(super) fn end(mut self, digest: Digest, out: &mut Vec<u8>) -> Result<(), String> {
        let sum = hex(&std::mem::take(&mut self.sum).finalize());
        let entries = self.entries;
        self.add(&Line::End { entries, sum, digest }, out)
    }

    fn add(&mut self, line: &impl Serialize, out: &mut Vec<u8>) -> Result<(), String> {
        let line = serde_json::to_vec(line).map_err(|error| error.to_string())?;
        self.text(&line, out);
        Ok(())
    }

    fn text(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.sum.update(line);
        self.sum.update(b"\n");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

/// Makes entries of lines, and finds what is wrong with them.
pub(super) struct FromLines {
    sum: Sha256,
    entries: u64,
    first: Option<First>,
    /// A commit whose events are not all read.
    open: Option<(Moved, usize)>,
    position: u64,
    /// How far the kinds of lines are, which follow each other in a fixed order.
    stage: u8,
    end: Option<Digest>,
}

impl FromLines {
    pub(super) fn new() -> Self {
        Self { sum: Sha256::new(), entries: 0, first: None, open: None, position: 0, stage: 0, end: None }
    }

    /// What the first line says.
    pub(super) fn types(&self) -> Vec<EventType> {
        let types = self.first.iter().flat_map(|first| &first.types);
        types.map(|(kind, name, version)| EventType { kind: kind.clone(), name: name.clone(), version: *version }).collect()
    }

    pub(super) fn head(&self) -> Option<Position> {
        self.first.as_ref().and_then(|first| first.head)
    }

    /// The digest of the store, once the last line was read.
    pub(super) fn end(&self) -> Option<&Digest> {
        self.end.as_ref()
    }

    /// The entry that is whole with this line, if one is.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Option<Entry>, LineFault> {
        let damaged = |reason: String| LineFault::Damaged { reason };
        if self.end.is_some() {
            return Err(out_of_order("it stands behind the last line"));
        }
        let before = self.sum.clone();
        self.sum.update(line);
        self.sum.update(b"\n");
        let Some(first) = &self.first else {
            let first: First = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
            if first.ego_export > FORMAT {
                return Err(LineFault::NewerFormat { found: first.ego_export, supported: FORMAT });
            }
            self.first = Some(first);
            return Ok(None);
        };
        let end = first.head.map_or(0, Position::get);
        if let Some((moved, left)) = self.open.take() {
            return self.event(moved, left, line);
        }
        let read: Line = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
        let stage = match &read {
            Line::Commit(_) => 0,
            Line::Head(_) => 1,
            Line::Deleted(..) | Line::Snapshot(..) => 2,
            Line::Erased(_) => 3,
            Line::Row { .. } => 4,
            Line::Checkpoint { .. } => 5,
            Line::End { .. } => 6,
        };
        // There is one head, behind all commits.
        if stage < self.stage || (stage == 1 && self.stage == 1) || (stage > 1 && self.stage == 0) {
            return Err(out_of_order("lines of its kind stand elsewhere"));
        }
        self.stage = stage;
        let entry = match read {
            Line::Commit(line) => return self.commit(line, end),
            Line::Head(head) if head.map_or(0, Position::get) == end => Entry::Head(head),
            Line::Head(_) => return Err(out_of_order("the first line says another head")),
            Line::Deleted(stream, up_to) => Entry::Deleted { stream, up_to },
            Line::Erased(stream) => Entry::Erased(stream),
            Line::Snapshot(stream, SnapshotLine { revision, position, version, codec, payload }) => {
                Entry::Snapshot(stream, Snapshot { revision, position, version, codec, payload: payload.0 })
            }
            Line::Row { table, key, value } => Entry::Row { table, key: key.0, value: value.0 },
            Line::Checkpoint { consumer, position } => Entry::Checkpoint { consumer, position },
            Line::End { entries, sum, digest } => {
                if entries != self.entries || sum != hex(&before.finalize()) {
                    return Err(LineFault::Sum);
                }
                self.end = Some(digest);
                return Ok(None);
            }
        };
        self.entries += 1;
        Ok(Some(entry))
    }

    fn commit(&mut self, line: CommitLine, end: u64) -> Result<Option<Entry>, LineFault> {
        let CommitLine { stream, before, revision, position, events, left, command_id, command, codec, reply, state } = line;
        let grown = revision.map_or(0, Revision::get).checked_sub(before.map_or(0, Revision::get));
        let takes = match (grown, events) {
            (Some(grown), events) if events > 0 && grown == u64::from(events) && left <= events as usize => grown,
            (Some(1), 0) if left == 0 => 1,
            (Some(0), 0) if left == 0 && state.is_none() => 0,
            _ => return Err(LineFault::Damaged { reason: "its revisions do not fit its events".to_owned() }),
        };
        let at = position.map_or(0, Position::get);
        let begins = at.checked_sub(takes);
        if at > end || (takes > 0 && begins.is_none_or(|begins| begins < self.position)) || (takes == 0 && at > self.position) {
            return Err(out_of_order("a line before it reaches beyond its position, or it beyond the head"));
        }
        self.position = self.position.max(at);
        let body = match (takes, events) {
            (0, _) => MovedBody::Nothing,
            (_, 0) => MovedBody::State(match (state, revision, position) {
                (Some(state), Some(revision), Some(position)) => Some(Box::new(StoredState {
                    stream: stream.clone(),
                    revision,
                    position,
                    version: state.version,
                    codec: codec.clone(),
                    payload: state.payload.0,
                    metadata: state.metadata,
                })),
                _ => None,
            }),
            _ => MovedBody::Events(Vec::new()),
        };
        let committed = Committed { revision, position, events, command_id, command, codec, reply: reply.0 };
        let moved = Moved { stream, before, committed, body };
        if left > 0 {
            self.open = Some((moved, left));
            return Ok(None);
        }
        self.entries += 1;
        Ok(Some(Entry::Commit(Box::new(moved))))
    }

    fn event(&mut self, mut moved: Moved, left: usize, line: &[u8]) -> Result<Option<Entry>, LineFault> {
        let event = from_line(line).map_err(|error| LineFault::Damaged { reason: error.to_string() })?;
        // Counted back from the commit's last.
        let behind = left as u64 - 1;
        let place = |last: Option<u64>| last.and_then(|last| last.checked_sub(behind));
        let fits = event.stream == moved.stream
            && event.codec == moved.committed.codec
            && event.metadata.command_id == moved.committed.command_id
            && Some(event.revision.get()) == place(moved.committed.revision.map(Revision::get))
            && Some(event.position.get()) == place(moved.committed.position.map(Position::get));
        if !fits {
            return Err(out_of_order("it is no event of the commit before it"));
        }
        if let MovedBody::Events(events) = &mut moved.body {
            events.push(event);
        }
        if left > 1 {
            self.open = Some((moved, left - 1));
            return Ok(None);
        }
        self.entries += 1;
        Ok(Some(Entry::Commit(Box::new(moved))))
    }
}

fn out_of_order(reason: &str) -> LineFault {
    LineFault::OutOfOrder { reason: reason.to_owned() }
}
