//! Appending, with a fault.

use super::faults::Fault;
use super::store::Broken;
use ego::message::{Expected, Position, Revision};
use ego::store::{Body, Commit, Committed, EventType, MemoryStore, NewEvent, Refusal, RowChange, Store, StoreError, Verdict};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the store takes in one commit. Less than a store in memory does, because there are many faults to try.
pub(crate) const LIMIT: usize = 4 << 20;

type Verdicts = Result<Vec<Verdict>, StoreError>;

impl Broken {
    pub(crate) async fn append_broken(&self, batch: Vec<Commit>) -> Verdicts {
        let given = batch.clone();
        let mut batch: Vec<_> = batch.into_iter().map(|commit| self.written(commit)).collect();
        for commit in &mut batch {
            self.rows_written(commit).await?;
        }
        if batch.is_empty() && self.has(Fault::EmptyBatchFails) {
            return Err(StoreError::other("appending", std::fmt::Error));
        }
        let chained = [
            Fault::NothingIsDependent,
            Fault::HealsChains,
            Fault::DependentAcrossStreams,
            Fault::AnyIsDependent,
            Fault::RepeatsBreakNothing,
            Fault::DependentAcrossBatches,
        ];
        let mut verdicts = if chained.iter().any(|fault| self.has(*fault)) {
            self.chained(batch).await?
        } else if batch.len() == 1 {
            self.alone(batch).await?
        } else {
            self.inner.append(batch).await?
        };
        for (commit, verdict) in given.iter().zip(&mut verdicts) {
            self.answer(commit, verdict).await?;
        }
        self.notes.appended.send_modify(|count| *count += 1);
        if self.has(Fault::VerdictsReversed) {
            verdicts.reverse();
        }
        Ok(verdicts)
    }

    /// What is written instead of what was given.
    fn written(&self, mut commit: Commit) -> Commit {
        commit.stream = self.name(&commit.stream);
        let id = self.command(&commit.metadata.command_id);
        let rows: usize = commit.rows.iter().map(RowChange::size).sum();
        let size = commit.size() - if self.has(Fault::RowsWeighNothing) { rows } else { 0 };
        if size > LIMIT {
            // More than the store inside takes, so that it refuses in its turn.
            commit.reply = vec![0; MemoryStore::MAX_COMMIT_BYTES + 1].into();
        }
        Arc::make_mut(&mut commit.metadata).command_id = id;
        match (self.fault, &mut commit.body) {
            (Some(Fault::NoConflictCheck), _) => commit.expected = Expected::Any,
            (Some(Fault::ExistsIsAny), _) if commit.expected == Expected::Exists => commit.expected = Expected::Any,
            (Some(Fault::StateWithoutMetadata), Body::State(_)) => Arc::make_mut(&mut commit.metadata).command = "".into(),
            (Some(Fault::NothingIsAnEvent), Body::Events(events)) if events.is_empty() => events.push(event("Nothing")),
            (Some(Fault::HalfOfACommit), Body::Events(events)) => events.truncate(1),
            (Some(Fault::StatesAreEvents), Body::State(state)) => {
                commit.body = Body::Events(vec![NewEvent { payload: state.payload.clone(), ..event("State") }]);
            }
            _ => {}
        }
        commit
    }

