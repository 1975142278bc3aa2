//! redb: one write transaction per group, `Durability::Immediate` (its default).

use crate::front::{Table, Write};
use crate::tables::conflict;
use ::redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use benches::Result;
use std::path::Path;
use std::sync::Arc;

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Revision and position of a stream's last event.
const HEADS: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("heads");

/// A database with two tables.
pub struct Redb {
    database: Database,
    position: u64,
}

impl Table for Redb {
    fn open(folder: &Path) -> Result<Self> {
        Ok(Self { database: Database::create(folder.join("events.redb"))?, position: 0 })
    }

    fn record(&mut self, group: &[Write]) -> Result<()> {
        let transaction = self.database.begin_write()?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut heads = transaction.open_table(HEADS)?;
            for write in group {
                let revision = heads.get(&*write.stream)?.map_or(0, |head| head.value().0);
                if revision != write.expected {
                    return Err(conflict(&write.stream));
                }
                self.position += 1;
                events.insert(self.position, &*write.body)?;
                heads.insert(&*write.stream, (revision + 1, self.position))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn heads(&mut self, streams: &[Arc<str>]) -> Result<(u64, Vec<u64>)> {
        let transaction = self.database.begin_read()?;
        let heads = transaction.open_table(HEADS)?;
        let revision = |stream: &Arc<str>| Ok(heads.get(&**stream)?.map_or(0, |head| head.value().0));
        Ok((transaction.open_table(EVENTS)?.len()?, streams.iter().map(revision).collect::<Result<_>>()?))
    }
}
