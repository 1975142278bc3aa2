//! Building and starting an engine: everything that is wrong is said at once.

use super::forget::Failures;
use super::limits::Limits;
use super::place::AnyPlace;
use super::registry::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location};
use super::shared::{Codecs, Gate, Shared};
use super::{Engine, Inner, committer::Committer};
use crate::clock::{Clock, IdSource, SystemClock, UuidSource};
use crate::codec::{AnyCodec, Codec, Json};
use crate::message::{InvalidText, StreamId};
use crate::model::{Aggregate, Services};
use crate::store::{AnyStore, EventType, MemoryStore, Store, StoreError};
use std::any::TypeId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::Instant;

/// What an engine is made of; made by [`Engine::builder`].
///
/// There is no engine before [`start`](EngineBuilder::start): what cannot run yet cannot be sent to.
#[must_use = "an engine runs once it is started"]
pub struct EngineBuilder {
    store: Option<AnyStore>,
    services: Services,
    limits: Limits,
    codec: AnyCodec,
    reads: Vec<AnyCodec>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    required: Vec<(TypeId, &'static str)>,
    retired: HashSet<String>,
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
            services: Services::new(),
            limits: Limits::default(),
            codec: AnyCodec::default(),
            reads: Vec::new(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidSource),
            required: Vec::new(),
            retired: HashSet::new(),
        }
    }
}

impl EngineBuilder {
    /// Keeps everything in this store; in memory when left out. [`Engine::stop`] closes it.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(AnyStore::new(store));
        self
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

    /// Finds everything that is linked in, checks it against itself, the services and the store, and starts.
    ///
    /// To be called on a tokio runtime, which the engine then runs on.
    ///
    /// # Errors
    /// [`StartError`] with every problem at once. Nothing was written.
    pub async fn start(self) -> Result<Engine, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let store = self.store.unwrap_or_else(|| AnyStore::new(MemoryStore::new()));
        let stored = store.event_types().await.map_err(StartError::Store)?;
        let linked = Linked::collect();
        let mut problems = linked.problems(&self.services);
        problems.extend(linked.missing(&self.required));
        problems.extend(linked.unreadable(&stored, &self.retired));
        if !problems.is_empty() {
            return Err(StartError::Problems(problems));
        }
        let limits = self.limits.in_bounds();
        let mut read = self.reads;
        read.push(AnyCodec::new(Json));
        let shared = Arc::new(Shared {
            committer: Committer::new(store.clone(), runtime.clone(), limits.commit_bytes, limits.batch),
            store,
            services: Arc::new(self.services),
            codecs: Codecs { name: self.codec.name().into(), write: self.codec, read },
            clock: self.clock,
            ids: self.ids,
            runtime,
            recoveries: Semaphore::new(limits.recoveries),
            gate: Gate::default(),
            started: Instant::now(),
            limits,
        });
        let places: HashMap<TypeId, Arc<dyn AnyPlace>> = linked
            .aggregates
            .iter()
            .map(|aggregate| (aggregate.aggregate.id(), (aggregate.place)(Arc::clone(&shared))))
            .collect();
        let inner = Arc::new(Inner {
            kinds: linked.kinds(),
            places,
            forgotten: Arc::new(Semaphore::new(shared.limits.forgotten)),
            failures: broadcast::Sender::new(Failures::KEPT),
            shared,
        });
        inner.passivate_in_the_background();
        Ok(Engine { inner })
    }
}

/// A kind that can be sent to by name.
pub(super) struct Kind {
    pub(super) aggregate: &'static AggregateDescriptor,
    pub(super) commands: BTreeMap<&'static str, &'static CommandDescriptor>,
}

/// Everything that is linked into the program.
struct Linked {
    aggregates: Vec<&'static AggregateDescriptor>,
    blocks: Vec<&'static HandlersDescriptor>,
}

