//! The two ends of whoever fires timers: the engine, which ends it, and what it says of itself.

use super::run::Runner;
use crate::consumer::{Ailment, ConsumerKind, Health, LastError};
use crate::engine::Engine;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The timers of an engine.
#[derive(Default)]
pub(crate) struct Timers {
    told: Arc<Told>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Timers {
    pub(crate) fn begin(&self, engine: &Engine) {
        let runner = Runner::new(engine, Arc::clone(&self.told));
        *self.task.lock() = Some(engine.shared().runtime.spawn(runner.run()));
    }

    /// No timer is fired any more.
    pub(crate) fn end(&self) {
        self.told.end.send_replace(true);
    }

    /// Waits until what was fired is answered; gives up what takes longer than this.
    pub(crate) async fn ended(&self, within: Duration) {
        let task = self.task.lock().take();
        if let Some(mut task) = task
            && timeout(within, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    pub(crate) fn add_to(&self, health: &mut Health) {
        let ails = self.told.ails.lock();
        let ailment = |name: &str, error: &LastError| Ailment {
            kind: ConsumerKind::Timers,
            name: name.to_owned(),
            error: Some(error.clone()),
        };
        health.failed.extend(ails.unknown.iter().map(|(kind, error)| ailment(kind, error)));
        health.retrying.extend(ails.reads.iter().chain(&ails.retries).map(|error| ailment("timers", error)));
    }
}

impl Drop for Timers {
    /// An engine that is dropped without having been stopped.
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

/// What the two ends tell one another.
#[derive(Default)]
pub(super) struct Told {
    end: watch::Sender<bool>,
    ails: Mutex<Ails>,
}

#[derive(Default)]
struct Ails {
    /// The store cannot be read.
    reads: Option<LastError>,
    /// What did not get through last, while something is tried again.
    retries: Option<LastError>,
    /// What nothing in the program takes, by kind: as many as there are kinds, or were.
    unknown: BTreeMap<String, LastError>,
}

impl Told {
    /// Waits until it is to end. Cancel safe.
    pub(super) async fn ended(&self) {
        // The sender is ours, so this cannot fail.
        let _ = self.end.subscribe().wait_for(|end| *end).await;
    }

    pub(super) fn reads(&self, error: Option<LastError>) {
        self.ails.lock().reads = error;
    }

    pub(super) fn retries(&self, error: Option<LastError>) {
        self.ails.lock().retries = error;
    }

    /// Says so once for each reason.
    pub(super) fn unknown(&self, kind: &str, error: LastError) {
        let mut ails = self.ails.lock();
        if ails.unknown.get(kind).is_none_or(|before| before.message != error.message) {
            tracing::error!(kind, error = error.message, "nothing in the program takes the command of a timer; it stays");
        }
        ails.unknown.insert(kind.to_owned(), error);
    }
}

pub(super) fn error(message: String, attempts: u32, time: Timestamp) -> LastError {
    LastError { message, position: None, attempts, time }
}
