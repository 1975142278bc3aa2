//! Which rows may hold something personal.

/// What a table holds.
pub(super) enum TableOf<'t> {
    Views {
        projection: &'t str,
    },
    DeadLetters,
    /// Keys of views, records of the engine.
    Other,
}

impl<'t> TableOf<'t> {
    pub(super) fn of(table: &'t str) -> Self {
        let mut parts = table.splitn(3, '/');
        match (parts.next(), parts.next()) {
            (Some("view"), Some(projection)) => Self::Views { projection },
            (Some("dead"), Some(_)) => Self::DeadLetters,
            _ => Self::Other,
        }
    }
}
