//! What all aggregates of an engine share.

use super::Engine;
use super::committer::Committer;
use super::fire::WeakEngine;
use super::gate::Gate;
use super::inline::{Inlines, Views};
use super::limits::Limits;
use super::registry::ToJson;
use super::retention::Retention;
use super::snapshot::Writer;
use crate::clock::{Clock, IdSource};
use crate::codec::AnyCodec;
use crate::layer::EventLayer;
use crate::message::{Name, Position, Tenant};
use crate::model::{Aggregate, DecodeError, Services};
use crate::privacy::Privacy;
use crate::store::{AnyStore, StoreError};
use crate::telemetry::{KindMeters, Meters};
use crate::timer::Alarm;
use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) struct Shared {
    pub(crate) store: AnyStore,
    pub(super) committer: Arc<Committer>,
    pub(crate) limits: Limits,
    pub(crate) services: Arc<Services>,
    pub(crate) codecs: Codecs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) runtime: Handle,
    pub(super) recoveries: Semaphore,
    pub(super) gate: Gate,
    /// Who saves the snapshots of all kinds.
    pub(super) snapshots: Arc<Writer>,
    /// What is deleted behind a snapshot, by kind.
    pub(super) retentions: BTreeMap<&'static str, Retention>,
    pub(crate) alarm: Alarm,
    /// Set before anything is sent.
    pub(super) inlines: OnceLock<Inlines>,
    /// Set before any consumer begins.
    pub(super) weak: OnceLock<WeakEngine>,
    pub(crate) started: Instant,
    /// Where the log ended then.
    pub(crate) head_at_start: Option<Position>,
    /// How the events of each kind are read as JSON.
    pub(crate) to_json: BTreeMap<&'static str, ToJson>,
    /// Around every handler of events; the first is the outermost.
    pub(crate) event_layers: Box<[Arc<dyn EventLayer>]>,
    /// `None` when nobody listens.
    pub(crate) meters: Option<Box<Meters>>,
    /// The only one that it works for, if it is one's.
    pub(super) tenant: Option<Tenant>,
    /// What stands as the source in the envelopes of published events.
    pub(crate) source: Arc<str>,
    /// How personal data are sealed, if there are any.
    pub(crate) privacy: Option<Privacy>,
}

impl Shared {
    /// The engine, for those who work for it and must not keep it running; `None` once nobody has it any more.
    pub(crate) fn engine(&self) -> Option<Engine> {
        self.weak.get()?.upgrade()
    }

    /// The inline views of an aggregate that nothing has happened to.
    pub(super) fn inline_views<A: Aggregate>(&self) -> Option<Box<Views<A>>> {
        self.inlines.get()?.views()
    }

    /// What is counted of an aggregate's kind, if somebody listens.
    pub(super) fn kind_meters<A: Aggregate>(&self) -> Option<&KindMeters> {
        self.meters.as_ref()?.kind(TypeId::of::<A>())
    }

    /// The store below: what is personal is sealed in what it gives.
    pub(crate) fn store_at_rest(&self) -> &AnyStore {
        self.privacy.as_ref().map_or(&self.store, |privacy| &privacy.at_rest)
    }

    /// Milliseconds from the engine's start until then.
    pub(super) fn uptime_at(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Some work was dropped before its end. What became of a commit is not known then.
#[derive(Debug, thiserror::Error)]
#[error("it was lost on its way: the runtime that the engine was started on has ended, or something panicked, as the log says")]
struct Lost;

/// Why `action` was not finished.
pub(super) fn lost(action: &str) -> StoreError {
    StoreError::other(action, Lost)
}

/// The codec that is written with, and those that are still read.
pub(crate) struct Codecs {
    pub(crate) write: AnyCodec,
    pub(crate) name: Name,
    pub(crate) read: Vec<AnyCodec>,
}

impl Codecs {
    pub(crate) fn named(&self, name: &str) -> Result<&AnyCodec, DecodeError> {
        std::iter::once(&self.write)
            .chain(&self.read)
            .find(|codec| codec.name() == name)
            .ok_or_else(|| DecodeError::Codec { codec: name.into() })
    }
}
