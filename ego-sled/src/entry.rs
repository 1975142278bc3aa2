//! What the entries of the log say, and how it is written: a kind, fixed numbers where they are decided last, and postcard for the
//! rest. Changing anything here changes the format (FORMAT.md); recorded entries are never rewritten into another shape (I7).

use crate::hash::Seed;
use crate::row::RecordedStep;
use bytes::Bytes;
use ego::message::{Actor, CausationId, CommandId, CorrelationId, Metadata, Name, StreamId, Tenant};
use ego::store::{Body, Commit, Committed, NewEvent, NewState};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

const COMMIT: u8 = 1;
const CHECKPOINT: u8 = 2;
const FORGET: u8 = 3;
const DELETE: u8 = 4;
const ERASE: u8 = 5;
const BLANK: u8 = 6;
pub(crate) const STEP: u8 = 7;

/// One thing that was recorded.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Commit(Box<RecordedCommit>),
    /// A consumer finished everything up to a position (0 for nothing).
    Checkpoint {
        consumer: String,
        position: u64,
    },
    /// A consumer was forgotten.
    Forget {
        consumer: String,
    },
    /// A stream's events up to a revision were deleted.
    Delete {
        stream: StreamId,
        revision: u64,
    },
    /// A stream was erased; its head stays where it stood.
    Erase {
        stream: StreamId,
        revision: u64,
        position: u64,
    },
    /// What is left of a commit to an erased stream after a compaction: the positions that it took, the shapes that it had.
    Blank {
        positions: u32,
        kind: Name,
        shapes: Vec<(Name, u32)>,
    },
    /// Rows changed: with a consumer's checkpoint, or with the commit before it in the group.
    Step(RecordedStep),
}

/// A commit as it stands in the log.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCommit {
    /// The stream's revision after it; 0 for none.
    pub(crate) revision: u64,
    /// The position of the stream's last event or state after it; 0 for none.
    pub(crate) position: u64,
    pub(crate) stream: StreamId,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) codec: Name,
    pub(crate) reply: Bytes,
    pub(crate) body: Body,
}

impl RecordedCommit {
    /// How many revisions and positions it takes.
    pub(crate) fn places(&self) -> u32 {
        places(&self.body)
    }

    pub(crate) fn committed(&self) -> Committed {
        Committed {
            revision: ego::message::Revision::new(self.revision),
            position: ego::message::Position::new(self.position),
            events: match &self.body {
                Body::Events(events) => events.len() as u32,
                Body::State(_) => 0,
            },
            command_id: self.metadata.command_id.clone(),
            command: self.metadata.command.clone(),
            codec: self.codec.clone(),
            reply: self.reply.clone(),
        }
    }
}

/// How many revisions and positions a body takes.
pub(crate) fn places(body: &Body) -> u32 {
    match body {
        Body::Events(events) => u32::try_from(events.len()).unwrap_or(u32::MAX),
        Body::State(_) => 1,
    }
}

/// Bytes that are written as bytes, not as a list of numbers.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Self)
    }
}

#[derive(Serialize, Deserialize)]
struct CommitWire<'a> {
    kind: &'a str,
    id: &'a str,
    command_id: &'a str,
    command: &'a str,
    /// Left out when it is the command id.
    correlation_id: Option<&'a str>,
    causation_id: Option<&'a str>,
    actor: Option<&'a str>,
    tenant: Option<&'a str>,
    second: i64,
    nanosecond: i32,
    #[serde(borrow)]
    entries: BTreeMap<&'a str, &'a str>,
    codec: &'a str,
    #[serde(borrow)]
    reply: Raw<'a>,
    #[serde(borrow)]
    body: BodyWire<'a>,
}

#[derive(Serialize, Deserialize)]
enum BodyWire<'a> {
    #[serde(borrow)]
    Events(Vec<EventWire<'a>>),
    State {
        version: u32,
        #[serde(borrow)]
        payload: Raw<'a>,
    },
}

#[derive(Serialize, Deserialize)]
struct EventWire<'a> {
    name: &'a str,
    version: u32,
    tags: Vec<&'a str>,
    #[serde(borrow)]
    payload: Raw<'a>,
}

#[derive(Serialize, Deserialize)]
struct StreamWire<'a> {
    kind: &'a str,
    id: &'a str,
    revision: u64,
    position: u64,
}

#[derive(Serialize, Deserialize)]
struct ConsumerWire<'a> {
    consumer: &'a str,
    position: u64,
}

#[derive(Serialize, Deserialize)]
struct BlankWire<'a> {
    positions: u32,
    kind: &'a str,
    #[serde(borrow)]
    shapes: Vec<(&'a str, u32)>,
}

