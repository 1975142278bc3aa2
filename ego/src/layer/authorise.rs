//! Who may send what.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use super::denial::Denied;
use async_trait::async_trait;
use std::sync::Arc;

/// Asks a function whether the command's [actor](crate::message::MetadataDraft::actor) may send it. A command without an actor is
/// refused, and the function is not asked.
///
/// Refuses with [`Denial::Unauthorised`](super::Denial::Unauthorised).
pub struct Authorise<F>(F);

impl<F> Authorise<F>
where
    F: Fn(&str, &CommandCall) -> Result<(), Arc<str>> + Send + Sync + 'static,
{
    /// Asks this function; its error is the reason that the sender is told.
    pub fn actors(may: F) -> Self {
        Self(may)
    }
}

impl<F> std::fmt::Debug for Authorise<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorise")
    }
}

#[async_trait]
impl<F> CommandLayer for Authorise<F>
where
    F: Fn(&str, &CommandCall) -> Result<(), Arc<str>> + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "authorise"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        let actor = command.metadata().actor.as_deref().ok_or_else(|| Denied::unauthorised("nobody said who asks"))?;
        (self.0)(actor, command).map_err(Denied::unauthorised)?;
        next.run(command).await
    }
}
