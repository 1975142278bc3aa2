//! Making sure that a command never takes effect.
//!
//! The domain's refusal leaves no trace, so a command that was refused may be accepted when it is sent again – by this engine after a crash,
//! or by another one on the same store. An instance that has been told of the refusal must not be wrong about it. So before it is told, the
//! refusal is recorded in the aggregate's stream: a commit of nothing under the command's id. The store decides which of the two was first
//! (I11): from then on the command has either taken effect, or never will.

use crate::codec::AnyCodec;
use crate::engine::{CommandError, Shared};
use crate::message::{CommandId, Expected, InvalidText, MetadataDraft, Name, StreamId};
use crate::store::{Body, Commit, Committed, Refusal, Store, StoreError, Verdict};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What stands as the command's name in such a commit.
const REFUSED: &str = "ego.refused";

/// Why a command never takes effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// The error as text.
    pub(super) reason: String,
    /// The error as `Debug` shows it; nothing when the command was recalled.
    pub(super) detail: Option<String>,
}

/// What became of a command.
pub(super) enum Fate {
    TookEffect,
    Never(Refused),
}

/// Why its fate is not known yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unknown {
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    #[error("the store did not take the refusal")]
    Refused(#[source] Refusal),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Whether the answer to a command says that it was refused for good before.
pub(super) fn is_refused<E>(error: &CommandError<E>) -> bool {
    matches!(error, CommandError::CommandIdReused { recorded, .. } if *recorded == REFUSED)
}

/// Sees to it that the command of this id never takes effect, unless it has.
pub(super) async fn refuse(
    shared: &Shared,
    stream: StreamId,
    id: &CommandId,
    metadata: MetadataDraft,
    refused: Refused,
) -> Result<Fate, Unknown> {
    if let Some(before) = shared.store.find_command(&stream, id).await? {
        return Ok(fate(&before));
    }
    let metadata = metadata.complete(id.clone(), Name::fixed(REFUSED), shared.clock.now())?;
    let json = AnyCodec::default();
    let commit = Commit {
        stream,
        expected: Expected::Any,
        metadata: metadata.into(),
        codec: Name::fixed(json.name()),
        body: Body::Events(Vec::new()),
        reply: Bytes::from(json.encode(&refused).unwrap_or_default()),
        rows: Vec::new(),
    };
    match shared.store.append(vec![commit]).await?.pop() {
        // An erased aggregate takes no commands.
        Some(Verdict::Committed(_) | Verdict::Refused(Refusal::Erased)) => Ok(Fate::Never(refused)),
        Some(Verdict::Repeated(before)) => Ok(fate(&before)),
        Some(Verdict::Refused(refusal)) => Err(Unknown::Refused(refusal)),
        None => Err(Unknown::Refused(Refusal::Dependent)),
    }
}

fn fate(before: &Committed) -> Fate {
    if before.command != *REFUSED {
        return Fate::TookEffect;
    }
    let unreadable = |_| Refused { reason: "it was refused".to_owned(), detail: Some(String::new()) };
    Fate::Never(AnyCodec::default().decode(&before.reply).unwrap_or_else(unreadable))
}
