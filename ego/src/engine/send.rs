//! Sending a command: what is sent, with which options, and what comes back.

use super::door::Pass;
use super::order::{RECORDED_REPLY, panicked};
use super::submit::Submit;
use super::{CommandError, Engine, ForgetError};
use crate::message::{CommandId, Expected, InvalidText, MetadataDraft, Position, Revision};
use crate::model::{Aggregate, Command, HandledBy, Handles, Rejection};
use crate::timer::Firing;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// Sends commands to aggregates; in the prelude, so that `engine.send::<Account>(id, command)` works.
///
/// The command's type is a parameter of the trait, not of the method: so the turbofish names the aggregate alone.
pub trait Dispatch<C: Command> {
    /// Sends a command to the aggregate of this kind and id, and waits for the reply when awaited. Nothing happens before that.
    ///
    /// The aggregate is activated when it is not in memory; an id that was never used is an aggregate that nothing has happened to.
    /// When the answer is `Ok`, the events are durable (I2).
    ///
    /// A handler that awaits a command to its own aggregate waits for itself, until the time of one of them is over. A command that
    /// records nothing and expects nothing is answered from the state in memory, which may lack what another engine on the same store
    /// has just recorded.
    fn send<A: Aggregate>(
        &self,
        id: impl AsRef<str>,
        command: C,
    ) -> Sending<'_, <C as HandledBy<A>>::Reply, <C as HandledBy<A>>::Error>
    where
        C: HandledBy<A>;

    /// Sends a command and does not wait: short for [`send`](Dispatch::send) and [`and_forget`](Sending::and_forget).
    ///
    /// # Errors
    /// [`ForgetError`], as [`Sending::and_forget`].
    fn send_and_forget<A: Aggregate>(&self, id: impl AsRef<str>, command: C) -> Result<CommandId, ForgetError>
    where
        C: HandledBy<A>,
    {
        self.send::<A>(id, command).and_forget()
    }
}

impl<C: Command> Dispatch<C> for Engine {
    fn send<A: Aggregate>(
        &self,
        id: impl AsRef<str>,
        command: C,
    ) -> Sending<'_, <C as HandledBy<A>>::Reply, <C as HandledBy<A>>::Error>
    where
        C: HandledBy<A>,
    {
        let door = Arc::clone(self.doors.here());
        Sending::new(self, C::NAME, Box::new(Submit::<A, C>::new(door, id.as_ref(), command)))
    }
}

/// What a sender asks for besides the command.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) command_id: Option<Result<CommandId, InvalidText>>,
    /// The id is the engine's: nobody else knows it, so the command cannot have been recorded under it before.
    pub(super) new_id: bool,
    /// It is ego's own, and no layer's business.
    pub(super) past_layers: bool,
    /// Of a command that was taken before it is polled.
    pub(super) pass: Option<Pass>,
    pub(super) expected: Option<Result<Expected, RevisionZero>>,
    /// Boxed: most commands come without.
    pub(super) metadata: Option<Box<MetadataDraft>>,
    pub(super) timeout: Option<Duration>,
    /// The timer whose command it is.
    pub(super) firing: Option<Arc<Firing>>,
}

/// 0 was given as a revision.
#[derive(Clone, Copy, Debug)]
pub(super) struct RevisionZero;

/// A command that is ready to be sent.
pub(super) trait Start<R, E>: Send {
    /// The future that sends it when it is polled.
    fn begin(self: Box<Self>, options: Options) -> BoxFuture<'static, Result<Receipt<R>, CommandError<E>>>;
}

impl<R, E, F> Start<R, E> for F
where
    F: FnOnce(Options) -> BoxFuture<'static, Result<Receipt<R>, CommandError<E>>> + Send,
{
    fn begin(self: Box<Self>, options: Options) -> BoxFuture<'static, Result<Receipt<R>, CommandError<E>>> {
        self(options)
    }
}

/// A command on its way: set its options, then await it.
///
/// Dropping the future before it is ready gives the command up: if the handler has not returned, it has no effect; if it has, its
/// commit may still be recorded, and nobody hears of it. It never blocks or harms the aggregate. Sending it again under the same
/// [`command_id`](Sending::command_id) finds out what became of it. To be polled on the runtime that the engine was started on.
#[must_use = "a command is sent when it is awaited"]
pub struct Sending<'e, R, E> {
    pub(super) engine: &'e Engine,
    pub(super) command: &'static str,
    pub(super) options: Options,
    pub(super) start: Box<dyn Start<R, E>>,
}

impl<R, E> fmt::Debug for Sending<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("command", &self.command).field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'e, R, E> Sending<'e, R, E> {
    pub(super) fn new(engine: &'e Engine, command: &'static str, start: Box<dyn Start<R, E>>) -> Self {
        Self { engine, command, options: Options::default(), start }
    }

