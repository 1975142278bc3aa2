//! Sagas that are linked into the program, and everything that is wrong with them.

use super::inbox::Inbox;
use super::options::SagaOptions;
use super::outbox::Outbox;
use super::source::{SagaSource, SagaSources};
use crate::consumer::{Consumer, Then};
use crate::engine::{Location, Party, Shared, StartProblem, TypeRef};
use crate::message::StreamId;
use crate::model::{Services, Shape};
use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A saga that is linked in; `#[ego::saga]` submits it.
#[derive(Clone, Copy)]
pub struct SagaDescriptor {
    name: &'static str,
    kind: &'static str,
    version: u32,
    saga: TypeRef,
    location: Location,
    sources: fn() -> Vec<Followed>,
    services: &'static [TypeRef],
    consumers: MakeConsumers,
    /// What is personal in the state, if it says so.
    in_state: fn() -> Option<&'static Shape>,
}

/// What takes its inputs, and what sends its commands.
type MakeConsumers = fn(SagaOptions, &Arc<Shared>) -> [Arc<dyn Consumer>; 2];

inventory::collect!(SagaDescriptor);

/// What is known of a source without the saga's type.
struct Followed {
    kind: &'static str,
    starts: bool,
    aggregate: TypeRef,
    services: &'static [TypeRef],
    location: Location,
}

/// The options of those that were given some, with their types' names.
type Given = HashMap<TypeId, (&'static str, SagaOptions)>;

/// A saga that an engine is to run.
pub(crate) struct Running {
    descriptor: SagaDescriptor,
    options: SagaOptions,
}

impl Running {
    pub(crate) fn consumers(self, shared: &Arc<Shared>) -> [Arc<dyn Consumer>; 2] {
        (self.descriptor.consumers)(self.options, shared)
    }
}

impl SagaDescriptor {
    /// Describes a saga that is defined at `location`.
    #[must_use]
    pub const fn of<S: SagaSources>(location: Location) -> Self {
        Self {
            name: S::NAME,
            kind: S::KIND,
            version: S::VERSION,
            saga: TypeRef::of::<S>(),
            location,
            sources: || S::SOURCES.iter().map(SagaSource::followed).collect(),
            services: S::SERVICES,
            consumers: |options, shared| [Inbox::<S>::consumer(options, shared), Outbox::<S>::consumer(options, shared)],
            in_state: || None,
        }
    }

    /// With what its state says of what is personal in it.
    #[must_use]
    pub const fn personal(mut self, in_state: fn() -> Option<&'static Shape>) -> Self {
        self.in_state = in_state;
        self
    }

    /// Those that follow a kind with something personal in its events, and do not say that they keep none of it.
    pub(crate) fn undeclared(all: &[Running], is_personal: impl Fn(&str) -> bool) -> Vec<StartProblem> {
        let undeclared = all.iter().filter(|one| (one.descriptor.in_state)().is_none_or(|shape| shape.is_personal()));
        let problem = |one: &Running| {
            let followed = (one.descriptor.sources)().into_iter().find(|source| is_personal(source.kind))?;
            Some(StartProblem::UndeclaredSaga { saga: one.descriptor.party(), kind: followed.kind })
        };
        undeclared.filter_map(problem).collect()
    }

    fn party(&self) -> Party {
        Party { name: self.saga.name(), location: self.location }
    }

    /// In the order of their names and of the source, each once.
    pub(crate) fn linked(given: &Given) -> Vec<Running> {
        let mut all: Vec<_> = inventory::iter::<Self>.into_iter().copied().collect();
        all.sort_by_key(|one| (one.name, one.location));
        all.dedup_by_key(|one| one.saga.id());
        let options = |one: &Self| given.get(&one.saga.id()).map_or_else(SagaOptions::new, |(_, options)| *options);
        all.into_iter().map(|descriptor| Running { options: options(&descriptor), descriptor }).collect()
    }

    pub(crate) fn problems(
        all: &[Running],
        given: &Given,
        services: &Services,
        not_a_source: impl Fn(Party, TypeRef) -> Option<StartProblem>,
    ) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        for (index, Running { descriptor: one, options }) in all.iter().enumerate() {
            let saga = one.party();
            if let Some(Running { descriptor: first, .. }) = all[..index].iter().find(|first| first.descriptor.name == one.name) {
                problems.push(StartProblem::DuplicateSaga { name: one.name, first: first.party(), second: saga.clone() });
            }
            let sources = (one.sources)();
            let own = one.own_problem(&sources, *options).map(|reason| StartProblem::InvalidSaga { saga: saga.clone(), reason });
            problems.extend(own);
            problems.extend(sources.iter().filter_map(|source| not_a_source(saga.clone(), source.aggregate)));
            let wanted = sources.iter().flat_map(|source| source.services.iter().map(|service| (service, source.location)));
            let wanted = wanted.chain(one.services.iter().map(|service| (service, one.location)));
            for (service, location) in wanted.filter(|(service, _)| !services.contains(service.id())) {
                let handler = Party { name: one.saga.name(), location };
                problems.push(StartProblem::MissingService { service: service.name(), kind: one.name, handler });
            }
        }
        let unknown = given.iter().filter(|(id, _)| !all.iter().any(|one| one.descriptor.saga.id() == **id));
        problems.extend(unknown.map(|(_, (saga, _))| StartProblem::UnknownSaga { saga }));
        problems
    }

    /// The macro refuses most of these; what is written by hand is looked at here.
    fn own_problem(&self, sources: &[Followed], options: SagaOptions) -> Option<String> {
        let doubled =
            |one: &Followed| sources.iter().filter(|other| (other.kind, other.starts) == (one.kind, one.starts)).count() > 1;
        if let Err(reason) = StreamId::check_kind(self.kind) {
            return Some(reason.to_string());
        }
        if self.kind != format!("saga.{}", self.name) {
            return Some(format!("its kind is {:?}: it has to be `saga.` and its name", self.kind));
        }
        let reason = match () {
            () if self.version == 0 => "versions start at 1",
            () if !sources.iter().any(|source| source.starts) => "nothing starts it",
            () if sources.iter().any(doubled) => "it follows one kind twice in the same way",
            () if options.policy.then == Then::DeadLetter => {
                "it cannot keep dead letters: choose `Policy::fail()` or `Policy::skip()`"
            }
            () => return None,
        };
        Some(reason.to_owned())
    }
}

impl<S> SagaSource<S> {
    fn followed(&self) -> Followed {
        let Self { kind, starts, aggregate, services, location, .. } = *self;
        Followed { kind, starts, aggregate, services, location }
    }
}

impl fmt::Debug for SagaDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaDescriptor").field("name", &self.name).field("location", &self.location).finish_non_exhaustive()
    }
}
