//! Events: their stored names and versions, and the way from stored bytes to the newest shape.

use super::{Outcome, Shape};
use crate::codec::{AnyCodec, CodecError};
use std::fmt;
use std::sync::Arc;

/// What can happen to an aggregate: an enum with one variant per event. Derive it.
///
/// Upcasting is part of decoding, so that every reader of an event gets it (I7).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event enum",
    label = "not an event enum",
    note = "add `#[derive(ego::Event)]` to the enum that lists the aggregate's events"
)]
pub trait Event: Sized + Send + Sync + 'static {
    /// One entry per variant, in the order of the variants.
    const SCHEMAS: &'static [EventSchema];

    /// What is personal in each variant's content, in the order of the variants; empty when nothing is.
    const PERSONAL: &'static [fn() -> Option<&'static Shape>] = &[];

    /// The entry of this value's variant.
    fn schema(&self) -> &'static EventSchema;

    /// Adds the bytes of the variant's content to `bytes`; its name is stored apart.
    ///
    /// # Errors
    /// [`CodecError`] when the content does not serialize; a part of its bytes may have been added then.
    fn encode_into(&self, codec: &AnyCodec, bytes: &mut Vec<u8>) -> Result<(), CodecError>;

    /// The bytes of the variant's content.
    ///
    /// # Errors
    /// As [`encode_into`](Event::encode_into).
    fn encode(&self, codec: &AnyCodec) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        self.encode_into(codec, &mut bytes)?;
        Ok(bytes)
    }

    /// Adds what a stored event means today to `events`: usually one, none when it was retired, several when it was split.
    ///
    /// # Errors
    /// [`DecodeError`]; nothing was added then.
    fn decode(stored: Stored<'_>, codec: &AnyCodec, events: &mut Vec<Self>) -> Result<(), DecodeError>;
}

/// What is fixed about one event when it is stored (I10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventSchema {
    /// The stored name: the variant's, or `name = …`.
    pub name: &'static str,
    /// Older stored names that are still read.
    pub aliases: &'static [&'static str],
    /// The version of the shape that is written now, 1 or more. Every version from 1 up to it is read.
    pub version: u32,
}

impl EventSchema {
    /// An event of this stored name in this version.
    #[must_use]
    pub const fn new(name: &'static str, version: u32) -> Self {
        Self { name, aliases: &[], version }
    }

    /// The same, readable under older names too.
    #[must_use]
    pub const fn with_aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Whether an event that was stored under this name and version is read as this one.
    #[must_use]
    pub fn reads(&self, name: &str, version: u32) -> bool {
        self.is_named(name) && (1..=self.version).contains(&version)
    }

    /// Whether this is the event's name or one of its older ones.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// A stored event on its way to the newest shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'e> {
    /// The name that it was stored under.
    pub name: &'e str,
    /// The version that it was stored with.
    pub version: u32,
    /// Its bytes.
    pub payload: &'e [u8],
}

/// Why a stored event could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No variant has this name, or none of that version.
    #[error("no event named {name:?} in version {version} is known")]
    Unknown {
        /// The stored name.
        name: Arc<str>,
        /// The stored version.
        version: u32,
    },
    /// The bytes do not hold what this version should.
    #[error("the event {name:?} in version {version} could not be read")]
    Content {
        /// The stored name.
        name: Arc<str>,
        /// The stored version.
        version: u32,
        /// What the codec says.
        #[source]
        source: CodecError,
    },
    /// An upcaster refused the event.
    #[error("the event {name:?} could not be upcast from version {version}: {reason}")]
    Upcast {
        /// The stored name.
        name: Arc<str>,
        /// The stored version.
        version: u32,
        /// What the upcaster says.
        reason: Arc<str>,
    },
    /// The event was written with a codec that the program does not have.
    #[error("the codec {codec:?} is not known")]
    Codec {
        /// The codec's stored name.
        codec: Arc<str>,
    },
}

impl DecodeError {
    /// Nobody knows this event.
    #[must_use]
    pub fn unknown(stored: Stored<'_>) -> Self {
        Self::Unknown { name: stored.name.into(), version: stored.version }
    }

    /// Its bytes are not what they should be.
    #[must_use]
    pub fn content(stored: Stored<'_>, source: CodecError) -> Self {
        Self::Content { name: stored.name.into(), version: stored.version, source }
    }

    /// An upcaster says no.
    #[must_use]
    pub fn upcast(stored: Stored<'_>, reason: impl fmt::Display) -> Self {
        Self::Upcast { name: stored.name.into(), version: stored.version, reason: reason.to_string().into() }
    }
}

/// What an upcaster may return on the way to the newest shape: the next shape, or a `Result` with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the next upcaster takes",
    label = "expected `{T}` or `Result<{T}, _>`"
)]
pub trait Upcast<T> {
    /// The next shape.
    ///
    /// # Errors
    /// The upcaster's own reason, as text.
    fn upcast(self) -> Result<T, String>;
}

impl<T> Upcast<T> for T {
    fn upcast(self) -> Result<T, String> {
        Ok(self)
    }
}

impl<T, X: fmt::Display> Upcast<T> for Result<T, X> {
    fn upcast(self) -> Result<T, String> {
        self.map_err(|reason| reason.to_string())
    }
}

/// What the last upcaster of an event may return: the event enum, a payload of it, nothing, or several of them (any [`Outcome`]
/// without a reply), or a `Result` of that. `Via` is found by rustc and tells the two apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the last upcaster of an event of `{E}` can return",
    label = "expected `{E}`, a payload of it, `Option`, `Vec` or a tuple of them, or a `Result` of that with a reason that is `Display`"
)]
pub trait UpcastTo<E, Via> {
    /// Adds the events.
    ///
    /// # Errors
    /// The upcaster's own reason, as text.
    fn upcast_to(self, events: &mut Vec<E>) -> Result<(), String>;
}

#[diagnostic::do_not_recommend]
impl<E, T: Outcome<E, Reply = ()>> UpcastTo<E, ()> for T {
    fn upcast_to(self, events: &mut Vec<E>) -> Result<(), String> {
        self.record(events);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E, T: Outcome<E, Reply = ()>, X: fmt::Display> UpcastTo<E, Result<(), X>> for Result<T, X> {
    fn upcast_to(self, events: &mut Vec<E>) -> Result<(), String> {
        self.map(|outcome| outcome.record(events)).map_err(|reason| reason.to_string())
    }
}
