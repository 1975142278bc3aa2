//! What a publisher is given, and what becomes of what it cannot publish.

use crate::consumer::{Begin, Policy};
use crate::message::{Name, StreamId};
use crate::store::Filter;
use std::sync::Arc;

/// Which events or states a publisher is given, how many at once, and what becomes of what it cannot publish.
///
/// ```
/// use ego::consumer::Policy;
/// use ego::publish::PublisherOptions;
///
/// let options = PublisherOptions::new().kind("account").batch(500).policy(Policy::skip());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherOptions {
    pub(super) states: bool,
    pub(super) filter: Filter,
    pub(super) begin: Begin,
    pub(super) policy: Policy,
    pub(super) batch: usize,
}

impl Default for PublisherOptions {
    /// [`PublisherOptions::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl PublisherOptions {
    /// Every event from the first on, 100 at once; after ten retries, over about a minute, it stops visibly.
    #[must_use]
    pub fn new() -> Self {
        Self { states: false, filter: Filter::all(), begin: Begin::Start, policy: Policy::fail().retries(10), batch: 100 }
    }

    /// The last state of every durable aggregate that was saved, instead of events; else as [`new`](Self::new). It is given under the name
    /// `state`, each time when it was saved, in the order of the positions. What is saved several times while the publisher is behind is
    /// given once, as it is then; never an older state after a newer one. An aggregate that was erased is not given.
    ///
    /// ```
    /// use ego::publish::PublisherOptions;
    ///
    /// let options = PublisherOptions::states().kind("cart");
    /// ```
    #[must_use]
    pub fn states() -> Self {
        Self { states: true, ..Self::new() }
    }

    /// Events of this kind, besides those asked for before.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Name>) -> Self {
        self.filter = self.filter.kind(kind);
        self
    }

    /// Events of this stored name, besides those asked for before.
    #[must_use]
    pub fn event(mut self, name: impl Into<Name>) -> Self {
        self.filter = self.filter.name(name);
        self
    }

    /// Events of this stream, besides those asked for before.
    #[must_use]
    pub fn stream(mut self, stream: StreamId) -> Self {
        self.filter = self.filter.stream(stream);
        self
    }

    /// Events with this tag, besides those asked for before.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.filter = self.filter.tag(tag);
        self
    }

    /// Where it begins when it has no checkpoint. With one, it goes on behind that.
    #[must_use]
    pub fn begin(mut self, begin: Begin) -> Self {
        self.begin = begin;
        self
    }

    /// How many recorded events it is given at once, at most; 1 or more.
    #[must_use]
    pub fn batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }

    /// What becomes of an event that cannot be published. [`Then::DeadLetter`](crate::consumer::Then::DeadLetter) is refused when the engine
    /// starts: publishers keep no dead letters.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}
