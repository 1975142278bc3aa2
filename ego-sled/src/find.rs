//! Finding: what the tail and the index know of streams, and single commits in the log. Nothing here sees a group before it is
//! durable: the tail is told of it only then. `read.rs` makes pages of it.

use crate::entry::{Entry, RecordedCommit, Texts, read_entry};
use crate::error;
use crate::index::Index;
use crate::key::{self, Chunk, CommitRef, Head, StreamEntry};
use crate::log::Place;
use crate::read::{PAGE_BYTES, PAGE_ITEMS};
use crate::shared::Shared;
use bytes::Bytes;
use ego::message::{CommandId, StreamId};
use ego::store::{Committed, Direction, Page, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads an open store.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: Arc<Index>,
}

impl Reader {
    pub(crate) fn of(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        Ok(Self { index: shared.index()?, shared: Arc::clone(shared) })
    }

    /// Where a stream stands; `None` when nothing was ever recorded.
    pub(crate) fn head(&self, stream: &StreamId) -> Result<Option<Head>, StoreError> {
        let tail = self.shared.tail.read();
        if let Some(head) = tail.layers(stream).next().map(|layer| layer.head.clone()) {
            return Ok(Some(head));
        }
        drop(tail);
        Ok(self.index.stream(stream)?.map(|entry| entry.head))
    }

    /// The numbers of all command ids of a stream.
    pub(crate) fn commands(&self, stream: &StreamId, mut take: impl FnMut(u64)) -> Result<(), StoreError> {
        self.each_commit(stream, |commit| {
            take(commit.command);
            Ok(true)
        })
    }

