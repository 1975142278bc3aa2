//! Which generation of a projection is read, and which is being built.

use super::table::{Generation, RECORDS};
use crate::model::Mode;
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
    /// Whether it is folded with the commits.
    #[serde(default)]
    pub(super) inline: bool,
}

/// A generation and what folds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Built {
    pub(super) generation: Generation,
    /// Of the projection.
    pub(super) version: u32,
}

impl Built {
    /// Versions start at 1.
    const OF_ANOTHER_MODE: u32 = 0;
}

impl Record {
    /// Of a projection that was never folded. The first generation of one that follows the log is read from the beginning on; an inline one
    /// is to be built first.
    pub(super) fn first(version: u32, mode: Mode) -> Self {
        let inline = mode == Mode::Inline;
        let newest = if inline { Generation(0) } else { Generation::FIRST };
        let live = (!inline).then_some(Built { generation: newest, version });
        Self { live, building: None, only_if_same: false, newest, swept: Generation::FIRST, inline }
    }

    /// For this mode: what was folded in another is of no version. Behind the log stands a checkpoint, with the commits none.
    fn in_mode(self, mode: Mode) -> Self {
        let inline = mode == Mode::Inline;
        if self.inline == inline {
            return self;
        }
        let live = self.live.map(|built| Built { version: Built::OF_ANOTHER_MODE, ..built });
        Self { live, building: None, inline, ..self }
    }

    pub(super) async fn load(store: &AnyStore, projection: &str, mode: Mode) -> Result<Option<Self>, StoreError> {
        let rows = store.load_rows(RECORDS, &[Bytes::copy_from_slice(projection.as_bytes())]).await?;
        let Some(row) = rows.into_iter().flatten().next() else { return Ok(None) };
        let record = serde_json::from_slice(&row);
        record
            .map(|record: Self| Some(record.in_mode(mode)))
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
