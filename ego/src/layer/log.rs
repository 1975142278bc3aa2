//! A line in the log for every command, and for every event that is handled.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use super::event::{EventCall, EventLayer, NextEvent};
use crate::engine::CommandError;
use crate::model::Failure;
use async_trait::async_trait;
use std::fmt;
use tokio::time::Instant;
use tracing::Level;

/// Says what became of every command, and of every event that is given to a handler, under the target `ego::layer`. What succeeds is
/// said at [`Level::DEBUG`], what is refused – by a handler, a layer, an expected revision – at [`Level::INFO`], what fails at
/// [`Level::WARN`], unless said otherwise. Contents are not logged.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    done: Level,
    refused: Level,
    failed: Level,
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// At the usual levels.
    #[must_use]
    pub const fn new() -> Self {
        Self { done: Level::DEBUG, refused: Level::INFO, failed: Level::WARN }
    }

    /// Says at this level what succeeds.
    #[must_use]
    pub const fn done(mut self, level: Level) -> Self {
        self.done = level;
        self
    }

    /// Says at this level what is refused.
    #[must_use]
    pub const fn refused(mut self, level: Level) -> Self {
        self.refused = level;
        self
    }

    /// Says at this level what fails.
    #[must_use]
    pub const fn failed(mut self, level: Level) -> Self {
        self.failed = level;
        self
    }

    fn level(&self, answered: &Answered) -> Level {
        use CommandError as E;
        match answered {
            Ok(_) => self.done,
            Err(E::Rejected(_) | E::Conflict { .. } | E::Denied(_) | E::Invalid(_) | E::RevisionZero | E::Unknown(_)) => {
                self.refused
            }
            Err(_) => self.failed,
        }
    }
}

/// `tracing` wants a level that is written in the program.
macro_rules! say {
    ($level:expr, $($rest:tt)*) => {
        match $level {
            Level::ERROR => tracing::event!(target: "ego::layer", Level::ERROR, $($rest)*),
            Level::WARN => tracing::event!(target: "ego::layer", Level::WARN, $($rest)*),
            Level::INFO => tracing::event!(target: "ego::layer", Level::INFO, $($rest)*),
            Level::DEBUG => tracing::event!(target: "ego::layer", Level::DEBUG, $($rest)*),
            Level::TRACE => tracing::event!(target: "ego::layer", Level::TRACE, $($rest)*),
        }
    };
}

#[async_trait]
impl CommandLayer for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        let began = Instant::now();
        let answered = next.run(command).await;
        let (level, took) = (self.level(&answered), began.elapsed());
        let CommandCall { kind, id, name, command_id, metadata, .. } = &*command;
        let (actor, tenant) = (metadata.actor.as_deref(), metadata.tenant.as_deref());
        let error = answered.as_ref().err().map(|error| error as &dyn fmt::Display).map(tracing::field::display);
        let revision = answered.as_ref().ok().and_then(|receipt| receipt.revision).map(|revision| revision.get());
        say!(level, kind, %id, command = name, %command_id, actor, tenant, ?took, revision, error, "a command");
        answered
    }
}

#[async_trait]
impl EventLayer for Log {
    async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure> {
        let began = Instant::now();
        let handled = next.run(event).await;
        let (level, took) = (if handled.is_ok() { self.done } else { self.failed }, began.elapsed());
        let (consumer, handler, delivery) = (event.consumer(), event.handler(), event.delivery());
        let (name, stream, position, attempt) = (event.name(), delivery.stream(), delivery.position(), delivery.attempt());
        let error = handled.as_ref().err().map(tracing::field::display);
        say!(level, %consumer, handler, event = name, %stream, %position, attempt, ?took, error, "an event");
        handled
    }
}
