//! What came with a command, and what can be said to its sender.

use super::arena::{writes, written};
use super::cell::{Cell, Core};
use super::door::Pass;
use super::error::{CommandError, panic_message};
use super::inline::Unfolded;
use super::send::Receipt;
use super::shared::Codecs;
use crate::codec::{AnyCodec, CodecError};
use crate::message::{CommandId, Expected, Metadata, Name, Revision};
use crate::model::{Aggregate, Effects, Event, HandledBy, HandlerResult, Reply};
use crate::store::{Body, Commit, Committed, NewEvent, NewState, Refusal, StoreError, Verdict};
use crate::timer::Firing;
use bytes::Bytes;
use jiff::Timestamp;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What came with a command.
pub(super) struct Order {
    pub(super) metadata: Arc<Metadata>,
    /// Whether the sender gave the command id, so that it may have been recorded before.
    pub(super) own_id: bool,
    pub(super) expected: Option<Expected>,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    pub(super) pass: Pass,
    /// The timer whose command it is.
    pub(super) firing: Option<Arc<Firing>>,
    /// When the first timer is due that is recorded with it.
    pub(super) alarm: Option<Timestamp>,
}

/// What the sender is told.
pub(super) type Answer<R, E> = Result<Receipt<R>, CommandError<E>>;
pub(super) type Outcome<A, C> = Answer<<C as HandledBy<A>>::Reply, <C as HandledBy<A>>::Error>;

/// What a handler's output comes to.
pub(super) enum Decided<A: Aggregate, C: HandledBy<A>> {
    /// Nothing is recorded: this is the answer, as soon as everything that it relies on is durable.
    Nothing(Outcome<A, C>),
    /// To be applied and recorded.
    Record(Commit, C::Reply),
    /// What was decided cannot be written down.
    Unwritable(CommandError<C::Error>),
}

impl Order {
    pub(super) fn id(&self) -> &CommandId {
        &self.metadata.command_id
    }

    pub(super) fn timed_out<E>(&self, recorded_unknown: bool) -> CommandError<E> {
        CommandError::Timeout { command_id: self.id().clone(), after: self.timeout, recorded_unknown }
    }

    /// Whether the revision is one that the sender expects.
    pub(super) fn fits(&self, revision: Option<Revision>) -> bool {
        self.expected.is_none_or(|expected| expected.holds(revision))
    }

    pub(super) fn receipt<R>(&self, reply: R, revision: Option<Revision>, committed: Option<&Committed>) -> Receipt<R> {
        Receipt {
            reply,
            revision,
            position: committed.and_then(|committed| committed.position),
            command_id: self.id().clone(),
            repeated: false,
        }
    }

    /// I11: answers with what was recorded for the command the first time.
    pub(super) fn repeat<R: Reply, E>(&self, codecs: &Codecs, before: Committed) -> Answer<R, E> {
        if self.firing.is_some() {
            // Another engine was first. What it recorded may have been a refusal.
            return Err(self.unscheduled());
        }
        if before.command != self.metadata.command {
            return Err(CommandError::CommandIdReused { command_id: before.command_id, recorded: before.command });
        }
        let codec = codecs.named(&before.codec).map_err(CodecError::new);
        match codec.and_then(|codec| decode_reply(codec, &before.reply)) {
            Ok(reply) => Ok(Receipt { repeated: true, ..self.receipt(reply, before.revision, Some(&before)) }),
            Err(source) => Err(CommandError::Codec { what: RECORDED_REPLY.into(), encoding: false, source }),
        }
    }

