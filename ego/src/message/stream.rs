//! The name of a stream: the kind of an aggregate and the id of one instance.

use super::name::Name;
use super::text::{InvalidText, check};
use std::fmt;
use std::sync::Arc;

/// Names the stream of one aggregate: its kind and its id.
///
/// The kind has 1 to 100 ASCII letters, digits, `.`, `_` or `-`; the id has 1 to 500 bytes of UTF-8 without control characters.
/// Cloning copies two pointers. Ordered by kind, then by id (bytes).
///
/// ```
/// use ego::message::StreamId;
///
/// let stream = StreamId::new("account", "acc-1")?;
/// assert_eq!(stream.to_string(), "account/acc-1");
/// assert!(StreamId::new("account", "").is_err());
/// # Ok::<(), ego::message::InvalidText>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Wire")]
pub struct StreamId {
    kind: Name,
    id: Arc<str>,
}

#[derive(serde::Deserialize)]
struct Wire {
    kind: Name,
    id: Arc<str>,
}

impl TryFrom<Wire> for StreamId {
    type Error = InvalidText;
    fn try_from(wire: Wire) -> Result<Self, InvalidText> {
        Self::new(wire.kind, wire.id)
    }
}

impl StreamId {
    /// The longest kind, in bytes.
    pub const MAX_KIND_BYTES: usize = 100;
    /// The longest id, in bytes.
    pub const MAX_ID_BYTES: usize = 500;

    /// Checks both parts and keeps them.
    ///
    /// # Errors
    /// [`InvalidText`] when a part is empty, too long or holds a character that may not stand there.
    pub fn new(kind: impl Into<Name>, id: impl Into<Arc<str>>) -> Result<Self, InvalidText> {
        let (kind, id) = (kind.into(), id.into());
        Self::check_kind(&kind)?;
        check("an aggregate id", &id, Self::MAX_ID_BYTES)?;
        Ok(Self { kind, id })
    }

    /// Checks the name of a kind alone.
    ///
    /// # Errors
    /// [`InvalidText`], as [`StreamId::new`].
    pub fn check_kind(kind: &str) -> Result<(), InvalidText> {
        const WHAT: &str = "a kind";
        check(WHAT, kind, Self::MAX_KIND_BYTES)?;
        match kind.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            Some(character) => Err(InvalidText::Character { what: WHAT, character }),
            None => Ok(()),
        }
    }

    /// The kind's registered name.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The kind's registered name, shared.
    #[must_use]
    pub fn shared_kind(&self) -> Name {
        self.kind.clone()
    }

    /// The aggregate's id, shared.
    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// The aggregate's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({}/{})", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_stream_cannot_be_built_not_even_by_serde() {
        assert!(StreamId::new("a b", "1").is_err());
        assert!(StreamId::new("", "1").is_err());
        assert!(StreamId::new("a", "x".repeat(501)).is_err());
        assert!(serde_json::from_str::<StreamId>(r#"{"kind":"a","id":""}"#).is_err());
        let stream = StreamId::new("a", "with/slash and blank").unwrap();
        assert_eq!(serde_json::from_str::<StreamId>(&serde_json::to_string(&stream).unwrap()).unwrap(), stream);
    }
}
