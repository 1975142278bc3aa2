//! fjall: one write batch per group, committed with `PersistMode::SyncData`.

use crate::front::{Table, Write};
use crate::tables::conflict;
use ::fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use benches::Result;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// A database with two keyspaces.
pub struct Fjall {
    database: Database,
    events: Keyspace,
    /// Revision and position of a stream's last event.
    heads: Keyspace,
    position: u64,
}

impl Fjall {
    fn revision(&self, stream: &str) -> Result<u64> {
        let head = self.heads.get(stream)?;
        Ok(head.and_then(|head| Some(u64::from_be_bytes(head.get(..8)?.try_into().ok()?))).unwrap_or_default())
    }
}

impl Table for Fjall {
    fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder.join("events.fjall")).open()?;
        let events = database.keyspace("events", KeyspaceCreateOptions::default)?;
        let heads = database.keyspace("heads", KeyspaceCreateOptions::default)?;
        Ok(Self { database, events, heads, position: 0 })
    }

    fn record(&mut self, group: &[Write]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        // A batch does not show what is in it.
        let mut in_batch: HashMap<&str, u64> = HashMap::new();
        for write in group {
            let revision = match in_batch.get(&*write.stream) {
                Some(revision) => *revision,
                None => self.revision(&write.stream)?,
            };
            if revision != write.expected {
                return Err(conflict(&write.stream));
            }
            in_batch.insert(&write.stream, revision + 1);
            self.position += 1;
            batch.insert(&self.events, self.position.to_be_bytes(), &*write.body);
            let mut head = [0; 16];
            head[..8].copy_from_slice(&(revision + 1).to_be_bytes());
            head[8..].copy_from_slice(&self.position.to_be_bytes());
            batch.insert(&self.heads, &*write.stream, head);
        }
        Ok(batch.commit()?)
    }

    fn heads(&mut self, streams: &[Arc<str>]) -> Result<(u64, Vec<u64>)> {
        let revisions = streams.iter().map(|stream| self.revision(stream)).collect::<Result<_>>()?;
        Ok((self.events.len()? as u64, revisions))
    }
}
