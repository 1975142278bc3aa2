//! The wall clock, at its only address, and where new ids come from.

use crate::message::CommandId;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Tells the time that stands in the metadata of commands, and when timers are due. Nothing in ego orders by it (I3).
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;

    /// Waits until it shows this time or a later one. Cancel safe.
    ///
    /// Left as it is, it looks again at least once a second: so long after a clock was moved forwards, that is noticed.
    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        const LOOKS: Duration = Duration::from_secs(1);
        Box::pin(async move {
            while let Ok(left) = Duration::try_from(time.duration_since(self.now()))
                && !left.is_zero()
            {
                // Timers of the runtime may be a little early.
                tokio::time::sleep(left.clamp(Duration::from_millis(1), LOOKS)).await;
            }
        })
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved, which wakes whoever waits for the time that it shows then: for tests. Cloning shares it.
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
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(time)))
    }

    /// Shows another time, earlier or later.
    pub fn set(&self, time: Timestamp) {
        self.0.send_replace(time);
    }

    /// Moves on by this much; stops at the last time that can be shown.
    pub fn advance(&self, by: std::time::Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.0.send_modify(|time| *time = time.checked_add(by).unwrap_or(Timestamp::MAX));
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", *self.0.borrow())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The sender is ours, so this cannot fail.
            let _ = self.0.subscribe().wait_for(|now| *now >= time).await;
        })
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
