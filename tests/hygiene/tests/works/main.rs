//! What the macros wrote in the crate `hygiene` does what it should: registered, handled, encoded, decoded and applied, on an engine.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod durable;
mod forms;
mod names;
mod readers;
mod shadows;
mod story;

use ego::codec::AnyCodec;
use ego::model::{Event, Stored};

/// What a stored event means today.
fn read<E: Event>(name: &str, version: u32, json: &str) -> Vec<E> {
    let mut events = Vec::new();
    let stored = Stored { name, version, payload: json.as_bytes() };
    E::decode(stored, &AnyCodec::default(), &mut events).unwrap();
    events
}
