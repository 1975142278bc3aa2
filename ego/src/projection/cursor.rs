//! Where a list of views goes on.

use std::fmt;
use std::str::FromStr;

/// Where the next page of a list of views begins: given with a page, and given back for the next one. As a text it can be handed to a
/// client; what it holds is nobody's business, and one that was changed is refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cursor {
    projection: String,
    /// Of the index in whose order the views are listed; empty for the order of the keys.
    index: String,
    /// The key of the first row.
    start: Vec<u8>,
}

/// A text is no cursor, or was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a cursor")]
pub struct InvalidCursor;

impl Cursor {
    pub(super) fn new(projection: &str, index: Option<&str>, start: impl Into<Vec<u8>>) -> Self {
        Self { projection: projection.to_owned(), index: index.unwrap_or_default().to_owned(), start: start.into() }
    }

    /// The key of the first row, if it is a cursor of that list.
    pub(super) fn of(&self, projection: &str, index: Option<&str>) -> Option<&[u8]> {
        (self.projection == projection && self.index == index.unwrap_or_default()).then_some(&self.start)
    }

    /// Against accidents, not against forgery: nothing in a cursor is secret, or more than its reader may ask for anyway.
    fn sum(bytes: &[u8]) -> [u8; 4] {
        let fnv = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        bytes.iter().fold(0x811c_9dc5, fnv).to_be_bytes()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(self.projection.len() + self.index.len() + self.start.len() + 8);
        for text in [&self.projection, &self.index] {
            bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes.extend(&self.start);
        let sum = Self::sum(&bytes);
        bytes.iter().chain(&sum).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        read(text).ok_or(InvalidCursor)
    }
}

fn read(text: &str) -> Option<Cursor> {
    let digits = |pair: &[u8]| {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)
    };
    let bytes: Vec<u8> = text.as_bytes().chunks(2).map(digits).collect::<Option<_>>()?;
    let (bytes, sum) = bytes.split_last_chunk::<4>()?;
    if Cursor::sum(bytes) != *sum {
        return None;
    }
    let (projection, bytes) = text_of(bytes)?;
    let (index, start) = text_of(bytes)?;
    Some(Cursor { projection, index, start: start.to_vec() })
}

/// A text with its length in front, and what is behind it.
fn text_of(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    Some((str::from_utf8(text).ok()?.to_owned(), rest))
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidCursor;

    fn try_from(text: String) -> Result<Self, InvalidCursor> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        for start in [&b""[..], b"acc-1", b"\0\xff\0"] {
            for index in [None, Some("owner")] {
                let cursor = Cursor::new("balances", index, start);
                assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
                let json = serde_json::to_string(&cursor).unwrap();
                assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
            }
        }
    }

    #[test]
    fn a_text_that_was_changed_is_no_cursor() {
        let text = Cursor::new("balances", Some("owner"), *b"ann\0\0acc-1").to_string();
        for at in 0..text.len() {
            for other in ["0", "f", "g", "", "é"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                assert!(changed == text || changed.parse::<Cursor>() == Err(InvalidCursor), "{changed}");
            }
        }
        for no_cursor in ["", "00", "0", "balances", "811c9dc5", "0000811c9dc5"] {
            assert_eq!(no_cursor.parse::<Cursor>(), Err(InvalidCursor), "{no_cursor}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let cursor = Cursor::new("balances", Some("owner"), *b"a");
        assert_eq!(cursor.of("balances", Some("owner")), Some(&b"a"[..]));
        assert_eq!(cursor.of("balances", None), None);
        assert_eq!(cursor.of("balance", Some("owner")), None);
    }
}