impl Linked {
    /// In the order of the source, so that the same program says the same.
    fn collect() -> Self {
        let mut aggregates: Vec<_> = inventory::iter::<AggregateDescriptor>.into_iter().collect();
        aggregates.sort_by_key(|aggregate| (aggregate.kind, aggregate.location));
        let mut blocks: Vec<_> = inventory::iter::<HandlersDescriptor>.into_iter().collect();
        blocks.sort_by_key(|block| block.commands.first().map(|command| command.location));
        Self { aggregates, blocks }
    }

    fn commands(&self, aggregate: &AggregateDescriptor) -> impl Iterator<Item = &'static CommandDescriptor> {
        let id = aggregate.aggregate.id();
        self.blocks.iter().filter(move |block| block.aggregate.id() == id).flat_map(|block| block.commands)
    }

    fn kinds(&self) -> BTreeMap<&'static str, Kind> {
        let kind = |aggregate: &&'static AggregateDescriptor| {
            let commands = self.commands(aggregate).map(|command| (command.name, command)).collect();
            (aggregate.kind, Kind { aggregate, commands })
        };
        self.aggregates.iter().map(kind).collect()
    }

    fn problems(&self, services: &Services) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        for (index, aggregate) in self.aggregates.iter().enumerate() {
            if let Err(reason) = StreamId::check_kind(aggregate.kind) {
                problems.push(StartProblem::InvalidKind { aggregate: aggregate.party(), reason });
            }
            if let Some(first) = self.aggregates[..index].iter().find(|first| first.kind == aggregate.kind) {
                let (first, second) = (first.party(), aggregate.party());
                problems.push(StartProblem::DuplicateKind { kind: aggregate.kind, first, second });
            }
            // Registered twice: all that could be said of it has been said.
            if self.aggregates[..index].iter().any(|first| first.aggregate.id() == aggregate.aggregate.id()) {
                continue;
            }
            problems.extend(Self::event_problems(aggregate));
            let mut seen: Vec<&CommandDescriptor> = Vec::new();
            for command in self.commands(aggregate) {
                // The same command again is its block registered again.
                if seen.iter().any(|first| first.command.id() == command.command.id()) {
                    continue;
                }
                if let Some(first) = seen.iter().find(|first| first.name == command.name) {
                    let (first, second) = (first.party(), command.party());
                    problems.push(StartProblem::DuplicateCommand { kind: aggregate.kind, name: command.name, first, second });
                }
                seen.push(command);
                for service in command.services.iter().filter(|service| !services.contains(service.id())) {
                    let handler = command.party();
                    problems.push(StartProblem::MissingService { service: service.name(), kind: aggregate.kind, handler });
                }
            }
        }
        let known: HashSet<TypeId> = self.aggregates.iter().map(|aggregate| aggregate.aggregate.id()).collect();
        for block in self.blocks.iter().filter(|block| !known.contains(&block.aggregate.id())) {
            if let Some(first) = block.commands.first() {
                problems.push(StartProblem::NoAggregate { aggregate: block.aggregate.name(), handler: first.party() });
            }
        }
        problems
    }

    fn event_problems(aggregate: &AggregateDescriptor) -> Vec<StartProblem> {
        let mut seen = HashSet::new();
        let names = aggregate.events.iter().flat_map(|event| std::iter::once(&event.name).chain(event.aliases));
        let doubled = names
            .filter(|name| !seen.insert(**name))
            .map(|name| StartProblem::DuplicateEvent { name, aggregate: aggregate.party() });
        let invalid = aggregate.events.iter().filter(|event| event.name.is_empty() || event.version == 0);
        let invalid = invalid.map(|event| StartProblem::InvalidEvent {
            name: event.name,
            version: event.version,
            aggregate: aggregate.party(),
        });
        doubled.chain(invalid).collect()
    }

    fn missing(&self, required: &[(TypeId, &'static str)]) -> Vec<StartProblem> {
        let linked = |id: TypeId| self.aggregates.iter().any(|aggregate| aggregate.aggregate.id() == id);
        required.iter().filter(|(id, _)| !linked(*id)).map(|(_, aggregate)| StartProblem::NotRegistered { aggregate }).collect()
    }

    fn unreadable(&self, stored: &[EventType], retired: &HashSet<String>) -> Vec<StartProblem> {
        let reads = |found: &EventType| {
            let of_kind = |aggregate: &&&AggregateDescriptor| *aggregate.kind == *found.kind;
            let mut kinds = self.aggregates.iter().filter(of_kind);
            kinds.any(|aggregate| aggregate.events.iter().any(|event| event.reads(&found.name, found.version)))
        };
        stored
            .iter()
            .filter(|found| !retired.contains(&*found.kind) && !reads(found))
            .map(|found| StartProblem::UnreadableEvent { stored: found.clone() })
            .collect()
    }
}

/// Why an engine did not start. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// What is linked in does not fit together; every problem that was found.
    #[error("the engine cannot start:{}", list(.0))]
    Problems(Vec<StartProblem>),
    /// The store could not be asked what it holds.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// There is no tokio runtime here.
    #[error("an engine is started on a tokio runtime")]
    NoRuntime,
}

