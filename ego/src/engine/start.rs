//! Building and starting an engine: everything that is wrong is said at once.

use super::door::Doors;
use super::forget::Failures;
use super::gate::Gate;
use super::inline::Inlines;
use super::limits::Limits;
use super::linked::{Linked, StartProblem};
use super::place::AnyPlace;
use super::registry::Location;
use super::retention::Retention;
use super::shared::{Codecs, Shared};
use super::snapshot::Writer;
use super::{Engine, Inner, committer::Committer};
use crate::clock::{Clock, IdSource, SystemClock, UuidSource};
use crate::codec::{AnyCodec, Codec, Json};
use crate::consumer::{Consumers, enter};
use crate::layer::{CommandLayer, EventLayer};
use crate::message::{Name, Tenant};
use crate::model::{Aggregate, Projection, Saga, Services};
use crate::privacy::{Privacy, SubjectKeys};
use crate::projection::{AnyProjection, OnNewVersion, ProjectionDescriptor, ProjectionOptions, ViewError};
use crate::publish::{Publisher, PublisherOptions, Publishing};
use crate::reactor::{Reacting, ReactorOptions, ReactorSources};
use crate::saga::{SagaDescriptor, SagaOptions};
use crate::store::{AnyStore, MemoryStore, Store, StoreError};
use crate::tenant::TenantStore;

use crate::timer::{Alarm, Timers};
use std::any::TypeId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::Instant;

/// What an engine is made of; made by [`Engine::builder`].
///
/// There is no engine before [`start`](EngineBuilder::start): what cannot run yet cannot be sent to.
#[must_use = "an engine runs once it is started"]
pub struct EngineBuilder {
    store: Option<AnyStore>,
    tenant: Option<Tenant>,
    services: Services,
    limits: Limits,
    codec: AnyCodec,
    reads: Vec<AnyCodec>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    required: Vec<(TypeId, &'static str)>,
    retired: HashSet<String>,
    projections: HashMap<TypeId, (&'static str, ProjectionOptions)>,
    publishers: Vec<Publishing>,
    reactors: Vec<Reacting>,
    sagas: HashMap<TypeId, (&'static str, SagaOptions)>,
    /// By kind.
    retentions: BTreeMap<&'static str, Retention>,
    /// Those of them that keep no snapshots.
    unkept: Vec<&'static str>,
    layers: Vec<Arc<dyn CommandLayer>>,
    event_layers: Vec<Arc<dyn EventLayer>>,
    node: Option<String>,
    source: String,
    subject_keys: Option<Arc<dyn SubjectKeys>>,
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("store", &self.store)
            .field("services", &self.services)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            store: None,
            tenant: None,
            services: Services::new(),
            limits: Limits::default(),
            codec: AnyCodec::default(),
            reads: Vec::new(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidSource),
            required: Vec::new(),
            retired: HashSet::new(),
            projections: HashMap::new(),
            publishers: Vec::new(),
            reactors: Vec::new(),
            sagas: HashMap::new(),
            retentions: BTreeMap::new(),
            unkept: Vec::new(),
            layers: Vec::new(),
            event_layers: Vec::new(),
            node: None,
            source: "/ego".to_owned(),
            subject_keys: None,
        }
    }
}

impl EngineBuilder {
    /// Keeps everything in this store; in memory when left out. [`Engine::stop`] closes it.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(AnyStore::new(store));
        self
    }

    /// Seals personal fields under the keys of their subjects, which are kept there; see [`privacy`](crate::privacy). Needed when
    /// something in the program is personal, or was and is stored.
    pub fn subject_keys(mut self, keys: impl SubjectKeys) -> Self {
        self.subject_keys = Some(Arc::new(keys));
        self
    }

    /// Keeps everything in this tenant's part of a store, and works for that tenant alone: a command that says nothing of a tenant is of this
    /// one, and a command of another is [refused](super::CommandError::Denied). [`Engine::stop`] leaves the store open. A kind has to be so
    /// much shorter as the tenant's name is long, see [`tenant`](crate::tenant).
    pub fn tenant(mut self, store: TenantStore) -> Self {
        self.tenant = Some(store.tenant().clone());
        self.store(store)
    }

