//! The record of what was done to a store: streams of the kind [`KIND`], one for each operation.

use super::error::MaintenanceError;
use super::{Digest, Maintenance};
use crate::clock::{IdSource, UuidSource};
use crate::message::{Actor, CommandId, Expected, Metadata, Name, Revision, StreamId};
use crate::store::{AnyStore, Body, Commit, Direction, NewEvent, Store, StoreError, Verdict};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The kind of the audit's streams. No aggregate reads them; an engine starts with them all the same.
pub const KIND: &str = "ego.audit";

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// What was to be done.
    pub operation: Operation,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When it was begun.
    pub begun: Timestamp,
    /// When and how it ended; `None` while it goes on, and for ever when it was interrupted.
    pub ended: Option<(Timestamp, Outcome)>,
}

/// What was to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "operation")]
#[non_exhaustive]
pub enum Operation {
    /// A stream was erased.
    Erase {
        /// Which one.
        stream: StreamId,
    },
    /// The store was copied.
    Copy {
        /// The events that were renamed: kind, from, to.
        #[serde(default)]
        renamed: Vec<(String, String, String)>,
        /// The events that were replaced.
        #[serde(default)]
        replaced: Vec<Replaced>,
        /// Whether streams were left out.
        #[serde(default)]
        filtered: bool,
    },
    /// The store was exported.
    Export {
        /// To which file.
        path: String,
    },
    /// The store was filled with an export.
    Import {
        /// From which file.
        path: String,
    },
}

/// An event that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Replaced {
    /// Of which stream.
    pub stream: StreamId,
    /// Which revision.
    pub revision: Revision,
    /// The SHA-256 of its name, version and content before, in hexadecimal.
    pub was: String,
    /// The same of what stands there now.
    pub is: String,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// All of it was done.
    Done {
        /// Of what was copied, where it is a copy.
        #[serde(default)]
        digest: Option<Digest>,
    },
    /// It failed.
    Failed {
        /// Why.
        error: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Begun {
    #[serde(flatten)]
    operation: Operation,
    actor: Actor,
    reason: String,
    time: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Ended {
    #[serde(flatten)]
    outcome: Outcome,
    time: Timestamp,
}

/// An operation that is entered and has not ended.
pub(super) struct Entered {
    stream: StreamId,
    actor: Actor,
}

const BEGUN: &str = "Begun";
const ENDED: &str = "Ended";

impl Maintenance {
    /// Enters an operation before it begins.
    pub(super) async fn enter(&self, operation: Operation) -> Result<Entered, MaintenanceError> {
        let id = UuidSource.next();
        let stream =
            StreamId::new(Name::fixed(KIND), id.as_str()).map_err(|error| StoreError::other("entering the audit", error))?;
        let time = self.clock.now();
        let begun = Begun { operation, actor: self.actor.clone(), reason: self.reason.clone(), time };
        let entered = Entered { stream, actor: self.actor.clone() };
        entered.record(&self.store, BEGUN, &begun, Expected::NoStream, time).await?;
        Ok(entered)
    }

    /// Enters how it ended into these stores, the same in each.
    pub(super) async fn end(&self, entered: &Entered, stores: &[&AnyStore], outcome: Outcome) -> Result<(), MaintenanceError> {
        let time = self.clock.now();
        let ended = Ended { outcome, time };
        for store in stores {
            entered.record(store, ENDED, &ended, Expected::Exact(Revision::FIRST), time).await?;
        }
        Ok(())
    }
}

impl Entered {
    async fn record(
        &self,
        store: &AnyStore,
        name: &'static str,
        event: &impl Serialize,
        expected: Expected,
        time: Timestamp,
    ) -> Result<(), StoreError> {
        #[derive(Debug, thiserror::Error)]
        #[error("{0:?}")]
        struct NotEntered(Verdict);
        let payload = serde_json::to_vec(event).map_err(|error| StoreError::other("entering the audit", error))?;
        let mut metadata = Metadata::new(CommandId::trusted(&format!("{}-{name}", self.stream.id())), "Maintain", time);
        metadata.actor = Some(self.actor.clone());
        let commit = Commit {
            stream: self.stream.clone(),
            expected,
            metadata: Arc::new(metadata),
            codec: Name::fixed("json"),
            body: Body::Events(vec![NewEvent { name: Name::fixed(name), version: 1, payload: payload.into(), tags: Vec::new() }]),
            reply: Bytes::new(),
            rows: Vec::new(),
        };
        match store.append(vec![commit]).await?.pop() {
            Some(Verdict::Committed(_) | Verdict::Repeated(_)) => Ok(()),
            Some(other) => Err(StoreError::other("entering the audit", NotEntered(other))),
            None => Err(StoreError::damaged("the audit", "the store gave no verdict")),
        }
    }
}

/// Everything that was done to the store, in the order in which it was begun.
///
/// # Errors
/// [`StoreError`], also for an entry that cannot be read.
pub async fn entries(store: &AnyStore) -> Result<Vec<Entry>, StoreError> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_streams(Some(KIND), after.as_ref(), 1000).await?;
        for head in page.items {
            entries.extend(entry(store, head.stream).await?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    entries.sort_by_key(|(position, _)| *position);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

async fn entry(store: &AnyStore, stream: StreamId) -> Result<Option<(crate::message::Position, Entry)>, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::damaged(stream.to_string(), error.to_string());
    let page = store.read_stream(&stream, None, Direction::Forwards, 2).await?;
    let mut found = None;
    for event in page.items {
        match (&*event.name, &mut found) {
            (BEGUN, found) => {
                let Begun { operation, actor, reason, time } = serde_json::from_slice(&event.payload).map_err(damaged)?;
                let id = stream.id().to_owned();
                *found = Some((event.position, Entry { id, operation, actor, reason, begun: time, ended: None }));
            }
            (ENDED, Some((_, entry))) => {
                let Ended { outcome, time } = serde_json::from_slice(&event.payload).map_err(damaged)?;
                entry.ended = Some((time, outcome));
            }
            _ => return Err(StoreError::damaged(stream.to_string(), "it is no audit")),
        }
    }
    Ok(found)
}
