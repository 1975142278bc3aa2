//! A command's way through the layers, to its aggregate and back.

use super::door::{Door, Pass};
use super::error::CommandError;
use super::order::{Outcome, panicked};
use super::send::{AnyRejection, Options, Receipt, RevisionZero};
use super::submit::{FAR, go};
use crate::codec::CodecError;
use crate::layer::{Answered, AnyReply, CommandCall, Denied, Next, Target};
use crate::message::Text;
use crate::model::{Aggregate, HandledBy};
use crate::timer::Firing;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::any::Any;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{Instant, timeout_at};

/// Lets the layers stand around a command.
pub(super) fn layered<A: Aggregate, C: HandledBy<A>>(
    door: Arc<Door>,
    id: &Text,
    command: C,
    options: Options,
) -> BoxFuture<'static, Outcome<A, C>> {
    let id = id.clone();
    Box::pin(async move {
        let inner = Arc::clone(&door.inner);
        let Options { command_id, new_id, past_layers: _, pass, expected, metadata, timeout, firing } = options;
        // What no layer could set right.
        let expected = expected.transpose().map_err(|RevisionZero| CommandError::RevisionZero)?;
        let own_id = command_id.is_some() && !new_id;
        let command_id = command_id.unwrap_or_else(|| Ok(inner.shared.ids.next()))?;
        let timeout = timeout.unwrap_or(inner.shared.limits.timeout);
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + FAR);
        let mut metadata = metadata.map(|draft| *draft).unwrap_or_default();
        if let (None, Some(tenant)) = (&metadata.tenant, &inner.shared.tenant) {
            metadata.tenant = Some(tenant.to_string());
        }
        let mut call = CommandCall {
            kind: A::KIND,
            id: Arc::from(&*id),
            name: C::NAME,
            command: Some(Box::new(command)),
            kept: false,
            command_id: command_id.clone(),
            expected,
            metadata,
            deadline,
            timeout,
        };
        let sent = AtomicBool::new(false);
        let target = ToAggregate::<A, C> { door, id, own_id, pass: Mutex::new(pass), firing, sent: &sent, to: PhantomData };
        let through = AssertUnwindSafe(Next { layers: &inner.layers, target: &target }.run(&mut call)).catch_unwind();
        match timeout_at(deadline, through).await {
            Ok(Ok(answered)) => typed::<A, C>(answered),
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(_) => {
                let recorded_unknown = own_id || sent.load(Ordering::Relaxed);
                Err(CommandError::Timeout { command_id, after: timeout, recorded_unknown })
            }
        }
    })
}

/// What is behind the last layer.
struct ToAggregate<'t, A, C> {
    door: Arc<Door>,
    id: Text,
    own_id: bool,
    /// Of a command that was taken before it is polled: for the first time that it is sent on.
    pass: Mutex<Option<Pass>>,
    /// The timer whose command it is.
    firing: Option<Arc<Firing>>,
    /// Whether it may have been recorded.
    sent: &'t AtomicBool,
    to: PhantomData<fn() -> (A, C)>,
}

impl<A: Aggregate, C: HandledBy<A>> ToAggregate<'_, A, C> {
    /// The command, or a copy of one that is kept.
    fn command(&self, call: &mut CommandCall) -> Result<C, CommandError<AnyRejection>> {
        let twice = || Denied::other("a layer sent it on once more without having kept it").by("ego");
        let codec = &self.door.inner.shared.codecs.write;
        let any: Box<dyn Any> = if call.kept {
            let copy = call.command.as_ref().ok_or_else(twice)?.copy(codec);
            copy.map_err(|source: CodecError| CommandError::Codec { what: "the command".into(), encoding: false, source })?
        } else {
            call.command.take().ok_or_else(twice)?
        };
        any.downcast().map(|command| *command).map_err(|_| another("command"))
    }

    async fn send(&self, call: &mut CommandCall) -> Answered {
        let command = self.command(call)?;
        let options = Options {
            command_id: Some(Ok(call.command_id.clone())),
            new_id: !self.own_id,
            past_layers: true,
            pass: self.pass.lock().take(),
            expected: call.expected.map(Ok),
            metadata: Some(Box::new(call.metadata.clone())),
            timeout: Some(call.deadline.saturating_duration_since(Instant::now())),
            firing: self.firing.clone(),
        };
        self.sent.store(true, Ordering::Relaxed);
        let outcome = match go::<A, C>(&self.door, &self.id, command, options) {
            Ok(under_way) => under_way.await,
            Err(outcome) => outcome,
        };
        let answered = erased::<A, C>(outcome, call);
        // Nothing was recorded then, also when the layers take their time from here on.
        if let Err(CommandError::Rejected(_) | CommandError::Conflict { .. } | CommandError::Refused(_)) = answered {
            self.sent.store(false, Ordering::Relaxed);
        }
        answered
    }
}

impl<A: Aggregate, C: HandledBy<A>> Target for ToAggregate<'_, A, C> {
    fn take<'t>(&'t self, call: &'t mut CommandCall) -> BoxFuture<'t, Answered> {
        Box::pin(self.send(call))
    }
}

fn erased<A: Aggregate, C: HandledBy<A>>(outcome: Outcome<A, C>, call: &CommandCall) -> Answered {
    match outcome {
        Ok(Receipt { reply, revision, position, command_id, repeated }) => {
            Ok(Receipt { reply: AnyReply(Box::new(reply)), revision, position, command_id, repeated })
        }
        // The time that it had as a whole, not what the layers had left of it.
        Err(CommandError::Timeout { command_id, recorded_unknown, .. }) => {
            Err(CommandError::Timeout { command_id, after: call.timeout, recorded_unknown })
        }
        Err(error) => Err(error.map(AnyRejection::new)),
    }
}

fn typed<A: Aggregate, C: HandledBy<A>>(answered: Answered) -> Outcome<A, C> {
    match answered {
        Ok(Receipt { reply: AnyReply(reply), revision, position, command_id, repeated }) => {
            let reply = *reply.downcast::<C::Reply>().map_err(|_| another("reply"))?;
            Ok(Receipt { reply, revision, position, command_id, repeated })
        }
        Err(error) => Err(error.and_then(|any| any.downcast().map_or_else(|| another("rejection"), CommandError::Rejected))),
    }
}

/// A layer mixed up two commands.
fn another<E>(what: &str) -> CommandError<E> {
    CommandError::Panicked { message: format!("a layer gave another command's {what}").into() }
}