    /// Gives a service that handlers ask for by its type.
    pub fn service<S: ?Sized + Send + Sync + 'static>(mut self, service: Arc<S>) -> Self {
        self.services.insert(service);
        self
    }

    /// Sets what the engine takes at once.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Writes with this codec instead of JSON. JSON is still read, unless this codec has its name.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codec = AnyCodec::new(codec);
        self
    }

    /// Reads what was written with this codec. Of several with one name, the first is taken.
    pub fn also_reads(mut self, codec: impl Codec) -> Self {
        self.reads.push(AnyCodec::new(codec));
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes the ids of commands whose sender gave none from this source.
    pub fn id_source(mut self, ids: impl IdSource) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Refuses to start unless this aggregate is registered. A crate that is only named in `Cargo.toml`, never in the source, is not
    /// linked, and its aggregates are missing without a word: naming one here links it. What can still be missing is an instance of a
    /// generic aggregate, or one that is written by hand.
    pub fn require<A: Aggregate>(mut self) -> Self {
        self.required.push((TypeId::of::<A>(), std::any::type_name::<A>()));
        self
    }

    /// Starts although the store holds events of this kind that nothing in the program reads.
    pub fn retired_kind(mut self, kind: impl Into<String>) -> Self {
        self.retired.insert(kind.into());
        self
    }

    /// Says how a projection is run. Every projection that is linked in is run, with or without.
    pub fn projection<P: Projection>(mut self, options: ProjectionOptions) -> Self {
        self.projections.insert(TypeId::of::<P>(), (std::any::type_name::<P>(), options));
        self
    }

    /// Sends recorded events out with this publisher: all of them, from the first on, in order, at least once.
    pub fn publisher(self, publisher: impl Publisher) -> Self {
        self.publisher_with(publisher, PublisherOptions::new())
    }

    /// The same for some of the events, or with another policy.
    pub fn publisher_with(mut self, publisher: impl Publisher, options: PublisherOptions) -> Self {
        self.publishers.push(Publishing::new(publisher, options));
        self
    }

    /// Runs a reactor with this value and these options. Those that are linked in and not given here run with their default value.
    #[track_caller]
    pub fn reactor<R: ReactorSources>(mut self, reactor: R, options: ReactorOptions) -> Self {
        let caller = std::panic::Location::caller();
        self.reactors.push(Reacting::new(reactor, options, Location::new(caller.file(), caller.line())));
        self
    }

    /// Says how a saga is run. Every saga that is linked in is run, with or without.
    pub fn saga<S: Saga>(mut self, options: SagaOptions) -> Self {
        self.sagas.insert(TypeId::of::<S>(), (std::any::type_name::<S>(), options));
        self
    }

    /// Deletes events of each aggregate of this kind when a snapshot of it was saved, as [`Engine::delete_events`] does. The kind has to be
    /// registered, and to have snapshots.
    pub fn retention<A: Aggregate>(mut self, keep: impl Into<Retention>) -> Self {
        if A::SNAPSHOTS.is_none() {
            self.unkept.push(std::any::type_name::<A>());
        }
        self.retentions.insert(A::KIND, keep.into());
        self.require::<A>()
    }

    /// Does this around every command, inside of the layers that were added before.
    pub fn layer(mut self, layer: impl CommandLayer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Does this around the methods of async projections and of reactors, inside of the layers that were added before.
    pub fn event_layer(mut self, layer: impl EventLayer) -> Self {
        self.event_layers.push(Arc::new(layer));
        self
    }

    /// The name of this node among those that work on the same store, the same at each start: what an
    /// [observer](crate::model::Audience::Observer) keeps its checkpoint under.
    pub fn node(mut self, name: impl Into<String>) -> Self {
        self.node = Some(name.into());
        self
    }

    /// What stands as the source in the envelopes of published events: a URI reference, `/ego` when left out. Source and id together
    /// are one event for whoever receives it, so engines on different stores that publish to the same place need different ones.
    pub fn event_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Finds everything that is linked in, checks it against itself, the services and the store, and starts.
    ///
    /// To be called on a tokio runtime, which the engine then runs on.
    ///
    /// # Errors
    /// [`StartError`] with every problem at once.
    pub async fn start(self) -> Result<Engine, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let store = self.store.unwrap_or_else(|| AnyStore::new(MemoryStore::new()));
        let stored = store.event_types().await.map_err(StartError::Store)?;
        let linked = Linked::collect();
        let mut problems = linked.problems(&self.services);
        let unfinished = crate::maintenance::unfinished(&store).await.map_err(StartError::Store)?;
        problems.extend(unfinished.map(|operation| StartProblem::Unfinished { operation }));
        problems.extend(linked.missing(&self.required));
        problems.extend(self.unkept.iter().map(|aggregate| StartProblem::NoSnapshots { aggregate }));
        problems.extend(linked.too_long(store.capabilities().reserved));
        let projections = ProjectionDescriptor::linked();
        problems.extend(ProjectionDescriptor::problems(&projections, &self.services, |reader, aggregate| {
            linked.not_a_source(reader, aggregate)
        }));
        let unknown = |id: &TypeId| !projections.iter().any(|one| one.projection.id() == *id);
        let unknown = self.projections.iter().filter(|(id, _)| unknown(id));
        problems.extend(unknown.map(|(_, (projection, _))| StartProblem::UnknownProjection { projection }));
        let personal = linked.personal(&projections);
        problems.extend(linked.undeclared(&personal, &projections, self.codec.name(), self.subject_keys.is_some()));
        problems.extend(linked.unreadable(&stored, &self.retired));
        problems.extend(linked.publishing(&self.publishers, &self.source));
        let reactors = linked.reactors(self.reactors);
        problems.extend(linked.reacting(&reactors, self.node.as_deref(), &self.services));
        let sagas = SagaDescriptor::linked(&self.sagas);
        problems.extend(SagaDescriptor::problems(&sagas, &self.sagas, &self.services, |reader, aggregate| {
            linked.not_a_source(reader, aggregate)
        }));
        if !problems.is_empty() {
            return Err(StartError::Problems(problems));
        }
        let limits = self.limits.in_bounds();
        let mut read = self.reads;
        read.push(AnyCodec::new(Json));
        let privacy = self.subject_keys.map(|keys| Privacy::new(store.clone(), personal, keys));
        let store = privacy.as_ref().map_or(store, |privacy| privacy.store());
        let head_at_start = store.head().await.map_err(StartError::Store)?;
        let meters = linked.meters();
        let shared = Arc::new(Shared {
            snapshots: Writer::new(store.clone(), runtime.clone(), limits.snapshot_bytes),
            committer: Committer::new(store.clone(), runtime.clone(), limits.commit_bytes, limits.batch, meters.as_deref()),
            meters,
            store,
            services: Arc::new(self.services),
            codecs: Codecs { name: Name::fixed(self.codec.name()), write: self.codec, read },
            clock: self.clock,
            ids: self.ids,
            runtime,
            recoveries: Semaphore::new(limits.recoveries),
            gate: Gate::default(),
            retentions: self.retentions,
            alarm: Alarm::default(),
            inlines: OnceLock::new(),
            weak: OnceLock::new(),
            started: Instant::now(),
            head_at_start,
            to_json: linked.aggregates.iter().map(|aggregate| (aggregate.kind, aggregate.to_json)).collect(),
            event_layers: self.event_layers.into(),
            source: self.source.into(),
            privacy,
            tenant: self.tenant,
            limits,
        });
        let places: HashMap<TypeId, Arc<dyn AnyPlace>> = linked
            .aggregates
            .iter()
            .map(|aggregate| (aggregate.aggregate.id(), (aggregate.place)(Arc::clone(&shared))))
            .collect();
        let projections = open_projections(&shared, &projections, self.projections).await?;
        build_inline_views(&shared, &projections).await?;
        let folded = projections.values().filter_map(|projection| Arc::clone(projection).consumer());
        let publishers = self.publishers.into_iter().map(|publishing| publishing.consumer(&shared));
        let reactors = reactors.into_iter().map(|reacting| reacting.consumer(&shared, self.node.as_deref()));
        let sagas = sagas.into_iter().flat_map(|saga| saga.consumers(&shared));
        let consumers: Vec<_> = folded.chain(reactors).chain(sagas).chain(publishers).collect();
        enter(&consumers, &shared).await.map_err(StartError::Store)?;
        let inner = Arc::new(Inner {
            kinds: linked.kinds(),
            places,
            forgotten: Arc::new(Semaphore::new(shared.limits.forgotten)),
            failures: broadcast::Sender::new(Failures::KEPT),
            consumers: Consumers::of(consumers),
            projections,
            layers: self.layers.into(),
            timers: Timers::default(),
            shared,
        });
        inner.passivate_in_the_background();
        inner.sample_in_the_background();
        let engine = Engine { doors: Doors::of(&inner), inner };
        // The engine is being made, so nobody has set it.
        let _ = engine.shared().weak.set(engine.downgrade());
        engine.inner.consumers.begin(engine.shared());
        engine.every_timer().begin(&engine);
        Ok(engine)
    }
}