    /// One commit, which is not part of a batch.
    async fn alone(&self, batch: Vec<Commit>) -> Verdicts {
        let commit = batch[0].clone();
        let (stream, id) = (commit.stream.clone(), commit.metadata.command_id.clone());
        let known = self.inner.find_command(&stream, &id).await?.is_some();
        let revision = self.stream_revision(&stream).await?;
        let holds = commit.expected.holds(revision);
        let any = Commit { expected: Expected::Any, ..commit.clone() };
        let noted = self.kept().commands.get(&id).cloned();
        match self.fault {
            Some(Fault::RacyConflictCheck) if !known && holds => {
                pause().await;
                self.inner.append(vec![any]).await
            }
            Some(Fault::TornCommit) if !known && holds => self.torn(commit).await,
            Some(Fault::LosesWhatArrivesAtOnce) => {
                if self.notes.busy.swap(true, Ordering::SeqCst) {
                    return Ok(vec![Verdict::Committed(made_up(&commit, revision))]);
                }
                pause().await;
                let verdicts = self.inner.append(batch).await;
                self.notes.busy.store(false, Ordering::SeqCst);
                verdicts
            }
            Some(Fault::HeadEarly) if !known && holds => {
                let Body::Events(events) = &commit.body else { return self.inner.append(batch).await };
                let head = Position::after(self.inner.head().await?, events.len() as u64);
                self.notes.early.send_replace(head);
                pause().await;
                self.inner.append(batch).await
            }
            Some(Fault::ConflictBeforeRepeat | Fault::ConflictBeforeErased) if !holds => {
                Ok(vec![Verdict::Refused(Refusal::Conflict { expected: commit.expected, actual: revision })])
            }
            Some(Fault::MixedBeforeSize) if matches!(commit.body, Body::State(_)) && holds && !known => {
                let mixed = revision.is_some() && self.inner.load_state(&stream).await?.is_none();
                if mixed { Ok(vec![Verdict::Refused(Refusal::Mixed)]) } else { self.inner.append(batch).await }
            }
            Some(Fault::NothingIsForgotten) if is_nothing(&commit) && !known && holds => {
                Ok(vec![Verdict::Committed(made_up(&commit, revision))])
            }
            Some(Fault::TakesLessThanItSays) if commit.size() == LIMIT => {
                Ok(vec![Verdict::Refused(Refusal::TooLarge { bytes: LIMIT, limit: LIMIT })])
            }
            Some(Fault::RacyCommands) if !known => {
                pause().await;
                self.again_if_repeated(batch, true).await
            }
            Some(Fault::ForgetsCommands) => self.again_if_repeated(batch, true).await,
            Some(Fault::ForgetsCommandsWhenClosed) => self.again_if_repeated(batch, self.again).await,
            Some(Fault::DeletionForgetsCommands) => {
                let forgotten = self.kept().forgotten.contains(&stream);
                self.again_if_repeated(batch, forgotten).await
            }
            Some(Fault::RemembersAHundredCommands) => {
                let recent = self.kept().order.iter().rev().take(100).any(|noted| *noted == (stream.clone(), id.clone()));
                self.again_if_repeated(batch, !recent).await
            }
            Some(Fault::CommandIdsAreGlobal | Fault::RemembersRefusedCommands) if noted.is_some() => {
                Ok(noted.into_iter().map(Verdict::Repeated).collect())
            }
            Some(Fault::EmptyStreamIsNone) if commit.expected == Expected::NoStream => {
                let first = self.inner.stream_head(&stream).await?.and_then(|head| head.first);
                self.inner.append(vec![if first.is_none() { any } else { commit }]).await
            }
            _ => self.inner.append(batch).await,
        }
    }

    async fn torn(&self, mut commit: Commit) -> Verdicts {
        let mut first = Commit { expected: Expected::Any, ..commit.clone() };
        let (Body::Events(head), Body::Events(tail)) = (&mut first.body, &mut commit.body) else {
            return self.inner.append(vec![commit]).await;
        };
        if tail.len() < 2 {
            return self.inner.append(vec![commit]).await;
        }
        head.truncate(1);
        tail.remove(0);
        Arc::make_mut(&mut first.metadata).command_id = self.fresh_id();
        commit.expected = Expected::Any;
        self.inner.append(vec![first]).await?;
        pause().await;
        self.inner.append(vec![commit]).await
    }

    async fn again_if_repeated(&self, mut batch: Vec<Commit>, forgets: bool) -> Verdicts {
        let verdicts = self.inner.append(batch.clone()).await?;
        if !forgets || !matches!(verdicts[..], [Verdict::Repeated(_)]) {
            return Ok(verdicts);
        }
        Arc::make_mut(&mut batch[0].metadata).command_id = self.fresh_id();
        self.inner.append(batch).await
    }

    /// A batch in single steps, with another idea of what is dependent.
    async fn chained(&self, batch: Vec<Commit>) -> Verdicts {
        let mut broken: HashSet<_> = HashSet::new();
        if self.has(Fault::DependentAcrossBatches) {
            broken.clone_from(&self.kept().broken);
        }
        let mut verdicts = Vec::new();
        for commit in batch {
            let (stream, expected) = (commit.stream.clone(), commit.expected);
            let chain = if self.has(Fault::DependentAcrossStreams) { !broken.is_empty() } else { broken.contains(&stream) };
            let relies = matches!(expected, Expected::NoStream | Expected::Exact(_)) || self.has(Fault::AnyIsDependent);
            let known = self.inner.find_command(&stream, &commit.metadata.command_id).await?.is_some();
            let erased = self.inner.stream_head(&stream).await?.is_some_and(|head| head.erased);
            let verdict = if chain && relies && !known && !erased && !self.has(Fault::NothingIsDependent) {
                Verdict::Refused(Refusal::Dependent)
            } else {
                self.inner.append(vec![commit]).await?.remove(0)
            };
            match verdict {
                Verdict::Committed(_) if self.has(Fault::HealsChains) => drop(broken.remove(&stream)),
                Verdict::Committed(_) => {}
                Verdict::Repeated(_) if self.has(Fault::RepeatsBreakNothing) => {}
                _ => drop(broken.insert(stream)),
            }
            verdicts.push(verdict);
        }
        self.kept().broken = broken;
        Ok(verdicts)
    }

