//! Sending a command again that lost a race.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use crate::consumer::Backoff;
use crate::engine::CommandError;
use crate::store::Refusal;
use async_trait::async_trait;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Sends a command again when other writers were first, after a while, for as often as is said and the command's time allows.
///
/// The engine decides again by itself, at once, for as often as [`Limits::conflict_retries`](crate::engine::Limits) says: this is for
/// what still fails then. A command whose sender expects something is not sent again, as its sender has to know.
#[derive(Clone, Copy, Debug)]
pub struct RetryConflicts {
    times: u32,
    backoff: Backoff,
}

impl RetryConflicts {
    /// At most so often, after about 10 ms, then twice as long each time, up to a second.
    #[must_use]
    pub const fn times(times: u32) -> Self {
        Self { times, backoff: Backoff::new(Duration::from_millis(10), Duration::from_secs(1)) }
    }

    /// Waits so long.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

#[async_trait]
impl CommandLayer for RetryConflicts {
    fn name(&self) -> &'static str {
        "retry-conflicts"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        if self.times == 0 || command.expected().is_some() {
            return next.run(command).await;
        }
        command.keep();
        for attempt in 1.. {
            let answered = next.run(command).await;
            let lost = matches!(answered, Err(CommandError::Conflict { .. } | CommandError::Refused(Refusal::Dependent)));
            let wait = self.backoff.after(attempt);
            if !lost || attempt > self.times || Instant::now() + wait >= command.deadline() {
                return answered;
            }
            tracing::debug!(kind = command.kind(), id = command.id(), command = command.name(), attempt, "a command lost a race");
            sleep(wait).await;
        }
        next.run(command).await
    }
}
