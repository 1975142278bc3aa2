//! So many commands to one aggregate in a time, and no more.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use super::denial::{Denial, Denied};
use async_trait::async_trait;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use lru::LruCache;
use parking_lot::Mutex;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Lets so many commands to one aggregate through in a time, and refuses the others with [`Denial::RateLimited`], which says when there
/// is room again.
///
/// As many as are allowed in the time may come at once; then room comes back evenly. So many aggregates are remembered,
/// [`RateLimit::REMEMBERED`] unless said otherwise: one that was sent nothing for the longest time is forgotten, and has its whole
/// allowance again.
#[derive(Debug)]
pub struct RateLimit {
    quota: Quota,
    clock: Since,
    limiters: Mutex<LruCache<(&'static str, Arc<str>), Limiter>>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Since, NoOpMiddleware<Duration>>;

impl RateLimit {
    /// How many aggregates are remembered.
    pub const REMEMBERED: usize = 100_000;

    /// So many commands to each aggregate in this time. A time of nothing is read as one nanosecond.
    #[must_use]
    pub fn per_aggregate(commands: NonZeroU32, time: Duration) -> Self {
        let one = (time / commands.get()).max(Duration::from_nanos(1));
        // One nanosecond or more is always a quota.
        let quota = Quota::with_period(one).unwrap_or_else(|| Quota::per_second(commands)).allow_burst(commands);
        let remembered = NonZeroUsize::new(Self::REMEMBERED).unwrap_or(NonZeroUsize::MIN);
        Self { quota, clock: Since(Instant::now()), limiters: Mutex::new(LruCache::new(remembered)) }
    }

    /// So many may come at once.
    #[must_use]
    pub fn burst(mut self, commands: NonZeroU32) -> Self {
        self.quota = self.quota.allow_burst(commands);
        self
    }

    /// Remembers so many aggregates.
    #[must_use]
    pub fn remember(self, aggregates: NonZeroUsize) -> Self {
        self.limiters.lock().resize(aggregates);
        self
    }

    /// Whether there is room for one more now; otherwise in how long.
    fn take(&self, kind: &'static str, id: &Arc<str>) -> Result<(), Duration> {
        let mut limiters = self.limiters.lock();
        let new = || RateLimiter::direct_with_clock(self.quota, self.clock);
        let limiter = limiters.get_or_insert((kind, Arc::clone(id)), new);
        limiter.check().map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// The time since a moment, by the runtime's clock.
#[derive(Clone, Copy, Debug)]
struct Since(Instant);

impl Clock for Since {
    type Instant = Duration;
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[async_trait]
impl CommandLayer for RateLimit {
    fn name(&self) -> &'static str {
        "rate-limit"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        self.take(command.kind, &command.id).map_err(|retry_after| Denied::because(Denial::RateLimited { retry_after }))?;
        next.run(command).await
    }
}
