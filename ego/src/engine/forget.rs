//! Commands that nobody waits for: bounded, and their failures can be heard.

use super::door::Pass;
use super::error::panic_message;
use super::send::Sending;
use crate::message::CommandId;
use futures_util::FutureExt;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Why a command that nobody waits for was not taken. Nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// As many as [`Limits::forgotten`](super::Limits::forgotten) are under way.
    #[error("{limit} commands that nobody waits for are under way")]
    Overloaded {
        /// The limit.
        limit: usize,
    },
    /// The command id is not allowed.
    #[error(transparent)]
    Invalid(#[from] crate::message::InvalidText),
    /// The engine is stopping or stopped.
    #[error("the engine is stopped")]
    Stopped,
}

/// A command that nobody waited for, and that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The command's registered name.
    pub command: &'static str,
    /// Its id.
    pub command_id: CommandId,
    /// Why it failed, with all causes.
    pub reason: Arc<str>,
}

/// Hears of the failures of commands that nobody waits for, from now on.
#[derive(Debug)]
pub struct Failures(pub(super) broadcast::Receiver<Failure>);

impl Failures {
    /// How many failures are kept for one that is slow to hear of them.
    pub const KEPT: usize = 1024;

    /// The next failure; `Err` with how many were missed by being too slow, `None` when the engine is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Failure, u64>> {
        match self.0.recv().await {
            Ok(failure) => Some(Ok(failure)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl<R: Send + 'static, E: fmt::Debug + fmt::Display + Send + Sync + 'static> Sending<'_, R, E> {
    /// Sends the command and does not wait. Whether it fails can be heard of in [`Engine::failures`](super::Engine::failures) and in
    /// the log.
    ///
    /// # Errors
    /// [`ForgetError`] when it was not taken; nothing happened then.
    pub fn and_forget(mut self) -> Result<CommandId, ForgetError> {
        let shared = &self.engine.inner.shared;
        // Taken from here on: `stop` waits for it.
        let pass = Pass::enter(Arc::clone(self.engine.doors.here())).ok_or(ForgetError::Stopped)?;
        let limit = shared.limits.forgotten;
        let permit =
            Arc::clone(&self.engine.inner.forgotten).try_acquire_owned().map_err(|_| ForgetError::Overloaded { limit })?;
        let command_id = match self.options.command_id.take() {
            Some(id) => id?,
            None => shared.ids.next(),
        };
        (self.options.command_id, self.options.pass) = (Some(Ok(command_id.clone())), Some(pass));
        let (failures, id, command) = (self.engine.inner.failures.clone(), command_id.clone(), self.command);
        let outcome = self.start.begin(self.options);
        shared.runtime.spawn(async move {
            let reason = match AssertUnwindSafe(outcome).catch_unwind().await {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(with_causes(&error)),
                // By name, also reading the command and writing the reply is the user's.
                Err(panic) => Some(format!("it panicked: {}", panic_message(&*panic))),
            };
            if let Some(reason) = reason {
                tracing::error!(command, command_id = %id, reason, "a command that nobody waited for failed");
                // An error only says that nobody listens.
                let _ = failures.send(Failure { command, command_id: id, reason: reason.into() });
            }
            drop(permit);
        });
        Ok(command_id)
    }
}

fn with_causes<E: fmt::Debug + fmt::Display>(error: &super::CommandError<E>) -> String {
    use super::CommandError as C;
    let source: Option<&dyn std::error::Error> = match error {
        C::Codec { source, .. } => Some(source),
        C::Unloadable { source, .. } => Some(source),
        C::Store(source) => Some(source),
        _ => None,
    };
    std::iter::successors(source, |error| error.source()).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
