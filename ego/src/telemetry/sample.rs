//! What is not counted but looked at now and then.

use crate::consumer::{Consumer, status};
use crate::engine::Shared;
use futures_util::future::BoxFuture;
use metrics::{Gauge, gauge};
use std::sync::Arc;
use std::time::Duration;

/// How often the engine is looked at for the metrics that are sampled.
pub const SAMPLED: Duration = Duration::from_secs(5);

/// A consumer, and the gauges that say how far behind it is.
struct Lag {
    consumer: Arc<dyn Consumer>,
    events: Gauge,
    seconds: Gauge,
}

/// Looks now and then, until `look` says that the engine is gone or stopping.
pub(crate) fn sample(
    shared: &Arc<Shared>,
    consumers: &[Arc<dyn Consumer>],
    look: impl Fn() -> bool + Send + 'static,
) -> BoxFuture<'static, ()> {
    let lag = |consumer: &Arc<dyn Consumer>| {
        let control = consumer.control();
        let (kind, name) = (control.kind.to_string(), control.name.clone());
        let events = gauge!("ego_consumer_lag_events", "kind" => kind.clone(), "name" => name.clone());
        let seconds = gauge!("ego_consumer_lag_seconds", "kind" => kind, "name" => name);
        Lag { consumer: Arc::clone(consumer), events, seconds }
    };
    let lags: Vec<_> = consumers.iter().map(lag).collect();
    let shared = Arc::clone(shared);
    Box::pin(async move {
        loop {
            if !look() {
                return;
            }
            for Lag { consumer, events, seconds } in &lags {
                // A store that fails says so to those who need it.
                if let Ok(status) = status(&shared, &**consumer).await {
                    events.set(status.lag as f64);
                    seconds.set(status.lag_time.as_secs_f64());
                }
            }
            tokio::time::sleep(SAMPLED).await;
        }
    })
}
