//! SQLite: one transaction per group, WAL with synchronous FULL, statements prepared once.

use crate::front::{Table, Write};
use crate::tables::conflict;
use benches::Result;
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;

/// A database with two tables.
pub struct Sqlite {
    connection: Connection,
    position: i64,
}

impl Table for Sqlite {
    fn open(folder: &Path) -> Result<Self> {
        let connection = Connection::open(folder.join("events.sqlite"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -64 * 1024)?;
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        assert_eq!(mode, "wal");
        connection.execute_batch(
            "CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL);
             CREATE TABLE heads (stream TEXT PRIMARY KEY, revision INTEGER NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;",
        )?;
        Ok(Self { connection, position: 0 })
    }

    fn record(&mut self, group: &[Write]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut event = transaction.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4)")?;
            let mut first = transaction.prepare_cached("INSERT INTO heads VALUES (?1, 1, ?2)")?;
            let mut next = transaction
                .prepare_cached("UPDATE heads SET revision = ?2 + 1, position = ?3 WHERE stream = ?1 AND revision = ?2")?;
            for write in group {
                self.position += 1;
                let expected = write.expected.cast_signed();
                // The key refuses a stream that is there, the condition one that is elsewhere.
                let changed = match expected {
                    0 => first.execute(params![write.stream, self.position])?,
                    _ => next.execute(params![write.stream, expected, self.position])?,
                };
                if changed != 1 {
                    return Err(conflict(&write.stream));
                }
                event.execute(params![self.position, write.stream, expected + 1, write.body])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn heads(&mut self, streams: &[Arc<str>]) -> Result<(u64, Vec<u64>)> {
        let events: i64 = self.connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
        let mut head = self.connection.prepare("SELECT revision FROM heads WHERE stream = ?1")?;
        let mut revision = |stream: &Arc<str>| Ok(head.query_row([stream], |row| row.get::<_, i64>(0))?.cast_unsigned());
        Ok((events.cast_unsigned(), streams.iter().map(&mut revision).collect::<Result<_>>()?))
    }
}