    /// What the handler's output and its effects come to; the events are left in `events`, which is empty. Inline views have seen them
    /// then.
    pub(super) fn judge<A: Aggregate, C: HandledBy<A>>(
        &mut self,
        cell: &Cell<A>,
        core: &mut Core<A>,
        output: C::Output,
        effects: Option<Box<Effects>>,
        events: &mut Vec<A::Event>,
    ) -> Decided<A, C> {
        // Most commands record one: a list that is kept with every aggregate should hold no more.
        events.reserve_exact(1);
        let reply = match output.record(events) {
            Ok(reply) => reply,
            Err(rejection) => return Decided::Nothing(Err(CommandError::Rejected(rejection))),
        };
        let store_decides = self.own_id || self.expected.is_some_and(|expected| expected != Expected::Any);
        let commit = AssertUnwindSafe(|| {
            let body = body(&cell.shared.codecs, &core.state, events)?;
            let records = store_decides || !events.is_empty() || effects.is_some();
            records.then(|| self.commit::<A, C>(cell, core.revision, body, &reply)).transpose()
        });
        match std::panic::catch_unwind(commit).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            // Nobody can ask for this reply again, and nobody says what it may rely on: there is nothing to record.
            Ok(None) => Decided::Nothing(Ok(self.receipt(reply, core.revision, None))),
            Ok(Some(mut commit)) => {
                if (effects.is_some() || self.firing.is_some())
                    && let Err(error) = self.add_timers(cell, effects, &mut commit.rows)
                {
                    return Decided::Unwritable(error);
                }
                if let Some(views) = &mut core.views
                    && let Err(Unfolded { projection, failure }) =
                        views.decide(&cell.shared, &cell.stream, core.revision, &self.metadata, events, &mut commit.rows)
                {
                    return Decided::Unwritable(CommandError::Projection { projection, source: failure });
                }
                Decided::Record(commit, reply)
            }
            Err(error) => Decided::Unwritable(error),
        }
    }

    /// What the store's verdict on the commit comes to: an answer, or to decide again, unless that was tried often enough – then the
    /// error is the answer.
    pub(super) fn conclude<R: Reply, E>(
        &self,
        codecs: &Codecs,
        reply: R,
        verdict: Result<Verdict, StoreError>,
    ) -> Result<Answer<R, E>, CommandError<E>> {
        match verdict {
            Ok(Verdict::Committed(committed)) => {
                self.set_alarm();
                Ok(Ok(self.receipt(reply, committed.revision, Some(&committed))))
            }
            Ok(Verdict::Repeated(before)) => Ok(self.repeat(codecs, before)),
            Ok(Verdict::Refused(Refusal::Conflict { expected, actual })) => match self.expected {
                Some(expected) if !expected.holds(actual) => Ok(Err(CommandError::Conflict { expected, actual })),
                // What the sender expects still holds: only what was decided does not.
                _ => Err(CommandError::Conflict { expected, actual }),
            },
            Ok(Verdict::Refused(Refusal::Dependent)) => Err(CommandError::Refused(Refusal::Dependent)),
            Ok(Verdict::Refused(refusal)) => Ok(Err(CommandError::Refused(refusal))),
            Err(error) => Ok(Err(CommandError::Store(error))),
        }
    }

    fn commit<A: Aggregate, C: HandledBy<A>>(
        &self,
        cell: &Cell<A>,
        revision: Option<Revision>,
        body: Body,
        reply: &C::Reply,
    ) -> Result<Commit, CommandError<C::Error>> {
        let codecs = &cell.shared.codecs;
        Ok(Commit {
            stream: cell.stream.clone(),
            expected: Expected::last(revision),
            metadata: Arc::clone(&self.metadata),
            codec: codecs.name.clone(),
            body,
            reply: encode_reply(codecs, reply).map_err(|source| unencoded("the reply", source))?,
            rows: Vec::new(),
        })
    }
}

/// What the events come to in a commit. A durable aggregate's state that would be stored as it is already stored is taken out of `events`.
fn body<A: Aggregate, E>(codecs: &Codecs, state: &A, events: &mut Vec<A::Event>) -> Result<Body, CommandError<E>> {
    let payload = |event: &A::Event| {
        written(|bytes| event.encode_into(&codecs.write, bytes)).map_err(|source| unencoded(event.schema().name, source))
    };
    if let Some(as_state) = A::STATE
        && let Some(saved) = events.last()
    {
        let payload = payload(saved)?;
        if !writes(&payload, |bytes| (as_state.encode)(state, &codecs.write, bytes)) {
            return Ok(Body::State(NewState { version: A::VERSION, payload }));
        }
        events.clear();
    }
    let event = |event: &A::Event| {
        let schema = event.schema();
        let (name, version) = (Name::fixed(schema.name), schema.version);
        Ok::<_, CommandError<E>>(NewEvent { name, version, payload: payload(event)?, tags: Vec::new() })
    };
    Ok(Body::Events(events.iter().map(event).collect::<Result<_, _>>()?))
}

fn unencoded<E>(what: &str, source: CodecError) -> CommandError<E> {
    CommandError::Codec { what: what.into(), encoding: true, source }
}

/// What could not be read or shown, when the command took effect all the same.
pub(super) const RECORDED_REPLY: &str = "the recorded reply";

/// The empty reply takes no bytes: most commands have it.
fn encode_reply<R: Reply>(codecs: &Codecs, reply: &R) -> Result<Bytes, CodecError> {
    let any: &dyn Any = reply;
    if any.is::<()>() { Ok(Bytes::new()) } else { written(|bytes| codecs.write.encode_into(reply, bytes)) }
}

fn decode_reply<R: Reply>(codec: &AnyCodec, bytes: &[u8]) -> Result<R, CodecError> {
    if bytes.is_empty() {
        // Written for `()`; another reply type that reads from nothing gets it from the codec's null.
        return serde_json::from_value(serde_json::Value::Null).map_err(CodecError::new);
    }
    codec.decode(bytes)
}

pub(super) fn panicked<E>(panic: &(dyn Any + Send)) -> CommandError<E> {
    CommandError::Panicked { message: panic_message(panic) }
}
