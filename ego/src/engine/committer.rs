//! The commit pipeline: group commit without a knob.
//!
//! While the store makes one batch durable, the commits that arrive form the next. One batch of a lane is under way at a time, so what
//! is answered is a prefix of what was pushed to it. A store that makes several batches durable together is given several lanes.
//!
//! A cell decides on states that are not durable yet. What keeps that safe is the [`Lineage`].

use super::drive::drive;
use super::error::panic_message;
use super::line::Line;
use super::lineage::{Became, Lineage, Pending};
use crate::store::{AnyStore, Commit, Refusal, Store, StoreError, Verdict};
use crate::telemetry::{self, CommitMeters, Meters, Told};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument;

/// Told what became of an entry, after everything pushed to its lane before it.
pub(super) type Answer = Box<dyn FnOnce(Result<Verdict, StoreError>) + Send>;

/// What an entry asks for.
pub(super) enum Want {
    /// To be recorded. Boxed: an entry without a commit is small.
    Record(Box<Commit>),
    /// Only to be told when everything before it is durable.
    Settle,
}

struct Entry {
    want: Want,
    /// Before the answer: a sender who is told that it was dropped finds it ended.
    pending: Pending,
    cost: u32,
    answer: Answer,
}

/// The answer for an entry that the store was not asked about: a commit that relied on one that was not recorded, or none at all.
const UNASKED: Verdict = Verdict::Refused(Refusal::Dependent);

pub(super) struct Committer {
    store: AnyStore,
    runtime: Handle,
    /// One batch of each is under way at a time. An aggregate stays in one.
    lanes: Box<[Line<Entry>]>,
    /// One permit a byte.
    room: Semaphore,
    room_size: usize,
    batch: usize,
    meters: Option<CommitMeters>,
}

/// Room that was reserved for one entry.
pub(super) struct Room(u32);

impl Committer {
    /// What an entry counts for besides its bytes.
    const OVERHEAD: usize = 256;

    pub(super) fn new(store: AnyStore, runtime: Handle, room: usize, batch: usize, meters: Option<&Meters>) -> Arc<Self> {
        let meters = meters.map(|meters| meters.commits.clone());
        let lanes = (0..store.capabilities().together.max(1)).map(|_| Line::new()).collect();
        Arc::new(Self { store, runtime, lanes, room: Semaphore::new(room), room_size: room, batch, meters })
    }

    /// Waits until there is room for so many bytes (I12). A commit larger than all the room waits for all of it.
    pub(super) async fn reserve(&self, bytes: usize) -> Room {
        let cost = self.cost(bytes);
        if let Ok(permit) = self.room.acquire_many(cost).await {
            permit.forget();
        }
        Room(cost)
    }

    /// The same if there is room now.
    pub(super) fn try_reserve(&self, bytes: usize) -> Option<Room> {
        let cost = self.cost(bytes);
        self.room.try_acquire_many(cost).ok().map(|permit| {
            permit.forget();
            Room(cost)
        })
    }

    fn cost(&self, bytes: usize) -> u32 {
        u32::try_from((bytes + Self::OVERHEAD).min(self.room_size)).unwrap_or(u32::MAX)
    }

    /// Gives room back that was not needed after all.
    pub(super) fn release(&self, Room(cost): Room) {
        self.room.add_permits(cost as usize);
    }

    /// Takes an entry; the answer comes after those of all entries before it in its lane.
    ///
    /// The caller pushes the entries of one lineage to one lane, in the order in which they were decided, and then lets the pipeline
    /// run.
    pub(super) fn push(
        self: &Arc<Self>,
        lane: usize,
        want: Want,
        lineage: &Arc<Lineage>,
        Room(cost): Room,
        answer: Answer,
    ) -> Wake {
        let lane = lane % self.lanes.len();
        let id = match &want {
            Want::Record(commit) => Some(commit.metadata.command_id.clone()),
            Want::Settle => None,
        };
        let pending = lineage.begin(id);
        let runs = self.lanes[lane].push(Entry { want, pending, cost, answer });
        Wake(runs.then(|| Run { committer: Arc::clone(self), lane, finished: false }))
    }

