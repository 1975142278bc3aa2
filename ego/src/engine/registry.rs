//! What is linked into the program: descriptors that the macros submit at link time (`inventory`), and what is wrong with them.

use super::place::{AnyPlace, Place};
use super::send::{AnyRejection, Sending, by_name};
use super::shared::Shared;
use super::{Engine, Party};
use crate::codec::{AnyCodec, CodecError, Decode, Json};
use crate::model::{Aggregate, Command, DecodeError, Event, EventSchema, Handles, Shape, Stored};
use std::any::{TypeId, type_name};
use std::fmt;
use std::sync::Arc;

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    file: &'static str,
    line: u32,
}

impl Location {
    /// This line of this file.
    #[must_use]
    pub const fn new(file: &'static str, line: u32) -> Self {
        Self { file, line }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A type, by its id and its name; what `TypeId::of` cannot say in a constant.
#[derive(Clone, Copy)]
pub struct TypeRef {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
}

impl TypeRef {
    /// This type.
    #[must_use]
    pub const fn of<T: ?Sized + 'static>() -> Self {
        Self { id: TypeId::of::<T>, name: type_name::<T> }
    }

    /// The type's id.
    #[must_use]
    pub fn id(self) -> TypeId {
        (self.id)()
    }

    /// The type's path, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        (self.name)()
    }
}

impl fmt::Debug for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An aggregate that is linked in.
#[derive(Clone, Copy, Debug)]
pub struct AggregateDescriptor {
    pub(crate) kind: &'static str,
    pub(crate) aggregate: TypeRef,
    pub(crate) events: &'static [EventSchema],
    /// Whether a state is kept instead of events.
    pub(crate) durable: bool,
    pub(super) location: Location,
    pub(super) place: MakePlace,
    pub(crate) to_json: ToJson,
    /// What is personal in each of the events, in their order.
    pub(super) in_events: &'static [Said],
    /// What is personal in the state.
    pub(super) in_state: Said,
    /// Of the state.
    pub(crate) version: u32,
    /// How its snapshots are read, if it has any.
    pub(crate) snapshot: Option<Decode>,
}

/// What a type says of what is personal in it, if it says anything.
type Said = fn() -> Option<&'static Shape>;

type MakePlace = fn(Arc<Shared>) -> Arc<dyn AnyPlace>;
/// A stored event in its newest shape, as JSON.
pub(crate) type ToJson = fn(Stored<'_>, &AnyCodec) -> Result<Vec<(&'static str, serde_json::Value)>, DecodeError>;

inventory::collect!(AggregateDescriptor);

impl AggregateDescriptor {
    /// Describes an aggregate that is defined at `location`.
    #[must_use]
    pub const fn of<A: Aggregate>(location: Location) -> Self {
        Self {
            kind: A::KIND,
            aggregate: TypeRef::of::<A>(),
            events: A::Event::SCHEMAS,
            durable: A::STATE.is_some(),
            location,
            place: |shared| Arc::new(Place::<A>::new(shared)),
            to_json: to_json::<A::Event>,
            in_events: A::Event::PERSONAL,
            in_state: || None,
            version: A::VERSION,
            snapshot: if A::SNAPSHOTS.is_some() { Some(read_snapshot::<A>) } else { None },
        }
    }

    /// With what its state says of what is personal in it.
    #[must_use]
    pub const fn personal(mut self, in_state: fn() -> Option<&'static Shape>) -> Self {
        self.in_state = in_state;
        self
    }

    pub(super) fn party(&self) -> Party {
        Party { name: self.aggregate.name(), location: self.location }
    }
}

/// Reads a snapshot and drops it.
fn read_snapshot<A: Aggregate>(codec: &AnyCodec) -> Result<(), CodecError> {
    A::SNAPSHOTS.map_or(Ok(()), |snapshots| snapshots.decode(codec, b"").map(drop))
}

/// A stored event in its newest shape, as JSON.
fn to_json<E: Event>(stored: Stored<'_>, codec: &AnyCodec) -> Result<Vec<(&'static str, serde_json::Value)>, DecodeError> {
    let mut events = Vec::new();
    E::decode(stored, codec, &mut events)?;
    let json = AnyCodec::new(Json);
    let one = |event: &E| {
        let content = event.encode(&json).and_then(|bytes| json.decode(&bytes));
        Ok((event.schema().name, content.map_err(|error| DecodeError::content(stored, error))?))
    };
    events.iter().map(one).collect()
}

/// The handlers of one `#[ego::handlers]` block.
#[derive(Clone, Copy, Debug)]
pub struct HandlersDescriptor {
    pub(crate) aggregate: TypeRef,
    pub(crate) commands: &'static [CommandDescriptor],
}

inventory::collect!(HandlersDescriptor);

impl HandlersDescriptor {
    /// Describes the commands that one block handles for the aggregate.
    #[must_use]
    pub const fn of<A: Aggregate>(commands: &'static [CommandDescriptor]) -> Self {
        Self { aggregate: TypeRef::of::<A>(), commands }
    }
}

/// One command of one aggregate.
#[derive(Clone, Copy, Debug)]
pub struct CommandDescriptor {
    pub(crate) name: &'static str,
    pub(super) command: TypeRef,
    /// `(aggregate, command)`.
    pub(super) types: TypeRef,
    pub(super) services: &'static [TypeRef],
    pub(super) location: Location,
    pub(super) by_name: ByName,
    pub(crate) decode: Decode,
    /// What is personal in it, if it says so.
    pub(crate) in_command: Said,
}

/// Sends a command that came as JSON.
pub(super) type ByName = for<'e> fn(&'e Engine, String, serde_json::Value) -> Sending<'e, serde_json::Value, AnyRejection>;

impl CommandDescriptor {
    /// Describes the handler at `location`, which asks for these services.
    #[must_use]
    pub const fn of<A: Handles<C>, C: Command>(location: Location, services: &'static [TypeRef]) -> Self {
        Self {
            name: C::NAME,
            command: TypeRef::of::<C>(),
            types: TypeRef::of::<(A, C)>(),
            services,
            location,
            by_name: by_name::<A, C>,
            decode: AnyCodec::reads::<C>,
            in_command: || None,
        }
    }

    /// With what it says of what is personal in it.
    #[must_use]
    pub const fn personal(mut self, in_command: fn() -> Option<&'static Shape>) -> Self {
        self.in_command = in_command;
        self
    }

    pub(super) fn party(&self) -> Party {
        Party { name: self.command.name(), location: self.location }
    }
}
