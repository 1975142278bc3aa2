//! A timer on its way through its aggregate: what its command finds when its turn comes, and what is recorded with what it does.

use super::record::{FAILED, FailedTimer, TIMERS, Timer, read};
use crate::clock::IdSource;
use crate::store::{AnyStore, RowChange, Store, StoreError};
use jiff::Timestamp;

/// A timer whose command is sent.
///
/// What keeps it to one effect: the timer's rows go in the commit of the effect, under an id that belongs to this timer alone; and when
/// its command has its turn, the timer must still be there, so what was cancelled or replaced before has none.
#[derive(Debug)]
pub(crate) struct Firing {
    pub(super) timer: Timer,
    pub(super) from: From,
}

/// Where a timer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// It waits; when it ticks, it waits for the next one from then on.
    Waiting { next: Option<Timestamp> },
    /// It was refused, and somebody sends it again.
    Failed,
}

impl Firing {
    pub(crate) fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Whether the timer is there, and no other in its place.
    pub(crate) async fn stands(&self, store: &AnyStore) -> Result<bool, StoreError> {
        let id = match self.from {
            From::Waiting { .. } => row::<Timer>(store, TIMERS, &self.timer).await?.map(|timer| timer.command_id),
            From::Failed => row::<FailedTimer>(store, FAILED, &self.timer).await?.map(|failed| failed.timer.command_id),
        };
        Ok(id.as_ref() == Some(&self.timer.command_id))
    }

    /// What changes with its effect; with when it ticks next.
    pub(crate) fn ended(&self, ids: &dyn IdSource, rows: &mut Vec<RowChange>) -> Option<Timestamp> {
        match self.from {
            From::Failed => {
                rows.push(RowChange::remove(FAILED, self.timer.row_key()));
                None
            }
            From::Waiting { next } => {
                self.timer.disarm(rows);
                let next = self.timer.ticking(next?, ids.next());
                next.arm(rows);
                Some(next.due)
            }
        }
    }

    /// What changes when its command is refused; with when it ticks next.
    pub(crate) async fn refused(
        &self,
        store: &AnyStore,
        ids: &dyn IdSource,
        (reason, time): (String, Timestamp),
        rows: &mut Vec<RowChange>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let before = row::<FailedTimer>(store, FAILED, &self.timer).await?;
        let next = self.ended(ids, rows);
        let timer = Timer { command_id: ids.next(), ..self.timer.clone() };
        let times = before.map_or(0, |before| before.times).saturating_add(1);
        FailedTimer { timer, reason, times, time }.put(rows);
        Ok(next)
    }
}

async fn row<T: serde::de::DeserializeOwned>(store: &AnyStore, table: &str, timer: &Timer) -> Result<Option<T>, StoreError> {
    let rows = store.load_rows(table, &[timer.row_key()]).await?;
    rows.into_iter().flatten().next().map(|row| read(&row)).transpose()
}
