//! The consumers of an engine: begun with it, ended with it.

use super::control::{Control, Wanted};
use super::progress::Begin;
use super::status::{Health, Parked, State, Status};
use crate::engine::Shared;
use crate::message::Position;
use crate::store::{Store, StoreError};
use crate::subscription::Follows;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Something that follows the log beside the aggregates.
pub(crate) trait Consumer: Any + Send + Sync {
    fn control(&self) -> &Arc<Control>;

    /// What it follows.
    fn follows(&self) -> Follows;

    /// The checkpoint that it is given before it begins for the first time, and where that stands.
    fn entry(&self) -> Option<(&str, Begin)> {
        None
    }

    /// What it works on and cannot go on with, although it goes on itself.
    fn parked(&self) -> Vec<Parked> {
        Vec::new()
    }

    /// Follows the log until it is told not to run, which is no error.
    fn follow(&self) -> BoxFuture<'_, Result<(), StoppedBy>>;
}

/// Why a consumer gives up; it has said so to its [`Control`].
#[derive(Debug)]
pub(crate) struct StoppedBy;

/// All of them.
#[derive(Default)]
pub(crate) struct Consumers {
    all: Vec<Arc<dyn Consumer>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Consumers {
    pub(crate) fn of(all: Vec<Arc<dyn Consumer>>) -> Self {
        Self { all, tasks: Mutex::default() }
    }

    /// Lets each follow the log.
    pub(crate) fn begin(&self, shared: &Shared) {
        let begin = |consumer: &Arc<dyn Consumer>| shared.runtime.spawn(run(Arc::clone(consumer)));
        *self.tasks.lock() = self.all.iter().map(begin).collect();
    }

    pub(crate) fn all(&self) -> &[Arc<dyn Consumer>] {
        &self.all
    }

    /// Lets each finish the step that it is at; gives up those that take longer than this. A step that is given up is whole or has no
    /// effect.
    pub(crate) async fn end(&self, within: Duration) {
        for consumer in &self.all {
            consumer.control().tell(Wanted::End);
        }
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        if timeout(within, join_all(tasks)).await.is_err() {
            tracing::warn!("a consumer was given up, because the time to stop was over");
            aborts.iter().for_each(|task| task.abort());
        }
    }

    pub(crate) fn health(&self) -> Health {
        let of = |state: State| {
            let found = self.all.iter().filter(|consumer| consumer.control().said().state == state);
            found.map(|consumer| consumer.control().ailment()).collect()
        };
        let parked = self.all.iter().flat_map(|consumer| consumer.parked()).collect();
        Health { failed: of(State::Failed), retrying: of(State::Retrying), parked }
    }
}

impl Drop for Consumers {
    /// An engine that is dropped without having been stopped.
    fn drop(&mut self) {
        for consumer in &self.all {
            consumer.control().tell(Wanted::End);
        }
    }
}

async fn run(consumer: Arc<dyn Consumer>) {
    let control = Arc::clone(consumer.control());
    let (kind, name) = (control.kind, control.name.clone());
    let mut failed = false;
    while control.resumed(failed).await {
        let followed = AssertUnwindSafe(consumer.follow()).catch_unwind().await;
        failed = match followed {
            Ok(Ok(())) => false,
            Ok(Err(StoppedBy)) => true,
            Err(panic) => {
                control.failed(&crate::engine::panic_message(&*panic), control.said().position, 1);
                true
            }
        };
        if failed {
            let error = control.ailment().error.map(|error| error.message).unwrap_or_default();
            tracing::error!(%kind, name, error, "a consumer stopped; it goes on when it is resumed");
            metrics::counter!("ego_consumer_stopped_total", "kind" => kind.to_string(), "name" => name.clone()).increment(1);
        }
    }
}

/// How a consumer stands.
pub(crate) async fn status(shared: &Shared, consumer: &dyn Consumer) -> Result<Status, StoreError> {
    let control = consumer.control();
    let (said, counts) = (control.said(), control.counts());
    let head = shared.store.head().await?;
    let behind = if head > said.position { first_behind(shared, &consumer.follows(), said.position).await? } else { None };
    let lag_time = behind
        .map_or(Duration::ZERO, |time| Duration::try_from(shared.clock.now().duration_since(time)).unwrap_or(Duration::ZERO));
    Ok(Status {
        kind: control.kind,
        name: control.name.clone(),
        state: said.state,
        position: said.position,
        head,
        lag: head.map_or(0, Position::get).saturating_sub(said.position.map_or(0, Position::get)),
        lag_time,
        rate: counts.rate(),
        events: counts.events,
        skipped: counts.skipped,
        failures: counts.failures,
        last_error: counts.last_error,
    })
}

/// When the first event behind a position was recorded.
async fn first_behind(
    shared: &Shared,
    follows: &Follows,
    after: Option<Position>,
) -> Result<Option<jiff::Timestamp>, StoreError> {
    let mut after = after;
    loop {
        let page = follows.read(&shared.store, after, 1).await?;
        match (page.items.first(), page.next) {
            (Some(event), _) => return Ok(Some(event.metadata.time)),
            (None, Some(next)) => after = Some(next),
            (None, None) => return Ok(None),
        }
    }
}
