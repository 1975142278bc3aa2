//! Projections: views that are folded from events.

use super::{Aggregate, Delivery, Rejection, Storable};
use smallvec::SmallVec;
use std::fmt;
use std::future::Future;

/// A view: what is folded from the events of one or more kinds, one value for each key. `#[ego::projection]` implements it.
///
/// `Default` is the view before the first event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a projection",
    label = "not a projection",
    note = "add `#[ego::projection(name = \"…\")]` to an `impl {Self}` block with `#[on(…)]` methods"
)]
pub trait Projection: Storable + Default + Send + Sync + 'static {
    /// The registered name, unique in a program (I10).
    const NAME: &'static str;

    /// The version of the view's shape, 1 or more. Views of another version are not read but rebuilt.
    const VERSION: u32 = 1;

    /// When it is folded.
    const MODE: Mode = Mode::Async;

    /// The names of its secondary indexes.
    const INDEXES: &'static [&'static str] = &[];

    /// Adds the values under which this view stands in the index of that place in [`INDEXES`](Projection::INDEXES).
    fn indexed(&self, _index: usize, _values: &mut Vec<IndexValue>) {}
}

/// When a projection is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// With the commit of the events: a view is never behind. Keyed by the aggregate's id, of one kind, folded by methods that do not wait.
    /// An event that cannot be folded is not recorded: its command fails. Every program that sends commands to the kind has to have the
    /// projection linked in; where the kind has events already, its views are built when the engine starts. Erasing a stream in
    /// the store leaves its view.
    Inline,
    /// Behind the log, with a checkpoint of its own: view and checkpoint change in one step.
    Async,
    /// When it is read: nothing is kept. Keyed by the aggregate's id.
    Live,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inline => "inline",
            Self::Async => "async",
            Self::Live => "live",
        })
    }
}

/// How a view is folded from the events of a kind: what `#[on(Kind)]` implements, and what may be written by hand.
#[diagnostic::on_unimplemented(
    message = "projection `{Self}` does not follow `{A}`",
    label = "`{Self}` has no `#[on({A})]` method"
)]
pub trait On<A: Aggregate>: Projection {
    /// Whether the future of [`on`](On::on) may have to wait for something. A future that is not ready at once although this says `false`
    /// is taken for a panic.
    const WAITS: bool = true;

    /// Whether [`keys`](On::keys) are always the aggregate's id alone.
    const BY_ID: bool = false;

    /// The keys of the views that the event changes.
    fn keys(_event: &A::Event, delivery: &Delivery) -> Keys {
        delivery.id().into_keys()
    }

    /// Folds the event into one of these views.
    ///
    /// # Errors
    /// [`Failure`]: what becomes of it says the projection's policy. The view is taken back to what it was before.
    fn on(&mut self, event: &A::Event, delivery: &Delivery) -> impl Future<Output = Result<Fold, Failure>> + Send;
}

/// What becomes of a view after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    /// It is kept.
    #[default]
    Keep,
    /// It is removed; the next event of its key begins with the default.
    Remove,
}

/// Why an event could not be handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
}

impl Failure {
    /// With this reason.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { message: reason.to_string() }
    }
}

/// What an `#[on(…)]` method of a projection may return: nothing, a [`Fold`], or a `Result` of one of them.
#[diagnostic::on_unimplemented(
    message = "an `#[on(…)]` method cannot return `{Self}`",
    label = "expected `()`, `Fold`, or a `Result` of one of them"
)]
pub trait FoldOutput {
    /// What it comes to.
    ///
    /// # Errors
    /// The method's own.
    fn outcome(self) -> Result<Fold, Failure>;
}

impl FoldOutput for () {
    fn outcome(self) -> Result<Fold, Failure> {
        Ok(Fold::Keep)
    }
}

impl FoldOutput for Fold {
    fn outcome(self) -> Result<Fold, Failure> {
        Ok(self)
    }
}

impl<T: FoldOutput, E: Rejection> FoldOutput for Result<T, E> {
    fn outcome(self) -> Result<Fold, Failure> {
        self.map_or_else(|error| Err(Failure::new(error)), T::outcome)
    }
}

/// Keys of views: none, one or several.
pub type Keys = SmallVec<[String; 1]>;

/// What a key function may return: a text, or an `Option`, `Vec` or array of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key of a view",
    label = "expected `String` or `&str`, or an `Option`, `Vec` or array of them"
)]
pub trait IntoKeys {
    /// The keys.
    fn into_keys(self) -> Keys;
}

impl IntoKeys for &str {
    fn into_keys(self) -> Keys {
        Keys::from_buf([self.to_owned()])
    }
}

