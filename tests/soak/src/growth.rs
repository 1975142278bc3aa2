//! How the memory of the process grows, and how it may.

use std::fmt;
use std::time::Duration;

/// How it was at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Since the beginning.
    pub at: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// How many events are recorded.
    pub events: u64,
    /// Whether nothing was recorded any more since the sample before.
    pub quiet: bool,
}

/// How memory grew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// By so many bytes from the end of the warm-up, a fifth of the time, until it became quiet.
    pub loud: i64,
    /// So many events were recorded meanwhile.
    pub events: u64,
    /// By so many bytes while nothing was recorded.
    pub quiet: i64,
}

impl Growth {
    /// A shorter soak does not fill the caches before its warm-up ends.
    pub const SHORTEST: Duration = Duration::from_secs(300);
    /// Whatever is bounded may still fill after the warm-up: the cache of the index, what is known of busy streams, the allocator.
    const BOUNDED: i64 = 48 << 20;
    /// The index knows of every commit, and what sled keeps in memory for each of its pages grows with it.
    const PER_EVENT: i64 = 64;
    /// While nothing is recorded, only the allocator may. Some 100,000 commands are sent meanwhile, so 170 bytes lost by each show.
    const QUIET: i64 = 16 << 20;

    /// Between these moments; `None` when they are too few.
    #[must_use]
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let end = samples.last()?.at;
        let warm = samples.iter().find(|sample| sample.at >= end / 5)?;
        let loud = samples.iter().rfind(|sample| !sample.quiet)?;
        let last = samples.last().filter(|sample| sample.quiet)?;
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Some(Self {
            loud: signed(loud.memory) - signed(warm.memory),
            events: loud.events.saturating_sub(warm.events),
            quiet: signed(last.memory) - signed(loud.memory),
        })
    }

    /// Whether it is what a long soak on the embedded store may take.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        let events = i64::try_from(self.events).unwrap_or(i64::MAX);
        self.loud <= Self::BOUNDED.saturating_add(events.saturating_mul(Self::PER_EVENT)) && self.quiet <= Self::QUIET
    }
}

impl fmt::Display for Growth {
    #[allow(clippy::cast_precision_loss, reason = "to be read")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: i64| bytes as f64 / f64::from(1 << 20);
        let Self { loud, events, quiet } = self;
        let each = *loud as f64 / (*events).max(1) as f64;
        let (loud, quiet) = (mib(*loud), mib(*quiet));
        write!(f, "{loud:+.1} MiB after the warm-up for {events} events, {each:.1} bytes each; {quiet:+.1} MiB while quiet")
    }
}

/// How many bytes of memory this process has.
#[must_use]
pub fn memory() -> u64 {
    memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem as u64)
}

/// Bytes as MiB.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "to be read")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Ten minutes: full caches after one, then this much for each second, and quiet from 540 seconds on.
    fn samples(each_second: u64, quiet: u64) -> Vec<Sample> {
        let sample = |at: u64| {
            let loud = at.min(540);
            let memory = 100 * MIB + loud * each_second + (at - loud) * quiet;
            Sample { at: Duration::from_secs(at), memory, events: loud * 2000, quiet: at > 540 }
        };
        (0..=600).step_by(10).map(sample).collect()
    }

    #[test]
    fn what_grows_with_the_commands_is_told_from_what_does_not() {
        let flat = Growth::of(&samples(2000 * 20, 0)).unwrap();
        assert_eq!((flat.loud, flat.events, flat.quiet), (420 * 2000 * 20, 420 * 2000, 0));
        assert!(flat.is_flat(), "{flat}");
        let leaking = Growth::of(&samples(2000 * 200, 0)).unwrap();
        assert!(!leaking.is_flat(), "{leaking}");
        let leaking = Growth::of(&samples(0, 2000 * 200)).unwrap();
        assert!(!leaking.is_flat(), "{leaking}");
    }

    #[test]
    fn a_soak_that_was_never_quiet_tells_nothing() {
        assert_eq!(Growth::of(&samples(0, 0)[..20]), None);
        assert_eq!(Growth::of(&[]), None);
    }
}
