//! What is changed on the way from one store to another.

use super::entry::{Moved, MovedBody};
use super::error::MaintenanceError;
use crate::message::{Name, Revision, StreamId};
use crate::store::{RecordedEvent, Store};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What stands in place of a recorded event: in its place, with its metadata, codec and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Its stored name.
    pub name: Name,
    /// The version of its schema.
    pub version: u32,
    /// Its content, as the event's codec writes it.
    pub payload: Bytes,
}

/// All changes.
#[derive(Default)]
pub(super) struct Mapping {
    pub(super) names: BTreeMap<(String, String), Name>,
    pub(super) events: BTreeMap<(StreamId, Revision), Replacement>,
    pub(super) wanted: Option<Box<super::walk::Wanted>>,
}

impl Mapping {
    pub(super) fn wants(&self, stream: &StreamId) -> bool {
        stream.kind() == super::audit::KIND || self.wanted.as_ref().is_none_or(|wanted| wanted(stream))
    }

    /// Whether what was derived from the events would not be derived from what they become.
    pub(super) fn changes_meaning(&self) -> bool {
        !self.events.is_empty() || self.wanted.is_some()
    }

    /// The streams whose events are replaced.
    pub(super) fn replaced(&self) -> BTreeSet<&StreamId> {
        self.events.keys().map(|(stream, _)| stream).collect()
    }

    pub(super) fn apply(&self, moved: &mut Moved) {
        let MovedBody::Events(events) = &mut moved.body else { return };
        for event in events {
            if let Some(name) = self.names.get(&(event.stream.kind().to_owned(), event.name.to_string())) {
                event.name = name.clone();
            }
            if let Some(replacement) = self.events.get(&(event.stream.clone(), event.revision)) {
                event.name = replacement.name.clone();
                event.version = replacement.version;
                event.payload = replacement.payload.clone();
            }
        }
    }

    /// That each event that is to be replaced is there; for the audit: which, and the sums of what it was and of what it becomes.
    pub(super) async fn replacements(
        &self,
        store: &crate::store::AnyStore,
    ) -> Result<Vec<super::audit::Replaced>, MaintenanceError> {
        let mut replaced = Vec::new();
        for ((stream, revision), replacement) in &self.events {
            let page = store.read_stream(stream, Some(*revision), crate::store::Direction::Forwards, 1).await?;
            let missing = || MaintenanceError::NoSuchEvent { stream: stream.clone(), revision: *revision };
            let was = page.items.first().filter(|event| event.revision == *revision).ok_or_else(missing)?;
            let mut is = was.clone();
            (is.name, is.version, is.payload) = (replacement.name.clone(), replacement.version, replacement.payload.clone());
            let (stream, revision) = (stream.clone(), *revision);
            replaced.push(super::audit::Replaced { stream, revision, was: sum(was), is: sum(&is) });
        }
        Ok(replaced)
    }
}

/// The SHA-256 of an event's name, version and content, in hexadecimal.
fn sum(event: &RecordedEvent) -> String {
    let mut sum = Sha256::new();
    sum.update(event.name.as_bytes());
    sum.update(event.version.to_be_bytes());
    sum.update(&event.payload);
    super::digest::hex(&sum.finalize())
}