/// Nothing is folded yet: who refuses a new version refuses to start.
async fn open_projections(
    shared: &Arc<Shared>,
    linked: &[&'static ProjectionDescriptor],
    mut options: HashMap<TypeId, (&'static str, ProjectionOptions)>,
) -> Result<HashMap<TypeId, Arc<dyn AnyProjection>>, StartError> {
    let (mut opened, mut problems) = (HashMap::new(), Vec::new());
    for one in linked {
        let options = options.remove(&one.projection.id()).map(|(_, options)| options).unwrap_or_default();
        let refuses = options.on_new_version == OnNewVersion::Refuse;
        let projection = (one.open)(Arc::clone(shared), options).await.map_err(StartError::Store)?;
        match projection.other_version() {
            Some(stored) if refuses => {
                problems.push(StartProblem::ProjectionChanged { name: one.name, stored, version: one.version });
            }
            _ => drop(opened.insert(one.projection.id(), projection)),
        }
    }
    if problems.is_empty() { Ok(opened) } else { Err(StartError::Problems(problems)) }
}

/// Nobody has sent anything yet: from now on each commit brings its own views.
async fn build_inline_views(shared: &Shared, projections: &HashMap<TypeId, Arc<dyn AnyProjection>>) -> Result<(), StartError> {
    let mut inlines = Inlines::default();
    for projection in projections.values() {
        let name = || projection.control().name.clone();
        let built = projection.inline().await.map_err(|source| StartError::Views { projection: name(), source })?;
        built.into_iter().for_each(|inline| inlines.add(inline));
    }
    // The engine is being made, so nobody has set it.
    let _ = shared.inlines.set(inlines);
    Ok(())
}

/// Why an engine did not start. Nothing was written but checkpoints of consumers that had none, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// What is linked in does not fit together; every problem that was found.
    #[error("the engine cannot start:{}", list(.0))]
    Problems(Vec<StartProblem>),
    /// The store could not be asked what it holds, or a new consumer could not be entered.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The views of an inline projection could not be built from what is recorded. What was built is built again at the next start.
    #[error("the views of the inline projection {projection:?} could not be built")]
    Views {
        /// The projection's name.
        projection: String,
        /// Why not.
        #[source]
        source: ViewError,
    },
    /// There is no tokio runtime here.
    #[error("an engine is started on a tokio runtime")]
    NoRuntime,
}

fn list(problems: &[StartProblem]) -> String {
    problems.iter().map(|problem| format!("\n- {problem}")).collect()
}
