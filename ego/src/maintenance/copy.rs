//! A copy of a store in another one.

use super::audit::{Operation, Outcome};
use super::digest::{Digest, digest_of, is_copied, is_kept};
use super::entry::Entry;
use super::error::MaintenanceError;
use super::fill::{Fill, finished};
use super::mapping::{Mapping, Replacement};
use super::walk::{Beside, Walk};
use super::{Maintenance, OnProgress, Progress};
use crate::message::{Name, Position, Revision, StreamId};
use crate::store::{AnyStore, Store};
use std::fmt;

const COPY: &str = "copy";

/// A copy of all that a store holds, in an empty one: with the same revisions and positions, command ids and replies, metadata, states,
/// snapshots, rows and checkpoints; what was deleted is deleted there, and what was erased is erased. Made by [`Maintenance::copy_to`].
///
/// What is written is compared with what was read before the copy counts as finished. Until then an engine refuses to start on it.
/// Interrupted, the same copy begun again goes on where it was; so does one that is dropped.
///
/// Not copied: the metadata of commands whose events were deleted, but for their ids and names; types of events of which every one was
/// deleted. Nothing else may write to the source meanwhile, or the copy differs and says so.
#[must_use = "nothing is copied before `run`"]
pub struct Copy {
    maintenance: Maintenance,
    target: AnyStore,
    mapping: Mapping,
    rows: bool,
    progress: Option<OnProgress>,
}

/// A copy that was made and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Where the log ends, in both.
    pub head: Option<Position>,
    /// Of both, with the changes that were asked for; before the end of the operation was entered into the audit.
    pub digest: Digest,
}

impl Copy {
    pub(super) fn new(maintenance: Maintenance, target: AnyStore) -> Self {
        Self { maintenance, target, mapping: Mapping::default(), rows: true, progress: None }
    }

    /// Copies only these streams, and the audit. The positions of the others stay empty; views are built anew, since they may have been
    /// folded from what is left out.
    pub fn only(mut self, wanted: impl Fn(&StreamId) -> bool + Send + Sync + 'static) -> Self {
        self.mapping.wanted = Some(Box::new(wanted));
        self
    }

    /// Gives events of this kind another stored name. An alias of the variant reads the older name without a copy.
    pub fn rename_event(mut self, kind: impl Into<String>, from: impl Into<String>, to: impl Into<Name>) -> Self {
        self.mapping.names.insert((kind.into(), from.into()), to.into());
        self
    }

    /// Puts another event in the place of this one, with its revision, position and metadata. The audit keeps the sums of both. Snapshots of
    /// the stream are left out, and views are built anew.
    pub fn replace_event(mut self, stream: StreamId, revision: Revision, replacement: Replacement) -> Self {
        self.mapping.events.insert((stream, revision), replacement);
        self
    }

    /// Leaves out all rows and checkpoints: views are built anew, and consumers begin at the start of the log.
    pub fn without_rows(mut self) -> Self {
        self.rows = false;
        self
    }

    /// Hears how far it is, now and then.
    pub fn on_progress(mut self, hear: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(hear));
        self
    }

    /// Makes the copy, or goes on with one that was interrupted.
    ///
    /// The operation is entered into the audit of the source before, and into that of both after.
    ///
    /// # Errors
    /// [`MaintenanceError`]. The copy is not finished then, and no engine starts on it; its source is as it was, but for the audit.
    pub async fn run(mut self) -> Result<Copied, MaintenanceError> {
        let (source, target) = (self.maintenance.store.clone(), self.target.clone());
        // Nothing is entered for what cannot begin.
        let replaced = self.mapping.replacements(&source).await?;
        let names = &self.mapping.names;
        let renamed = names.iter().map(|((kind, from), to)| (kind.clone(), from.clone(), to.to_string())).collect();
        let operation = Operation::Copy { renamed, replaced, filtered: self.mapping.wanted.is_some() };
        let progress = self.progress.take();
        let entered = self.maintenance.enter(operation).await?;
        if let Some(copied) = self.finished(&source, &target).await? {
            self.maintenance.end(&entered, &[&source], Outcome::Done { digest: Some(copied.digest.clone()) }).await?;
            return Ok(copied);
        }
        let copied = self.copy(&source, &target, progress).await;
        let outcome = match &copied {
            Ok(copied) => Outcome::Done { digest: Some(copied.digest.clone()) },
            Err(error) => Outcome::Failed { error: super::said(error) },
        };
        // The copy first: what was interrupted between the two is seen in the source.
        let stores = if copied.is_ok() { &[&target, &source][..] } else { &[&source] };
        self.maintenance.end(&entered, stores, outcome).await?;
        copied
    }

    /// The copy, if the same one was finished before, and the audit of it interrupted.
    async fn finished(&self, source: &AnyStore, target: &AnyStore) -> Result<Option<Copied>, MaintenanceError> {
        // What stands behind it was entered into the audits since.
        let Some(head) = finished(target, COPY).await? else { return Ok(None) };
        let digest = digest_of(source, &self.mapping, head, self.rows).await?;
        let same = digest == digest_of(target, &Mapping::default(), head, self.rows).await?;
        Ok(same.then_some(Copied { head, digest }))
    }

    async fn copy(&self, source: &AnyStore, target: &AnyStore, progress: Option<OnProgress>) -> Result<Copied, MaintenanceError> {
        let Self { mapping, rows, .. } = self;
        let head = source.head().await?;
        let types = source.event_types().await?;
        let mut fill = Fill::begin(target.clone(), COPY, types, head, progress).await?;
        let mut walk = Walk::new(source, |stream| mapping.wants(stream)).await?;
        while let Some(mut moved) = walk.next().await? {
            mapping.apply(&mut moved);
            fill.take(Entry::Commit(Box::new(moved))).await?;
        }
        fill.take(Entry::Head(head)).await?;
        let replaced = mapping.replaced();
        let mut beside = Beside::new(source, |table| *rows && is_copied(table, mapping)).await?;
        while let Some(entry) = beside.next().await? {
            let taken = match &entry {
                Entry::Deleted { stream, .. } => mapping.wants(stream),
                Entry::Snapshot(stream, _) => mapping.wants(stream) && !replaced.contains(stream),
                Entry::Checkpoint { consumer, .. } => *rows && is_kept(consumer, mapping),
                _ => true,
            };
            if taken {
                fill.take(entry).await?;
            }
        }
        fill.settle().await?;
        let read = digest_of(source, mapping, head, *rows).await?;
        let written = digest_of(target, &Mapping::default(), target.head().await?, *rows).await?;
        if read != written {
            return Err(MaintenanceError::Differs { read, written });
        }
        fill.finish(COPY).await?;
        Ok(Copied { head, digest: read })
    }
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { maintenance, target, rows, .. } = self;
        f.debug_struct("Copy").field("of", maintenance).field("target", target).field("rows", rows).finish_non_exhaustive()
    }
}
