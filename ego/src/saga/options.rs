//! How a saga is run.

use crate::consumer::{Begin, Policy};
use std::time::Duration;

/// How a saga is run: where it begins, how often it tries again, how much it does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SagaOptions {
    pub(super) begin: Begin,
    pub(super) policy: Policy,
    pub(super) timeout: Option<Duration>,
    pub(super) workers: usize,
}

impl Default for SagaOptions {
    fn default() -> Self {
        Self { begin: Begin::Start, policy: Policy::fail(), timeout: None, workers: 64 }
    }
}

impl SagaOptions {
    /// From the first event on; what fails is tried five times again; 64 instances are worked on at a time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it begins when it has no checkpoint. With one, it goes on behind that.
    #[must_use]
    pub fn begin(mut self, begin: Begin) -> Self {
        self.begin = begin;
        self
    }

    /// How often, and after how long, something is tried again: a method that fails, a command that gets no answer, a compensation that is
    /// refused. After that the instance is parked, and the others go on. An event that cannot be read belongs to no instance: it stops the
    /// saga, visibly, or is left out with [`Policy::skip`].
    ///
    /// [`Then::DeadLetter`](crate::consumer::Then::DeadLetter) is refused when the engine starts: sagas keep no dead letters.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How long a command of the saga may take, each time that it is sent; [`Limits::timeout`](crate::engine::Limits::timeout) when left out.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many instances are worked on at the same time, 1 or more. Each has one input and one command under way at a time.
    #[must_use]
    pub fn workers(mut self, instances: usize) -> Self {
        self.workers = instances.max(1);
        self
    }
}
