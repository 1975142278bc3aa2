//! Why a command had no effect, or why that is not known.

use super::order::RECORDED_REPLY;
use crate::codec::CodecError;
use crate::layer::Denied;
use crate::message::{CommandId, Expected, InvalidText, Name, Revision, StreamId};
use crate::model::{DecodeError, Failure, ScheduleError};
use crate::store::{Refusal, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Why a command failed. Unless a variant says otherwise, nothing was recorded, and the next command to the aggregate works.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError<E> {
    /// The handler refused (I4). The handler's own error; nothing of it is stored.
    #[error("{0}")]
    Rejected(E),
    /// The aggregate is not at the revision that the sender expected, or other writers were first more often than
    /// [`conflict_retries`](super::Limits::conflict_retries).
    #[error("{}", Refusal::Conflict { expected: *.expected, actual: *.actual })]
    Conflict {
        /// What was expected.
        expected: Expected,
        /// The aggregate's last revision.
        actual: Option<Revision>,
    },
    /// The command took longer than its time.
    #[error("the command {command_id} did not finish within {after:?}{}", if *.recorded_unknown { "; whether it was recorded is not known" } else { "" })]
    Timeout {
        /// Sending the command again under this id finds out, without a second effect (I11).
        command_id: CommandId,
        /// Its time.
        after: Duration,
        /// Set when the handler had decided already: the commit may still be recorded. Also set when the sender gave the command id
        /// and the store had not been asked yet whether the command was recorded under it before.
        recorded_unknown: bool,
    },
    /// The handler, an applier or a layer panicked. The aggregate is loaded anew for the next command.
    #[error("the handler panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: Arc<str>,
    },
    /// An id, an actor or another text of the command's metadata is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    /// 0 was expected as the revision. Revisions start at 1; an aggregate that nothing has happened to is [`Expected::NoStream`].
    #[error("there is no revision 0: the first is 1, and before it stands `Expected::NoStream`")]
    RevisionZero,
    /// No aggregate is registered for the type or under the name, or it has no such command.
    #[error(transparent)]
    Unknown(#[from] UnknownTarget),
    /// The JSON that came by name is not the command, or an event or the reply could not be encoded or decoded.
    #[error("{what} could not be {}", if *.encoding { "encoded" } else { "decoded" })]
    Codec {
        /// What: the command, an event, the reply; or `the recorded reply`, and then the command took effect.
        what: Arc<str>,
        /// Whether it was to be encoded; otherwise decoded.
        encoding: bool,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// The command id was recorded for another command of this aggregate.
    #[error("the command id {command_id} was used for the command {recorded:?} before")]
    CommandIdReused {
        /// The id.
        command_id: CommandId,
        /// The name of the command that it was recorded for.
        recorded: Name,
    },
    /// The aggregate could not be brought to its last state.
    #[error("{stream} could not be loaded")]
    Unloadable {
        /// Which aggregate.
        stream: StreamId,
        /// Why.
        #[source]
        source: RecoveryError,
    },
    /// An inline projection could not fold the events, or its views could not be written: an event is recorded with its inline views
    /// or not at all. The aggregate is loaded anew for the next command.
    #[error("the inline projection {projection:?} could not fold the events")]
    Projection {
        /// The projection's name.
        projection: &'static str,
        /// Why not.
        #[source]
        source: Failure,
    },
    /// The handler asked for a timer that cannot be.
    #[error("the timer {key:?} cannot be scheduled")]
    Unschedulable {
        /// The timer's key.
        key: String,
        /// Why not.
        #[source]
        source: ScheduleError,
    },
    /// The timer whose command this is is not there any more: it had its effect, or was cancelled, replaced or discarded.
    #[error("the timer {key:?} is not there any more")]
    Unscheduled {
        /// The timer's key.
        key: String,
    },
    /// A [layer](crate::layer) did not let the command through: nothing was recorded, and the aggregate has not seen it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store did not take the commit.
    #[error(transparent)]
    Refused(Refusal),
    /// The store failed. Unless it says otherwise, whether the commit was recorded is not known; the command id finds out (I11).
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The engine is stopping or stopped. A command that was taken before is answered with its own result.
    #[error("the engine is stopped")]
    Stopped,
}

/// Nobody to send to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownTarget {
    /// The type is no registered aggregate.
    #[error(
        "the aggregate `{aggregate}` is not registered: derive `Aggregate`, or write `ego::register!(…)` for one that is generic or written by hand"
    )]
    Aggregate {
        /// The type's path.
        aggregate: &'static str,
    },
    /// No aggregate has this kind.
    #[error("no aggregate is named {kind:?}; there are: {}", known.join(", "))]
    Kind {
        /// The kind that was asked for.
        kind: String,
        /// The kinds that there are.
        known: Vec<&'static str>,
    },
    /// The aggregate has no command of this name.
    #[error("{kind:?} has no command {command:?}; it has: {}", known.join(", "))]
    Command {
        /// The kind.
        kind: &'static str,
        /// The command that was asked for.
        command: String,
        /// The commands that it has.
        known: Vec<&'static str>,
    },
}

