//! Removing the rows of generations that nobody reads any more, a few at a time.

use super::projected::Projected;
use super::record::Record;
use super::source::Sources;
use super::table::Generation;
use crate::store::{RowChange, Step, Stepped, Store, StoreError};

/// What is left to be removed.
pub(super) struct Sweep {
    todo: Vec<Generation>,
    /// The record is to say that it was done.
    noted: bool,
}

impl Sweep {
    const AT_ONCE: usize = 500;

    /// Every generation that was begun and is neither read nor built.
    pub(super) fn of(record: &Record) -> Self {
        let kept = [record.live, record.building].map(|built| built.map(|built| built.generation));
        let begun = (record.swept.0..=record.newest.0).map(Generation);
        let todo: Vec<_> = begun.filter(|generation| !kept.contains(&Some(*generation))).collect();
        Self { noted: todo.is_empty(), todo }
    }

    pub(super) fn is_done(&self) -> bool {
        self.noted
    }

    /// Removes some more. A crash between two calls leaves what the next start removes.
    pub(super) async fn on<P: Sources>(&mut self, projected: &Projected<P>) -> Result<(), StoreError> {
        let store = &projected.shared.store;
        let Some(generation) = self.todo.last() else {
            let record = projected.record();
            let oldest = [record.live, record.building].into_iter().flatten().map(|built| built.generation).min();
            let record = Record { swept: oldest.unwrap_or(record.newest), ..record };
            store.step(Step { advance: None, rows: vec![record.row(P::NAME)] }).await?;
            projected.set_record(record);
            self.noted = true;
            return Ok(());
        };
        let tables = projected.tables(*generation);
        for table in tables.all() {
            let page = store.list_rows(table, &[], None, Self::AT_ONCE).await?;
            if !page.items.is_empty() {
                let rows = page.items.into_iter().map(|row| RowChange::remove(table.clone(), row.key)).collect();
                return match store.step(Step { advance: None, rows }).await? {
                    Stepped::Done => Ok(()),
                    refused => Err(StoreError::damaged(table.to_string(), format!("its rows cannot be removed: {refused:?}"))),
                };
            }
        }
        store.delete_checkpoint(&tables.consumer).await?;
        self.todo.pop();
        Ok(())
    }
}
