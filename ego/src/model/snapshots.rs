//! Snapshots: when a state is kept beside its events, and how it is written down.

use crate::codec::{AnyCodec, CodecError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// When the state of an aggregate is kept as a snapshot, so that it is not folded from its first event each time, and how it is written
/// down. What `snapshot(…)` in `#[aggregate(…)]` says; written by hand:
///
/// ```
/// use ego::model::Snapshots;
/// use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum TallyEvent { Counted { by: u64 } }
/// #[derive(Default, Serialize, Deserialize)]
/// struct Tally { total: u64 }
///
/// impl Aggregate for Tally {
///     const KIND: &'static str = "tally";
///     const SNAPSHOTS: Option<Snapshots<Self>> = Some(Snapshots::by_hand().every(100));
///     type Event = TallyEvent;
///     fn apply(&mut self, event: &TallyEvent) {
///         match event {
///             TallyEvent::Counted { by } => self.total += by,
///         }
///     }
/// }
/// ```
///
/// Whatever it says, a snapshot is disposable: without it everything is as with it, only slower (I8). One of another
/// [version](super::Aggregate::VERSION) or [shape](Snapshots::shape) is passed over.
pub struct Snapshots<A> {
    every: Option<u64>,
    after: Option<Duration>,
    replayed: Option<u64>,
    slower_than: Option<Duration>,
    shape: u64,
    encode: fn(&AnyCodec, &A, &mut Vec<u8>) -> Result<(), CodecError>,
    decode: fn(&AnyCodec, &[u8]) -> Result<A, CodecError>,
}

impl<A: KeptState> Snapshots<A> {
    /// Only when [`Engine::snapshot`](crate::Engine::snapshot) asks for it.
    #[must_use]
    pub const fn by_hand() -> Self {
        Self {
            every: None,
            after: None,
            replayed: None,
            slower_than: None,
            shape: 0,
            encode: AnyCodec::encode_into,
            decode: AnyCodec::decode,
        }
    }
}

impl<A> Snapshots<A> {
    /// Also as soon as there are so many events that the last one has not seen. 0 is read as 1.
    #[must_use]
    pub const fn every(self, events: u64) -> Self {
        Self { every: Some(at_least_one(events)), ..self }
    }

    /// Also when the first event that the last one has not seen is so old, by the times of the commands: looked at with each command that
    /// records something, when the aggregate is loaded, and when it leaves memory.
    #[must_use]
    pub const fn after(self, time: Duration) -> Self {
        Self { after: Some(time), ..self }
    }

    /// Also when the aggregate was loaded for a command, and so many events had to be folded. 0 is read as 1.
    #[must_use]
    pub const fn replayed(self, events: u64) -> Self {
        Self { replayed: Some(at_least_one(events)), ..self }
    }

    /// Also when the aggregate was loaded for a command, events had to be folded, and it took longer than this.
    #[must_use]
    pub const fn slower_than(self, time: Duration) -> Self {
        Self { slower_than: Some(time), ..self }
    }

    /// A number for the state's shape: a snapshot with another one is passed over as long as there are events to fold instead. The derive
    /// macro takes it from the definition of the state, so that a field that was added with a default is not empty, but folded.
    #[must_use]
    pub const fn with_shape(self, shape: u64) -> Self {
        Self { shape, ..self }
    }

    /// The number for the state's shape.
    #[must_use]
    pub const fn shape(&self) -> u64 {
        self.shape
    }

    /// Whether a state is to be kept that has seen so many events more than the last snapshot, the first of them so old. Not called for
    /// none.
    pub(crate) fn is_due(&self, unseen: u64, age: impl FnOnce() -> Duration) -> bool {
        self.every.is_some_and(|every| unseen >= every) || self.after.is_some_and(|after| age() >= after)
    }

    /// Whether a state is to be kept that was loaded so.
    pub(crate) fn is_worth(&self, replayed: u64, took: Duration) -> bool {
        replayed > 0 && (self.replayed.is_some_and(|least| replayed >= least) || self.slower_than.is_some_and(|most| took > most))
    }

    pub(crate) fn encode(&self, codec: &AnyCodec, state: &A, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        (self.encode)(codec, state, bytes)
    }

    pub(crate) fn decode(&self, codec: &AnyCodec, bytes: &[u8]) -> Result<A, CodecError> {
        (self.decode)(codec, bytes)
    }
}

const fn at_least_one(events: u64) -> u64 {
    if events == 0 { 1 } else { events }
}

impl<A> fmt::Debug for Snapshots<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots")
            .field("every", &self.every)
            .field("after", &self.after)
            .field("replayed", &self.replayed)
            .field("slower_than", &self.slower_than)
            .finish_non_exhaustive()
    }
}

/// A state that can be kept as a snapshot: serde writes it and reads it again. Never implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept as a snapshot",
    label = "a state with `snapshot` must be `Serialize + Deserialize`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`"
)]
pub trait KeptState: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> KeptState for T {}
