//! How the store and the engine are opened, by whoever is killed and by whoever checks.

use crate::outcome::{Outcome, whole};
use ego::engine::{Engine, Limits};
use ego::message::StreamId;
use ego::store::{RecordedEvent, Snapshot, StreamHead};
use ego_sled::SledStore;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

/// Kinds that the engine runs.
pub(crate) const TILL: &str = "till";
pub(crate) const HALL: &str = "hall";
/// Kinds that the store alone knows: states, and events that get deleted.
pub(crate) const NOTE: &str = "note";
pub(crate) const PILE: &str = "pile";

pub(crate) const CONSUMERS: [&str; 3] = ["archive", "mail", "search"];

/// A machine that is busy may hold up anything for long; what takes longer than this hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Few aggregates stay in memory, and the log's files are small: everything happens often.
pub(crate) async fn open(folder: &Path, segment_bytes: u64) -> Outcome<(SledStore, Engine)> {
    let store = SledStore::options(folder).segment_bytes(segment_bytes).cache_bytes(1 << 20).open();
    let store = store.map_err(|error| format!("the store cannot be opened: {}", whole(&error)))?;
    let limits = Limits { active_aggregates: 4, timeout: PATIENCE, ..Limits::default() };
    let engine = Engine::builder().store(store.clone()).limits(limits).retired_kind(PILE).start().await;
    let engine = engine.map_err(|error| format!("the engine does not start: {}", whole(&error)))?;
    Ok((store, engine))
}

/// All of an event in one number.
pub(crate) fn digest(event: &RecordedEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&event.stream, event.revision, event.position, &event.name, event.version).hash(&mut hasher);
    (&event.codec, &event.payload, &event.tags, &event.metadata.command_id).hash(&mut hasher);
    (&event.metadata.command, &event.metadata.entries).hash(&mut hasher);
    hasher.finish()
}

/// Events one after the other in one number.
pub(crate) fn rolled(before: u64, event: &RecordedEvent) -> u64 {
    before.rotate_left(7) ^ digest(event)
}

/// What is kept as a snapshot of a till at a revision: sometimes of many parts.
pub(crate) fn snapshot(head: &StreamHead) -> Option<Snapshot> {
    let (revision, position) = head.revision.zip(head.position)?;
    let payload = format!("{} at {revision};", head.stream).repeat((revision.get() * 37 % 600) as usize + 1);
    Some(Snapshot { revision, position, version: 1, codec: "json".into(), payload: payload.into() })
}

pub(crate) fn stream(kind: &str, id: impl std::fmt::Display) -> Outcome<StreamId> {
    Ok(StreamId::new(kind, id.to_string())?)
}
