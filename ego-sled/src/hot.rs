//! What is kept in memory of the streams that the writer worked on lately: where they stand, and which command ids they know. With it,
//! deciding a commit to a busy stream reads nothing, nor does saying that such a stream has never seen a command.

use crate::find::Reader;
use crate::hash::Table;
use crate::key::Head;
use ego::message::StreamId;
use ego::store::StoreError;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
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

/// About how many bytes a command id takes.
const COMMAND_WEIGHT: usize = 12;

impl HotStream {
    fn read(reader: &Reader, stream: &StreamId) -> Result<Self, StoreError> {
        let mut known = Self { head: reader.head(stream)?.unwrap_or_default(), ..Self::default() };
        if known.head.commits > 0 {
            reader.commands(stream, |hash| {
                known.commands.insert(hash);
            })?;
        }
        Ok(known)
    }

    fn weight(&self) -> usize {
        300 + self.commands.len() * COMMAND_WEIGHT
    }
}

/// Two generations: what is used moves into the young one; when that is full, the old one is forgotten.
pub(crate) struct Hot {
    young: Table<StreamId, HotStream>,
    old: Table<StreamId, HotStream>,
    /// How many bytes the young ones take, about.
    weight: usize,
    limit: usize,
}

impl Hot {
    pub(crate) fn new(limit: usize) -> Self {
        Self { young: Table::default(), old: Table::default(), weight: 0, limit: limit / 2 }
    }

    /// The stream, read from what is published unless it is here.
    pub(crate) fn load(&mut self, reader: &Reader, stream: &StreamId) -> Result<&mut HotStream, StoreError> {
        match self.young.entry(stream.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let known = match self.old.remove(stream) {
                    Some(known) => known,
                    None => HotStream::read(reader, stream)?,
                };
                self.weight += known.weight();
                Ok(place.insert(known))
            }
        }
    }

    /// Whether the stream may know a command id of this number; `None` when the stream is not here.
    pub(crate) fn knows(&self, stream: &StreamId, command: u64) -> Option<bool> {
        let known = self.young.get(stream).or_else(|| self.old.get(stream))?;
        Some(known.commands.contains(&command))
    }

    /// A commit was decided to a stream that is here.
    pub(crate) fn grow(&mut self) {
        self.weight += COMMAND_WEIGHT;
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
