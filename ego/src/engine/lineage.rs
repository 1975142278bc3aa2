//! What keeps it safe to decide on states that are not durable yet: once one commit of a [`Lineage`] was not recorded, nothing that
//! was decided after it may be – the store sees to that within a batch, the committer between batches.
//!
//! A core of the engine without the rest of it: `tests/model` runs it in every interleaving.

use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Notify, Ordering};
use crate::message::{CommandId, Position};
use hashbrown::HashSet;
use std::sync::Arc;

/// What one activation of an aggregate has given to the committer.
#[derive(Default)]
pub(super) struct Lineage {
    /// A commit was not recorded: the state in memory is not the recorded one.
    broken: AtomicBool,
    /// The position of the last event that is durable; 0 for none.
    position: AtomicU64,
    /// Entries that are not answered yet.
    pending: AtomicUsize,
    settled: Notify,
    /// The command ids among them.
    ids: Mutex<HashSet<CommandId>>,
}

impl Lineage {
    pub(super) fn at(position: Option<Position>) -> Arc<Self> {
        Arc::new(Self { position: AtomicU64::new(position.map_or(0, Position::get)), ..Self::default() })
    }

    /// Counts an entry, under the command id that is to be recorded with it. Before it is pushed: an entry that is under way counts.
    pub(super) fn begin(self: &Arc<Self>, id: Option<CommandId>) -> Pending {
        self.pending.fetch_add(1, Ordering::AcqRel);
        if let Some(id) = &id {
            self.ids.lock().insert(id.clone());
        }
        Pending { lineage: Arc::clone(self), id, answered: false }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// A commit was recorded up to this position.
    pub(super) fn advance(&self, position: Option<Position>) {
        self.position.store(position.map_or(0, Position::get), Ordering::Release);
    }

    pub(super) fn position(&self) -> Option<Position> {
        Position::new(self.position.load(Ordering::Acquire))
    }

    /// Whether everything that was pushed has been answered.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.load(Ordering::Acquire) == 0
    }

    /// Whether a commit under this id waits for its answer.
    pub(super) fn awaits(&self, id: &CommandId) -> bool {
        !self.is_settled() && self.ids.lock().contains(id)
    }

    /// Waits until everything that was pushed has been answered.
    pub(super) async fn settle(&self) {
        loop {
            let settled = self.settled.notified();
            if self.is_settled() {
                return;
            }
            settled.await;
        }
    }
}

/// An entry that is not answered yet.
pub(super) struct Pending {
    lineage: Arc<Lineage>,
    id: Option<CommandId>,
    answered: bool,
}

/// What became of an entry.
pub(super) enum Became {
    Recorded(Option<Position>),
    /// It should have been recorded, and was not.
    Lost,
    /// The store was not asked about it.
    Unasked,
}

impl Pending {
    pub(super) fn is_broken(&self) -> bool {
        self.lineage.is_broken()
    }

    /// I2: 1. the lineage knows what became of the entry  2. `answer` says so, and may have the command decide again  3. it is not
    /// pending any more, so that the lineage is settled only when everybody has heard.
    pub(super) fn conclude(mut self, became: &Became, answer: impl FnOnce()) {
        match became {
            Became::Recorded(position) => self.lineage.advance(*position),
            Became::Lost => self.lineage.broken.store(true, Ordering::Release),
            Became::Unasked => {}
        }
        answer();
        self.answered = true;
    }
}

impl Drop for Pending {
    /// Not answered: the pipeline stood still, and nobody knows whether it was recorded.
    fn drop(&mut self) {
        if !self.answered {
            self.lineage.broken.store(true, Ordering::Release);
        }
        if let Some(id) = &self.id {
            self.lineage.ids.lock().remove(id);
        }
        if self.lineage.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.lineage.settled.notify_waiters();
        }
    }
}
