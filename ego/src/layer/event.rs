//! Layers around handlers of events.

use crate::consumer::ConsumerKind;
use crate::model::{Delivery, Failure};
use crate::telemetry;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use tracing::Instrument;

/// Something that is done around the methods of projections and reactors, and around the giving of events to sagas. Given to
/// [`EngineBuilder::event_layer`](crate::engine::EngineBuilder::event_layer).
///
/// It stands around each attempt at an event. An error is a failure of the handler, and its policy decides what becomes of it; so is a
/// panic. Answering `Ok` without [`NextEvent::run`] leaves the event out. What a layer does to a projection has to be the same each time
/// that it is given the event: views are taken back and built anew by giving events again.
///
/// A saga keeps and retries by itself what its own methods cannot handle; an error of a layer around it stops the saga, visibly.
///
/// Inline and live projections have no layers: the first are a part of the command, the second of a read. Publishers have none either;
/// a [`Publisher`](crate::publish::Publisher) around another does the same.
///
/// ```
/// use ego::layer::{EventCall, EventLayer, NextEvent};
/// use ego::model::Failure;
///
/// /// The mailer is not told of what was done for a trial.
/// struct NoTrials;
///
/// #[async_trait::async_trait]
/// impl EventLayer for NoTrials {
///     async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure> {
///         if event.handler() == "mailer" && event.delivery().metadata().entries.contains_key("trial") {
///             return Ok(());
///         }
///         next.run(event).await
///     }
/// }
/// ```
#[async_trait]
pub trait EventLayer: Send + Sync + 'static {
    /// Gives the event to the handler with [`NextEvent::run`], or leaves it out.
    ///
    /// # Errors
    /// [`Failure`]: the handler's, or its own.
    async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure>;
}

/// An event on its way to a handler.
#[derive(Clone, Copy)]
pub struct EventCall<'e> {
    pub(crate) consumer: ConsumerKind,
    pub(crate) handler: &'e str,
    pub(crate) key: Option<&'e str>,
    pub(crate) name: &'e str,
    pub(crate) event: &'e (dyn Any + Send + Sync),
    pub(crate) delivery: &'e Delivery,
}

impl<'e> EventCall<'e> {
    /// What handles it.
    #[must_use]
    pub fn consumer(&self) -> ConsumerKind {
        self.consumer
    }

    /// The registered name of the projection or reactor.
    #[must_use]
    pub fn handler(&self) -> &'e str {
        self.handler
    }

    /// The key of the view that it is folded into; `None` for handlers without views.
    #[must_use]
    pub fn key(&self) -> Option<&'e str> {
        self.key
    }

    /// The event's name in its newest shape.
    #[must_use]
    pub fn name(&self) -> &'e str {
        self.name
    }

    /// The event, if it is of this type. A saga's is given as the `serde_json::Value` of its newest shape.
    #[must_use]
    pub fn event<E: 'static>(&self) -> Option<&'e E> {
        self.event.downcast_ref()
    }

    /// Where it stands, which attempt this is, and the metadata of its command.
    #[must_use]
    pub fn delivery(&self) -> &'e Delivery {
        self.delivery
    }
}

impl fmt::Debug for EventCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventCall")
            .field("handler", &self.handler)
            .field("name", &self.name)
            .field("position", &self.delivery.position())
            .finish_non_exhaustive()
    }
}

/// What is behind a layer: the layers further inside, and then the handler.
pub struct NextEvent<'n> {
    layers: &'n [Arc<dyn EventLayer>],
    handler: BoxFuture<'n, Result<(), Failure>>,
}

impl<'n> NextEvent<'n> {
    /// Gives the event to the handler.
    ///
    /// # Errors
    /// The handler's.
    pub fn run(self, event: EventCall<'n>) -> BoxFuture<'n, Result<(), Failure>> {
        around(self.layers, event, self.handler)
    }
}

impl fmt::Debug for NextEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextEvent").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

/// Gives an event to a handler: within a span if somebody watches, within the layers if there are any.
pub(crate) async fn handle(
    layers: &[Arc<dyn EventLayer>],
    event: EventCall<'_>,
    handler: BoxFuture<'_, Result<(), Failure>>,
) -> Result<(), Failure> {
    if !telemetry::is_watched() {
        return around(layers, event, handler).await;
    }
    let span = telemetry::handling(&event);
    let handled = around(layers, event, handler).instrument(span.clone()).await;
    span.record("outcome", if handled.is_ok() { "done" } else { "failed" });
    handled
}

/// Whether anything is to be done around a handler.
pub(crate) fn is_around(layers: &[Arc<dyn EventLayer>]) -> bool {
    !layers.is_empty() || telemetry::is_watched()
}

/// Lets the layers stand around a handler, which begins when it is awaited.
fn around<'n>(
    layers: &'n [Arc<dyn EventLayer>],
    event: EventCall<'n>,
    handler: BoxFuture<'n, Result<(), Failure>>,
) -> BoxFuture<'n, Result<(), Failure>> {
    match layers {
        [] => handler,
        [first, rest @ ..] => first.call(event, NextEvent { layers: rest, handler }),
    }
}
