//! One number for all that a store holds: two stores that hold the same have the same.

use super::entry::{Entry, Moved, MovedBody};
use super::error::MaintenanceError;
use super::fill::{BLANK, MARKS};
use super::mapping::Mapping;
use super::walk::{Beside, Walk};
use crate::message::{Position, Revision, StreamId};
use crate::store::{AnyStore, Store};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The SHA-256 of all that a store holds: commits with their places, ids and replies, states, erased streams, rows and checkpoints. Snapshots
/// are left out, as they are disposable (I8), and so is the metadata of commits whose events were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digest of a store that nothing is written to meanwhile.
///
/// # Errors
/// [`MaintenanceError::Store`], [`MaintenanceError::Inconsistent`].
pub async fn digest(store: &AnyStore) -> Result<Digest, MaintenanceError> {
    let all = Mapping::default();
    digest_of(store, &all, store.head().await?, true).await
}

/// The digest of what a store would be with these changes, up to this head.
pub(super) async fn digest_of(
    store: &AnyStore,
    mapping: &Mapping,
    head: Option<Position>,
    rows: bool,
) -> Result<Digest, MaintenanceError> {
    let mut sum = Sum(Sha256::new());
    let mut walk = Walk::new(store, |stream| mapping.wants(stream)).await?;
    while let Some(mut moved) = walk.next().await? {
        if moved.position() > head.map_or(0, Position::get) {
            break;
        }
        mapping.apply(&mut moved);
        sum.commit(&moved);
    }
    sum.number(head.map_or(0, Position::get));
    let mut beside = Beside::new(store, |table| rows && is_copied(table, mapping)).await?;
    while let Some(entry) = beside.next().await? {
        match entry {
            Entry::Deleted { stream, .. } if !mapping.wants(&stream) => {}
            Entry::Checkpoint { consumer, .. } if !rows || !is_kept(&consumer, mapping) => {}
            entry => sum.entry(&entry),
        }
    }
    Ok(Digest(hex(&sum.0.finalize())))
}

/// Tables that projections fold from events.
const DERIVED: &[&str] = &["view/", "index/", "dead/", "ego/projections"];

pub(super) fn is_copied(table: &str, mapping: &Mapping) -> bool {
    table != MARKS && !(mapping.changes_meaning() && DERIVED.iter().any(|derived| table.starts_with(derived)))
}

pub(super) fn is_kept(consumer: &str, mapping: &Mapping) -> bool {
    !(mapping.changes_meaning() && consumer.starts_with("projection/"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Each field with its length, so that no two sequences are one.
struct Sum(Sha256);

impl Sum {
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    fn stream(&mut self, stream: &StreamId) {
        self.bytes(stream.kind().as_bytes());
        self.bytes(stream.id().as_bytes());
    }

    fn commit(&mut self, moved: &Moved) {
        let committed = &moved.committed;
        self.bytes(b"commit");
        self.stream(&moved.stream);
        self.number(committed.revision.map_or(0, Revision::get));
        self.number(moved.position());
        self.number(u64::from(committed.events));
        self.bytes(committed.command_id.as_str().as_bytes());
        self.bytes(committed.command.as_bytes());
        self.bytes(committed.codec.as_bytes());
        self.bytes(&committed.reply);
        match &moved.body {
            MovedBody::Events(events) => {
                for event in events {
                    self.bytes(event.name.as_bytes());
                    self.number(u64::from(event.version));
                    self.number(event.position.get());
                    self.bytes(&event.payload);
                    self.number(event.tags.len() as u64);
                    event.tags.iter().for_each(|tag| self.bytes(tag.as_bytes()));
                    self.metadata(&event.metadata);
                }
            }
            MovedBody::State(Some(state)) => {
                self.number(u64::from(state.version));
                self.bytes(&state.payload);
                self.metadata(&state.metadata);
            }
            MovedBody::State(None) | MovedBody::Nothing => {}
        }
    }

    fn metadata(&mut self, metadata: &crate::message::Metadata) {
        // Texts, a time and a sorted map are always written.
        self.bytes(&serde_json::to_vec(metadata).unwrap_or_default());
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Deleted { stream, up_to } => {
                self.bytes(b"deleted");
                self.stream(stream);
                self.number(up_to.get());
            }
            Entry::Erased(stream) if stream.kind() != BLANK => {
                self.bytes(b"erased");
                self.stream(stream);
            }
            Entry::Row { table, key, value } => {
                self.bytes(b"row");
                self.bytes(table.as_bytes());
                self.bytes(key);
                self.bytes(value);
            }
            Entry::Checkpoint { consumer, position } => {
                self.bytes(b"checkpoint");
                self.bytes(consumer.as_bytes());
                self.number(position.map_or(0, Position::get));
            }
            Entry::Commit(_) | Entry::Head(_) | Entry::Snapshot(..) | Entry::Erased(_) => {}
        }
    }
}
