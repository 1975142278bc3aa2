//! What is personal in the program, and what is wrong with how it is declared.

use super::linked::{Linked, StartProblem};
use crate::model::{Holds, Mode, Shape};
use crate::privacy::Personal;
use crate::projection::ProjectionDescriptor;

impl Linked {
    /// All that is declared.
    pub(super) fn personal(&self, projections: &[&'static ProjectionDescriptor]) -> Personal {
        let mut personal = Personal::default();
        for aggregate in &self.aggregates {
            for (event, shape) in aggregate.events.iter().zip(aggregate.in_events) {
                let Some(shape) = shape() else { continue };
                let names = std::iter::once(&event.name).chain(event.aliases);
                names.for_each(|name| personal.event(aggregate.kind, name, shape));
            }
            if let Some(shape) = (aggregate.in_state)() {
                personal.state(aggregate.kind, shape);
            }
            for command in self.commands(aggregate) {
                personal.command(aggregate.kind, command.name, (command.in_command)());
            }
        }
        for projection in projections {
            if let Some(shape) = (projection.in_view)() {
                personal.view(projection.name, shape);
            }
        }
        personal
    }

    /// Nobody leaks by forgetting to say something.
    pub(super) fn undeclared(
        &self,
        personal: &Personal,
        projections: &[&'static ProjectionDescriptor],
        codec: &str,
        has_keys: bool,
    ) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        if personal.is_empty() {
            return problems;
        }
        if !has_keys {
            problems.push(StartProblem::NoSubjectKeys);
        }
        if codec != "json" {
            problems.push(StartProblem::PersonalCodec { codec: codec.to_owned() });
        }
        for aggregate in &self.aggregates {
            let shapes = aggregate.in_events.iter().filter_map(|shape| shape()).chain((aggregate.in_state)());
            if shapes.into_iter().any(|shape| !knows_whose(shape, false, DEPTH)) {
                problems.push(StartProblem::NoSubject { of: aggregate.party() });
            }
            if aggregate.snapshot.is_some() && (aggregate.in_state)().is_none() && personal.is_in_events(aggregate.kind) {
                problems.push(StartProblem::UndeclaredState { aggregate: aggregate.party(), kind: aggregate.kind });
            }
        }
        for projection in projections {
            let shape = (projection.in_view)();
            if shape.is_some_and(|shape| !knows_whose(shape, false, DEPTH)) {
                problems.push(StartProblem::NoSubject { of: projection.party() });
            }
            if shape.is_none() && projection.mode != Mode::Live {
                let sources = (projection.sources)();
                let followed = sources.iter().find(|source| personal.is_in_events(source.kind));
                problems.extend(
                    followed.map(|source| StartProblem::UndeclaredView { projection: projection.party(), kind: source.kind }),
                );
            }
        }
        problems
    }
}

/// How deep a type is looked into that may hold itself.
const DEPTH: u32 = 16;

/// Whether each personal field has a subject, its own type's or that of the value around it.
fn knows_whose(shape: &Shape, is_known: bool, depth: u32) -> bool {
    if depth == 0 {
        return true;
    }
    match shape {
        Shape::Nothing => true,
        Shape::Each(inner) | Shape::Values(inner) => knows_whose(inner(), is_known, depth - 1),
        Shape::Fields { subject, fields } => {
            let is_known = is_known || subject.is_some();
            fields.iter().all(|field| match field.holds {
                Holds::Personal { .. } => is_known,
                Holds::Other(inner) => inner().is_none_or(|inner| knows_whose(inner, is_known, depth - 1)),
            })
        }
    }
}
