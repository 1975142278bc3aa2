//! What is different between two shapes, and whether what was written in the one is still read as the other.

use super::shape::{Fields, Shape};
use std::fmt;

/// One difference that what is stored does not survive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A field is gone.
    FieldGone {
        /// Where.
        path: String,
    },
    /// A field that must be there was added.
    FieldRequired {
        /// Where.
        path: String,
    },
    /// A field that could be left out must be there.
    DefaultGone {
        /// Where.
        path: String,
    },
    /// Something has another type.
    Type {
        /// Where.
        path: String,
        /// What it was.
        was: String,
        /// What it is.
        is: String,
    },
    /// A variant is gone.
    VariantGone {
        /// Where, with the variant's name.
        path: String,
    },
    /// A field is not read under this name any more.
    NameGone {
        /// Where.
        path: String,
        /// The name.
        name: String,
    },
    /// A field is refused.
    Refused {
        /// Where.
        path: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |path: &str| if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
        match self {
            Self::FieldGone { path } => write!(f, "{} is gone", place(path)),
            Self::FieldRequired { path } => {
                write!(f, "{} must be there, and what is stored lacks it: `#[serde(default)]` would do", place(path))
            }
            Self::DefaultGone { path } => {
                write!(f, "{} could be left out, and must be there now: put its `#[serde(default)]` back", place(path))
            }
            Self::Type { path, was, is } => write!(f, "{} was {was}, and is {is}", place(path)),
            Self::VariantGone { path } => write!(f, "the variant {} is gone", place(path)),
            Self::NameGone { path, name } => {
                write!(f, "{} is not read under the name `{name}` any more: put `#[serde(alias = \"{name}\")]` back", place(path))
            }
            Self::Refused { path } => write!(f, "{} is refused by `deny_unknown_fields`", place(path)),
        }
    }
}

/// What became of a released shape: what breaks what is stored, and what was added to it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) broken: Vec<Change>,
    pub(super) added: Vec<String>,
}

/// Compares a released shape with the same version's shape now: nothing may change, but what may be left out may be added.
pub(super) fn kept(released: &Shape, now: &Shape) -> Kept {
    let mut kept = Kept::default();
    compare(released, now, "", &mut kept);
    kept
}

