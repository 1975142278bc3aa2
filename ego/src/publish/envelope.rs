//! What is published of an event.

use super::{CloudEvent, Format};
use crate::engine::Engine;
use crate::model::Delivery;
use crate::subscription::DeliveredJson;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// An event on its way out: in its newest shape, with where it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Envelope {
    /// The name of the event in its newest shape.
    pub name: &'static str,
    /// What happened.
    pub event: Value,
    /// Its place, its metadata, its identity.
    pub delivery: Delivery,
    source: Arc<str>,
}

impl Engine {
    /// What would be published of an event that a subscription gave.
    #[must_use]
    pub fn envelope(&self, delivered: DeliveredJson) -> Envelope {
        Envelope::new(delivered, &self.shared().source)
    }
}

impl Envelope {
    pub(super) fn new(delivered: DeliveredJson, source: &Arc<str>) -> Self {
        let DeliveredJson { name, event, delivery } = delivered;
        Self { name, event, delivery, source: Arc::clone(source) }
    }

    /// The event's identity in its store, the same each time it is published: [`Delivery::token`] as text, the position and which of the
    /// events it is that an upcaster made of what is recorded there. `17.0` comes before `17.1` and `18.0`.
    #[must_use]
    pub fn id(&self) -> String {
        self.delivery.token().to_string()
    }

    /// Where it comes from, see [`EngineBuilder::event_source`](crate::engine::EngineBuilder::event_source).
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// As a CloudEvent.
    #[must_use]
    pub fn cloud_event(&self) -> CloudEvent {
        CloudEvent::of(self)
    }

    /// As a flat envelope.
    #[must_use]
    pub fn flat(&self) -> FlatEvent {
        FlatEvent {
            id: self.id(),
            aggregate_id: self.delivery.id().to_owned(),
            aggregate_type: self.delivery.stream().kind().to_owned(),
            version: self.delivery.revision().get(),
            kind: self.name.to_owned(),
            data: self.event.clone(),
        }
    }

    /// As JSON in this format, without a line break in it.
    #[must_use]
    pub fn json(&self, format: Format) -> String {
        match format {
            Format::CloudEvents => self.cloud_event().to_string(),
            Format::Flat => self.flat().to_string(),
        }
    }
}

/// An event as few fields: what simple consumers expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlatEvent {
    /// [`Envelope::id`].
    pub id: String,
    /// The aggregate's id.
    pub aggregate_id: String,
    /// The aggregate's kind.
    pub aggregate_type: String,
    /// The aggregate's version after the event: the event's revision.
    pub version: u64,
    /// The event's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened.
    pub data: Value,
}