    /// The command's id: sent to the same aggregate again, also after a crash, it has no second effect, and the reply of the first time
    /// comes back (I11). A refusal is not recorded, so a refused command decides anew. 1 to 255 bytes without control characters.
    ///
    /// Without it, the engine's id source makes one; the receipt and [`CommandError::Timeout`] tell it.
    pub fn command_id(mut self, id: impl AsRef<str>) -> Self {
        self.options.command_id = Some(CommandId::new(id));
        self
    }

    /// Refuses the command with [`CommandError::Conflict`] unless the aggregate is at this revision, 1 or more. The store decides, so a
    /// command that records nothing is then recorded, too, with its id and reply.
    pub fn expect_revision(mut self, revision: impl IntoRevision) -> Self {
        self.options.expected = Some(revision.into_revision().map(Expected::Exact).ok_or(RevisionZero));
        self
    }

    /// Refuses the command with [`CommandError::Conflict`] unless the aggregate is as expected.
    pub fn expect(mut self, expected: Expected) -> Self {
        self.options.expected = Some(Ok(expected));
        self
    }

    /// Who sends, for whom, in which conversation; stored with the events.
    pub fn metadata(mut self, metadata: MetadataDraft) -> Self {
        self.options.metadata = Some(Box::new(metadata));
        self
    }

    /// How long to wait for the answer, instead of [`Limits::timeout`](super::Limits::timeout). A handler that is still running then is
    /// dropped, and the next command has its turn.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// A saga tells itself what happened: around that stand the event layers.
    pub(crate) fn past_layers(mut self) -> Self {
        self.options.past_layers = true;
        self
    }

    /// It is the command of this timer.
    pub(crate) fn firing(mut self, timer: Arc<Firing>) -> Self {
        self.options.firing = Some(timer);
        self
    }
}

impl<'e, R: Send + 'static, E: Send + 'static> IntoFuture for Sending<'e, R, E> {
    type Output = Result<Receipt<R>, CommandError<E>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.start.begin(self.options)
    }
}

/// What can be given as a revision: a [`Revision`], or its number.
pub trait IntoRevision {
    /// The revision; `None` for the number 0.
    fn into_revision(self) -> Option<Revision>;
}

impl IntoRevision for Revision {
    fn into_revision(self) -> Option<Revision> {
        Some(self)
    }
}

impl IntoRevision for u64 {
    fn into_revision(self) -> Option<Revision> {
        Revision::new(self)
    }
}

/// The answer to a command that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt<R> {
    /// The handler's reply.
    pub reply: R,
    /// The aggregate's last revision after the command; `None` when nothing has happened to it yet.
    pub revision: Option<Revision>,
    /// The position of the last event that the command recorded; when it recorded none, of the aggregate's last one.
    pub position: Option<Position>,
    /// The command's id.
    pub command_id: CommandId,
    /// Whether the command had taken effect before, and this is its first reply (I11).
    pub repeated: bool,
}

/// Why a handler refused a command that was dispatched by name: its own error, behind one type.
pub struct AnyRejection(Box<dyn Rejection>);

impl AnyRejection {
    /// The handler's own error, if it is of this type.
    #[must_use]
    pub fn downcast_ref<E: Rejection>(&self) -> Option<&E> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }

    pub(super) fn new(rejection: impl Rejection) -> Self {
        Self(Box::new(rejection))
    }

    pub(super) fn downcast<E: Rejection>(self) -> Option<E> {
        let any: Box<dyn Any> = self.0;
        any.downcast().ok().map(|error| *error)
    }
}

impl fmt::Display for AnyRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AnyRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Sends a command that came as JSON, and answers in JSON.
pub(super) fn by_name<A: Handles<C>, C: Command>(
    engine: &Engine,
    id: String,
    json: serde_json::Value,
) -> Sending<'_, serde_json::Value, AnyRejection> {
    let door = Arc::clone(engine.doors.here());
    let start = move |options| {
        Box::pin(async move {
            let codec_error = |what: &str, encoding, error: serde_json::Error| CommandError::Codec {
                what: what.into(),
                encoding,
                source: crate::codec::CodecError::new(error),
            };
            let decode = AssertUnwindSafe(|| serde_json::from_value(json));
            let decoded: Result<C, _> = std::panic::catch_unwind(decode).map_err(|panic| panicked(&*panic))?;
            let command = decoded.map_err(|error| codec_error("the command", false, error))?;
            let receipt =
                Submit::<A, C>::new(door, &id, command).with(options).await.map_err(|error| error.map(AnyRejection::new))?;
            let reply = serde_json::to_value(&receipt.reply).map_err(|error| codec_error(RECORDED_REPLY, true, error))?;
            let Receipt { revision, position, command_id, repeated, .. } = receipt;
            Ok(Receipt { reply, revision, position, command_id, repeated })
        }) as BoxFuture<'static, _>
    };
    Sending::new(engine, C::NAME, Box::new(start))
}
