//! What operators ask of a running projection: it is done by whoever folds it, between two steps, so that there is one writer.

use tokio::sync::{Mutex, mpsc, oneshot};

/// A request and where its answer goes.
pub(super) type Request = (Op, oneshot::Sender<Result<Done, super::handle::OpError>>);

/// What can be asked.
#[derive(Debug)]
pub(super) enum Op {
    /// Fold the dead letters of this key again, those behind the first, too.
    Replay(String),
    /// Forget the first dead letter of this key and fold what was parked behind it.
    Discard(String),
    /// Build all views anew.
    Rebuild(super::handle::Rebuild),
}

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    Letters(super::handle::Replayed),
    Rebuilt(super::handle::Rebuilt),
}

/// Where requests wait.
pub(super) struct Desk {
    pub(super) ask: mpsc::Sender<Request>,
    /// Taken by whoever folds.
    pub(super) asked: Mutex<mpsc::Receiver<Request>>,
}

impl Default for Desk {
    fn default() -> Self {
        let (ask, asked) = mpsc::channel(64);
        Self { ask, asked: Mutex::new(asked) }
    }
}
