//! A plain file: the heads are in memory only, and nothing could be found in it again.

use crate::front::{Table, Write};
use crate::tables::conflict;
use benches::Result;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// One file, appended to.
pub struct File {
    file: std::fs::File,
    heads: HashMap<Arc<str>, u64>,
    buffer: Vec<u8>,
    events: u64,
    bytes: u64,
}

impl Table for File {
    fn open(folder: &Path) -> Result<Self> {
        let file = std::fs::File::create_new(folder.join("events"))?;
        file.sync_all()?;
        Ok(Self { file, heads: HashMap::new(), buffer: Vec::new(), events: 0, bytes: 0 })
    }

    fn record(&mut self, group: &[Write]) -> Result<()> {
        self.buffer.clear();
        for write in group {
            let head = self.heads.entry(Arc::clone(&write.stream)).or_default();
            if *head != write.expected {
                return Err(conflict(&write.stream));
            }
            *head += 1;
            let length = u32::try_from(write.stream.len() + write.body.len())?;
            self.buffer.extend_from_slice(&length.to_le_bytes());
            self.buffer.extend_from_slice(&head.to_le_bytes());
            self.buffer.extend_from_slice(write.stream.as_bytes());
            self.buffer.extend_from_slice(&write.body);
        }
        self.file.write_all(&self.buffer)?;
        self.file.sync_data()?;
        self.events += group.len() as u64;
        self.bytes += self.buffer.len() as u64;
        Ok(())
    }

    fn heads(&mut self, streams: &[Arc<str>]) -> Result<(u64, Vec<u64>)> {
        if self.file.metadata()?.len() != self.bytes {
            return Err("the file is not as long as what was written".into());
        }
        Ok((self.events, streams.iter().map(|stream| self.heads.get(stream).copied().unwrap_or_default()).collect()))
    }
}
