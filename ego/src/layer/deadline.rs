//! The most time that a command may take.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use async_trait::async_trait;
use std::time::Duration;

/// Gives every command at most so much time, counted from this layer on. What a sender asks for with
/// [`timeout`](crate::engine::Sending::timeout), or the engine's limit, stands if it is less. A command that takes longer ends with
/// [`CommandError::Timeout`](crate::engine::CommandError::Timeout).
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// At most so much.
    #[must_use]
    pub const fn at_most(time: Duration) -> Self {
        Self(time)
    }
}

#[async_trait]
impl CommandLayer for Deadline {
    fn name(&self) -> &'static str {
        "deadline"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        command.limit_time(self.0);
        next.run(command).await
    }
}