fn at(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn compare(released: &Shape, now: &Shape, path: &str, kept: &mut Kept) {
    match (released, now) {
        (Shape::Struct(released), Shape::Struct(now)) => compare_fields(released, now, path, kept),
        (Shape::Enum(released), Shape::Enum(now)) => {
            for (variant, shape) in released {
                match now.get(variant) {
                    Some(now) => compare(shape, now, &at(path, variant), kept),
                    None => kept.broken.push(Change::VariantGone { path: at(path, variant) }),
                }
            }
            let new = now.keys().filter(|variant| !released.contains_key(*variant));
            kept.added.extend(new.map(|variant| format!("the variant `{}`", at(path, variant))));
        }
        (Shape::Option(released), Shape::Option(now)) => compare(released, now, path, kept),
        (Shape::List(released), Shape::List(now)) => compare(released, now, &format!("{path}[]"), kept),
        (Shape::Array(released, count), Shape::Array(now, same)) if count == same => {
            compare(released, now, &format!("{path}[]"), kept);
        }
        (Shape::Tuple(released), Shape::Tuple(now)) if released.len() == now.len() => {
            for (index, (released, now)) in released.iter().zip(now).enumerate() {
                compare(released, now, &at(path, &index.to_string()), kept);
            }
        }
        (Shape::Map(key, value), Shape::Map(now_key, now_value)) => {
            compare(key, now_key, &format!("{path}[key]"), kept);
            compare(value, now_value, &format!("{path}[]"), kept);
        }
        _ if released == now => {}
        _ => kept.broken.push(other_type(released, now, path)),
    }
}

fn other_type(was: &Shape, is: &Shape, path: &str) -> Change {
    Change::Type { path: path.to_owned(), was: was.brief(), is: is.brief() }
}

fn compare_fields(released: &Fields, now: &Fields, path: &str, kept: &mut Kept) {
    for (name, required, shape) in released.all() {
        let path = at(path, name);
        match now.named(name) {
            None => kept.broken.push(Change::FieldGone { path }),
            Some((own, now_required, now_shape)) => {
                if now_required && !required {
                    kept.broken.push(Change::DefaultGone { path: path.clone() });
                }
                if required && !now_required {
                    kept.added.push(format!("`{path}` may be left out"));
                }
                if own != name {
                    kept.added.push(format!("`{path}` is written as `{own}`"));
                }
                compare(shape, now_shape, &path, kept);
            }
        }
    }
    for (alias, own) in &released.aliases {
        let field = now.named(own).map(|(name, ..)| name);
        if field.is_some() && now.named(alias).map(|(name, ..)| name) != field {
            kept.broken.push(Change::NameGone { path: at(path, own), name: alias.clone() });
        }
    }
    for (name, required, _) in now.all() {
        let names =
            std::iter::once(name).chain(now.aliases.iter().filter(|(_, own)| *own == name).map(|(alias, _)| alias.as_str()));
        let path = at(path, name);
        match names.into_iter().any(|name| released.named(name).is_some()) {
            true => {}
            false if required => kept.broken.push(Change::FieldRequired { path }),
            false => kept.added.push(format!("`{path}`, which may be left out")),
        }
    }
    for (alias, own) in &now.aliases {
        if released.named(alias).is_none() && released.named(own).is_some() {
            kept.added.push(format!("`{}`, another name of `{own}`", at(path, alias)));
        }
    }
    if released.closed != now.closed {
        kept.added.push(format!("whether `{}` refuses fields that it does not know", if path.is_empty() { "it" } else { path }));
    }
}

/// Why what was written in one shape is not read as another: by the upcaster of an older version.
pub(super) fn unread(written: &Shape, reader: &Shape) -> Vec<Change> {
    let mut broken = Vec::new();
    read(written, reader, "", &mut broken);
    broken
}

fn read(written: &Shape, reader: &Shape, path: &str, broken: &mut Vec<Change>) {
    match (written, reader) {
        (_, Shape::Untraced(_)) => {}
        (Shape::Struct(written), Shape::Struct(reader)) => read_fields(written, reader, path, broken),
        (Shape::Enum(written), Shape::Enum(reader)) => {
            for (variant, shape) in written {
                match reader.get(variant) {
                    Some(reader) => read(shape, reader, &at(path, variant), broken),
                    None => broken.push(Change::VariantGone { path: at(path, variant) }),
                }
            }
        }
        (Shape::Option(written), Shape::Option(reader)) => read(written, reader, path, broken),
        (written, Shape::Option(reader)) => read(written, reader, path, broken),
        (Shape::List(written) | Shape::Array(written, _), Shape::List(reader)) => {
            read(written, reader, &format!("{path}[]"), broken)
        }
        (Shape::Array(written, count), Shape::Array(reader, same)) if count == same => {
            read(written, reader, &format!("{path}[]"), broken);
        }
        (Shape::Tuple(written), Shape::Tuple(reader)) if written.len() == reader.len() => {
            for (index, (written, reader)) in written.iter().zip(reader).enumerate() {
                read(written, reader, &at(path, &index.to_string()), broken);
            }
        }
        (Shape::Map(key, value), Shape::Map(reader_key, reader_value)) => {
            read(key, reader_key, &format!("{path}[key]"), broken);
            read(value, reader_value, &format!("{path}[]"), broken);
        }
        _ if written == reader || is_wider(written, reader) => {}
        _ => broken.push(other_type(written, reader, path)),
    }
}

fn read_fields(written: &Fields, reader: &Fields, path: &str, broken: &mut Vec<Change>) {
    for (name, required, shape) in reader.all() {
        let names =
            std::iter::once(name).chain(reader.aliases.iter().filter(|(_, own)| *own == name).map(|(alias, _)| alias.as_str()));
        let path = at(path, name);
        match names.into_iter().find_map(|name| written.named(name)) {
            Some((_, there, written)) => {
                if required && !there {
                    broken.push(Change::DefaultGone { path: path.clone() });
                }
                read(written, shape, &path, broken);
            }
            None if required => broken.push(Change::FieldRequired { path }),
            None => {}
        }
    }
    // Under every name that it was ever written with.
    for (alias, own) in &written.aliases {
        let field = reader.named(own).map(|(name, ..)| name);
        if field.is_some() && reader.named(alias).map(|(name, ..)| name) != field {
            broken.push(Change::NameGone { path: at(path, own), name: alias.clone() });
        }
    }
    if reader.closed {
        let unknown = written.all().filter(|(name, ..)| reader.named(name).is_none());
        broken.extend(unknown.map(|(name, ..)| Change::Refused { path: at(path, name) }));
    }
}

/// Whether the second number holds every value of the first.
fn is_wider(written: &Shape, reader: &Shape) -> bool {
    let bits = |shape: &Shape| match shape {
        Shape::U8 => Some((false, 8)),
        Shape::U16 => Some((false, 16)),
        Shape::U32 => Some((false, 32)),
        Shape::U64 => Some((false, 64)),
        Shape::U128 => Some((false, 128)),
        Shape::I8 => Some((true, 8)),
        Shape::I16 => Some((true, 16)),
        Shape::I32 => Some((true, 32)),
        Shape::I64 => Some((true, 64)),
        Shape::I128 => Some((true, 128)),
        _ => None,
    };
    match (bits(written), bits(reader)) {
        (Some((signed, bits)), Some((reader_signed, reader_bits))) => {
            (signed == reader_signed || reader_signed) && reader_bits >= bits && (signed == reader_signed || reader_bits > bits)
        }
        _ => matches!((written, reader), (Shape::F32, Shape::F64)),
    }
}
