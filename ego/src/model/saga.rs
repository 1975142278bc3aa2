//! Sagas: what follows events of several aggregates, remembers how far it is, and sends commands.

use super::{
    Aggregate, Command, DecodeError, Delivery, Failure, HandledBy, IntoKeys, Keys, Rejection, Services, Storable, Stored,
};
use crate::codec::AnyCodec;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

/// A process over several aggregates: events come in, commands go out, and what it knows is recorded with both.
/// `#[ego::saga]` implements it.
///
/// `Default` is an instance before the event that starts it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a saga",
    label = "not a saga",
    note = "add `#[ego::saga(name = \"…\")]` to an `impl {Self}` block with a `#[start(…)]` method"
)]
pub trait Saga: Storable + Default + Send + Sync + 'static {
    /// The registered name, unique in a program (I10).
    const NAME: &'static str;

    /// The kind of the streams that its instances are recorded in: `saga.` and the name.
    const KIND: &'static str;

    /// The version of the state's shape, 1 or more.
    const VERSION: u32 = 1;

    /// The state that was recorded in this version, in its newest shape (I7).
    ///
    /// # Errors
    /// [`DecodeError`]: the input that needs the state is tried again, and then the instance is parked.
    fn read(stored: Stored<'_>, codec: &AnyCodec) -> Result<Self, DecodeError> {
        if stored.version != Self::VERSION {
            return Err(DecodeError::unknown(stored));
        }
        codec.decode(stored.payload).map_err(|error| DecodeError::content(stored, error))
    }

    /// A command of this instance was refused: what `#[rejected]` implements.
    ///
    /// # Errors
    /// [`Failure`], as of every method: it is called again, and then the instance is parked.
    fn rejected(
        &mut self,
        rejection: &Rejected,
        _cx: &mut SagaContext<Self>,
        _services: &Services,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Err(Failure::new(format_args!("there is no `#[rejected]` method, and {rejection}"))))
    }

    /// A timeout of this instance came: what `#[timeout]` implements.
    ///
    /// # Errors
    /// [`Failure`], as of every method.
    fn timed_out(
        &mut self,
        timeout: &str,
        _cx: &mut SagaContext<Self>,
        _services: &Services,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Err(Failure::new(format_args!("there is no `#[timeout]` method, and {timeout:?} came"))))
    }
}

/// How an event of an aggregate starts an instance: what `#[start(Kind)]` implements, and what may be written by hand.
#[diagnostic::on_unimplemented(message = "`{A}` starts no saga `{Self}`", label = "`{Self}` has no `#[start({A})]` method")]
pub trait Starts<A: Aggregate>: Saga {
    /// The ids of the instances that the event starts, unless they are started: the aggregate's id unless said otherwise.
    fn keys(_event: &A::Event, delivery: &Delivery) -> Keys {
        delivery.id().into_keys()
    }

    /// Handles the event. When it changes nothing and does nothing, nothing is started.
    ///
    /// # Errors
    /// [`Failure`]: it is called again, and then the instance is parked.
    fn start(
        &mut self,
        event: &A::Event,
        cx: &mut SagaContext<Self>,
        delivery: &Delivery,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// How an event of an aggregate continues a started instance: what `#[on(Kind)]` implements, and what may be written by hand.
#[diagnostic::on_unimplemented(message = "saga `{Self}` does not follow `{A}`", label = "`{Self}` has no `#[on({A})]` method")]
pub trait Continues<A: Aggregate>: Saga {
    /// Whether [`keys`](Continues::keys) says whose event it is. Otherwise it is that of the instance whose command led to it.
    const BY_KEY: bool = false;

    /// The ids of the instances that the event belongs to.
    fn keys(_event: &A::Event, _delivery: &Delivery) -> Keys {
        Keys::default()
    }

    /// Handles the event.
    ///
    /// # Errors
    /// [`Failure`]: it is called again, and then the instance is parked.
    fn on(
        &mut self,
        event: &A::Event,
        cx: &mut SagaContext<Self>,
        delivery: &Delivery,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What an instance does besides changing its state. Everything is recorded in one commit with the state, or nothing is; only then it
/// happens.
pub struct SagaContext<S> {
    id: String,
    time: Timestamp,
    pub(crate) effects: Effects,
    saga: PhantomData<fn() -> S>,
}

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) commands: Vec<Planned>,
    pub(crate) timeouts: Vec<(String, Option<Duration>)>,
    pub(crate) recall: bool,
    pub(crate) end: Option<End>,
    /// The first thing that cannot be recorded.
    pub(crate) broken: Option<Failure>,
}

/// A command that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) command: &'static str,
    pub(crate) content: Value,
    pub(crate) compensates: bool,
}

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Failed(String),
}

impl<S: Saga> SagaContext<S> {
    pub(crate) fn new(id: &str, time: Timestamp) -> Self {
        Self { id: id.to_owned(), time, effects: Effects::default(), saga: PhantomData }
    }

