//! An event as CloudEvents 1.0 has it.

use super::Envelope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// An event in the JSON format of [CloudEvents](https://cloudevents.io) 1.0: its attributes, with ego's own as extensions.
///
/// Extensions have short names of lower-case letters, and their whole numbers have 32 bits, so places in the log are texts. Free entries of
/// the metadata are not among them: their names could be any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: Cow<'static, str>,
    /// The event's identity in its source: [`Envelope::id`].
    pub id: String,
    /// Where it comes from, see [`EngineBuilder::event_source`](crate::engine::EngineBuilder::event_source).
    pub source: String,
    /// What happened to what: the aggregate's kind and the event's name, as in `account.Deposited`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stream, as in `account/acc-1`. What has the same subject is published in the order of its revisions.
    pub subject: String,
    /// When the command was taken.
    pub time: Timestamp,
    /// `application/json`.
    pub datacontenttype: Cow<'static, str>,
    /// Extension: its place in the log, as a number in decimal digits. What a follower asks for when it comes again.
    pub position: String,
    /// Extension: its place in the stream, as a number in decimal digits.
    pub revision: String,
    /// Extension: the id of the command that led to it.
    pub commandid: String,
    /// Extension: the conversation.
    pub correlationid: String,
    /// Extension: the direct parent of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<String>,
    /// Extension: who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Extension: on whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What happened.
    pub data: Value,
}

impl CloudEvent {
    pub(super) fn of(envelope: &Envelope) -> Self {
        let delivery = &envelope.delivery;
        let metadata = delivery.metadata();
        Self {
            specversion: Cow::Borrowed("1.0"),
            id: envelope.id(),
            source: envelope.source().to_owned(),
            kind: format!("{}.{}", delivery.stream().kind(), envelope.name),
            subject: delivery.stream().to_string(),
            time: metadata.time,
            datacontenttype: Cow::Borrowed("application/json"),
            position: delivery.position().to_string(),
            revision: delivery.revision().to_string(),
            commandid: metadata.command_id.to_string(),
            correlationid: metadata.correlation_id.to_string(),
            causationid: metadata.causation_id.as_ref().map(ToString::to_string),
            actor: metadata.actor.as_ref().map(ToString::to_string),
            tenant: metadata.tenant.as_ref().map(ToString::to_string),
            data: envelope.event.clone(),
        }
    }
}