/// Adds a commit without its places, which the writer decides, and without its rows, which have an entry of their own: this part is
/// encoded where the commit comes from.
pub(crate) fn encode_commit(buffer: &mut Vec<u8>, commit: &Commit) -> Result<(), postcard::Error> {
    *buffer = encode_parts(std::mem::take(buffer), &commit.stream, &commit.metadata, &commit.codec, &commit.reply, &commit.body)?;
    Ok(())
}

fn encode_parts(
    buffer: Vec<u8>,
    stream: &StreamId,
    metadata: &Metadata,
    codec: &str,
    reply: &[u8],
    body: &Body,
) -> Result<Vec<u8>, postcard::Error> {
    let correlation_id = metadata.correlation_id.as_str();
    let body = match body {
        Body::Events(events) => BodyWire::Events(
            events
                .iter()
                .map(|event| EventWire {
                    name: &event.name,
                    version: event.version,
                    tags: event.tags.iter().map(AsRef::as_ref).collect(),
                    payload: Raw(&event.payload),
                })
                .collect(),
        ),
        Body::State(state) => BodyWire::State { version: state.version, payload: Raw(&state.payload) },
    };
    let wire = CommitWire {
        kind: stream.kind(),
        id: stream.id(),
        command_id: metadata.command_id.as_str(),
        command: &metadata.command,
        correlation_id: (correlation_id != metadata.command_id.as_str()).then_some(correlation_id),
        causation_id: metadata.causation_id.as_ref().map(AsRef::as_ref),
        actor: metadata.actor.as_ref().map(AsRef::as_ref),
        tenant: metadata.tenant.as_ref().map(AsRef::as_ref),
        second: metadata.time.as_second(),
        nanosecond: metadata.time.subsec_nanosecond(),
        entries: metadata.entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        codec,
        reply: Raw(reply),
        body,
    };
    postcard::serialize_with_flavor(&wire, Whole(buffer))
}

/// Bytes are added in runs, not one by one.
pub(crate) struct Whole(pub(crate) Vec<u8>);

impl postcard::ser_flavors::Flavor for Whole {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Most numbers are one byte.
        match bytes {
            [byte] => self.0.push(*byte),
            bytes => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// Puts a commit's content together: the places that were decided, and the part that was encoded before.
pub(crate) fn write_commit(buffer: &mut Vec<u8>, revision: u64, position: u64, encoded: &[u8]) {
    buffer.push(COMMIT);
    buffer.extend_from_slice(&revision.to_le_bytes());
    buffer.extend_from_slice(&position.to_le_bytes());
    buffer.extend_from_slice(encoded);
}

/// Writes an entry's content behind what the buffer holds.
pub(crate) fn write_entry(buffer: &mut Vec<u8>, entry: &Entry) -> Result<(), postcard::Error> {
    let (kind, content) = match entry {
        Entry::Commit(commit) => {
            let RecordedCommit { stream, metadata, codec, reply, body, .. } = &**commit;
            let encoded = encode_parts(Vec::new(), stream, metadata, codec, reply, body)?;
            write_commit(buffer, commit.revision, commit.position, &encoded);
            return Ok(());
        }
        Entry::Step(step) => {
            buffer.extend_from_slice(&step.content);
            return Ok(());
        }
        Entry::Checkpoint { consumer, position } => {
            (CHECKPOINT, postcard::to_stdvec(&ConsumerWire { consumer, position: *position })?)
        }
        Entry::Forget { consumer } => (FORGET, postcard::to_stdvec(&ConsumerWire { consumer, position: 0 })?),
        Entry::Delete { stream, revision } => {
            let wire = StreamWire { kind: stream.kind(), id: stream.id(), revision: *revision, position: 0 };
            (DELETE, postcard::to_stdvec(&wire)?)
        }
        Entry::Erase { stream, revision, position } => {
            let wire = StreamWire { kind: stream.kind(), id: stream.id(), revision: *revision, position: *position };
            (ERASE, postcard::to_stdvec(&wire)?)
        }
        Entry::Blank { positions, kind, shapes } => {
            let shapes = shapes.iter().map(|(name, version)| (&**name, *version)).collect();
            (BLANK, postcard::to_stdvec(&BlankWire { positions: *positions, kind, shapes })?)
        }
    };
    buffer.push(kind);
    buffer.extend_from_slice(&content);
    Ok(())
}

/// Texts that come again and again while a page is read, each kept once.
#[derive(Default)]
pub(crate) struct Texts {
    names: HashSet<Arc<str>, Seed>,
    /// The last stream: often the next one, too.
    stream: Option<StreamId>,
}

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.names.len() < 1024 {
            self.names.insert(Arc::clone(&text));
        }
        text
    }

    fn stream(&mut self, kind: &str, id: &str) -> Result<StreamId, &'static str> {
        if let Some(known) = self.stream.as_ref().filter(|known| known.id() == id && known.kind() == kind) {
            return Ok(known.clone());
        }
        let stream = StreamId::new(self.shared(kind), id).map_err(|_| UNREADABLE)?;
        self.stream = Some(stream.clone());
        Ok(stream)
    }
}