impl IntoKeys for String {
    fn into_keys(self) -> Keys {
        Keys::from_buf([self])
    }
}

impl<T: IntoKeys> IntoKeys for Option<T> {
    fn into_keys(self) -> Keys {
        self.map(T::into_keys).unwrap_or_default()
    }
}

impl<T: IntoKeys> IntoKeys for Vec<T> {
    fn into_keys(self) -> Keys {
        self.into_iter().flat_map(T::into_keys).collect()
    }
}

impl<T: IntoKeys, const N: usize> IntoKeys for [T; N] {
    fn into_keys(self) -> Keys {
        self.into_iter().flat_map(T::into_keys).collect()
    }
}

/// A value in a secondary index, as bytes in whose order the index is sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexValue(Vec<u8>);

impl IndexValue {
    /// This value.
    #[must_use]
    pub fn of(value: &(impl Indexable + ?Sized)) -> Self {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        Self(bytes)
    }

    /// Its bytes. None is the beginning of another.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What an index can be sorted by: texts, whole numbers, `bool`, times, and pairs of them.
#[diagnostic::on_unimplemented(
    message = "an index cannot be sorted by `{Self}`",
    label = "expected a text, a whole number, `bool`, `Timestamp`, or a pair of them"
)]
pub trait Indexable {
    /// Adds bytes that sort as the value does, and of which none are the beginning of another value's.
    fn write(&self, bytes: &mut Vec<u8>);
}

impl<T: Indexable + ?Sized> Indexable for &T {
    fn write(&self, bytes: &mut Vec<u8>) {
        (**self).write(bytes);
    }
}

impl Indexable for str {
    fn write(&self, bytes: &mut Vec<u8>) {
        for byte in self.bytes() {
            bytes.push(byte);
            if byte == 0 {
                bytes.push(0xff);
            }
        }
        bytes.extend([0, 0]);
    }
}

impl Indexable for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_str().write(bytes);
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Indexable for $number {
            fn write(&self, bytes: &mut Vec<u8>) {
                // With the sign turned, so that negative numbers come first.
                bytes.extend((i128::from(*self) ^ i128::MIN).to_be_bytes());
            }
        })*
    };
}
numbers!(u8 u16 u32 u64 i8 i16 i32 i64 i128 bool);

impl Indexable for jiff::Timestamp {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_nanosecond().write(bytes);
    }
}

impl<A: Indexable, B: Indexable> Indexable for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }
}

/// What an `#[index]` method may return: a value, or an `Option`, `Vec` or array of them.
#[diagnostic::on_unimplemented(
    message = "an `#[index]` method cannot return `{Self}`",
    label = "expected a text, a whole number, `bool`, `Timestamp` or a pair, or an `Option`, `Vec` or array of them"
)]
pub trait IndexOutput {
    /// Adds the values.
    fn values(self, values: &mut Vec<IndexValue>);
}

impl<T: Indexable> IndexOutput for T {
    fn values(self, values: &mut Vec<IndexValue>) {
        values.push(IndexValue::of(&self));
    }
}

impl<T: Indexable> IndexOutput for Option<T> {
    fn values(self, values: &mut Vec<IndexValue>) {
        values.extend(self.iter().map(IndexValue::of));
    }
}

impl<T: Indexable> IndexOutput for Vec<T> {
    fn values(self, values: &mut Vec<IndexValue>) {
        values.extend(self.iter().map(IndexValue::of));
    }
}

impl<T: Indexable, const N: usize> IndexOutput for [T; N] {
    fn values(self, values: &mut Vec<IndexValue>) {
        values.extend(self.iter().map(IndexValue::of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_sort_as_their_bytes_do() {
        fn sorted<T: Indexable>(values: &[T]) {
            assert!(values.iter().map(IndexValue::of).is_sorted());
        }
        sorted(&[i64::MIN, -256, -1, 0, 1, 255, 256, i64::MAX]);
        sorted(&["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b"]);
        sorted(&[("a", 2), ("a", 10), ("a\0", 1), ("aa", 0), ("b", -1)]);
        sorted(&[false, true]);
        assert_eq!(IndexValue::of(&7_u8), IndexValue::of(&7_i64));
    }

    #[test]
    fn a_key_function_gives_none_one_or_several() {
        assert_eq!(None::<String>.into_keys().len(), 0);
        assert_eq!("a".into_keys().to_vec(), ["a"]);
        assert_eq!(vec!["a", "b"].into_keys().to_vec(), ["a", "b"]);
        assert_eq!([Some("a"), None].into_keys().to_vec(), ["a"]);
    }
}
