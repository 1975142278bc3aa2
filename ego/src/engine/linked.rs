//! What is linked into the program, and everything that is wrong with it: against itself, the services and the store.

use super::registry::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location, TypeRef};
use crate::consumer::ConsumerKind;
use crate::message::{InvalidText, StreamId};
use crate::model::Services;
use crate::store::EventType;
use crate::telemetry::Meters;
use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// A kind that can be sent to by name.
pub(super) struct Kind {
    pub(super) aggregate: &'static AggregateDescriptor,
    pub(super) commands: BTreeMap<&'static str, &'static CommandDescriptor>,
}

/// Everything that is linked into the program.
pub(super) struct Linked {
    pub(super) aggregates: Vec<&'static AggregateDescriptor>,
    blocks: Vec<&'static HandlersDescriptor>,
}

impl Linked {
    /// In the order of the source, so that the same program says the same.
    pub(super) fn collect() -> Self {
        let mut aggregates: Vec<_> = inventory::iter::<AggregateDescriptor>.into_iter().collect();
        aggregates.sort_by_key(|aggregate| (aggregate.kind, aggregate.location));
        let mut blocks: Vec<_> = inventory::iter::<HandlersDescriptor>.into_iter().collect();
        blocks.sort_by_key(|block| block.commands.first().map(|command| command.location));
        Self { aggregates, blocks }
    }

