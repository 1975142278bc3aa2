//! Registered names: of kinds, commands, events and codecs.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A registered name: of a kind, a command, an event or a codec (I10). Compared, ordered and hashed as its text.
///
/// Names stand with every commit, and most are written in the program. Cloning such a one costs nothing, not even a counter that
/// threads would share; cloning one that was read from elsewhere copies a pointer.
///
/// ```
/// use ego::message::Name;
///
/// const DEPOSITED: Name = Name::fixed("Deposited");
/// assert_eq!(DEPOSITED, Name::from(String::from("Deposited")));
/// ```
#[derive(Clone)]
pub struct Name(Kept);

#[derive(Clone)]
enum Kept {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name that is written in the program.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        Self(Kept::Fixed(name))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Fixed(name) => name,
            Kept::Shared(name) => name,
        }
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(Kept::Shared(name.into()))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Kept::Shared(name.into()))
    }
}

impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self(Kept::Shared(name))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // Most are one and the same text.
        std::ptr::eq(self.as_str(), other.as_str()) || self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Arc::deserialize(deserializer).map(|name| Self(Kept::Shared(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_one_when_their_texts_are() {
        let both = [Name::fixed("a"), Name::from("a")];
        assert_eq!(both[0], both[1]);
        assert_eq!(both.iter().collect::<HashSet<_>>().len(), 1);
        assert!(HashSet::from(both).contains("a"));
        assert!(Name::fixed("a") < Name::fixed("b"));
    }

    #[test]
    fn a_name_is_written_as_its_text() {
        assert_eq!(format!("{0} {0:?}", Name::fixed("a")), "a \"a\"");
        assert_eq!(serde_json::to_string(&Name::fixed("a")).unwrap(), "\"a\"");
        assert_eq!(serde_json::from_str::<Name>("\"a\"").unwrap(), Name::fixed("a"));
    }
}