    /// What was recorded for a command id.
    pub(crate) fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        let hash = key::command_hash(id.as_str());
        let mut found = None;
        self.each_commit(stream, |commit| {
            if commit.command == hash
                && let Some(recorded) = self.commit(stream, commit, &mut Texts::default())?
                && recorded.metadata.command_id == *id
            {
                found = Some(recorded.committed());
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// What was recorded for the commands of a stream, in the order of recording, from this ordinal on.
    pub(crate) fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        let mut found = BTreeMap::new();
        // One more than the page takes, to see whether there is a next one.
        let end = from.saturating_add(limit.clamp(1, PAGE_ITEMS) as u64);
        let mut take = |first: u64, commits: &[CommitRef]| {
            found.extend((first..).zip(commits.iter().copied()).filter(|(ordinal, _)| (from..=end).contains(ordinal)));
        };
        // From the tail down: what moves meanwhile is found at least once, and told by its ordinal.
        let wiped = {
            let tail = self.shared.tail.read();
            tail.layers(stream).for_each(|layer| take(layer.first(), &layer.commits));
            tail.layers(stream).any(|layer| layer.wiped)
        };
        if !wiped && let Some(StreamEntry { head, recent }) = self.index.stream(stream)? {
            let first = head.commits.saturating_sub(recent.len() as u64);
            take(first, &recent);
            let prefix = key::chunks(stream);
            self.index.table().scan(&prefix, key::behind(&prefix).as_deref(), false, |_, value| {
                let chunk = self.index.value::<Chunk>(value)?;
                take(chunk.first, &chunk.commits);
                Ok(chunk.first <= end)
            })?;
        }
        let (mut items, mut bytes, mut next) = (Vec::new(), 0, None);
        for (ordinal, commit) in found {
            if ordinal == end || bytes >= PAGE_BYTES {
                next = Some(ordinal);
                break;
            }
            // Erased meanwhile.
            let Some(recorded) = self.commit(stream, &commit, &mut Texts::default())? else {
                return Ok(Page { items: Vec::new(), next: None });
            };
            bytes += recorded.reply.len();
            items.push(recorded.committed());
        }
        Ok(Page { items, next })
    }

    /// Visits the commits of a stream, each at least once, in no promised order, while `visit` says true.
    fn each_commit(
        &self,
        stream: &StreamId,
        mut visit: impl FnMut(&CommitRef) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let (newest, wiped) = {
            let tail = self.shared.tail.read();
            let newest: Vec<CommitRef> = tail.layers(stream).flat_map(|layer| layer.commits.iter().copied()).collect();
            (newest, tail.layers(stream).any(|layer| layer.wiped))
        };
        for commit in &newest {
            if !visit(commit)? {
                return Ok(());
            }
        }
        if wiped {
            return Ok(());
        }
        let Some(entry) = self.index.stream(stream)? else { return Ok(()) };
        for commit in &entry.recent {
            if !visit(commit)? {
                return Ok(());
            }
        }
        if entry.head.commits == entry.recent.len() as u64 {
            return Ok(());
        }
        let prefix = key::chunks(stream);
        self.index.table().scan(&prefix, key::behind(&prefix).as_deref(), false, |_, value| {
            for commit in &self.index.value::<Chunk>(value)?.commits {
                if !visit(commit)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Up to `limit` commits with events of a stream, in the order of reading, from the one that holds revision `from`.
    pub(crate) fn commits(
        &self,
        stream: &StreamId,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<CommitRef>, StoreError> {
        let forwards = direction == Direction::Forwards;
        let wanted = |commit: &CommitRef| {
            let reached =
                if forwards { commit.revision >= from } else { commit.revision.saturating_sub(u64::from(commit.events)) < from };
            commit.events > 0 && reached
        };
        // The tail first: what moves from there into the index meanwhile is found there again and told by its ordinal.
        let (newest, mut end) = {
            let tail = self.shared.tail.read();
            let mut layers: Vec<_> = tail.layers(stream).collect();
            let wiped = layers.iter().any(|layer| layer.wiped);
            let first = layers.last().map_or(u64::MAX, |layer| layer.first());
            layers.reverse();
            let commits = layers.iter().flat_map(|layer| &layer.commits).copied();
            let newest: Vec<CommitRef> = if forwards {
                commits.filter(wanted).take(limit).collect()
            } else {
                commits.rev().filter(wanted).take(limit).collect()
            };
            (newest, if wiped { 0 } else { first })
        };
        let mut found = Vec::new();
        if !forwards {
            found = newest.clone();
        }
        if end > 0 && found.len() < limit {
            // The entry before the chunks: commits move from it into chunks, never back.
            let StreamEntry { head, recent } = self.index.stream(stream)?.unwrap_or_default();
            let first_recent = head.commits.saturating_sub(recent.len() as u64);
            let recent = (first_recent..).zip(recent).filter(|(ordinal, commit)| *ordinal < end && wanted(commit));
            let recent: Vec<CommitRef> = recent.map(|(_, commit)| commit).collect();
            end = end.min(first_recent);
            if !forwards {
                found.extend(recent.iter().rev());
            }
            if end > 0 && found.len() < limit {
                self.chunked(stream, from, forwards, end, |commit| {
                    if wanted(&commit) {
                        found.push(commit);
                    }
                    found.len() < limit
                })?;
            }
            if forwards {
                found.extend(recent);
            }
        }
        if forwards {
            found.extend(newest);
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Visits commits in chunks, from the chunk that holds revision `from`, of those before ordinal `end`, while `visit` says true.
    fn chunked(
        &self,
        stream: &StreamId,
        from: u64,
        forwards: bool,
        end: u64,
        mut visit: impl FnMut(CommitRef) -> bool,
    ) -> Result<(), StoreError> {
        let table = self.index.table();
        let (first, behind) = (key::chunks(stream), key::behind(&key::chunks(stream)));
        // A chunk is named for its last revision, so the first one at or behind `from` holds it.
        let start = key::chunk(stream, from, 0);
        let mut visit_chunk = |_: &[u8], value: &[u8]| {
            let Chunk { first, commits } = self.index.value(value)?;
            let mut commits: Vec<_> = (first..).zip(commits).filter(|(ordinal, _)| *ordinal < end).collect();
            if !forwards {
                commits.reverse();
            }
            Ok(commits.into_iter().all(|(_, commit)| visit(commit)))
        };
        if forwards {
            return table.scan(&start, behind.as_deref(), false, visit_chunk);
        }
        let mut to = behind.clone();
        table.scan(&start, behind.as_deref(), false, |key, _| {
            let mut next = key.to_vec();
            next.push(0);
            to = Some(next);
            Ok(false)
        })?;
        table.scan(&first, to.as_deref(), true, &mut visit_chunk)
    }

    /// A commit as the log holds it; `None` when it was erased meanwhile.
    pub(crate) fn commit(
        &self,
        stream: &StreamId,
        commit: &CommitRef,
        texts: &mut Texts,
    ) -> Result<Option<RecordedCommit>, StoreError> {
        self.commit_at(stream, commit.revision, commit.place, texts)
    }

    pub(crate) fn commit_at(
        &self,
        stream: &StreamId,
        revision: u64,
        place: Place,
        texts: &mut Texts,
    ) -> Result<Option<RecordedCommit>, StoreError> {
        self.commit_in(&self.shared.log.read(place)?, stream, revision, place, texts)
    }

    /// The commit in an entry's content; `None` when it was erased meanwhile.
    pub(crate) fn commit_in(
        &self,
        content: &Bytes,
        stream: &StreamId,
        revision: u64,
        place: Place,
        texts: &mut Texts,
    ) -> Result<Option<RecordedCommit>, StoreError> {
        let bad = |reason| error::damaged(&self.shared.log.path(place.segment), Some(u64::from(place.offset)), reason);
        match read_entry(content, texts).map_err(bad)? {
            Entry::Commit(commit) if commit.stream == *stream && commit.revision == revision => Ok(Some(*commit)),
            Entry::Blank { .. } => Ok(None),
            _ => Err(bad("another entry stands here than the index says")),
        }
    }
}
