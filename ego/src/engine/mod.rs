//! The engine: runs the aggregates, one command at a time each (I5), events durable before the reply (I2).
//!
//! The way of a command: [`send`](Dispatch::send) → `place` (found or activated) → `cell` (waits its turn) → `job` (decides) →
//! `committer` (recorded with others, durable) → the answer. Read `cell` and `committer` for what keeps it safe.

mod arena;
mod cell;
mod committer;
mod door;
mod drive;
mod error;
mod fire;
mod followers;
mod forget;
mod gate;
mod inline;
mod job;
mod layered;
mod limits;
mod line;
mod lineage;
mod linked;
mod order;
mod passivate;
mod personal;
mod place;
mod read;
mod recover;
mod registry;
mod retention;
mod send;
mod shared;
mod snapshot;
mod start;
mod stop;
mod straight;
mod submit;
mod sync;
mod ticket;
mod turns;

pub(crate) use error::panic_message;
pub use error::{CommandError, RecoveryError, UnknownTarget};
pub(crate) use fire::{Unaltered, WeakEngine};
pub use forget::{Failure, Failures, ForgetError};
pub(crate) use inline::{AnyInline, Inline, InlineView};
pub use limits::Limits;
pub use linked::{Party, StartProblem};
pub(crate) use read::keeps_events;
pub use read::{History, Loaded, ReadError, Recorded, RecordedJson};
pub(crate) use registry::ToJson;
pub use registry::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location, TypeRef};
pub(crate) use retention::remove_kept;
pub use retention::{DeleteError, Deletion, HeldBack, Retention, SnapshotError};
pub use send::{AnyRejection, Dispatch, IntoRevision, Receipt, Sending};
pub(crate) use shared::{Codecs, Shared};
pub(crate) use snapshot::{Inside as SnapshotInside, KEPT};
pub use start::{EngineBuilder, StartError};
pub use stop::StopError;

use crate::consumer::Consumers;
use crate::layer::CommandLayer;
use crate::message::StreamId;
use crate::model::Aggregate;
use crate::projection::{AnyProjection, Projected, Sources};
use crate::store::AnyStore;
use crate::timer::Timers;
use door::Doors;
use futures_util::future::BoxFuture;
use linked::Kind;
use place::{AnyPlace, Place};
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};

/// A running engine. Cloning shares it.
///
/// ```standalone_crate
/// use ego::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().start().await?;
/// engine.stop(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    doors: Doors,
}

