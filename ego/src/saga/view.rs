//! How the instances stand, as views that are recorded with their events, with an index by status.

use super::event::SagaEvent;
use super::instance::Instance;
use super::source::SagaSources;
use super::status::{SagaStatus, Status};
use crate::engine::Location;
use crate::model::{Delivery, Failure, Fold, IndexValue, Mode, On, Projection};
use crate::projection::{Source, Sources};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// How an instance stands, recorded with its events: never behind.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct SagaView<S> {
    pub(super) status: Option<SagaStatus>,
    #[serde(skip)]
    saga: PhantomData<fn() -> S>,
}

impl<S> SagaView<S> {
    pub(super) fn is(&self, status: Status) -> bool {
        self.status.as_ref().is_some_and(|this| this.status() == status)
    }

    pub(super) fn reason(&self) -> String {
        self.status.as_ref().and_then(SagaStatus::reason).unwrap_or_default().to_owned()
    }
}

impl<S> Default for SagaView<S> {
    fn default() -> Self {
        Self { status: None, saga: PhantomData }
    }
}

impl<S> fmt::Debug for SagaView<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SagaView").field(&self.status).finish()
    }
}

impl<S: SagaSources> Projection for SagaView<S> {
    const NAME: &'static str = S::KIND;
    const MODE: Mode = Mode::Inline;
    const INDEXES: &'static [&'static str] = &["status"];

    fn indexed(&self, _: usize, values: &mut Vec<IndexValue>) {
        values.extend(self.status.iter().map(|this| IndexValue::of(this.status().word())));
    }
}

impl<S: SagaSources> On<Instance<S>> for SagaView<S> {
    const WAITS: bool = false;
    const BY_ID: bool = true;

    async fn on(&mut self, event: &SagaEvent, _: &Delivery) -> Result<Fold, Failure> {
        SagaStatus::fold(&mut self.status, event);
        Ok(Fold::Keep)
    }
}

impl<S: SagaSources> Sources for SagaView<S> {
    const SOURCES: &'static [Source<Self>] = &[Source::of::<Instance<S>>(Location::new(file!(), line!()), &[])];
}
