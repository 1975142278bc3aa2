//! Places: a revision in a stream, a position in the log, and what a writer expects of a stream.

use std::fmt;
use std::num::NonZeroU64;

macro_rules! place {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// The first one, 1.
            pub const FIRST: Self = Self(NonZeroU64::MIN);

            /// The place with this number; `None` for 0, which names no place.
            #[must_use]
            pub const fn new(number: u64) -> Option<Self> {
                match NonZeroU64::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// The number, 1 or more.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0.get()
            }

            /// The place right behind this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The place `count` behind `last`, where `None` means that nothing is there yet; `None` only when both are nothing.
            #[must_use]
            pub fn after(last: Option<Self>, count: u64) -> Option<Self> {
                Self::new(last.map_or(0, Self::get).saturating_add(count))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl PartialEq<u64> for $name {
            fn eq(&self, number: &u64) -> bool {
                self.get() == *number
            }
        }

        impl From<$name> for u64 {
            fn from(place: $name) -> u64 {
                place.get()
            }
        }
    };
}

place!(
    /// The place of an event in its stream: 1 for the first, no gaps (I1). (KurrentDB calls this the stream revision, from 0.)
    Revision
);
place!(
    /// The place of an event in the store's whole log: 1 for the first, only growing (I3). Numbers may be missing from what a
    /// reader sees (filters, erased streams), never out of order.
    Position
);

/// What a writer expects of a stream at the moment of its append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Expected {
    /// Whatever is there.
    Any,
    /// Nothing was ever recorded.
    NoStream,
    /// At least one event or state was recorded.
    Exists,
    /// This is the last revision.
    Exact(Revision),
}

impl Expected {
    /// What a writer expects that has seen the stream up to `last`.
    #[must_use]
    pub fn last(last: Option<Revision>) -> Self {
        last.map_or(Self::NoStream, Self::Exact)
    }

    /// Whether a stream whose last revision is `actual` is as expected.
    #[must_use]
    pub fn holds(self, actual: Option<Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual.is_none(),
            Self::Exists => actual.is_some(),
            Self::Exact(revision) => actual == Some(revision),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any revision"),
            Self::NoStream => f.write_str("no stream"),
            Self::Exists => f.write_str("an existing stream"),
            Self::Exact(revision) => write!(f, "revision {revision}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_none_and_zero_is_no_place() {
        assert_eq!(Revision::new(0), None);
        assert_eq!(Revision::after(None, 0), None);
        assert_eq!(Revision::after(None, 1), Some(Revision::FIRST));
        assert_eq!(Revision::after(Some(Revision::FIRST), 2), Revision::new(3));
        assert!(serde_json::from_str::<Revision>("0").is_err());
    }

    #[test]
    fn what_is_expected_is_compared_with_the_last_revision() {
        let two = Revision::new(2);
        assert!(Expected::Any.holds(None) && Expected::Any.holds(two));
        assert!(Expected::NoStream.holds(None) && !Expected::NoStream.holds(two));
        assert!(!Expected::Exists.holds(None) && Expected::Exists.holds(two));
        assert!(Expected::last(two).holds(two) && !Expected::last(two).holds(Some(Revision::FIRST)));
        assert!(!Expected::Exact(Revision::FIRST).holds(None));
    }
}
