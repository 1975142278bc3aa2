//! Which generation of a projection is read, and which is being built.

use super::table::{Generation, RECORDS};
use crate::store::{AnyStore, RowChange, Store, StoreError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What is kept of a projection besides its views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What is read; nothing before the first was built.
    pub(super) live: Option<Built>,
    /// What is being built to take its place.
    pub(super) building: Option<Built>,
    /// Whether what is being built takes its place only when it is the same.
    pub(super) only_if_same: bool,
    /// The newest generation that was ever begun.
    pub(super) newest: Generation,
    /// Older generations than this one, but for the live one, hold no rows any more.
    pub(super) swept: Generation,
}

/// A generation and what folds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Built {
    pub(super) generation: Generation,
    /// Of the projection.
    pub(super) version: u32,
}

impl Record {
    /// Of a projection that was never folded: its first generation is read from the beginning on.
    pub(super) fn first(version: u32) -> Self {
        let live = Some(Built { generation: Generation::FIRST, version });
        Self { live, building: None, only_if_same: false, newest: Generation::FIRST, swept: Generation::FIRST }
    }

    pub(super) async fn load(store: &AnyStore, projection: &str) -> Result<Option<Self>, StoreError> {
        let rows = store.load_rows(RECORDS, &[Bytes::copy_from_slice(projection.as_bytes())]).await?;
        let Some(row) = rows.into_iter().flatten().next() else { return Ok(None) };
        let record = serde_json::from_slice(&row);
        record
            .map(Some)
            .map_err(|error| StoreError::damaged(format!("the record of the projection {projection:?}"), error.to_string()))
    }

    /// The same with another generation to be built.
    pub(super) fn with_building(self, version: u32, only_if_same: bool) -> Self {
        let newest = self.newest.next();
        Self { building: Some(Built { generation: newest, version }), only_if_same, newest, ..self }
    }

    /// The same with what was built in place of what was read.
    pub(super) fn swapped(self) -> Self {
        Self { live: self.building.or(self.live), building: None, ..self }
    }

    /// The row that keeps it.
    pub(super) fn row(&self, projection: &str) -> RowChange {
        // A struct of numbers is always written.
        let value = serde_json::to_vec(self).unwrap_or_default();
        RowChange::put(RECORDS, projection.to_owned(), value)
    }
}
