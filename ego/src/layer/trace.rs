//! A span around every command, and around every event that is handled.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use super::event::{EventCall, EventLayer, NextEvent};
use crate::model::Failure;
use crate::telemetry::outcome;
use async_trait::async_trait;
use tracing::Instrument;
use tracing::field::Empty;

/// A span at level `INFO` around every command and every event that is given to a handler, with the outcome: for programs that keep
/// ego's own [spans](crate::telemetry), which are at `DEBUG`, off. Named `command` and `event`, under the target `ego::layer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trace;

#[async_trait]
impl CommandLayer for Trace {
    fn name(&self) -> &'static str {
        "trace"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        let metadata = command.metadata();
        let span = tracing::info_span!(
            target: "ego::layer",
            "command",
            kind = command.kind(),
            id = command.id(),
            command = command.name(),
            command_id = %command.command_id(),
            correlation_id = metadata.correlation_id.as_deref().unwrap_or(command.command_id().as_str()),
            causation_id = metadata.causation_id.as_deref(),
            actor = metadata.actor.as_deref(),
            tenant = metadata.tenant.as_deref(),
            outcome = Empty,
        );
        let answered = next.run(command).instrument(span.clone()).await;
        span.record("outcome", outcome(&answered));
        answered
    }
}

#[async_trait]
impl EventLayer for Trace {
    async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure> {
        let delivery = event.delivery();
        let span = tracing::info_span!(
            target: "ego::layer",
            "event",
            consumer = %event.consumer(),
            handler = event.handler(),
            key = event.key(),
            event = event.name(),
            stream = %delivery.stream(),
            position = delivery.position().get(),
            attempt = delivery.attempt(),
            command_id = %delivery.metadata().command_id,
            correlation_id = %delivery.metadata().correlation_id,
            outcome = Empty,
        );
        let handled = next.run(event).instrument(span.clone()).await;
        span.record("outcome", if handled.is_ok() { "done" } else { "failed" });
        handled
    }
}
