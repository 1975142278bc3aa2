//! What a program stores: names, versions and shapes, as its registry says. The lock file is the same, as it was released.

use super::shape::Shape;
use super::trace::trace;
use crate::codec::AnyCodec;
use crate::engine::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location};
use crate::model::{Aggregate, Command, Handles, Stored};
use crate::projection::{ProjectionDescriptor, Sources};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a program stores, by its stored names.
///
/// ```standalone_crate
/// use ego::schema::Schema;
///
/// // Everything that is linked into the program.
/// let schema = Schema::linked();
/// assert!(schema.kinds.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Schema {
    /// By the kind of the aggregate.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, KindSchema>,
    /// By the name of the projection.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<String, Derived>,
}

/// What is stored for one kind of aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KindSchema {
    /// By their stored names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, Evolving>,
    /// By their names. Timers and sagas keep commands.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, Shape>,
    /// Of a durable aggregate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Evolving>,
    /// Of an aggregate with snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Derived>,
}

/// What is recorded for good: each version is read for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Evolving {
    /// Older names that are still read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// The shape of each version. Of the program: what the version's upcaster takes; of the last, what is written.
    pub versions: BTreeMap<u32, Shape>,
}

/// What is derived from events, and made again in another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Derived {
    /// The version of the shape.
    pub version: u32,
    /// What is kept.
    pub shape: Shape,
}

impl Evolving {
    /// The version that is written.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.versions.last_key_value().map_or(0, |(version, _)| *version)
    }
}

impl Schema {
    /// Of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of everything that is linked into the program.
    #[must_use]
    pub fn linked() -> Self {
        let mut schema = Self::new();
        let aggregates = inventory::iter::<AggregateDescriptor>;
        for aggregate in aggregates {
            schema.add_aggregate(aggregate);
            let blocks = inventory::iter::<HandlersDescriptor>.into_iter();
            let own = blocks.filter(|block| block.aggregate.id() == aggregate.aggregate.id());
            own.flat_map(|block| block.commands).for_each(|command| schema.add_command(aggregate.kind, command));
        }
        inventory::iter::<ProjectionDescriptor>.into_iter().for_each(|view| schema.add_view(view));
        schema
    }

    /// The same with an aggregate, its events and its state.
    #[must_use]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        self.add_aggregate(&AggregateDescriptor::of::<A>(HERE));
        self
    }

    /// The same with a command.
    #[must_use]
    pub fn command<A: Handles<C>, C: Command>(mut self) -> Self {
        self.add_command(A::KIND, &CommandDescriptor::of::<A, C>(HERE, &[]));
        self
    }

    /// The same with the views of a projection.
    #[must_use]
    pub fn view<P: Sources>(mut self) -> Self {
        self.add_view(&ProjectionDescriptor::of::<P>(HERE));
        self
    }

    fn add_aggregate(&mut self, aggregate: &AggregateDescriptor) {
        let kind = self.kinds.entry(aggregate.kind.to_owned()).or_default();
        for event in aggregate.events {
            let shape = |version| {
                let read = |codec: &AnyCodec| {
                    let stored = Stored { name: event.name, version, payload: b"" };
                    (aggregate.to_json)(stored, codec).map(drop).map_err(|error| with_cause(&error))
                };
                Some((version, trace(&read)?))
            };
            let versions = (1..=event.version).filter_map(shape).collect();
            let aliases = event.aliases.iter().map(|alias| (*alias).to_owned()).collect();
            let evolving = Evolving { aliases, versions };
            if aggregate.durable {
                kind.state = Some(evolving);
            } else {
                kind.events.insert(event.name.to_owned(), evolving);
            }
        }
        kind.snapshot = aggregate.snapshot.map(|read| Derived { version: aggregate.version, shape: shape_of(read) });
    }

    fn add_command(&mut self, kind: &str, command: &CommandDescriptor) {
        let kind = self.kinds.entry(kind.to_owned()).or_default();
        kind.commands.insert(command.name.to_owned(), shape_of(command.decode));
    }

    fn add_view(&mut self, view: &ProjectionDescriptor) {
        // Live views are never stored.
        if view.mode != crate::model::Mode::Live {
            self.views.insert(view.name.to_owned(), Derived { version: view.version, shape: shape_of(view.decode) });
        }
    }
}

const HERE: Location = Location::new(file!(), line!());

fn shape_of(decode: crate::codec::Decode) -> Shape {
    let shape = trace(&|codec| decode(codec).map_err(|error| error.to_string()));
    shape.unwrap_or_else(|| Shape::Untraced("nothing is read".to_owned()))
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
