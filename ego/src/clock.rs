//! The wall clock, at its only address, and where new ids come from.

use crate::message::CommandId;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// Tells the time that stands in the metadata of commands. Nothing in ego orders by it (I3).
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved: for tests. Cloning shares it.
///
/// ```
/// use ego::clock::{Clock, ManualClock};
/// use ego::Timestamp;
///
/// let clock = ManualClock::at("2026-01-31T12:00:00Z".parse::<Timestamp>()?);
/// clock.advance(std::time::Duration::from_secs(60));
/// assert_eq!(clock.now().to_string(), "2026-01-31T12:01:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(time)))
    }

    /// Shows another time, earlier or later.
    pub fn set(&self, time: Timestamp) {
        *self.0.lock() = time;
    }

    /// Moves on by this much; stops at the last time that can be shown.
    pub fn advance(&self, by: std::time::Duration) {
        let mut time = self.0.lock();
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        *time = time.checked_add(by).unwrap_or(Timestamp::MAX);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.0.lock())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// Makes the ids of commands whose sender gave none.
pub trait IdSource: Send + Sync + 'static {
    /// An id that was never given before, by no engine on the same store.
    fn next(&self) -> CommandId;
}

/// UUIDs of version 7: unique, and growing with time.
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidSource;

impl IdSource for UuidSource {
    fn next(&self) -> CommandId {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        // Random behind the millisecond, so that threads share no counter.
        let now = uuid::Timestamp::now(uuid::NoContext);
        CommandId::trusted(uuid::Uuid::new_v7(now).hyphenated().encode_lower(&mut text))
    }
}