    pub(super) fn commands(&self, aggregate: &AggregateDescriptor) -> impl Iterator<Item = &'static CommandDescriptor> {
        let id = aggregate.aggregate.id();
        self.blocks.iter().filter(move |block| block.aggregate.id() == id).flat_map(|block| block.commands)
    }

    /// Whether this kind is that of a durable aggregate.
    pub(super) fn is_durable(&self, kind: &str) -> bool {
        self.aggregates.iter().any(|one| one.kind == kind && one.durable)
    }

    /// Why nobody can follow the events of an aggregate.
    pub(super) fn not_a_source(&self, reader: Party, aggregate: TypeRef) -> Option<StartProblem> {
        let (found, aggregate) = (self.aggregates.iter().find(|one| one.aggregate.id() == aggregate.id()), aggregate.name());
        match found {
            None => Some(StartProblem::UnknownSource { reader, aggregate }),
            Some(found) if found.durable => Some(StartProblem::DurableSource { reader, aggregate }),
            Some(_) => None,
        }
    }

    /// What is counted, when somebody listens.
    pub(super) fn meters(&self) -> Option<Box<Meters>> {
        let kinds = self.aggregates.iter().map(|aggregate| (aggregate.aggregate.id(), aggregate.kind));
        let commands = self
            .aggregates
            .iter()
            .flat_map(|aggregate| self.commands(aggregate).map(|command| (command.types.id(), aggregate.kind, command.name)));
        Meters::of(kinds, commands)
    }

    pub(super) fn kinds(&self) -> BTreeMap<&'static str, Kind> {
        let kind = |aggregate: &&'static AggregateDescriptor| {
            let commands = self.commands(aggregate).map(|command| (command.name, command)).collect();
            (aggregate.kind, Kind { aggregate, commands })
        };
        self.aggregates.iter().map(kind).collect()
    }

    pub(super) fn problems(&self, services: &Services) -> Vec<StartProblem> {
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

    /// Kinds that leave a store no room for the bytes that it needs for itself.
    pub(super) fn too_long(&self, reserved: usize) -> Vec<StartProblem> {
        let limit = StreamId::MAX_KIND_BYTES.saturating_sub(reserved);
        let long = self.aggregates.iter().filter(|one| (limit + 1..=StreamId::MAX_KIND_BYTES).contains(&one.kind.len()));
        let reason = |one: &AggregateDescriptor| InvalidText::TooLong { what: "a kind", length: one.kind.len(), limit };
        long.map(|one| StartProblem::InvalidKind { aggregate: one.party(), reason: reason(one) }).collect()
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

    pub(super) fn missing(&self, required: &[(TypeId, &'static str)]) -> Vec<StartProblem> {
        let linked = |id: TypeId| self.aggregates.iter().any(|aggregate| aggregate.aggregate.id() == id);
        required.iter().filter(|(id, _)| !linked(*id)).map(|(_, aggregate)| StartProblem::NotRegistered { aggregate }).collect()
    }

    pub(super) fn unreadable(&self, stored: &[EventType], retired: &HashSet<String>) -> Vec<StartProblem> {
        let reads = |found: &EventType| {
            let of_kind = |aggregate: &&&AggregateDescriptor| *aggregate.kind == *found.kind;
            let mut kinds = self.aggregates.iter().filter(of_kind);
            kinds.any(|aggregate| aggregate.events.iter().any(|event| event.reads(&found.name, found.version)))
        };
        stored
            .iter()
            .filter(|found| !retired.contains(&*found.kind) && *found.kind != *crate::maintenance::audit::KIND && !reads(found))
            .map(|found| StartProblem::UnreadableEvent { stored: found.clone() })
            .collect()
    }
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
    /// Events of a kind are to be deleted, and nothing is kept in their place.
    #[error(
        "events of `{aggregate}` are to be deleted behind its snapshots, and it has none: add `snapshot(…)` to `#[aggregate(…)]`"
    )]
    NoSnapshots {
        /// The aggregate's type.
        aggregate: &'static str,
    },
    /// A consumer has no name, or one that it cannot have.
    #[error("a {kind} is named {name:?}: a name is not empty, has no `@` in it, and belongs to one {kind}")]
    ConsumerName {
        /// What it is.
        kind: ConsumerKind,
        /// The name.
        name: String,
    },
    /// Two reactors have one name.
    #[error("two reactors are named {name:?}: {first} and {second}")]
    DuplicateReactor {
        /// The name.
        name: &'static str,
        /// One of them.
        first: Party,
        /// The other.
        second: Party,
    },
    /// Two sagas have one name.
    #[error("two sagas are named {name:?}: {first} and {second}")]
    DuplicateSaga {
        /// The name.
        name: &'static str,
        /// One of them.
        first: Party,
        /// The other.
        second: Party,
    },
    /// A saga that cannot be run.
    #[error("the saga {saga}: {reason}")]
    InvalidSaga {
        /// The saga.
        saga: Party,
        /// Why not.
        reason: String,
    },
    /// Options were given for a saga that is not linked in.
    #[error(
        "options were given for `{saga}`, which is no saga of this program: add `#[ego::saga(name = \"…\")]`, or link its crate"
    )]
    UnknownSaga {
        /// The type's path.
        saga: &'static str,
    },
    /// Two projections have one name.
    #[error("two projections are named {name:?}: {first} and {second}")]
    DuplicateProjection {
        /// The name.
        name: &'static str,
        /// One of them.
        first: Party,
        /// The other.
        second: Party,
    },
    /// A projection that cannot be folded.
    #[error("the projection {projection}: {reason}")]
    InvalidProjection {
        /// The projection.
        projection: Party,
        /// Why not.
        reason: String,
    },
    /// A projection, a reactor or a saga follows an aggregate that is not registered.
    #[error(
        "{reader} follows `{aggregate}`, which is not registered: link its crate (`use the_crate as _;`), or write `ego::register!(…)`"
    )]
    UnknownSource {
        /// Who follows it.
        reader: Party,
        /// The aggregate's type.
        aggregate: &'static str,
    },
    /// A projection or a reactor follows a durable aggregate, which has no events.
    #[error(
        "{reader} follows `{aggregate}`, which is durable and has no events: follow its states, with `engine.subscribe().states()` or a publisher"
    )]
    DurableSource {
        /// Who follows it.
        reader: Party,
        /// The aggregate's type.
        aggregate: &'static str,
    },
    /// Options were given for a projection that is not linked in.
    #[error(
        "options were given for `{projection}`, which is no projection of this program: add `#[ego::projection(name = \"…\")]`, or link its crate"
    )]
    UnknownProjection {
        /// The type's path.
        projection: &'static str,
    },
    /// The views of a projection were folded by another version of it, and are not to be built anew.
    #[error(
        "the views of {name:?} have version {stored}, the program has version {version}: build them anew with `OnNewVersion::Rebuild`"
    )]
    ProjectionChanged {
        /// The projection's name.
        name: &'static str,
        /// The version of the views.
        stored: u32,
        /// The version of the program.
        version: u32,
    },
    /// A reactor observes on every node, and this one has no name.
    #[error("the reactor {name:?} keeps a checkpoint for each node: give this one a name with `.node(…)` on the engine builder")]
    NoNode {
        /// The reactor's name.
        name: &'static str,
    },
    /// A consumer has a policy with dead letters, which it does not keep.
    #[error("the {kind} {name:?} cannot keep dead letters: choose `Policy::fail()` or `Policy::skip()`")]
    NoDeadLetters {
        /// What it is.
        kind: ConsumerKind,
        /// Its name.
        name: String,
    },
    /// A consumer follows a kind that nobody registered.
    #[error("the {kind} {name:?} follows {follows:?}, and no aggregate is named so")]
    FollowsNothing {
        /// What it is.
        kind: ConsumerKind,
        /// Its name.
        name: String,
        /// The kind that it follows.
        follows: String,
    },
    /// A publisher of states follows an event-sourced kind, or one of events a durable kind.
    #[error(
        "the publisher {name:?} follows {follows:?}, which {}",
        if *.states { "has no states: leave `PublisherOptions::states()` out" } else { "is durable and has no events: use `PublisherOptions::states()`" }
    )]
    FollowsOther {
        /// The publisher's name.
        name: String,
        /// The kind that it follows.
        follows: String,
        /// Whether it is one of states.
        states: bool,
    },
    /// What was given as the source of published events is no URI reference.
    #[error(
        "{given:?} cannot be the source of published events: it is no URI reference, as `/bank` or `https://example.org/bank`"
    )]
    InvalidSource {
        /// What was given.
        given: String,
    },
    /// Something is personal, and no keys of subjects were given.
    #[error("the program has personal fields: give it the keys of their subjects with `.subject_keys(…)` on the engine builder")]
    NoSubjectKeys,
    /// Something is personal, and it is not written as JSON, in which alone it can be sealed.
    #[error("the program has personal fields, which are sealed in JSON only, and writes with the codec {codec:?}")]
    PersonalCodec {
        /// The codec's name.
        codec: String,
    },
    /// A personal field of an event, a state or a view has no subject.
    #[error("{of} has a personal field, and whose it is, is not said: add `#[personal(subject = …)]` to the type that holds it")]
    NoSubject {
        /// The aggregate or the projection.
        of: Party,
    },
    /// The views of a projection are folded from events with personal fields, and say nothing of what is personal in them.
    #[error(
        "the projection {projection} follows {kind:?}, whose events have personal fields: derive `ego::Personal` for it, and mark what is personal, or say `#[personal(none)]`"
    )]
    UndeclaredView {
        /// The projection.
        projection: Party,
        /// The kind.
        kind: &'static str,
    },
    /// The state of an aggregate is stored, its events have personal fields, and it says nothing of what is personal in it.
    #[error(
        "the state of {aggregate} is stored, and the events of {kind:?} have personal fields: derive `ego::Personal` for it, and mark what is personal, or say `#[personal(none)]`"
    )]
    UndeclaredState {
        /// The aggregate.
        aggregate: Party,
        /// Its kind.
        kind: &'static str,
    },
    /// The store is being filled by a copy or an import that was interrupted.
    #[error("the store is unfinished: begin its {operation} again, or take another store")]
    Unfinished {
        /// What was interrupted.
        operation: String,
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
