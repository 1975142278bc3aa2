//! Which instances wait for somebody, for the engine's health.

use super::source::SagaSources;
use super::status::Status;
use super::view::SagaView;
use crate::consumer::{Parked, Undone};
use crate::engine::Shared;
use crate::projection::ViewError;
use crate::store::StoreError;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Those that are known, at most [`MOST`](Self::MOST).
pub(super) struct ParkedOnes<S> {
    known: Mutex<BTreeMap<String, String>>,
    saga: PhantomData<fn() -> S>,
}

impl<S> Default for ParkedOnes<S> {
    fn default() -> Self {
        Self { known: Mutex::default(), saga: PhantomData }
    }
}

impl<S: SagaSources> ParkedOnes<S> {
    const MOST: usize = 100;

    pub(super) fn has(&self, instance: &str) -> bool {
        self.known.lock().contains_key(instance)
    }

    /// Finds out how the instance stands.
    pub(super) async fn look(&self, shared: &Shared, instance: &str) -> Result<(), Undone> {
        let engine = shared.engine().ok_or(Undone::Stopped)?;
        let found = engine.view::<SagaView<S>>(instance).await;
        let view = found.map_err(|error| Undone::Failed(crate::model::Failure::new(crate::consumer::with_causes(&error))))?;
        let mut known = self.known.lock();
        match view.filter(|view| view.is(Status::Parked)) {
            Some(view) if known.len() < Self::MOST || known.contains_key(instance) => {
                known.insert(instance.to_owned(), view.reason());
            }
            Some(_) => {}
            None => drop(known.remove(instance)),
        }
        metrics::gauge!("ego_sagas_parked", "name" => S::NAME).set(known.len() as f64);
        Ok(())
    }

    /// Those that are there.
    pub(super) async fn load(&self, shared: &Shared) -> Result<(), StoreError> {
        let Some(engine) = shared.engine() else { return Ok(()) };
        let views = engine.views::<SagaView<S>>().by("status", Status::Parked.word()).limit(Self::MOST).page().await;
        let page = views.map_err(|error| match error {
            ViewError::Store(error) => error,
            other => StoreError::other("reading which instances are parked", other),
        })?;
        let found = page.items.into_iter().map(|(id, view)| (id, view.reason()));
        *self.known.lock() = found.collect();
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<Parked> {
        let known = self.known.lock();
        known.iter().map(|(id, reason)| Parked { saga: S::NAME, id: id.clone(), reason: reason.clone() }).collect()
    }
}
