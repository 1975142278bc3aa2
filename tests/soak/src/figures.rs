//! What is measured and counted meanwhile.

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is measured and counted meanwhile.
pub struct Figures {
    started: Instant,
    /// How long commands took that were simply awaited and acknowledged, in microseconds.
    times: Mutex<Histogram<u64>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    acknowledged: AtomicU64,
    broken: Mutex<Vec<String>>,
    over: AtomicBool,
}

/// So many broken promises are told; one is enough to end the soak.
const TOLD: usize = 20;

impl Default for Figures {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            times: Mutex::new(histogram()),
            counts: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            broken: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }
}

impl Figures {
    /// A command was acknowledged.
    pub fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were.
    pub fn acknowledgements(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// An acknowledged command took so long.
    pub fn took(&self, time: Duration) {
        self.times.lock().saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Something happened.
    pub fn count(&self, what: &'static str) {
        *self.counts.lock().entry(what).or_default() += 1;
    }

    /// A promise was broken; the soak ends.
    pub fn broken(&self, promise: impl Into<String>) {
        let mut broken = self.broken.lock();
        if broken.len() < TOLD {
            broken.push(promise.into());
        }
        self.end();
    }

    /// What was broken so far.
    pub fn all_broken(&self) -> Vec<String> {
        self.broken.lock().clone()
    }

    /// The clients finish what they do.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the clients are to finish.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The times since the last call, which count in the end as well.
    pub fn take_times(&self, all: &mut Histogram<u64>) -> Times {
        let new = std::mem::replace(&mut *self.times.lock(), histogram());
        // Both have the same bounds.
        let _ = all.add(&new);
        Times::of(&new)
    }

    /// Everything that was counted.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().clone()
    }
}

/// From a microsecond to a minute, to two digits.
#[allow(clippy::expect_used, reason = "the bounds are allowed ones")]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 2).expect("the bounds are allowed")
}

/// How long commands took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    p50: Duration,
    p99: Duration,
    p999: Duration,
    most: Duration,
}

impl Times {
    /// Of these.
    pub fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| Duration::from_micros(times.value_at_quantile(quantile));
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), most: Duration::from_micros(times.max()) }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2?} p99 {:.2?} p99.9 {:.2?} most {:.2?}", self.p50, self.p99, self.p999, self.most)
    }
}

/// An error with all its causes.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
