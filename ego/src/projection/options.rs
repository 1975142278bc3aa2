//! How a projection is run.

use crate::consumer::Policy;
use std::num::NonZeroUsize;

/// How a projection is run. An inline projection has only what becomes of another version, a live one nothing of it. Given to [`EngineBuilder::projection`](crate::engine::EngineBuilder::projection).
#[derive(Clone, Debug)]
pub struct ProjectionOptions {
    pub(crate) policy: Policy,
    pub(crate) workers: usize,
    pub(crate) batch: usize,
    pub(crate) cached_views: usize,
    pub(crate) on_new_version: OnNewVersion,
    pub(crate) paused: bool,
}

/// What becomes of views that were folded by another version of their projection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnNewVersion {
    /// They are built anew. Until that is done they cannot be read: [`ViewError::Building`](super::ViewError::Building) says how far it is.
    #[default]
    Rebuild,
    /// The engine does not start: [`StartProblem::ProjectionChanged`](crate::engine::StartProblem::ProjectionChanged).
    Refuse,
}

impl Default for ProjectionOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            policy: Policy::default(),
            workers: cores.min(4),
            batch: 4096,
            cached_views: 100_000,
            on_new_version: OnNewVersion::default(),
            paused: false,
        }
    }
}

impl ProjectionOptions {
    /// Four workers or as many as there are cores, 4,096 events and 100,000 views in memory, [`Policy::fail`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What becomes of an event that a method could not fold.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How many views are folded at the same time, 1 or more. Events of one key are folded one after the other, in their order.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// How many events are folded before views and checkpoint are made durable, at most; 1 or more. A projection that is not behind takes
    /// what is there, and one whose methods are slow takes fewer, so that a page takes about a second.
    #[must_use]
    pub fn batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }

    /// How many views are kept in memory besides those of the events at hand; not more than about 64 MiB, however many are allowed.
    #[must_use]
    pub fn cached_views(mut self, views: usize) -> Self {
        self.cached_views = views;
        self
    }

    /// What becomes of views of another version.
    #[must_use]
    pub fn on_new_version(mut self, on_new_version: OnNewVersion) -> Self {
        self.on_new_version = on_new_version;
        self
    }

    /// Begins paused: it follows the log once it is resumed. Its views can be read. For programs that only look.
    #[must_use]
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }
}