/// The position that a commit's content says, without reading the rest; `None` for other entries.
pub(crate) fn commit_position(content: &[u8]) -> Option<u64> {
    let (kind, rest) = content.split_first()?;
    let position = rest.get(8..)?.first_chunk()?;
    (*kind == COMMIT).then_some(u64::from_le_bytes(*position))
}

const SHORT: &str = "an entry is too short";
pub(crate) const UNREADABLE: &str = "an entry passes its checksum and cannot be read";

/// Reads an entry's content. Bytes behind it are left alone: a compaction leaves entries shorter than their room.
pub(crate) fn read_entry(content: &Bytes, texts: &mut Texts) -> Result<Entry, &'static str> {
    let (kind, rest) = content.split_first().ok_or(SHORT)?;
    match *kind {
        COMMIT => read_commit(content, rest, texts).map(|commit| Entry::Commit(Box::new(commit))),
        CHECKPOINT => {
            let (wire, _) = postcard::take_from_bytes::<ConsumerWire<'_>>(rest).map_err(|_| UNREADABLE)?;
            Ok(Entry::Checkpoint { consumer: wire.consumer.to_owned(), position: wire.position })
        }
        FORGET => {
            let (wire, _) = postcard::take_from_bytes::<ConsumerWire<'_>>(rest).map_err(|_| UNREADABLE)?;
            Ok(Entry::Forget { consumer: wire.consumer.to_owned() })
        }
        DELETE | ERASE => {
            let (wire, _) = postcard::take_from_bytes::<StreamWire<'_>>(rest).map_err(|_| UNREADABLE)?;
            let StreamWire { kind: of, id, revision, position } = wire;
            let stream = texts.stream(of, id)?;
            let erased = *kind == ERASE;
            Ok(if erased { Entry::Erase { stream, revision, position } } else { Entry::Delete { stream, revision } })
        }
        BLANK => {
            let (wire, _) = postcard::take_from_bytes::<BlankWire<'_>>(rest).map_err(|_| UNREADABLE)?;
            let shapes = wire.shapes.iter().map(|(name, version)| (texts.shared(name).into(), *version)).collect();
            Ok(Entry::Blank { positions: wire.positions, kind: texts.shared(wire.kind).into(), shapes })
        }
        // A copy: its rows wait for the indexer, and must not hold on to the whole group meanwhile.
        STEP => RecordedStep::read(Bytes::copy_from_slice(content)).map(Entry::Step),
        _ => Err("an entry is of an unknown kind"),
    }
}

fn read_commit(content: &Bytes, rest: &[u8], texts: &mut Texts) -> Result<RecordedCommit, &'static str> {
    let (revision, rest) = rest.split_first_chunk().ok_or(SHORT)?;
    let (position, rest) = rest.split_first_chunk().ok_or(SHORT)?;
    let (wire, _) = postcard::take_from_bytes::<CommitWire<'_>>(rest).map_err(|_| UNREADABLE)?;
    let time = Timestamp::new(wire.second, wire.nanosecond).map_err(|_| UNREADABLE)?;
    let command_id = CommandId::new(wire.command_id).map_err(|_| UNREADABLE)?;
    let mut metadata = Metadata::new(command_id, texts.shared(wire.command), time);
    if let Some(id) = wire.correlation_id {
        metadata.correlation_id = CorrelationId::new(id).map_err(|_| UNREADABLE)?;
    }
    metadata.causation_id = wire.causation_id.map(CausationId::new).transpose().map_err(|_| UNREADABLE)?;
    metadata.actor = wire.actor.map(Actor::new).transpose().map_err(|_| UNREADABLE)?;
    metadata.tenant = wire.tenant.map(Tenant::new).transpose().map_err(|_| UNREADABLE)?;
    metadata.entries = wire.entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let body = match wire.body {
        BodyWire::Events(events) => Body::Events(
            events
                .into_iter()
                .map(|event| NewEvent {
                    name: texts.shared(event.name).into(),
                    version: event.version,
                    payload: content.slice_ref(event.payload.0),
                    tags: event.tags.iter().map(|tag| texts.shared(tag)).collect(),
                })
                .collect(),
        ),
        BodyWire::State { version, payload } => Body::State(NewState { version, payload: content.slice_ref(payload.0) }),
    };
    Ok(RecordedCommit {
        revision: u64::from_le_bytes(*revision),
        position: u64::from_le_bytes(*position),
        stream: texts.stream(wire.kind, wire.id)?,
        metadata: Arc::new(metadata),
        codec: texts.shared(wire.codec).into(),
        reply: content.slice_ref(wire.reply.0),
        body,
    })
}