    /// I2, I5: 1. leave out what relies on a commit that was not recorded  2. have the rest recorded and made durable
    /// 3. answer in order, marking lineages as broken before the next batch is formed.
    async fn commit(&self, entries: Vec<Entry>) {
        let mut commits = Vec::with_capacity(entries.len());
        let mut waiting = Vec::with_capacity(entries.len());
        for Entry { want, pending, cost, answer } in entries {
            let recording = matches!(want, Want::Record(_)) && !pending.is_broken();
            if let Want::Record(commit) = want
                && recording
            {
                commits.push(*commit);
            }
            waiting.push((recording, pending, cost, answer));
        }
        let expected = commits.len();
        let verdicts = if commits.is_empty() { Ok(Vec::new()) } else { self.append(commits).await };
        let mut verdicts = match verdicts {
            Ok(verdicts) if verdicts.len() != expected => {
                Err(broken(format!("it gave {} verdicts for {expected} commits", verdicts.len())))
            }
            other => other.map(Vec::into_iter),
        };
        let mut taken = 0;
        for (recording, pending, cost, answer) in waiting {
            let verdict = if recording {
                match &mut verdicts {
                    Ok(verdicts) => Ok(verdicts.next().unwrap_or(UNASKED)),
                    Err(error) => Err(error.clone()),
                }
            } else {
                Ok(UNASKED)
            };
            let became = match &verdict {
                Ok(Verdict::Committed(committed)) => Became::Recorded(committed.position),
                _ if recording => Became::Lost,
                _ => Became::Unasked,
            };
            pending.conclude(&became, || {
                // An answer that panics must not stop the pipeline; it is our own code, so this says so loudly.
                if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| answer(verdict))) {
                    tracing::error!(message = &*panic_message(&*panic), "an answer to a commit panicked");
                }
            });
            taken += cost as usize;
        }
        // At once: whoever waits for room is woken once.
        self.room.add_permits(taken);
    }

    async fn append(&self, commits: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        if self.meters.is_none() && !telemetry::is_watched() {
            return self.append_unseen(commits).await;
        }
        let (size, began) = (commits.len(), Instant::now());
        let span = telemetry::commit(None, size);
        let told: Vec<Told> = if span.is_disabled() { Vec::new() } else { commits.iter().map(Told::from).collect() };
        let appended = self.append_unseen(commits).instrument(span.clone()).await;
        if let Ok(verdicts) = &appended {
            span.in_scope(|| telemetry::recorded(&told, verdicts));
        }
        if let Some(meters) = &self.meters {
            meters.batch(size, began.elapsed(), appended.is_err());
        }
        appended
    }

    async fn append_unseen(&self, commits: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        match AssertUnwindSafe(self.store.append(commits)).catch_unwind().await {
            Ok(verdicts) => verdicts,
            Err(panic) => Err(store_panicked(&*panic)),
        }
    }
}

/// The pipeline, when nobody runs it.
#[must_use = "the pipeline stands still until it is run"]
pub(super) struct Wake(Option<Run>);

impl Wake {
    /// Of two pushes to one lane at most one has to let it run.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    pub(super) fn run(self) {
        if let Some(run) = self.0 {
            drive(&Arc::clone(&run.committer).runtime, run.run());
        }
    }
}

/// Somebody who runs the pipeline until nothing waits.
struct Run {
    committer: Arc<Committer>,
    lane: usize,
    finished: bool,
}

impl Run {
    async fn run(mut self) {
        for batches in 1.. {
            // Whoever pushed first runs the pipeline; let him go on before long.
            if batches % 16 == 0 {
                tokio::task::yield_now().await;
            }
            let Some(entries) = self.committer.lanes[self.lane].take(self.committer.batch) else {
                self.finished = true;
                return;
            };
            self.committer.commit(entries).await;
        }
    }
}

impl Drop for Run {
    /// Not at the end of the work: the runtime was shut down under it. Nobody will run what waits, so let the senders know.
    fn drop(&mut self) {
        if !self.finished {
            drop(self.committer.lanes[self.lane].abandon());
        }
    }
}

pub(super) fn store_panicked(panic: &(dyn Any + Send)) -> StoreError {
    broken(format!("it panicked: {}", panic_message(panic)))
}

/// The store does not keep its contract.
fn broken(reason: String) -> StoreError {
    StoreError::other("appending to the store", std::io::Error::other(reason))
}
