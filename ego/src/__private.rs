//! What the code that the macros write refers to. Not part of the public API: it changes with any release.

pub use crate::codec::{AnyCodec, CodecError};
pub use crate::engine::{AggregateDescriptor, CommandDescriptor, HandlersDescriptor, Location, TypeRef};
pub use crate::macros::Registers;
pub use crate::model::Storable;
pub use crate::model::{Field, Personal, Shape};
pub use crate::projection::{ProjectionDescriptor, Source, Sources};
pub use crate::reactor::{ReactorDescriptor, ReactorSource, ReactorSources};
pub use crate::saga::{Instance, SagaDescriptor, SagaSource, SagaSources, SagaView};
pub use bytes::Bytes;
pub use inventory;

use crate::model::{
    AppliedAs, Command, Context, DecodeError, Delivery, Durable, EventSchema, Handles, Saved, Services, Stored, Upcast, UpcastTo,
};
use serde::de::DeserializeOwned;

/// The entry of the variant at this place.
#[must_use]
pub fn entry(schemas: &'static [EventSchema], index: usize) -> &'static EventSchema {
    &schemas[index]
}

/// The place of the variant that reads this event; one past the last when none does.
#[must_use]
pub fn index(schemas: &'static [EventSchema], stored: Stored<'_>) -> usize {
    schemas.iter().position(|schema| schema.is_named(stored.name)).unwrap_or(schemas.len())
}

/// How a payload is written and read. The bounds stand on [`payload`] alone, so that a type that lacks them makes one error.
pub struct Payload<T> {
    encode: fn(&AnyCodec, &T, &mut Vec<u8>) -> Result<(), CodecError>,
    decode: fn(&AnyCodec, &[u8]) -> Result<T, CodecError>,
}

/// The way of a payload.
#[must_use]
pub const fn payload<T: Storable>() -> Payload<T> {
    Payload { encode: AnyCodec::encode_into, decode: AnyCodec::decode }
}

impl<T> Payload<T> {
    /// Adds the payload's bytes.
    pub fn encode(&self, codec: &AnyCodec, payload: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        (self.encode)(codec, payload, bytes)
    }

    /// The payload.
    pub fn decode(&self, codec: &AnyCodec, stored: Stored<'_>) -> Result<T, DecodeError> {
        (self.decode)(codec, stored.payload).map_err(|error| DecodeError::content(stored, error))
    }
}

/// How a variant without a payload is written and read, through serde of its enum.
pub struct Inline<E> {
    encode: fn(&AnyCodec, &E, &mut Vec<u8>) -> Result<(), CodecError>,
    decode: fn(&AnyCodec, &[u8], u32) -> Result<E, CodecError>,
}

/// The way of the variants of an enum.
#[must_use]
pub const fn inline<E: Storable>() -> Inline<E> {
    Inline { encode: AnyCodec::encode_variant_into, decode: AnyCodec::decode_variant }
}

impl<E> Inline<E> {
    /// Adds the bytes of the event's content.
    pub fn encode(&self, codec: &AnyCodec, event: &E, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        (self.encode)(codec, event, bytes)
    }

    /// The event whose variant stands at this place.
    pub fn decode(&self, codec: &AnyCodec, stored: Stored<'_>, index: u32) -> Result<E, DecodeError> {
        (self.decode)(codec, stored.payload, index).map_err(|error| DecodeError::content(stored, error))
    }
}

/// Asks a type whether it says what is personal in it: `Ask::<T>::shape()` with [`Silent`] in scope is the inherent function where `T` is
/// [`Personal`], and the trait's otherwise.
pub struct Ask<T>(std::marker::PhantomData<T>);

impl<T: Personal> Ask<T> {
    /// What it says.
    #[must_use]
    pub fn shape() -> Option<&'static Shape> {
        Some(T::shape())
    }
}

/// What a type says that says nothing.
pub trait Silent {
    /// Nothing.
    #[must_use]
    fn shape() -> Option<&'static Shape> {
        None
    }
}

impl<T> Silent for Ask<T> {}

/// What stands in place of a personal value, as JSON. A value of a type that cannot be written was not written before either.
#[must_use]
pub fn redacted<T: serde::Serialize>(value: T) -> String {
    serde_json::to_string(&value).unwrap_or_else(|_| "null".to_owned())
}

/// The oldest shape of an event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a stored event",
    label = "the shape that an upcaster starts from must be `Deserialize`",
    note = "add `#[derive(serde::Deserialize)]` to `{Self}`"
)]
pub trait Readable: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Readable for T {}

/// The shape that the first upcaster takes.
pub fn old<T: Readable>(codec: &AnyCodec, stored: Stored<'_>) -> Result<T, DecodeError> {
    codec.decode(stored.payload).map_err(|error| DecodeError::content(stored, error))
}

/// The shape that the next upcaster takes.
pub fn step<T>(stored: Stored<'_>, upcast: impl Upcast<T>) -> Result<T, DecodeError> {
    upcast.upcast().map_err(|reason| DecodeError::upcast(stored, reason))
}

/// The events that the last upcaster gives.
pub fn last<E, Via>(stored: Stored<'_>, upcast: impl UpcastTo<E, Via>, events: &mut Vec<E>) -> Result<(), DecodeError> {
    upcast.upcast_to(events).map_err(|reason| DecodeError::upcast(stored, reason))
}

/// The service of this type. The engine has checked at its start that every handler finds its services.
///
/// # Panics
/// When it was not given.
#[must_use]
pub fn service<S: ?Sized + Send + Sync + 'static>(context: &Context) -> &S {
    match context.service() {
        Ok(service) => service,
        Err(missing) => panic!("{missing}"),
    }
}

