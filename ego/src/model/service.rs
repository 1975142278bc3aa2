//! Services: what a handler needs from outside, given to the engine and found by type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The services that handlers can ask for, by type.
#[derive(Clone, Default)]
pub struct Services(HashMap<TypeId, (&'static str, Arc<dyn Any + Send + Sync>)>);

impl Services {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a service, in place of an earlier one of the same type.
    pub fn insert<S: ?Sized + Send + Sync + 'static>(&mut self, service: Arc<S>) {
        // The inner `Arc` makes a trait object sized, so that it can be kept as `Any`.
        self.0.insert(TypeId::of::<S>(), (type_name::<S>(), Arc::new(service)));
    }

    /// The service of this type.
    ///
    /// # Errors
    /// [`MissingService`] when none was given.
    pub fn get<S: ?Sized + Send + Sync + 'static>(&self) -> Result<&S, MissingService> {
        self.0
            .get(&TypeId::of::<S>())
            .and_then(|(_, service)| service.downcast_ref::<Arc<S>>())
            .map(AsRef::as_ref)
            .ok_or(MissingService { service: type_name::<S>() })
    }

    /// Whether a service of this type was given.
    #[must_use]
    pub fn contains(&self, service: TypeId) -> bool {
        self.0.contains_key(&service)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values().map(|(name, _)| name)).finish()
    }
}

/// A handler asked for a service that was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service `{service}` was not given: add `.service::<{service}>(…)`")]
pub struct MissingService {
    /// The service's type.
    pub service: &'static str,
}
