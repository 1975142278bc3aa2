//! Which rows may hold something personal.

use crate::engine::KEPT;
use crate::timer;

/// What a table holds.
pub(super) enum TableOf<'t> {
    Views {
        projection: &'t str,
    },
    DeadLetters,
    /// Snapshots in the place of deleted events.
    Snapshots,
    /// Commands that are sent later, or were refused then.
    Timers {
        failed: bool,
    },
    /// Keys of views, records of the engine.
    Other,
}

impl<'t> TableOf<'t> {
    pub(super) fn of(table: &'t str) -> Self {
        match table {
            KEPT => return Self::Snapshots,
            timer::TIMERS => return Self::Timers { failed: false },
            timer::FAILED => return Self::Timers { failed: true },
            _ => {}
        }
        let mut parts = table.splitn(3, '/');
        match (parts.next(), parts.next()) {
            (Some("view"), Some(projection)) => Self::Views { projection },
            (Some("dead"), Some(_)) => Self::DeadLetters,
            _ => Self::Other,
        }
    }
}
