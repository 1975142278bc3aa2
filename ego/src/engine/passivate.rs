//! Idle aggregates leave memory; the next command brings them back.

use super::Inner;
use crate::telemetry;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

impl Inner {
    /// Looks now and then at what is not counted but measured, when somebody listens.
    pub(super) fn sample_in_the_background(self: &Arc<Self>) {
        if self.shared.meters.is_none() {
            return;
        }
        let engine = Arc::downgrade(self);
        let look = move || {
            let Some(engine) = engine.upgrade() else { return false };
            engine.places.values().for_each(|place| place.measure());
            !engine.shared.gate.is_closed()
        };
        self.shared.runtime.spawn(telemetry::sample(&self.shared, self.consumers.all(), look));
    }

    /// Looks for idle aggregates now and then, until the engine stops or is dropped.
    pub(super) fn passivate_in_the_background(self: &Arc<Self>) {
        let idle = self.shared.limits.idle;
        let every = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(30));
        self.shared.runtime.spawn(passivate(Arc::downgrade(self), idle, every));
    }
}

async fn passivate(engine: Weak<Inner>, idle: Duration, every: Duration) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(engine) = engine.upgrade() else { return };
        if engine.shared.gate.is_closed() {
            return;
        }
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        if let Some(unused_since) = engine.shared.uptime_at(Instant::now()).checked_sub(idle) {
            engine.places.values().for_each(|place| place.sweep(unused_since));
        }
    }
}
