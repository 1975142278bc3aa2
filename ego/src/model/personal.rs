//! What is personal in a value: which of its fields, and whose.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A type that says what is personal in it: the payload of an event, a state, a view, or a part of one. Derive it.
///
/// The fields are sealed under the key of their subject before they are stored, and give their redacted value once the subject is
/// forgotten, see [`Engine::forget`](crate::Engine::forget).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what is personal in it",
    label = "not known to be personal",
    note = "add `#[derive(ego::Personal)]` to it"
)]
pub trait Personal {
    /// Where in the serialized value it is.
    fn shape() -> &'static Shape;
}

/// Where in a serialized value something personal is. Written by the macros.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// Nothing is, and somebody has said so.
    Nothing,
    /// In some fields of a struct.
    Fields {
        /// The field with the id of the subject; that of the value around it when left out.
        subject: Option<&'static str>,
        /// The fields that are personal, or may hold what is.
        fields: &'static [Field],
    },
    /// In each value of a list.
    Each(fn() -> &'static Shape),
    /// In each value of a map.
    Values(fn() -> &'static Shape),
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds {
    /// Something personal, with what stands in its place when it is forgotten, as JSON; and whether it may be left out.
    Personal { redacted: fn() -> String, optional: bool },
    /// A value that may say itself what is personal in it.
    Other(fn() -> Option<&'static Shape>),
}

impl Field {
    /// A personal field of this serialized name.
    #[must_use]
    pub const fn personal(name: &'static str, optional: bool, redacted: fn() -> String) -> Self {
        Self { name, holds: Holds::Personal { redacted, optional } }
    }

    /// A field that may hold something personal, if its type says so.
    #[must_use]
    pub const fn other(name: &'static str, shape: fn() -> Option<&'static Shape>) -> Self {
        Self { name, holds: Holds::Other(shape) }
    }
}

impl Shape {
    /// Whether there is something personal at all.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Fields { fields, .. } => fields.iter().any(|field| match field.holds {
                Holds::Personal { .. } => true,
                // Not looked into: a type may hold itself.
                Holds::Other(shape) => shape().is_some_and(|shape| !matches!(shape, Self::Nothing)),
            }),
            Self::Each(shape) | Self::Values(shape) => shape().is_personal(),
        }
    }
}

macro_rules! around {
    ($($ty:ty),*) => {
        $(impl<T: Personal> Personal for $ty {
            fn shape() -> &'static Shape {
                T::shape()
            }
        })*
    };
}
around!(Box<T>, Arc<T>, Option<T>);

macro_rules! each {
    ($($ty:ty),*) => {
        $(impl<T: Personal> Personal for $ty {
            fn shape() -> &'static Shape {
                const { &Shape::Each(T::shape) }
            }
        })*
    };
}
each!(Vec<T>, std::collections::VecDeque<T>, std::collections::BTreeSet<T>, std::collections::HashSet<T>);

impl<K, T: Personal> Personal for BTreeMap<K, T> {
    fn shape() -> &'static Shape {
        const { &Shape::Values(T::shape) }
    }
}

impl<K, T: Personal, S> Personal for HashMap<K, T, S> {
    fn shape() -> &'static Shape {
        const { &Shape::Values(T::shape) }
    }
}
