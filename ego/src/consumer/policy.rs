//! What becomes of an event that could not be handled.

use std::time::Duration;

/// What becomes of an event that a handler could not handle: it is tried again, later and later, and then one of three things happens.
/// A panic is a failure like any other. So is an event that nobody can read.
///
/// ```
/// use ego::consumer::{Backoff, Policy};
/// use std::time::Duration;
///
/// let policy = Policy::dead_letter().retries(3).backoff(Backoff::new(Duration::from_millis(50), Duration::from_secs(2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) retries: u32,
    pub(crate) backoff: Backoff,
    pub(crate) then: Then,
}

/// What happens when the last attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// The consumer stops before the event, and says so: in its status, the log, a metric and the engine's health. It goes on where it
    /// stopped when it is resumed.
    Fail,
    /// The event is left out. The log and a metric say so.
    Skip,
    /// The event is stored with the error, and later events of the same key behind it, until somebody replays or drops it.
    DeadLetter,
}

impl Default for Policy {
    /// [`Policy::fail`].
    fn default() -> Self {
        Self::fail()
    }
}

impl Policy {
    const fn then(then: Then) -> Self {
        Self { retries: 5, backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)), then }
    }

    /// After five retries, the first after about 100 ms, the last after about 3 s: [`Then::Fail`].
    #[must_use]
    pub const fn fail() -> Self {
        Self::then(Then::Fail)
    }

    /// The same, then [`Then::Skip`].
    #[must_use]
    pub const fn skip() -> Self {
        Self::then(Then::Skip)
    }

    /// The same, then [`Then::DeadLetter`].
    #[must_use]
    pub const fn dead_letter() -> Self {
        Self::then(Then::DeadLetter)
    }

    /// How often the event is tried again after the first attempt; 0 for never, [`u32::MAX`] for ever.
    #[must_use]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long it waits between the attempts.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long to wait before the next attempt, after so many; `None` when that was the last.
    pub(crate) fn wait_after(&self, attempts: u32) -> Option<Duration> {
        (attempts <= self.retries).then(|| self.backoff.after(attempts))
    }
}

/// How long to wait before the next attempt: twice as long each time, up to a limit, less up to a quarter by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// First so long, at most so long.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    /// The wait after so many attempts, 1 or more.
    pub(crate) fn after(&self, attempts: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
        // Those that failed together should not come back together.
        doubled.min(self.most).mul_f64(1.0 - fastrand::f64() / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit_less_a_quarter_at_most() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for (attempts, full) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (u32::MAX, 1000)] {
            for _ in 0..100 {
                let wait = backoff.after(attempts).as_millis();
                assert!((full * 3 / 4..=full).contains(&wait), "{wait} ms after {attempts} attempts");
            }
        }
    }

    #[test]
    fn the_waits_of_two_are_not_the_same() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        let waits: std::collections::HashSet<_> = (0..50).map(|_| backoff.after(1)).collect();
        assert!(waits.len() > 40, "{waits:?}");
    }

    #[test]
    fn so_many_retries_and_no_more() {
        let policy = Policy::skip().retries(2);
        assert!(policy.wait_after(1).is_some() && policy.wait_after(2).is_some());
        assert_eq!(policy.wait_after(3), None);
        assert_eq!(Policy::fail().retries(0).wait_after(1), None);
    }
}