    /// What is answered instead of the verdict, and noted of it.
    async fn answer(&self, given: &Commit, verdict: &mut Verdict) -> Result<(), StoreError> {
        let stream = self.name(&given.stream);
        let id = given.metadata.command_id.clone();
        match verdict {
            Verdict::Committed(committed) => {
                let saved = if matches!(given.body, Body::State(_)) { self.inner.load_state(&stream).await? } else { None };
                let mut kept = self.kept();
                kept.saves.extend(saved);
                kept.order.push((stream.clone(), id.clone()));
                kept.rows.extend(given.rows.iter().map(|row| (stream.clone(), row.clone())));
                if self.has(Fault::CommandIdsAreGlobal) || self.has(Fault::ErasedCommandsStay) {
                    kept.commands.insert(id, committed.clone());
                }
                if self.has(Fault::ReceiptOfTheFirstEvent) && committed.events > 1 {
                    committed.revision =
                        committed.revision.and_then(|last| Revision::new(last.get() + 1 - u64::from(committed.events)));
                }
            }
            Verdict::Repeated(committed) => match self.fault {
                Some(Fault::RowsOfRepeatedCommits) => self.rows_anyway(&given.rows).await?,
                Some(Fault::RepeatsWithoutReply) => committed.reply = bytes::Bytes::new(),
                Some(Fault::RepeatsNameTheLastRevision) => committed.revision = self.stream_revision(&stream).await?,
                _ => {}
            },
            Verdict::Refused(refusal) => {
                self.notes.refusals.fetch_add(1, Ordering::Relaxed);
                if self.has(Fault::RowsOfRefusedCommits) {
                    self.rows_anyway(&given.rows).await?;
                }
                let revision = self.stream_revision(&stream).await?;
                let half = match (&given.body, self.fault) {
                    (Body::Events(events), Some(Fault::HalfOfARefusedCommit)) if !events.is_empty() => Some(events[0].clone()),
                    _ => None,
                };
                if let Some(event) = half {
                    let mut commit = Commit { expected: Expected::Any, body: Body::Events(vec![event]), ..given.clone() };
                    Arc::make_mut(&mut commit.metadata).command_id = self.fresh_id();
                    self.inner.append(vec![commit]).await?;
                }
                if let (Body::Events(events), Some(Fault::TypesOfRefusedEvents)) = (&given.body, self.fault) {
                    let kind = stream.shared_kind();
                    let types = events.iter().map(|event| EventType {
                        kind: kind.clone(),
                        name: event.name.clone(),
                        version: event.version,
                    });
                    self.kept().types.extend(types);
                }
                if let Refusal::TooLarge { bytes, limit } = refusal {
                    (*bytes, *limit) = (given.size(), LIMIT);
                }
                match (self.fault, &mut *refusal) {
                    (Some(Fault::RemembersRefusedCommands), _) => {
                        self.kept().commands.insert(id, made_up(given, revision));
                    }
                    (Some(Fault::ConflictWithoutActual), Refusal::Conflict { actual, .. }) => *actual = None,
                    (Some(Fault::Mixes), Refusal::Mixed) | (Some(Fault::TakesAfterErasure), Refusal::Erased) => {
                        *verdict = Verdict::Committed(made_up(given, revision));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Long enough for others to come in between.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn event(name: &str) -> NewEvent {
    NewEvent { name: name.into(), version: 1, payload: bytes::Bytes::new(), tags: Vec::new() }
}

fn is_nothing(commit: &Commit) -> bool {
    matches!(&commit.body, Body::Events(events) if events.is_empty())
}

/// An answer to a commit that was not recorded.
fn made_up(commit: &Commit, revision: Option<Revision>) -> Committed {
    Committed {
        revision,
        position: None,
        events: 0,
        command_id: commit.metadata.command_id.clone(),
        command: commit.metadata.command.clone(),
        codec: commit.codec.clone(),
        reply: commit.reply.clone(),
    }
}