struct Inner {
    shared: Arc<Shared>,
    kinds: BTreeMap<&'static str, Kind>,
    places: HashMap<TypeId, Arc<dyn AnyPlace>>,
    /// One permit for each command that nobody waits for.
    forgotten: Arc<Semaphore>,
    failures: broadcast::Sender<Failure>,
    consumers: Consumers,
    projections: HashMap<TypeId, Arc<dyn AnyProjection>>,
    /// The first is the outermost.
    layers: Box<[Arc<dyn CommandLayer>]>,
    timers: Timers,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("kinds", &self.inner.kinds.keys().collect::<Vec<_>>())
            .field("store", &self.inner.shared.store)
            .field("stopped", &self.inner.shared.gate.is_closed())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Begins an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Sends a command by name, as JSON; the reply comes as JSON too. Takes the same options as [`send`](Dispatch::send).
    ///
    /// A name that nobody has, or JSON that is not the command, is a [`CommandError`] when the command is awaited.
    pub fn dispatch(
        &self,
        kind: &str,
        id: impl Into<String>,
        command: &str,
        json: serde_json::Value,
    ) -> Sending<'_, serde_json::Value, AnyRejection> {
        let unknown = match self.inner.kinds.get(kind) {
            None => UnknownTarget::Kind { kind: kind.to_owned(), known: self.inner.kinds.keys().copied().collect() },
            Some(found) => match found.commands.get(command) {
                Some(descriptor) => return (descriptor.by_name)(self, id.into(), json),
                None => UnknownTarget::Command {
                    kind: found.aggregate.kind,
                    command: command.to_owned(),
                    known: found.commands.keys().copied().collect(),
                },
            },
        };
        Sending::new(self, "", Box::new(|_| Box::pin(async { Err(unknown.into()) }) as BoxFuture<'static, _>))
    }

    /// Hears of the failures of commands that nobody waits for, from now on.
    #[must_use]
    pub fn failures(&self) -> Failures {
        Failures(self.inner.failures.subscribe())
    }

    /// How many aggregates are in memory.
    #[must_use]
    pub fn active_aggregates(&self) -> usize {
        self.inner.places.values().map(|place| place.active()).sum()
    }

    /// How many commands wait for their turn in the mailboxes of their aggregates, see [`Limits::mailbox`].
    #[must_use]
    pub fn queued_commands(&self) -> usize {
        self.inner.places.values().map(|place| place.queued()).sum()
    }

    /// The aggregates that are in memory, in order.
    #[must_use]
    pub fn active_streams(&self) -> Vec<StreamId> {
        let mut streams: Vec<_> = self.inner.places.values().flat_map(|place| place.streams()).collect();
        streams.sort_unstable();
        streams
    }

    /// Sends the aggregate of an erased stream away: as soon as what is under way has heard that it is erased.
    pub(crate) async fn forget_state(&self, stream: &StreamId) {
        const AGAIN: std::time::Duration = std::time::Duration::from_millis(5);
        let kind = self.inner.kinds.get(stream.kind());
        let Some(place) = kind.and_then(|kind| self.inner.places.get(&kind.aggregate.aggregate.id())) else { return };
        while !place.forget(stream.id()) && !self.inner.shared.gate.is_closed() {
            tokio::time::sleep(AGAIN).await;
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn every_consumer(&self) -> &Consumers {
        &self.inner.consumers
    }

    pub(crate) fn every_timer(&self) -> &Timers {
        &self.inner.timers
    }

    pub(crate) fn every_projection(&self) -> impl Iterator<Item = &Arc<dyn AnyProjection>> {
        self.inner.projections.values()
    }

    pub(crate) fn projection_of(&self, projection: TypeId) -> Option<Arc<dyn AnyProjection>> {
        self.inner.projections.get(&projection).cloned()
    }

    /// The projection of this type, if it is registered.
    pub(crate) fn projected<P: Sources>(&self) -> Option<Arc<Projected<P>>> {
        let any: Arc<dyn Any + Send + Sync> = self.projection_of(TypeId::of::<P>())?;
        any.downcast().ok()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.inner.shared.gate.is_closed()
    }

    /// Makes those of the wanted streams that are in memory be loaded anew.
    pub(crate) async fn reload(&self, wanted: impl Fn(&StreamId) -> bool) {
        let reloads = self.inner.places.values().flat_map(|place| place.reload(&wanted));
        futures_util::future::join_all(reloads).await;
    }

    /// Whether the aggregate is registered.
    pub(crate) fn knows<A: Aggregate>(&self) -> Result<(), UnknownTarget> {
        let known = self.inner.places.contains_key(&TypeId::of::<A>());
        if known { Ok(()) } else { Err(UnknownTarget::Aggregate { aggregate: std::any::type_name::<A>() }) }
    }

    /// The kind, if it is that of a durable aggregate.
    pub(crate) fn durable_kind(&self, kind: &str) -> Option<&'static str> {
        self.inner.kinds.get(kind).filter(|found| found.aggregate.durable).map(|found| found.aggregate.kind)
    }

    /// The store as it was given: what is personal is sealed there. For archives and copies, which must not hold more than the store does.
    #[must_use]
    pub fn store_at_rest(&self) -> &AnyStore {
        self.inner.shared.store_at_rest()
    }

    /// The store that the engine keeps everything in. Personal fields are read opened, or redacted when their subject was forgotten, and
    /// sealed when they are written.
    #[must_use]
    pub fn store(&self) -> &AnyStore {
        &self.inner.shared.store
    }
}

impl Inner {
    fn place<A: Aggregate>(&self) -> Option<&Place<A>> {
        let place: &dyn Any = &**self.places.get(&TypeId::of::<A>())?;
        place.downcast_ref()
    }
}
