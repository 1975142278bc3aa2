//! Projections that are linked into the program.

use super::options::ProjectionOptions;
use super::projected::{AnyProjection, Projected};
use super::source::{Source, Sources};
use crate::codec::{AnyCodec, Decode};
use crate::engine::{Location, Party, Shared, TypeRef};
use crate::model::{Mode, Shape};
use crate::store::StoreError;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// A projection that is linked in; `#[ego::projection]` submits it.
#[derive(Clone, Copy)]
pub struct ProjectionDescriptor {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) mode: Mode,
    pub(crate) indexes: &'static [&'static str],
    pub(crate) projection: TypeRef,
    pub(crate) location: Location,
    pub(crate) sources: fn() -> Vec<SourceInfo>,
    pub(crate) open: Open,
    /// What is personal in a view, if it says so.
    pub(crate) in_view: fn() -> Option<&'static Shape>,
    pub(crate) decode: Decode,
}

type Open = fn(Arc<Shared>, ProjectionOptions) -> BoxFuture<'static, Result<Arc<dyn AnyProjection>, StoreError>>;

inventory::collect!(ProjectionDescriptor);

/// What is known of a source without the projection's type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceInfo {
    pub(crate) kind: &'static str,
    pub(crate) aggregate: TypeRef,
    pub(crate) services: &'static [TypeRef],
    pub(crate) location: Location,
    pub(crate) by_id: bool,
    pub(crate) waits: bool,
}

impl ProjectionDescriptor {
    /// Describes a projection that is defined at `location`.
    #[must_use]
    pub const fn of<P: Sources>(location: Location) -> Self {
        Self {
            name: P::NAME,
            version: P::VERSION,
            mode: P::MODE,
            indexes: P::INDEXES,
            projection: TypeRef::of::<P>(),
            location,
            sources: || P::SOURCES.iter().map(Source::info).collect(),
            open: |shared, options| {
                Box::pin(async move { Ok(Projected::<P>::open(&shared, options).await? as Arc<dyn AnyProjection>) })
            },
            in_view: || None,
            decode: AnyCodec::reads::<P>,
        }
    }

    /// With what a view says of what is personal in it.
    #[must_use]
    pub const fn personal(mut self, in_view: fn() -> Option<&'static Shape>) -> Self {
        self.in_view = in_view;
        self
    }

    pub(crate) fn party(&self) -> Party {
        Party { name: self.projection.name(), location: self.location }
    }
}

impl<P> Source<P> {
    fn info(&self) -> SourceInfo {
        let Self { kind, aggregate, services, location, by_id, waits, .. } = *self;
        SourceInfo { kind, aggregate, services, location, by_id, waits }
    }
}

impl fmt::Debug for ProjectionDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectionDescriptor").field("name", &self.name).field("location", &self.location).finish_non_exhaustive()
    }
}