/// Why an aggregate could not be brought to its last state. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The store could not be read.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// An event could not be read.
    #[error("revision {revision} is unreadable")]
    Unreadable {
        /// Which one.
        revision: Revision,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// An applier panicked.
    #[error("the applier panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: Arc<str>,
    },
    /// An inline projection could not fold an event.
    #[error("the inline projection {projection:?} could not fold revision {revision}")]
    Projection {
        /// The projection's name.
        projection: &'static str,
        /// Which event.
        revision: Revision,
        /// Why not.
        #[source]
        source: Failure,
    },
    /// The first events were deleted, and the snapshot that was kept in their place cannot be read by this program: of another version
    /// of the state, for example. It is left as it is.
    #[error(
        "the events before revision {first} were deleted, and the snapshot of revision {revision} that stands for them cannot be read: {reason}"
    )]
    SnapshotUnreadable {
        /// The first event that is left.
        first: Revision,
        /// What the snapshot has seen.
        revision: Revision,
        /// Why it cannot be read.
        reason: Arc<str>,
    },
    /// The stream was erased.
    #[error("the stream was erased")]
    Erased,
    /// The stream keeps a state where the program reads events, or the other way around: its kind became durable, or was.
    #[error("the stream keeps {}", if *.state { "a state, but its kind is event-sourced" } else { "events, but its kind is durable" })]
    Mixed {
        /// Whether it keeps a state.
        state: bool,
    },
}

impl<E> CommandError<E> {
    /// The same with another error of the handler.
    pub fn map<F>(self, map: impl FnOnce(E) -> F) -> CommandError<F> {
        self.and_then(|error| CommandError::Rejected(map(error)))
    }

    /// The same with another error instead of the handler's.
    pub(super) fn and_then<F>(self, then: impl FnOnce(E) -> CommandError<F>) -> CommandError<F> {
        match self {
            Self::Rejected(error) => then(error),
            Self::Conflict { expected, actual } => CommandError::Conflict { expected, actual },
            Self::Timeout { command_id, after, recorded_unknown } => {
                CommandError::Timeout { command_id, after, recorded_unknown }
            }
            Self::Panicked { message } => CommandError::Panicked { message },
            Self::Invalid(error) => CommandError::Invalid(error),
            Self::RevisionZero => CommandError::RevisionZero,
            Self::Unknown(target) => CommandError::Unknown(target),
            Self::Codec { what, encoding, source } => CommandError::Codec { what, encoding, source },
            Self::CommandIdReused { command_id, recorded } => CommandError::CommandIdReused { command_id, recorded },
            Self::Unloadable { stream, source } => CommandError::Unloadable { stream, source },
            Self::Projection { projection, source } => CommandError::Projection { projection, source },
            Self::Unschedulable { key, source } => CommandError::Unschedulable { key, source },
            Self::Unscheduled { key } => CommandError::Unscheduled { key },
            Self::Denied(denied) => CommandError::Denied(denied),
            Self::Refused(refusal) => CommandError::Refused(refusal),
            Self::Store(error) => CommandError::Store(error),
            Self::Stopped => CommandError::Stopped,
        }
    }

    /// Whether it is only the reply that is not known.
    pub(crate) fn took_effect(&self) -> bool {
        matches!(self, Self::Codec { what, encoding, .. } if **what == *RECORDED_REPLY && !encoding)
    }

    /// The handler's own error, if that is what it was.
    pub fn rejection(&self) -> Option<&E> {
        match self {
            Self::Rejected(error) => Some(error),
            _ => None,
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> Arc<str> {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").into()
}
