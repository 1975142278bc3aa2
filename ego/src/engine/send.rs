//! Sending a command: what is sent, with which options, and what comes back.

use super::{CommandError, Engine};
use crate::message::{CommandId, Position, Revision};
use crate::model::{Aggregate, Command, HandledBy, Handles, Rejection};
use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

/// Sends commands to aggregates; in the prelude, so that `engine.send::<Account>(id, command)` works.
///
/// The command's type is a parameter of the trait, not of the method: so the turbofish names the aggregate alone.
pub trait Dispatch<C: Command> {
    /// Sends a command to the aggregate of this kind and id, and waits for the reply when awaited. Nothing happens before that.
    fn send<A: Aggregate>(
        &self,
        id: impl Into<String>,
        command: C,
    ) -> Sending<'_, <C as HandledBy<A>>::Reply, <C as HandledBy<A>>::Error>
    where
        C: HandledBy<A>;
}

impl<C: Command> Dispatch<C> for Engine {
    fn send<A: Aggregate>(
        &self,
        _id: impl Into<String>,
        _command: C,
    ) -> Sending<'_, <C as HandledBy<A>>::Reply, <C as HandledBy<A>>::Error>
    where
        C: HandledBy<A>,
    {
        Sending { engine: self, reply: PhantomData }
    }
}

/// A command on its way; await it.
#[must_use = "a command is sent when it is awaited"]
pub struct Sending<'e, R, E> {
    engine: &'e Engine,
    reply: PhantomData<fn() -> Result<R, E>>,
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

impl<'e, R: Send + 'static, E: Send + 'static> IntoFuture for Sending<'e, R, E> {
    type Output = Result<Receipt<R>, CommandError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'e>>;
    fn into_future(self) -> Self::IntoFuture {
        let _ = self.engine;
        Box::pin(std::future::pending())
    }
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

pub(super) fn by_name<A: Handles<C>, C: Command>(
    engine: &Engine,
    _id: String,
    _json: serde_json::Value,
) -> Sending<'_, serde_json::Value, AnyRejection> {
    Sending { engine, reply: PhantomData }
}
