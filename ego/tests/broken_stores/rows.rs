//! Rows and steps, with a fault.

use super::append::LIMIT;
use super::faults::Fault;
use super::store::Broken;
use bytes::Bytes;
use ego::message::{Name, Position, StreamId};
use ego::store::{Advance, Commit, Page, Row, RowChange, Step, Stepped, Store, StoreError};
use std::time::Duration;

/// Where a fault keeps the checkpoints of steps apart from the others.
const OF_STEPS: &str = "of-steps:";
/// The one table of a fault that keeps table and key as one text.
const ALL: &str = "all";

impl Broken {
    pub(crate) async fn step_broken(&self, given: Step) -> Result<Stepped, StoreError> {
        let mut step = given.clone();
        let (bytes, checkpoint) = (given.size(), self.checkpoint_of(&given).await?);
        let valid = given.rows.iter().all(RowChange::is_valid);
        step.rows = self.changed(step.rows).await?;
        let moves = |advance: &Advance| Some(advance.to) > advance.from;
        let head = self.inner.head().await?;
        match (self.fault, &mut step.advance) {
            (Some(Fault::StepsMoveNoCheckpoint), advance) if !step.rows.is_empty() => *advance = None,
            (Some(Fault::OvertakenIsNotSeen), Some(advance)) => advance.from = checkpoint,
            (Some(Fault::StepsOnlyGoOn), Some(advance)) if !moves(advance) => return Ok(Stepped::Done),
            (Some(Fault::StepsGoBeyondHead), Some(advance)) if Some(advance.to) > head => {
                advance.to = head.unwrap_or(Position::FIRST);
            }
            (Some(Fault::StepsNeedBoth), advance) if advance.is_none() || step.rows.is_empty() => return Ok(Stepped::Done),
            (Some(Fault::StepsHaveTheirOwnCheckpoints), Some(advance)) => advance.consumer.insert_str(0, OF_STEPS),
            (Some(Fault::BeyondHeadBeforeOvertaken), Some(advance)) if Some(advance.to) > head => {
                advance.from = checkpoint;
            }
            (Some(Fault::RowsOfRefusedSteps), _) if valid => {
                self.inner.step(Step { advance: None, rows: std::mem::take(&mut step.rows) }).await?;
            }
            (Some(Fault::CheckpointsOfInvalidSteps), Some(advance)) if !valid => {
                let alone = Step { advance: Some(advance.clone()), rows: vec![] };
                self.inner.step(alone).await?;
            }
            (Some(Fault::StepsAreLogged), _) => self.log_it().await?,
            (Some(Fault::RacySteps), Some(advance)) if checkpoint == advance.from => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                advance.from = self.checkpoint_of(&given).await?;
            }
            (Some(Fault::TornSteps), _) if valid && bytes <= LIMIT => return self.torn_step(step).await,
            _ => {}
        }
        if bytes > LIMIT && (valid || self.has(Fault::SizeBeforeValidity)) && !self.has(Fault::StepsHaveNoLimit) {
            return Ok(Stepped::TooLarge { bytes, limit: LIMIT });
        }
        if bytes == LIMIT && self.has(Fault::TakesLessThanItSays) {
            return Ok(Stepped::TooLarge { bytes, limit: LIMIT });
        }
        let mut stepped = self.inner.step(step).await?;
        if let (Stepped::Overtaken { checkpoint }, Some(Fault::OvertakenSaysNothing)) = (&mut stepped, self.fault) {
            *checkpoint = None;
        }
        Ok(stepped)
    }

    async fn checkpoint_of(&self, step: &Step) -> Result<Option<Position>, StoreError> {
        match &step.advance {
            Some(advance) => self.inner.load_checkpoint(&advance.consumer).await,
            None => Ok(None),
        }
    }

    /// One row after the other, and the checkpoint last.
    async fn torn_step(&self, Step { advance, rows }: Step) -> Result<Stepped, StoreError> {
        let now = self.checkpoint_of(&Step { advance: advance.clone(), rows: vec![] }).await?;
        if advance.as_ref().is_none_or(|advance| advance.from == now) {
            for row in rows {
                self.inner.step(Step { advance: None, rows: vec![row] }).await?;
                tokio::task::yield_now().await;
            }
        }
        self.inner.step(Step { advance, rows: vec![] }).await
    }

    /// What is changed instead of what was given.
    pub(crate) async fn changed(&self, mut rows: Vec<RowChange>) -> Result<Vec<RowChange>, StoreError> {
        match self.fault {
            Some(Fault::InvalidRowsAreLeftOut) => rows.retain(RowChange::is_valid),
            Some(Fault::FirstChangeStands) => rows.reverse(),
            Some(Fault::RowsAreNotReplaced) => {
                let mut new = Vec::new();
                for row in rows {
                    let found = self.inner.load_rows(&row.table, std::slice::from_ref(&row.key)).await?;
                    if row.value.is_none() || found == [None] {
                        new.push(row);
                    }
                }
                rows = new;
            }
            Some(Fault::KeepsRemovedRows) => rows.retain(|row| row.value.is_some()),
            Some(Fault::TablesRunTogether) => {
                for row in rows.iter_mut().filter(|row| row.is_valid()) {
                    row.key = [row.table.as_bytes(), &row.key].concat().into();
                    row.table = ALL.into();
                }
            }
            Some(Fault::CutsRows) => {
                for value in rows.iter_mut().filter_map(|row| row.value.as_mut()) {
                    value.truncate(64 << 10);
                }
            }
            _ => {}
        }
        Ok(rows)
    }

    /// The rows of a commit, as they are written with it.
    pub(crate) async fn rows_written(&self, commit: &mut Commit) -> Result<(), StoreError> {
        let nothing = matches!(&commit.body, ego::store::Body::Events(events) if events.is_empty());
        commit.rows = self.changed(std::mem::take(&mut commit.rows)).await?;
        match self.fault {
            Some(Fault::CommitsForgetRows) => commit.rows.clear(),
            Some(Fault::RowsOfNothingAreForgotten) if nothing => commit.rows.clear(),
            Some(Fault::CommitsReplaceNoRows) => {
                let mut new = Vec::new();
                for row in std::mem::take(&mut commit.rows) {
                    if self.inner.load_rows(&row.table, std::slice::from_ref(&row.key)).await? == [None] {
                        new.push(row);
                    }
                }
                commit.rows = new;
            }
            _ => {}
        }
        Ok(())
    }

    /// Changes rows though they should not change, those that can.
    pub(crate) async fn rows_anyway(&self, rows: &[RowChange]) -> Result<(), StoreError> {
        let rows = rows.iter().filter(|row| row.is_valid()).cloned().collect();
        self.inner.step(Step { advance: None, rows }).await.map(drop)
    }

    /// What a deletion or an erasure takes with it.
    pub(crate) async fn drop_rows_of(&self, stream: &StreamId) -> Result<(), StoreError> {
        if !self.has(Fault::RowsGoWithTheirStream) {
            return Ok(());
        }
        let of_stream: Vec<_> = self.kept().rows.iter().filter(|(of, _)| of == stream).map(|(_, row)| row.clone()).collect();
        let removed: Vec<_> = of_stream.into_iter().map(|row| RowChange { value: None, ..row }).collect();
        self.rows_anyway(&removed).await
    }

    pub(crate) async fn load_rows_broken(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut keys = keys.to_vec();
        let mut table: Name = table.into();
        if self.has(Fault::LoadsRowsInOrder) {
            keys.sort();
        }
        if self.has(Fault::TablesRunTogether) {
            keys.iter_mut().for_each(|key| *key = [table.as_bytes(), key].concat().into());
            table = ALL.into();
        }
        let mut rows = self.inner.load_rows(&table, &keys).await?;
        match self.fault {
            Some(Fault::LoadsOnlyWhatIsThere) => rows.retain(Option::is_some),
            Some(Fault::EmptyRowsAreNone) => rows.iter_mut().for_each(|row| *row = row.take().filter(|row| !row.is_empty())),
            Some(Fault::ForgetsRowsWhenClosed) if self.again => rows.fill(None),
            _ => {}
        }
        Ok(rows)
    }

    pub(crate) async fn list_rows_broken(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        let none = Page { items: Vec::new(), next: None };
        if limit == 0 && self.has(Fault::ZeroIsNothing) || self.again && self.has(Fault::ForgetsRowsWhenClosed) {
            return Ok(none);
        }
        let mut all = self.inner.list_rows(table, b"", None, usize::MAX).await?.items;
        if self.has(Fault::TablesRunTogether) {
            all = self.inner.list_rows(ALL, b"", None, usize::MAX).await?.items;
            all.retain(|row| row.key.starts_with(table.as_bytes()));
            all.iter_mut().for_each(|row| row.key = row.key.slice(table.len()..));
        }
        if self.has(Fault::RowsByLength) {
            all.sort_by_key(|row| row.key.len());
        }
        let holds = |key: &[u8]| match self.fault {
            Some(Fault::RangesHoldTheirEnd) => key >= start && end.is_none_or(|end| key <= end),
            Some(Fault::RangesBeginBehindTheirStart) => (key > start || start.is_empty()) && end.is_none_or(|end| key < end),
            Some(Fault::RangesHaveNoEnd) => key >= start,
            _ => key >= start && end.is_none_or(|end| key < end),
        };
        all.retain(|row| holds(&row.key));
        let limit = limit.max(1) * if self.has(Fault::IgnoresLimits) { 2 } else { 1 };
        let skipped = usize::from(self.has(Fault::RowPagesSkip));
        let mut next = all.get(limit + skipped).map(|row| row.key.clone());
        all.truncate(limit);
        match self.fault {
            Some(Fault::FullPageEnds) => next = None,
            Some(Fault::EndsLate) if all.len() == limit && next.is_none() => {
                next = all.last().map(|last| [&last.key[..], &[0]].concat().into());
            }
            _ => {}
        }
        Ok(Page { items: all, next })
    }
}
