//! A command as the harness knows it: what is asked of whom, how it is sent, and what was answered.

use crate::domain::{Add, Clear, Hall, Leave, Look, Seat, Take, Till};
use crate::outcome::{Failure, Outcome, whole};
use bytes::Bytes;
use ego::message::{CommandId, Expected, Metadata, MetadataDraft, StreamId};
use ego::model::{Aggregate, Command, HandledBy};
use ego::prelude::{CommandError, Dispatch, Engine};
use ego::store::{Body, Commit, Committed, NewEvent, NewState, Refusal, RowChange, Store, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The entry in the metadata that says which attempt it was: also of commands whose id nobody knew before the answer.
pub(crate) const TOKEN: &str = "try";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Names the attempt; also its command id if the sender gave one.
    pub(crate) token: String,
    pub(crate) stream: StreamId,
    pub(crate) asked: Asked,
    pub(crate) own_id: bool,
    pub(crate) expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Asked {
    Add {
        by: u64,
        times: u64,
        note: usize,
    },
    Take {
        by: u64,
    },
    Look,
    Seat {
        guest: u64,
    },
    Leave {
        guest: u64,
    },
    Clear,
    /// Money that another writer brings to a till, behind the engine's back.
    Direct {
        by: u64,
        times: u64,
    },
    /// A state, kept by the store alone.
    Keep {
        size: usize,
    },
    /// Events that are there to be deleted.
    Pile {
        times: u64,
        size: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Promised(Promise),
    /// The handler or the store said no: nothing may be recorded.
    Refused,
    /// Another one was first: nothing may be recorded.
    Conflict,
}

/// What was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Promise {
    pub(crate) id: String,
    pub(crate) reply: u64,
    pub(crate) revision: Option<u64>,
    pub(crate) position: Option<u64>,
}

impl Promise {
    /// What the store says of a recorded command.
    pub(crate) fn of(committed: &Committed) -> Outcome<Self> {
        Ok(Self {
            id: committed.command_id.as_str().to_owned(),
            reply: serde_json::from_slice(&committed.reply)?,
            revision: committed.revision.map(u64::from),
            position: committed.position.map(u64::from),
        })
    }
}

/// The tables of what comes with commits to the store itself.
pub(crate) const TOKENS: &str = "tokens";
pub(crate) const LAST: &str = "last";
pub(crate) const NOTES: &str = "notes";
pub(crate) const PILES: &str = "piles";

/// What money leaves behind in [`TOKENS`]: sometimes short, sometimes long.
pub(crate) fn of_token(token: &str, by: u64) -> String {
    token.repeat((by * 7 % 120) as usize + 1)
}

/// A state of this many bytes is written page by page, so a kill can cut it.
pub(crate) const LARGE: usize = 1 << 20;

impl Tried {
    pub(crate) fn is_large(&self) -> bool {
        matches!(self.asked, Asked::Keep { size } if size >= LARGE)
    }

    /// Sends it, through the engine or to the store itself; the flag says whether it had been recorded before. `id` is the command id of
    /// an attempt that gave none, once it is known.
    pub(crate) async fn send(&self, engine: &Engine, id: Option<&str>) -> Outcome<(Answer, bool)> {
        let id = id.or(self.own_id.then_some(&*self.token));
        match self.asked {
            Asked::Add { by, times, note } => self.ask::<Till, _>(engine, id, Add { by, times, note: "x".repeat(note) }).await,
            Asked::Take { by } => self.ask::<Till, _>(engine, id, Take { by }).await,
            Asked::Look => self.ask::<Till, _>(engine, id, Look).await,
            Asked::Seat { guest } => self.ask::<Hall, _>(engine, id, Seat { guest }).await,
            Asked::Leave { guest } => self.ask::<Hall, _>(engine, id, Leave { guest }).await,
            Asked::Clear => self.ask::<Hall, _>(engine, id, Clear).await,
            Asked::Direct { .. } | Asked::Keep { .. } | Asked::Pile { .. } => {
                let answers = append(engine.store(), std::slice::from_ref(self)).await?;
                answers.into_iter().next().ok_or_else(|| "the store gave no verdict".into())
            }
        }
    }

    async fn ask<A, C>(&self, engine: &Engine, id: Option<&str>, command: C) -> Outcome<(Answer, bool)>
    where
        A: Aggregate,
        C: Command + HandledBy<A, Reply = u64>,
        C::Error: std::error::Error + 'static,
    {
        let mut sending = engine.send::<A>(self.stream.id(), command).metadata(MetadataDraft::new().entry(TOKEN, &self.token));
        if let Some(id) = id {
            sending = sending.command_id(id);
        }
        if self.expected != Expected::Any {
            sending = sending.expect(self.expected);
        }
        match sending.await {
            Ok(receipt) => {
                let promise = Promise {
                    id: receipt.command_id.as_str().to_owned(),
                    reply: receipt.reply,
                    revision: receipt.revision.map(u64::from),
                    position: receipt.position.map(u64::from),
                };
                Ok((Answer::Promised(promise), receipt.repeated))
            }
            Err(CommandError::Rejected(_)) => Ok((Answer::Refused, false)),
            Err(CommandError::Conflict { .. }) => Ok((Answer::Conflict, false)),
            Err(error) => Err(format!("{} of {}: {}", self.token, self.stream, whole(&error)).into()),
        }
    }

    fn commit(&self) -> Outcome<Commit> {
        let (command, body, reply) = match self.asked {
            Asked::Direct { by, times } => {
                let payload = Bytes::from(serde_json::json!({ "by": by, "note": self.token }).to_string());
                ("Direct", events("Added", (0..times).map(|_| payload.clone())), by)
            }
            Asked::Keep { size } => {
                let payload = Bytes::from(format!("{}{}", self.token, "y".repeat(size)));
                ("Keep", Body::State(NewState { version: 1, payload }), size as u64)
            }
            Asked::Pile { times, size } => {
                let payload = |number| serde_json::json!({ "number": number, "filler": "z".repeat(size) }).to_string().into();
                ("Pile", events("Piled", (0..times).map(payload)), times)
            }
            _ => return Err("this is for the engine".into()),
        };
        let id = self.stream.id();
        let rows = match self.asked {
            Asked::Direct { by, .. } => {
                let last = if by % 5 == 0 {
                    RowChange::remove(LAST, id.to_owned())
                } else {
                    RowChange::put(LAST, id.to_owned(), self.token.clone())
                };
                vec![RowChange::put(TOKENS, self.token.clone(), of_token(&self.token, by)), last]
            }
            Asked::Keep { .. } => vec![RowChange::put(NOTES, id.to_owned(), self.token.clone())],
            _ => vec![RowChange::put(PILES, id.to_owned(), self.token.clone())],
        };
        let mut metadata = Metadata::new(CommandId::new(&self.token)?, command, jiff::Timestamp::UNIX_EPOCH);
        metadata.entries.insert(TOKEN.to_owned(), self.token.clone());
        Ok(Commit {
            stream: self.stream.clone(),
            expected: self.expected,
            metadata: Arc::new(metadata),
            codec: "json".into(),
            body,
            reply: serde_json::to_vec(&reply)?.into(),
            rows,
        })
    }
}

fn events(name: &str, payloads: impl Iterator<Item = Bytes>) -> Body {
    let event = |payload| NewEvent { name: name.into(), version: 1, payload, tags: Vec::new() };
    Body::Events(payloads.map(event).collect())
}

/// Gives commands to the store itself, as one batch.
pub(crate) async fn append(store: &impl Store, batch: &[Tried]) -> Outcome<Vec<(Answer, bool)>> {
    let commits: Vec<_> = batch.iter().map(Tried::commit).collect::<Outcome<_>>()?;
    let verdicts = store.append(commits).await.map_err(|error| Failure::from(whole(&error)))?;
    let answer = |verdict: &Verdict| match verdict {
        Verdict::Committed(committed) => Ok((Answer::Promised(Promise::of(committed)?), false)),
        Verdict::Repeated(committed) => Ok((Answer::Promised(Promise::of(committed)?), true)),
        Verdict::Refused(Refusal::Conflict { .. } | Refusal::Dependent) => Ok((Answer::Conflict, false)),
        Verdict::Refused(_) => Ok((Answer::Refused, false)),
    };
    verdicts.iter().map(answer).collect()
}