fn list(problems: &[StartProblem]) -> String {
    problems.iter().map(|problem| format!("\n- {problem}")).collect()
}

/// Somebody in a problem: a type, and where it stands in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The type's path.
    pub name: &'static str,
    /// Where it is defined or handled.
    pub location: Location,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.location)
    }
}

/// One thing that keeps an engine from starting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartProblem {
    /// Two aggregates have one name.
    #[error("two aggregates are named {kind:?}: {first} and {second}")]
    DuplicateKind {
        /// The name.
        kind: &'static str,
        /// One of them.
        first: Party,
        /// The other.
        second: Party,
    },
    /// The name of an aggregate is not allowed.
    #[error("{aggregate}: {reason}")]
    InvalidKind {
        /// The aggregate.
        aggregate: Party,
        /// Why not.
        reason: InvalidText,
    },
    /// Two commands of one aggregate have one name.
    #[error("{kind:?} has two commands named {name:?}: {first} and {second}; rename one with `#[command(name = …)]`")]
    DuplicateCommand {
        /// The aggregate's kind.
        kind: &'static str,
        /// The name.
        name: &'static str,
        /// One of them.
        first: Party,
        /// The other.
        second: Party,
    },
    /// Two events of one aggregate have one stored name.
    #[error("two events of {aggregate} are stored under the name {name:?}")]
    DuplicateEvent {
        /// The name.
        name: &'static str,
        /// The aggregate.
        aggregate: Party,
    },
    /// An event of an aggregate has no name, or the version 0. Versions start at 1.
    #[error("{aggregate} has an event named {name:?} in version {version}: an event has a name, and versions start at 1")]
    InvalidEvent {
        /// The name.
        name: &'static str,
        /// The version.
        version: u32,
        /// The aggregate.
        aggregate: Party,
    },
    /// A handler asks for a service that was not given.
    #[error("{kind:?} needs the service `{service}` to handle {handler}: add `.service::<{service}>(…)` to the engine builder")]
    MissingService {
        /// The service's type.
        service: &'static str,
        /// The aggregate's kind.
        kind: &'static str,
        /// The command, and where it is handled.
        handler: Party,
    },
    /// Handlers of a type that is not registered as an aggregate.
    #[error(
        "`{aggregate}` handles {handler}, but is not registered: derive `Aggregate` for it, or implement `ego::Registers` and write `ego::register!(…)`"
    )]
    NoAggregate {
        /// The type's path.
        aggregate: &'static str,
        /// Its first command, and where it is handled.
        handler: Party,
    },
    /// A required aggregate is not registered.
    #[error(
        "`{aggregate}` is required, but not registered: link its crate (`use the_crate as _;`), or write `ego::register!(…)`"
    )]
    NotRegistered {
        /// The type's path.
        aggregate: &'static str,
    },
    /// The store holds events that nothing in the program can read.
    #[error(
        "the store holds events {:?} of {:?} in version {} that nothing here reads: link their aggregate, add an upcaster or an alias, or say `.retired_kind({:?})`",
        .stored.name, .stored.kind, .stored.version, .stored.kind
    )]
    UnreadableEvent {
        /// What is stored.
        stored: EventType,
    },
}
