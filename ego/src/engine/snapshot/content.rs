//! What a snapshot holds: a state and the inline views beside it, as of one revision, sealed so that what is read is what was written.
//!
//! ```text
//! 1 byte   format, 1
//! 4 bytes  crc32 of the stream's kind, a zero, its id, and everything behind
//! 8 bytes  revision              8 bytes  position
//! 4 bytes  version of the state  8 bytes  its shape
//! text     codec                 bytes    state
//! 4 bytes  how many views, of each: text projection, 4 bytes version, 1 byte whether there is a view, bytes view
//! ```
//! Numbers are big-endian; texts and bytes have their length in front, in 4 bytes.

use crate::codec::CodecError;
use crate::engine::inline::Views;
use crate::engine::shared::Codecs;
use crate::message::{Position, Revision, StreamId};
use crate::model::{Aggregate, Snapshots};
use bytes::{Buf, BufMut, Bytes};

const FORMAT: u8 = 1;
const SEALED: usize = 1 + 4;
const POSITION: usize = SEALED + 8;

/// The view of one inline projection.
pub(in crate::engine) struct KeptView {
    pub(in crate::engine) projection: String,
    pub(in crate::engine) version: u32,
    /// `None` when there was none.
    pub(in crate::engine) view: Option<Bytes>,
}

/// A snapshot's content, read but not yet decoded.
pub(super) struct Content {
    pub(super) revision: Revision,
    pub(super) position: Position,
    version: u32,
    shape: u64,
    codec: String,
    state: Bytes,
    views: Vec<KeptView>,
}

/// Why a snapshot is passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine) enum Unusable {
    #[error("it is damaged")]
    Damaged,
    #[error("its format {0} is not known")]
    Format(u8),
    #[error("it is of version {found} of the state, the program has version {wanted}")]
    Version { found: u32, wanted: u32 },
    #[error("the state was defined otherwise when it was kept")]
    Shape,
    #[error("it lacks the view of the inline projection {projection:?} in version {version}")]
    View { projection: &'static str, version: u32 },
    #[error("{0}")]
    Unreadable(String),
}

/// A snapshot's content but for its position, which is not known before its revision is durable.
pub(super) struct Draft {
    pub(super) revision: Revision,
    bytes: Vec<u8>,
}

impl Draft {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The content, once the position of its last event is known.
    pub(super) fn seal(mut self, stream: &StreamId, position: Position) -> Bytes {
        self.bytes[POSITION..POSITION + 8].copy_from_slice(&position.get().to_be_bytes());
        let crc = crc(stream, &self.bytes[SEALED..]);
        self.bytes[1..SEALED].copy_from_slice(&crc.to_be_bytes());
        self.bytes.into()
    }
}

/// Writes down a state of `revision`, and the inline views beside it.
pub(super) fn encode<A: Aggregate>(
    codecs: &Codecs,
    snapshots: &Snapshots<A>,
    revision: Revision,
    state: &A,
    views: Option<&Views<A>>,
) -> Result<Draft, CodecError> {
    let mut bytes = vec![FORMAT, 0, 0, 0, 0];
    bytes.put_u64(revision.get());
    bytes.put_u64(0);
    bytes.put_u32(A::VERSION);
    bytes.put_u64(snapshots.shape());
    put(&mut bytes, codecs.write.name().as_bytes())?;
    let begin = bytes.len();
    bytes.put_u32(0);
    snapshots.encode(&codecs.write, state, &mut bytes)?;
    let written = length(bytes.len() - begin - 4)?;
    bytes[begin..begin + 4].copy_from_slice(&written.to_be_bytes());
    let views = views.map(|views| views.keep(codecs)).transpose().map_err(CodecError::new)?.unwrap_or_default();
    bytes.put_u32(length(views.len())?);
    views.iter().try_for_each(|view| put_view(&mut bytes, view))?;
    Ok(Draft { revision, bytes })
}

fn length(bytes: usize) -> Result<u32, CodecError> {
    u32::try_from(bytes).map_err(|_| CodecError::new("it is larger than 4 GiB"))
}

fn put(bytes: &mut Vec<u8>, what: &[u8]) -> Result<(), CodecError> {
    bytes.put_u32(length(what.len())?);
    bytes.put_slice(what);
    Ok(())
}

/// A snapshot's payload, for whoever seals and opens what is personal in it.
pub(crate) struct Inside(Content);

