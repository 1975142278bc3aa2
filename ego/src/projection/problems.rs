//! What is wrong with the projections that are linked in.

use super::descriptor::ProjectionDescriptor;
use crate::engine::{Party, StartProblem, TypeRef};
use crate::message::StreamId;
use crate::model::{Mode, Services};

impl ProjectionDescriptor {
    /// In the order of their names and of the source, each once.
    pub(crate) fn linked() -> Vec<&'static Self> {
        let mut all: Vec<_> = inventory::iter::<Self>.into_iter().collect();
        all.sort_by_key(|one| (one.name, one.location));
        all.dedup_by_key(|one| one.projection.id());
        all
    }

    /// Everything that is wrong with them against each other, the aggregates and the services.
    pub(crate) fn problems(
        all: &[&'static Self],
        services: &Services,
        not_a_source: impl Fn(Party, TypeRef) -> Option<StartProblem>,
    ) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        for (index, one) in all.iter().enumerate() {
            if let Some(first) = all[..index].iter().find(|first| first.name == one.name) {
                problems.push(StartProblem::DuplicateProjection { name: one.name, first: first.party(), second: one.party() });
            }
            let invalid = |reason: String| StartProblem::InvalidProjection { projection: one.party(), reason };
            problems.extend(StreamId::check_kind(one.name).err().map(|reason| invalid(reason.to_string())));
            problems.extend(one.own_problem().map(|reason| invalid(reason.to_owned())));
            for source in (one.sources)() {
                problems.extend(not_a_source(one.party(), source.aggregate));
                for service in source.services.iter().filter(|service| !services.contains(service.id())) {
                    let handler = Party { name: one.projection.name(), location: source.location };
                    problems.push(StartProblem::MissingService { service: service.name(), kind: one.name, handler });
                }
            }
        }
        problems
    }

    /// The macro refuses these; what is written by hand is looked at here.
    fn own_problem(&self) -> Option<&'static str> {
        let sources = (self.sources)();
        let doubled = |kind: &str| sources.iter().filter(|source| source.kind == kind).count() > 1;
        let own_keys = sources.iter().any(|source| !source.by_id);
        match self.mode {
            _ if self.version == 0 => Some("versions start at 1"),
            _ if sources.is_empty() => Some("it follows nothing"),
            _ if sources.iter().any(|source| doubled(source.kind)) => Some("it follows one kind twice"),
            Mode::Inline if sources.len() > 1 => Some("an inline projection follows one kind"),
            Mode::Inline if sources.iter().any(|source| source.waits) => {
                Some("the methods of an inline projection do not wait: say so with `WAITS`")
            }
            Mode::Inline | Mode::Live if own_keys => Some("an inline or live view is keyed by the aggregate's id"),
            Mode::Live if !self.indexes.is_empty() => Some("a live view is kept nowhere, so it has no index"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::descriptor::SourceInfo;
    use super::*;
    use crate::engine::{Location, TypeRef};
    use crate::store::StoreError;

    fn own_problem(mode: Mode, indexes: &'static [&'static str], sources: fn() -> Vec<SourceInfo>) -> Option<&'static str> {
        let location = Location::new("views.rs", 1);
        let projection = TypeRef::of::<()>();
        let decode = crate::codec::AnyCodec::reads::<u8>;
        let open = |_, _| Box::pin(async { Err(StoreError::Closed) }) as _;
        let in_view = || None;
        ProjectionDescriptor { name: "p", version: 1, mode, indexes, projection, location, sources, open, decode, in_view }
            .own_problem()
    }

    fn source(kind: &'static str, by_id: bool, waits: bool) -> SourceInfo {
        let location = Location::new("views.rs", 2);
        SourceInfo { kind, aggregate: TypeRef::of::<()>(), services: &[], location, by_id, waits }
    }

    #[test]
    fn an_inline_projection_follows_one_kind_by_its_id_without_waiting() {
        let of = |sources| own_problem(Mode::Inline, &["owner"], sources);
        assert_eq!(of(|| vec![source("a", true, false)]), None);
        assert!(of(|| vec![source("a", true, false), source("b", true, false)]).is_some_and(|why| why.contains("one kind")));
        assert!(of(|| vec![source("a", false, false)]).is_some_and(|why| why.contains("id")));
        assert!(of(|| vec![source("a", true, true)]).is_some_and(|why| why.contains("WAITS")));
    }

    #[test]
    fn a_live_projection_follows_kinds_by_their_ids_and_has_no_index() {
        let of = |indexes, sources| own_problem(Mode::Live, indexes, sources);
        assert_eq!(of(&[], || vec![source("a", true, true), source("b", true, false)]), None);
        assert!(of(&[], || vec![source("a", true, true), source("b", false, false)]).is_some_and(|why| why.contains("id")));
        assert!(of(&["owner"], || vec![source("a", true, true)]).is_some_and(|why| why.contains("index")));
    }

    #[test]
    fn an_async_projection_follows_each_of_its_kinds_once() {
        let of = |sources| own_problem(Mode::Async, &["owner"], sources);
        assert_eq!(of(|| vec![source("a", false, true), source("b", true, false)]), None);
        assert!(of(|| vec![source("a", false, true), source("a", true, false)]).is_some_and(|why| why.contains("twice")));
        assert!(of(Vec::new).is_some_and(|why| why.contains("nothing")));
    }
}
