//! What the writer keeps in memory of the streams that it worked on lately: where they stand, and which command ids they know. With
//! it, deciding a commit to a busy stream reads nothing.

use crate::key::Head;
use crate::read::Reader;
use ego::message::StreamId;
use ego::store::StoreError;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Numbers that are hashes already.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// One stream, with everything that was decided for it, durable or not yet.
#[derive(Default)]
pub(crate) struct HotStream {
    pub(crate) head: Head,
    /// The numbers of the command ids that it knows.
    pub(crate) commands: HashSet<u64, BuildHasherDefault<AsIs>>,
}

impl HotStream {
    fn weight(&self) -> usize {
        300 + self.commands.len() * 12
    }
}

/// Two generations: what is used moves into the young one; when that is full, the old one is forgotten.
pub(crate) struct Hot {
    young: HashMap<StreamId, HotStream>,
    old: HashMap<StreamId, HotStream>,
    /// How many bytes the young ones take, about.
    weight: usize,
    limit: usize,
}

impl Hot {
    pub(crate) fn new(limit: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, limit: limit / 2 }
    }

    /// The stream, read from what is published unless it is here.
    pub(crate) fn load(&mut self, reader: &Reader, stream: &StreamId) -> Result<&HotStream, StoreError> {
        if !self.young.contains_key(stream) {
            let known = match self.old.remove(stream) {
                Some(known) => known,
                None => {
                    let mut known = HotStream { head: reader.head(stream)?.unwrap_or_default(), ..HotStream::default() };
                    if known.head.commits > 0 {
                        reader.commands(stream, |hash| {
                            known.commands.insert(hash);
                        })?;
                    }
                    known
                }
            };
            self.weight += known.weight();
            self.young.insert(stream.clone(), known);
        }
        Ok(self.young.entry(stream.clone()).or_default())
    }

    /// A commit was decided to a stream that was loaded.
    pub(crate) fn record(&mut self, stream: &StreamId, head: &Head, command: u64) {
        if let Some(known) = self.young.get_mut(stream) {
            known.head.clone_from(head);
            known.commands.insert(command);
            self.weight += 12;
        }
    }

    /// The head of a stream that was loaded changed.
    pub(crate) fn change(&mut self, stream: &StreamId, head: &Head) {
        if let Some(known) = self.young.get_mut(stream) {
            known.head.clone_from(head);
        }
    }

    /// A stream that was loaded is erased.
    pub(crate) fn erase(&mut self, stream: &StreamId, head: &Head) {
        self.young.insert(stream.clone(), HotStream { head: head.clone(), ..HotStream::default() });
    }

    /// Forgets what was not used for long. Only between groups: what is not published yet is known here alone.
    pub(crate) fn trim(&mut self) {
        if self.weight > self.limit {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
    }
}