    /// The instance's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the input was taken, by the engine's clock. The only time that a method should know.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Sends a command, once what the method did is durable: at least once, taking effect once (I11). The commands of an instance are sent one
    /// after the other, each when the one before was answered. What follows from it in the kinds of the `#[on(…)]` methods comes back
    /// to this instance; a refusal comes to `#[rejected]`.
    pub fn send<A: Aggregate>(&mut self, id: impl AsRef<str>, command: impl HandledBy<A>) {
        self.plan::<A, _>(id.as_ref(), &command, false);
    }

    /// Sends a command that takes back an effect of this instance. Once all of them took effect, the instance [fails](Self::fail). One
    /// that is refused is sent again some times, and then the instance is parked, visibly.
    pub fn compensate<A: Aggregate>(&mut self, id: impl AsRef<str>, command: impl HandledBy<A>) {
        self.plan::<A, _>(id.as_ref(), &command, true);
    }

    fn plan<A: Aggregate, C: Command>(&mut self, id: &str, command: &C, compensates: bool) {
        match serde_json::to_value(command) {
            Ok(content) => {
                let (kind, id, command) = (A::KIND, id.to_owned(), C::NAME);
                self.effects.commands.push(Planned { kind, id, command, content, compensates });
            }
            Err(error) => {
                let failure = Failure::new(format_args!("the command {} cannot be written: {error}", C::NAME));
                self.effects.broken.get_or_insert(failure);
            }
        }
    }

    /// Takes back every command of this instance that has not taken effect by now. For each of them it becomes certain which of the two it
    /// is: it took effect, and its events come back as ever; or it never will, and `#[rejected]` is told so
    /// ([`Rejected::is_recalled`]). What a timeout should begin with: a command that nobody answered may still take effect.
    pub fn recall(&mut self) {
        self.effects.recall = true;
    }

    /// Calls `#[timeout]` with this name after this time, unless the instance has ended by then. The same name again begins the time
    /// anew. It is durable: a restart does not lose it.
    pub fn timeout(&mut self, after: Duration, name: impl Into<String>) {
        self.effects.timeouts.push((name.into(), Some(after)));
    }

    /// A timeout of this name does not come any more.
    pub fn cancel_timeout(&mut self, name: impl Into<String>) {
        self.effects.timeouts.push((name.into(), None));
    }

    /// Ends the instance well: it is given no more events, and its timeouts do not come.
    pub fn complete(&mut self) {
        self.effects.end = Some(End::Completed);
    }

    /// Ends the instance as failed, for this reason; when something is to be compensated, once that is done.
    pub fn fail(&mut self, reason: impl fmt::Display) {
        self.effects.end = Some(End::Failed(reason.to_string()));
    }
}

impl<S> fmt::Debug for SagaContext<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaContext").field("id", &self.id).field("effects", &self.effects).finish_non_exhaustive()
    }
}

/// A command of a saga that was refused.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Rejected {
    /// The kind of the aggregate that refused it.
    pub kind: String,
    /// The aggregate's id.
    pub id: String,
    /// The command's registered name.
    pub command: String,
    /// Which command of the instance it was, see [`Outstanding`](crate::saga::Outstanding).
    pub number: String,
    /// Why: the aggregate's error, as text.
    pub reason: String,
    /// The aggregate's error as [`Debug`] shows it; nothing when the command was recalled.
    pub detail: Option<String>,
    /// What was sent.
    pub(crate) content: crate::codec::JsonValue,
}

impl Rejected {
    /// Whether it was [recalled](SagaContext::recall) before it took effect.
    #[must_use]
    pub fn is_recalled(&self) -> bool {
        self.detail.is_none()
    }

    /// The name of the error's variant, as [`Debug`] shows it: `InsufficientFunds`. Empty when there is none.
    #[must_use]
    pub fn code(&self) -> &str {
        let detail = self.detail.as_deref().unwrap_or_default();
        let end = detail.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(detail.len());
        &detail[..end]
    }

    /// The command that was refused, if it was this one to an aggregate of this kind.
    #[must_use]
    pub fn sent<A: Aggregate, C: HandledBy<A>>(&self) -> Option<C> {
        let is_this = self.kind == A::KIND && self.command == C::NAME;
        is_this.then(|| serde_json::from_value(self.content.0.clone()).ok()).flatten()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} refused {}: {}", self.kind, self.id, self.command, self.reason)
    }
}

/// What a method of a saga may return: nothing, or a `Result` of nothing.
#[diagnostic::on_unimplemented(message = "a method of a saga cannot return `{Self}`", label = "expected `()` or `Result<(), _>`")]
pub trait SagaOutput {
    /// What it comes to.
    ///
    /// # Errors
    /// The method's own.
    fn outcome(self) -> Result<(), Failure>;
}

impl SagaOutput for () {
    fn outcome(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Rejection> SagaOutput for Result<(), E> {
    fn outcome(self) -> Result<(), Failure> {
        self.map_err(Failure::new)
    }
}
