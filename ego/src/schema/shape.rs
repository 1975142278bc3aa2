//! The shape of what is stored: what serde asks for when it reads a type.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the bytes of a stored value look like. Newtypes are what they wrap; the order of fields and variants says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names of serde's types say it")]
pub enum Shape {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    String,
    Bytes,
    Unit,
    Option(Box<Shape>),
    List(Box<Shape>),
    /// So many of one shape.
    Array(Box<Shape>, usize),
    Tuple(Vec<Shape>),
    /// Of keys, of values.
    Map(Box<Shape>, Box<Shape>),
    Struct(Fields),
    /// The shape behind each name that is read as a variant, aliases included.
    Enum(BTreeMap<String, Shape>),
    /// The struct or enum that this stands in, counted from the innermost, 1.
    Within(usize),
    /// It says nothing of its shape before it sees a value. The text is what it says it expects.
    Untraced(String),
}

/// The fields of a struct.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Fields {
    /// Those that must be there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub required: BTreeMap<String, Shape>,
    /// Those that may be left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub optional: BTreeMap<String, Shape>,
    /// Other names that are read, and the fields that they stand for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, String>,
    /// Whether other fields are refused (`deny_unknown_fields`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Fields {
    /// The field that is read under this name: its own name, whether it must be there, and its shape.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(&str, bool, &Shape)> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        let required = self.required.get_key_value(name).map(|(name, shape)| (name.as_str(), true, shape));
        required.or_else(|| self.optional.get_key_value(name).map(|(name, shape)| (name.as_str(), false, shape)))
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = (&str, bool, &Shape)> {
        let mut all: Vec<_> = self.required.iter().map(|(name, shape)| (name.as_str(), true, shape)).collect();
        all.extend(self.optional.iter().map(|(name, shape)| (name.as_str(), false, shape)));
        all.sort_unstable_by_key(|(name, ..)| *name);
        all.into_iter()
    }
}

impl Shape {
    /// In a word or two, for messages.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::Option(inner) => format!("option of {}", inner.brief()),
            Self::List(inner) => format!("list of {}", inner.brief()),
            Self::Array(inner, count) => format!("array of {count} {}", inner.brief()),
            Self::Tuple(items) => format!("tuple of {}", items.len()),
            Self::Map(key, value) => format!("map from {} to {}", key.brief(), value.brief()),
            Self::Struct(_) => "struct".to_owned(),
            Self::Enum(_) => "enum".to_owned(),
            Self::Within(_) => "itself".to_owned(),
            Self::Untraced(expects) => format!("untraced ({expects})"),
            plain => format!("{plain:?}").to_lowercase(),
        }
    }
}
