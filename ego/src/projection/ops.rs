//! What operators ask of a running projection: it is done by whoever folds it, between two steps, so that there is one writer.

use tokio::sync::{Mutex, mpsc, oneshot};

/// A request and where its answer goes.
pub(super) type Request = (Op, Answer);

pub(super) type Answer = oneshot::Sender<Result<Done, super::handle::OpError>>;

/// What can be asked.
#[derive(Debug)]
pub(super) enum Op {
    /// Fold the dead letters of this key again, those behind the first, too.
    Replay(String),
    /// Forget the first dead letter of this key and fold what was parked behind it.
    Discard(String),
    /// Throw all views away and build them anew.
    Reset,
    /// Build all views anew beside the others.
    Rebuild(super::handle::Rebuild),
}

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    Letters(super::handle::Replayed),
    Rebuilt(super::handle::Rebuilt),
    Reset,
}

/// Where requests wait.
pub(crate) struct Desk {
    pub(in crate::projection) ask: mpsc::Sender<Request>,
    /// Taken by whoever folds.
    pub(in crate::projection) asked: Mutex<mpsc::Receiver<Request>>,
}

impl Default for Desk {
    fn default() -> Self {
        let (ask, asked) = mpsc::channel(64);
        Self { ask, asked: Mutex::new(asked) }
    }
}