/// The service of this type, for a reader of events. The engine has checked at its start that every reader finds its services.
///
/// # Panics
/// When it was not given.
#[must_use]
pub fn service_for<S: ?Sized + Send + Sync + 'static>(delivery: &Delivery) -> &S {
    match delivery.service() {
        Ok(service) => service,
        Err(missing) => panic!("{missing}"),
    }
}

/// The service of this type, for a method of a saga. The engine has checked at its start that every method finds its services.
///
/// # Panics
/// When it was not given.
#[must_use]
pub fn service_of<S: ?Sized + Send + Sync + 'static>(services: &Services) -> &S {
    match services.get() {
        Ok(service) => service,
        Err(missing) => panic!("{missing}"),
    }
}

/// The event of an aggregate, as an `#[on(…)]` method takes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the event of `{A}`",
    label = "the events of `{A}` are `{E}`",
    note = "an `#[on({A})]` method takes `&{E}`"
)]
pub trait EventOf<A, E> {
    /// The event.
    fn event(event: &E) -> &Self;
}

impl<A, E> EventOf<A, E> for E {
    fn event(event: &E) -> &Self {
        event
    }
}

/// A function that takes keys from an event, or from an event and its delivery.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no keys from `{E}`",
    label = "expected a function of `&{E}`, or of `&{E}` and `&Delivery`"
)]
pub trait KeyOf<'e, E, Via> {
    /// What the function returns.
    type Key;
    /// Calls it.
    fn key(self, event: &'e E, delivery: &'e Delivery) -> Self::Key;
}

impl<'e, E: 'e, K, F: FnOnce(&'e E) -> K> KeyOf<'e, E, (&'e E,)> for F {
    type Key = K;
    fn key(self, event: &'e E, _: &'e Delivery) -> K {
        self(event)
    }
}

impl<'e, E: 'e, K, F: FnOnce(&'e E, &'e Delivery) -> K> KeyOf<'e, E, (&'e E, &'e Delivery)> for F {
    type Key = K;
    fn key(self, event: &'e E, delivery: &'e Delivery) -> K {
        self(event, delivery)
    }
}

/// The key that a function takes.
pub fn key<'e, E, Via, F: KeyOf<'e, E, Via>>(of: F, event: &'e E, delivery: &'e Delivery) -> F::Key {
    of.key(event, delivery)
}

/// The key that a closure takes from the event.
pub fn key_of_event<'e, E, K>(of: impl FnOnce(&'e E) -> K, event: &'e E, _: &'e Delivery) -> K {
    of(event)
}

/// The key that a closure takes from the event and its delivery.
pub fn key_of_delivery<'e, E, K>(of: impl FnOnce(&'e E, &'e Delivery) -> K, event: &'e E, delivery: &'e Delivery) -> K {
    of(event, delivery)
}

/// The commands of a block; `C` is one of them.
#[must_use]
pub const fn handlers<A: Handles<C>, C>(commands: &'static [CommandDescriptor]) -> HandlersDescriptor {
    HandlersDescriptor::of::<A>(commands)
}

/// What a generic block `B` without appliers registers for one of the instances in its `register(…)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an instance of this block's type",
    label = "only instances of the type behind `impl` can stand here"
)]
pub trait InstanceOf<B> {
    /// The commands of the block.
    const DESCRIPTOR: HandlersDescriptor;
}

/// The copy of a state that a handler changes.
#[must_use]
pub fn copy<A: Durable>(state: &A) -> A {
    state.clone()
}

/// Puts a saved state in place of another.
pub fn replace<A: Durable>(state: &mut A, saved: &Saved<A>) {
    state.clone_from(saved.state());
}

/// The state that was stored in its newest shape.
pub fn state<A: Durable>(codec: &AnyCodec, stored: Stored<'_>) -> Result<A, DecodeError> {
    codec.decode(stored.payload).map_err(|error| DecodeError::content(stored, error))
}

/// Folds an event through appliers of this form.
pub fn fold<F, E: AppliedAs<F, A>, A>(event: &E, state: &mut A) {
    event.apply_to(state);
}

/// One command of a block.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its registered name.
    pub name: &'static str,
    /// All of it.
    pub descriptor: CommandDescriptor,
}

impl Entry {
    /// With what the command says of what is personal in it.
    #[must_use]
    pub const fn personal(mut self, in_command: fn() -> Option<&'static Shape>) -> Self {
        self.descriptor = self.descriptor.personal(in_command);
        self
    }
}

/// Describes the handler at `location`.
#[must_use]
pub const fn command<A: Handles<C>, C: Command>(location: Location, services: &'static [TypeRef]) -> Entry {
    Entry { name: C::NAME, descriptor: CommandDescriptor::of::<A, C>(location, services) }
}

/// Whether the name is among those before.
#[must_use]
pub const fn is_taken(name: &str, earlier: &[&str]) -> bool {
    let mut index = 0;
    while index < earlier.len() {
        if same(name.as_bytes(), earlier[index].as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The length of all parts together; the message of a panic in a constant has to be put together by hand.
#[must_use]
pub const fn text_len(parts: &[&str]) -> usize {
    let (mut len, mut part) = (0, 0);
    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

/// All parts together.
#[must_use]
pub const fn text_bytes<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let (from, mut index) = (parts[part].as_bytes(), 0);
        while index < from.len() {
            bytes[at] = from[index];
            at += 1;
            index += 1;
        }
        part += 1;
    }
    bytes
}

/// The bytes as text again.
#[must_use]
pub const fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}
