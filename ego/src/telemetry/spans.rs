//! The spans, each at its only address.

use crate::consumer::ConsumerKind;
use crate::layer::EventCall;
use crate::message::{CommandId, MetadataDraft, Position, Revision, StreamId};
use crate::store::{Commit, Verdict};
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, debug_span};

const TARGET: &str = "ego";

/// Whether anybody may want spans: one look at a number while nobody does.
#[inline(always)]
pub(crate) fn is_watched() -> bool {
    // A load and a comparison, before anything is asked.
    LevelFilter::current() >= LevelFilter::DEBUG && tracing::enabled!(target: TARGET, Level::DEBUG)
}

pub(crate) fn send(kind: &str, id: &str, command: &str, command_id: &CommandId, draft: Option<&MetadataDraft>) -> Span {
    let said = |text: fn(&MetadataDraft) -> Option<&str>| draft.and_then(text);
    debug_span!(
        target: TARGET,
        "ego.send",
        kind,
        id,
        command,
        %command_id,
        correlation_id = said(|draft| draft.correlation_id.as_deref()).unwrap_or(command_id.as_str()),
        causation_id = said(|draft| draft.causation_id.as_deref()),
        actor = said(|draft| draft.actor.as_deref()),
        tenant = said(|draft| draft.tenant.as_deref()),
        outcome = Empty,
    )
}

pub(crate) fn decide(parent: &Span, stream: &StreamId, command: &str, revision: Option<Revision>) -> Span {
    let revision = revision.map(Revision::get);
    debug_span!(target: TARGET, parent: parent, "ego.decide", %stream, command, revision)
}

/// A batch is of many senders: it is nobody's child, unless it is recorded in the call of one.
pub(crate) fn commit(parent: Option<&Span>, commits: usize) -> Span {
    match parent {
        Some(parent) => debug_span!(target: TARGET, parent: parent, "ego.commit", commits),
        None => debug_span!(target: TARGET, parent: None, "ego.commit", commits),
    }
}

/// What a batch came to, commit by commit.
pub(crate) fn recorded(commits: &[Told], verdicts: &[Verdict]) {
    for (told, verdict) in commits.iter().zip(verdicts) {
        if let Verdict::Committed(committed) = verdict {
            let Told { stream, command_id, correlation_id } = told;
            let (revision, position) = (committed.revision.map(Revision::get), committed.position.map(Position::get));
            tracing::debug!(target: TARGET, %stream, %command_id, correlation_id, revision, position, "recorded");
        }
    }
}

/// What is said of a commit.
pub(crate) struct Told {
    stream: StreamId,
    command_id: CommandId,
    correlation_id: String,
}

impl From<&Commit> for Told {
    fn from(commit: &Commit) -> Self {
        let metadata = &commit.metadata;
        let (command_id, correlation_id) = (metadata.command_id.clone(), metadata.correlation_id.to_string());
        Self { stream: commit.stream.clone(), command_id, correlation_id }
    }
}

pub(crate) fn handling(call: &EventCall<'_>) -> Span {
    let EventCall { handler, key, name, delivery, .. } = *call;
    let metadata = delivery.metadata();
    let (revision, position, attempt) = (delivery.revision().get(), delivery.position().get(), delivery.attempt());
    let causation_id = metadata.causation_id.as_ref().map(AsRef::<str>::as_ref);
    macro_rules! span {
        ($name:literal) => {
            debug_span!(
                target: TARGET,
                parent: None,
                $name,
                handler,
                key,
                event = name,
                stream = %delivery.stream(),
                revision,
                position,
                attempt,
                command_id = %metadata.command_id,
                correlation_id = %metadata.correlation_id,
                causation_id,
                outcome = Empty,
            )
        };
    }
    match call.consumer {
        ConsumerKind::Projection => span!("ego.project"),
        _ => span!("ego.react"),
    }
}

pub(crate) fn publishing(handler: &str, events: usize, first: Position, last: Position, attempt: u32) -> Span {
    let (first, last) = (first.get(), last.get());
    debug_span!(target: TARGET, parent: None, "ego.publish", handler, events, first, last, attempt, outcome = Empty)
}
