//! What was written by hand, where the macros would have said no.

use ego::codec::{AnyCodec, CodecError};
use ego::model::{DecodeError, EventSchema, Outcome, PartOf, Stored, Whole};
use ego::prelude::*;
use serde::{Deserialize, Serialize};

/// Two events under one name, an older name that is given twice, and one with neither name nor version.
pub(crate) enum OddEvent {
    First,
    Second,
}

impl Event for OddEvent {
    const SCHEMAS: &'static [EventSchema] =
        &[EventSchema::new("Same", 1), EventSchema::new("Same", 1).with_aliases(&["Old", "Old"]), EventSchema::new("", 0)];

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::First => &Self::SCHEMAS[0],
            Self::Second => &Self::SCHEMAS[1],
        }
    }

    fn encode_into(&self, codec: &AnyCodec, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        codec.encode_into(&(), bytes)
    }

    fn decode(stored: Stored<'_>, _: &AnyCodec, events: &mut Vec<Self>) -> Result<(), DecodeError> {
        events.push(if stored.version == 1 { Self::First } else { Self::Second });
        Ok(())
    }
}

impl PartOf<Self> for OddEvent {
    type Form = Whole;
}

impl Outcome<Self> for OddEvent {
    type Reply = ();
    fn record(self, events: &mut Vec<Self>) {
        events.push(self);
    }
}

#[derive(Command, Serialize, Deserialize)]
struct Ask;

/// Its events have one name.
#[derive(Aggregate, Default)]
#[aggregate(name = "ambiguous", event = OddEvent)]
struct Ambiguous;

#[ego::handlers]
impl Ambiguous {
    #[apply]
    fn apply(&mut self, _: &OddEvent) {}
}

/// Its kind could not stand in the name of a stream.
#[derive(Default)]
struct Unsound<const N: usize>;

impl<const N: usize> Aggregate for Unsound<N> {
    const KIND: &'static str = "not a kind";
    type Event = OddEvent;
    fn apply(&mut self, _: &OddEvent) {}
}

#[ego::handlers]
impl<const N: usize> Unsound<N> {
    #[apply]
    fn applied(&mut self, _: &OddEvent) {}
}

ego::register!(Unsound<1>);

/// Has handlers, but nobody registers it.
#[derive(Default)]
struct Unregistered;

impl Aggregate for Unregistered {
    const KIND: &'static str = "unregistered";
    type Event = OddEvent;
    fn apply(&mut self, _: &OddEvent) {}
}

#[ego::handlers]
impl Unregistered {
    #[handle]
    fn ask(&self, _: Ask) -> Result<(), String> {
        Ok(())
    }
}
