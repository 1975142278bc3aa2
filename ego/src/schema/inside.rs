//! What stands inside of something: its fields, items and variants, each a place of its own.

use super::node::Node;
use super::probe::{Found, Goal};
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected};
use std::cell::Cell;
use std::fmt;

/// Fields of a struct, with the same way on for each value.
pub(super) struct Entries<'s> {
    pub(super) names: std::vec::IntoIter<&'static str>,
    pub(super) value: Node<'s>,
    pub(super) way: Given,
    /// Whether a value is being read: what is refused then is not the struct's.
    pub(super) inside: &'s Cell<bool>,
}

/// How fields are given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Always,
    /// One that is refused is left out: another name of one that was given.
    UnlessRefused,
    /// Whoever wants the last one's value has taken it for another field.
    UntilTheLast,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        for name in self.names.by_ref() {
            if self.way != Given::UnlessRefused || self.value.choose(2)? == 0 {
                let key = seed.deserialize(BorrowedStrDeserializer::new(name));
                // On its way out of a deserializer it became a text.
                let unknown = key.as_ref().is_err_and(|refusal: &Refusal| refusal.to_string() == UNKNOWN_FIELD);
                if unknown && self.value.is_asked(&Goal::Closed) {
                    return self.value.found(Found::Yes);
                }
                return key.map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        if self.way == Given::UntilTheLast && self.names.as_slice().is_empty() {
            return self.value.found(Found::No);
        }
        self.inside.set(true);
        let value = seed.deserialize(self.value)?;
        self.inside.set(false);
        Ok(value)
    }
}

pub(super) struct Pairs<'s> {
    pub(super) left: usize,
    pub(super) key: Node<'s>,
    pub(super) value: Node<'s>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(self.key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        seed.deserialize(self.value)
    }
}

/// Samples, and behind so many of them the way on.
pub(super) struct Items<'s> {
    pub(super) left: usize,
    pub(super) before: usize,
    pub(super) node: Node<'s>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refusal> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let node = if self.before == 0 { self.node.child() } else { self.node.sample() };
        self.before = self.before.saturating_sub(1);
        seed.deserialize(node).map(Some)
    }
}

pub(super) struct Variant<'s> {
    pub(super) variant: &'static str,
    /// What stands inside of it.
    pub(super) node: Node<'s>,
}

impl<'de, 's> EnumAccess<'de> for Variant<'s> {
    type Error = Refusal;
    type Variant = Node<'s>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Node<'s>), Refusal> {
        let name: StrDeserializer<'static, Refusal> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.node))
    }
}

const UNKNOWN_FIELD: &str = "a field is not known";

/// Why a type did not take what it was given.
#[derive(Debug)]
pub(super) enum Refusal {
    Missing(&'static str),
    Duplicate(&'static str),
    UnknownField,
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "the field `{field}` is missing"),
            Self::Duplicate(field) => write!(f, "the field `{field}` is there twice"),
            Self::UnknownField => f.write_str(UNKNOWN_FIELD),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Refusal {}

impl serde::de::Error for Refusal {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Other(reason.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::UnknownField
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("{unexpected} instead of {expected}"))
    }
}
