//! Layers around commands: the trait, what a layer sees of a command, and what comes back.

use super::denial::Denied;
use crate::codec::{AnyCodec, CodecError};
use crate::engine::{AnyRejection, CommandError, Receipt};
use crate::message::{CommandId, Expected, MetadataDraft};
use crate::model::Command;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What became of a command, for those who do not know its types.
pub type Answered = Result<Receipt<AnyReply>, CommandError<AnyRejection>>;

/// Something that is done around every command. Given to [`EngineBuilder::layer`](crate::engine::EngineBuilder::layer).
///
/// ```
/// use ego::engine::CommandError;
/// use ego::layer::{Answered, CommandCall, CommandLayer, Denied, Next};
///
/// /// Nothing is sold on Sundays.
/// struct ClosedOnSundays;
///
/// #[async_trait::async_trait]
/// impl CommandLayer for ClosedOnSundays {
///     fn name(&self) -> &'static str {
///         "closed-on-sundays"
///     }
///     async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
///         if command.kind() == "shop" && command.metadata().entries.get("day").is_some_and(|day| day == "Sunday") {
///             return Err(Denied::other("come back on Monday").into());
///         }
///         next.run(command).await
///     }
/// }
/// ```
#[async_trait]
pub trait CommandLayer: Send + Sync + 'static {
    /// What it is called in [`Denied::layer`]; the type's path unless said otherwise.
    fn name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Sends the command on with [`Next::run`], or answers without that. The answer must be one that `next` gave for this command,
    /// or an error.
    ///
    /// The call is dropped when its sender gives up or the command's time is over; a panic is the command's
    /// [`Panicked`](CommandError::Panicked).
    ///
    /// # Errors
    /// Those of `next`, or its own: [`Denied`] refuses, and nothing is recorded.
    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered;
}

/// A command on its way through the layers.
pub struct CommandCall {
    pub(crate) kind: &'static str,
    pub(crate) id: Arc<str>,
    pub(crate) name: &'static str,
    /// `None` once it came to its aggregate, unless it is kept.
    pub(crate) command: Option<Box<dyn AnyCommand>>,
    pub(crate) kept: bool,
    pub(crate) command_id: CommandId,
    pub(crate) expected: Option<Expected>,
    pub(crate) metadata: MetadataDraft,
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
}

impl CommandCall {
    /// The aggregate's kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The aggregate's id, as it was given: it may not be a valid one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The command's registered name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The command, if it is of this type. `None` also once it was sent on, unless it was [kept](Self::keep).
    #[must_use]
    pub fn command<C: Command>(&self) -> Option<&C> {
        let any: &dyn Any = &**self.command.as_ref()?;
        any.downcast_ref()
    }

    /// The command's type; as [`command`](Self::command).
    pub(crate) fn command_type(&self) -> Option<TypeId> {
        let any: &dyn Any = &**self.command.as_ref()?;
        Some(any.type_id())
    }

    /// The command as JSON. `None` once it was sent on, unless it was [kept](Self::keep).
    ///
    /// # Errors
    /// [`CodecError`] when it cannot be written as JSON.
    pub fn json(&self) -> Option<Result<serde_json::Value, CodecError>> {
        Some(self.command.as_ref()?.json())
    }

    /// From now on a copy is sent on, made with the engine's codec: the command stays readable, and can be sent on again.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// The id under which it is recorded, also when it is sent on several times.
    #[must_use]
    pub fn command_id(&self) -> &CommandId {
        &self.command_id
    }

    /// What the sender expects of the aggregate, if anything.
    #[must_use]
    pub fn expected(&self) -> Option<Expected> {
        self.expected
    }

    /// Who sends, for whom, in which conversation.
    #[must_use]
    pub fn metadata(&self) -> &MetadataDraft {
        &self.metadata
    }

    /// The same, to be changed before the command is sent on.
    pub fn metadata_mut(&mut self) -> &mut MetadataDraft {
        &mut self.metadata
    }

    /// When its time is over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Gives it less time: so long from now on, unless it has less already.
    pub fn limit_time(&mut self, time: Duration) {
        let deadline = Instant::now().checked_add(time).unwrap_or(self.deadline);
        if deadline < self.deadline {
            (self.deadline, self.timeout) = (deadline, time);
        }
    }
}

impl fmt::Debug for CommandCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandCall")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("name", &self.name)
            .field("command_id", &self.command_id)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// A command of any type.
pub(crate) trait AnyCommand: Any + Send + Sync {
    fn json(&self) -> Result<serde_json::Value, CodecError>;

    /// What comes back from its bytes.
    fn copy(&self, codec: &AnyCodec) -> Result<Box<dyn AnyCommand>, CodecError>;
}

impl<C: Command> AnyCommand for C {
    fn json(&self) -> Result<serde_json::Value, CodecError> {
        serde_json::to_value(self).map_err(CodecError::new)
    }

    fn copy(&self, codec: &AnyCodec) -> Result<Box<dyn AnyCommand>, CodecError> {
        let copy: C = codec.decode(&codec.encode(self)?)?;
        Ok(Box::new(copy))
    }
}

/// Where a command goes behind the last layer.
pub(crate) trait Target: Send + Sync {
    fn take<'t>(&'t self, command: &'t mut CommandCall) -> BoxFuture<'t, Answered>;
}

/// What is behind a layer: the layers further inside, and then the aggregate. A copy of it sends the command on once more.
#[derive(Clone, Copy)]
pub struct Next<'n> {
    pub(crate) layers: &'n [Arc<dyn CommandLayer>],
    pub(crate) target: &'n dyn Target,
}

impl<'n> Next<'n> {
    /// Sends the command on and waits for its answer. A command that was sent on before is answered with an error, unless it was
    /// [kept](CommandCall::keep).
    ///
    /// # Errors
    /// What became of it, see [`CommandError`].
    pub fn run<'f>(self, command: &'f mut CommandCall) -> BoxFuture<'f, Answered>
    where
        'n: 'f,
    {
        match self.layers {
            [] => self.target.take(command),
            [first, rest @ ..] => Box::pin(async move {
                match first.call(command, Next { layers: rest, ..self }).await {
                    Err(CommandError::Denied(denied)) => Err(Denied::by(denied, first.name()).into()),
                    answered => answered,
                }
            }),
        }
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

/// A reply of any type.
pub struct AnyReply(pub(crate) Box<dyn Any + Send>);

impl AnyReply {
    /// The reply, if it is of this type.
    #[must_use]
    pub fn downcast_ref<R: 'static>(&self) -> Option<&R> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for AnyReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyReply")
    }
}