impl Inside {
    pub(crate) fn read(stream: &StreamId, payload: &Bytes) -> Option<Self> {
        read(stream, payload).ok().map(Self)
    }

    pub(crate) fn state(&mut self) -> &mut Bytes {
        &mut self.0.state
    }

    /// The views beside it, each with its projection's name.
    pub(crate) fn views(&mut self) -> impl Iterator<Item = (&str, &mut Bytes)> {
        self.0.views.iter_mut().filter_map(|kept| Some((&*kept.projection, kept.view.as_mut()?)))
    }

    /// The payload with what it holds now.
    pub(crate) fn write(&self, stream: &StreamId) -> Option<Bytes> {
        let Content { revision, position, version, shape, codec, state, views } = &self.0;
        let mut bytes = vec![FORMAT, 0, 0, 0, 0];
        bytes.put_u64(revision.get());
        bytes.put_u64(0);
        bytes.put_u32(*version);
        bytes.put_u64(*shape);
        put(&mut bytes, codec.as_bytes()).ok()?;
        put(&mut bytes, state).ok()?;
        bytes.put_u32(length(views.len()).ok()?);
        views.iter().try_for_each(|view| put_view(&mut bytes, view)).ok()?;
        Some(Draft { revision: *revision, bytes }.seal(stream, *position))
    }
}

fn put_view(bytes: &mut Vec<u8>, KeptView { projection, version, view }: &KeptView) -> Result<(), CodecError> {
    put(bytes, projection.as_bytes())?;
    bytes.put_u32(*version);
    bytes.put_u8(u8::from(view.is_some()));
    put(bytes, view.as_deref().unwrap_or_default())
}

fn crc(stream: &StreamId, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    [stream.kind().as_bytes(), &[0], stream.id().as_bytes(), content].into_iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Reads what [`encode`] wrote of this stream.
pub(super) fn read(stream: &StreamId, payload: &Bytes) -> Result<Content, Unusable> {
    let mut rest = payload.clone();
    let (format, sealed) = (rest.try_get_u8(), rest.try_get_u32());
    match (format, sealed) {
        (Ok(FORMAT), Ok(sealed)) if sealed == crc(stream, &rest) => {}
        (Ok(format), _) if format != FORMAT => return Err(Unusable::Format(format)),
        _ => return Err(Unusable::Damaged),
    }
    fields(&mut rest).filter(|_| rest.is_empty()).ok_or(Unusable::Damaged)
}

fn fields(rest: &mut Bytes) -> Option<Content> {
    let mut content = Content {
        revision: Revision::new(rest.try_get_u64().ok()?)?,
        position: Position::new(rest.try_get_u64().ok()?)?,
        version: rest.try_get_u32().ok()?,
        shape: rest.try_get_u64().ok()?,
        codec: text(rest)?,
        state: bytes(rest)?,
        views: Vec::new(),
    };
    for _ in 0..rest.try_get_u32().ok()? {
        let (projection, version, is_there) = (text(rest)?, rest.try_get_u32().ok()?, rest.try_get_u8().ok()? == 1);
        let view = bytes(rest)?;
        content.views.push(KeptView { projection, version, view: is_there.then_some(view) });
    }
    Some(content)
}

fn text(rest: &mut Bytes) -> Option<String> {
    String::from_utf8(bytes(rest)?.to_vec()).ok()
}

fn bytes(rest: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(rest.try_get_u32().ok()?).ok()?;
    (length <= rest.len()).then(|| rest.split_to(length))
}

impl Content {
    /// The state, with its inline views in `views` if they are wanted. One of another shape only where there is nothing else.
    pub(super) fn decode<A: Aggregate>(
        &self,
        codecs: &Codecs,
        snapshots: &Snapshots<A>,
        views: Option<&mut Views<A>>,
        any_shape: bool,
    ) -> Result<A, Unusable> {
        if self.version != A::VERSION {
            return Err(Unusable::Version { found: self.version, wanted: A::VERSION });
        }
        if self.shape != snapshots.shape() && !any_shape {
            return Err(Unusable::Shape);
        }
        let codec = codecs.named(&self.codec).map_err(|error| Unusable::Unreadable(error.to_string()))?;
        if let Some(views) = views {
            views.restore(&self.views, codecs)?;
        }
        snapshots.decode(codec, &self.state).map_err(|error| Unusable::Unreadable(error.to_string()))
    }
}
