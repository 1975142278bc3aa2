//! Short texts that name something: parsed on the way in, never empty, never with control characters.

use arrayvec::ArrayString;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Why a text was refused as an id or a name. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text has no characters.
    #[error("{what} is empty")]
    Empty {
        /// Which text: "a command id", "an aggregate id", …
        what: &'static str,
    },
    /// The text is longer than its limit.
    #[error("{what} has {length} bytes, the limit is {limit}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its length in bytes (UTF-8).
        length: usize,
        /// The largest length that is accepted, in bytes.
        limit: usize,
    },
    /// The text holds a control character (U+0000 to U+001F, U+007F to U+009F).
    #[error("{what} holds the control character {character:?}")]
    Control {
        /// Which text.
        what: &'static str,
        /// The first such character.
        character: char,
    },
    /// A kind's name holds something else than ASCII letters, digits, `.`, `_` and `-`.
    #[error("{what} holds {character:?}: only ASCII letters, digits, '.', '_' and '-' may stand there")]
    Character {
        /// Which text.
        what: &'static str,
        /// The first such character.
        character: char,
    },
}

pub(crate) fn check(what: &'static str, text: &str, limit: usize) -> Result<(), InvalidText> {
    if text.is_empty() {
        return Err(InvalidText::Empty { what });
    }
    if text.len() > limit {
        return Err(InvalidText::TooLong { what, length: text.len(), limit });
    }
    // The common case at once: nothing but printable ASCII.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    match text.chars().find(|c| c.is_control()) {
        Some(character) => Err(InvalidText::Control { what, character }),
        None => Ok(()),
    }
}

/// A text that is kept where it stands while it is as short as a UUID, as most ids are.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Short(ArrayString<36>),
    Long(Arc<str>),
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        ArrayString::from(text).map_or_else(|_| Self::Long(text.into()), Self::Short)
    }
}

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Self::Short(text) => text,
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 255 bytes of UTF-8 without control characters. Cloning copies up to 36 bytes, or a pointer.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Text);

        impl $name {
            /// The longest accepted text, in bytes.
            pub const MAX_BYTES: usize = 255;

            /// Checks the text and keeps it.
            ///
            /// # Errors
            /// [`InvalidText`] when it is empty, longer than 255 bytes, or holds a control character.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidText> {
                let text = text.as_ref();
                check($what, text, Self::MAX_BYTES)?;
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;
            fn try_from(text: String) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// Names one command to one aggregate: sent twice under the same id, it has one effect (I11).
    CommandId, "a command id"
);
text!(
    /// Names the conversation that a message belongs to; copied down to everything that follows from it.
    CorrelationId, "a correlation id"
);
text!(
    /// Names the direct parent of a message: the command or the event that led to it.
    CausationId, "a causation id"
);
text!(
    /// Who asked for it: a user, a service.
    Actor, "an actor"
);
text!(
    /// On whose behalf, where several customers share one store.
    Tenant, "a tenant"
);
text!(
    /// Names one timer of an aggregate: scheduled again under the same key, it takes the place of the one before.
    TimerKey, "a timer's key"
);

impl CommandId {
    /// A text that is known to keep the rules.
    pub(crate) fn trusted(text: &str) -> Self {
        debug_assert!(check("a command id", text, Self::MAX_BYTES).is_ok());
        Self(text.into())
    }
}

impl From<CommandId> for CorrelationId {
    fn from(id: CommandId) -> Self {
        Self(id.0)
    }
}

impl From<CommandId> for CausationId {
    fn from(id: CommandId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_refused_when_it_is_empty_too_long_or_holds_control_characters() {
        assert_eq!(CommandId::new(""), Err(InvalidText::Empty { what: "a command id" }));
        assert!(matches!(CommandId::new("x".repeat(256)), Err(InvalidText::TooLong { length: 256, limit: 255, .. })));
        assert!(matches!(Actor::new("a\nb"), Err(InvalidText::Control { character: '\n', .. })));
        assert_eq!(CommandId::new("x".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn serde_goes_through_the_same_door() {
        assert!(serde_json::from_str::<CommandId>("\"\"").is_err());
        assert_eq!(serde_json::to_string(&CommandId::new("é").unwrap()).unwrap(), "\"é\"");
    }
}
