//! The publishers and reactors that an engine is to run, and everything that is wrong with them.

use super::linked::{Linked, Party, StartProblem};
use crate::consumer::{ConsumerKind, Then};
use crate::message::Name;
use crate::model::{Audience, Services};
use crate::publish::{Publishing, is_source};
use crate::reactor::{Reacting, ReactorDescriptor};

impl Linked {
    pub(super) fn publishing(&self, publishers: &[Publishing], source: &str) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        if !is_source(source) {
            problems.push(StartProblem::InvalidSource { given: source.to_owned() });
        }
        for (index, publishing) in publishers.iter().enumerate() {
            let (kind, name) = (ConsumerKind::Publisher, &publishing.name);
            if !is_name(name) || publishers[..index].iter().any(|first| first.name == *name) {
                problems.push(StartProblem::ConsumerName { kind, name: name.clone() });
            }
            if publishing.policy().then == Then::DeadLetter {
                problems.push(StartProblem::NoDeadLetters { kind, name: name.clone() });
            }
            let known = |kind: &Name| self.aggregates.iter().any(|aggregate| *kind == aggregate.kind);
            for follows in &publishing.filter().kinds {
                let (name, follows_kind) = (name.clone(), follows.to_string());
                if !known(follows) {
                    problems.push(StartProblem::FollowsNothing { kind, name, follows: follows_kind });
                } else if self.is_durable(follows) != publishing.states() {
                    problems.push(StartProblem::FollowsOther { name, follows: follows_kind, states: publishing.states() });
                }
            }
        }
        problems
    }

    /// Those that were given, and those that are linked in besides.
    pub(super) fn reactors(&self, given: Vec<Reacting>) -> Vec<Reacting> {
        let mut linked: Vec<_> = inventory::iter::<ReactorDescriptor>.into_iter().copied().collect();
        linked.sort_by_key(|reactor| (reactor.name, reactor.location));
        linked.retain(|reactor| !given.iter().any(|given| given.descriptor.reactor.id() == reactor.reactor.id()));
        given.into_iter().chain(linked.into_iter().map(Reacting::linked)).collect()
    }

    pub(super) fn reacting(&self, reactors: &[Reacting], node: Option<&str>, services: &Services) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        for (index, reacting) in reactors.iter().enumerate() {
            let reactor = &reacting.descriptor;
            let (kind, name) = (ConsumerKind::Reactor, reactor.name);
            if !is_name(name) {
                problems.push(StartProblem::ConsumerName { kind, name: name.to_owned() });
            }
            if let Some(first) = reactors[..index].iter().find(|first| first.descriptor.name == name) {
                let (first, second) = (first.descriptor.party(), reactor.party());
                problems.push(StartProblem::DuplicateReactor { name, first, second });
            }
            if reactor.audience == Audience::Observer && node.is_none_or(str::is_empty) {
                problems.push(StartProblem::NoNode { name });
            }
            if reacting.policy.then == Then::DeadLetter {
                problems.push(StartProblem::NoDeadLetters { kind, name: name.to_owned() });
            }
            for source in (reactor.sources)() {
                problems.extend(self.not_a_source(reactor.party(), source.aggregate));
                for service in source.services.iter().filter(|service| !services.contains(service.id())) {
                    let handler = Party { name: reactor.reactor.name(), location: source.location };
                    problems.push(StartProblem::MissingService { service: service.name(), kind: name, handler });
                }
            }
        }
        problems
    }
}

/// An observer's checkpoint has the node's name behind an `@`.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('@')
}
