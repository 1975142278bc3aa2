//! A store to a file, and a file to a store.

use super::audit::{self, Operation, Outcome};
use super::digest::{Digest, digest_of, is_copied};
use super::entry::Entry;
use super::error::{LineFault, MaintenanceError};
use super::fill::{Fill, finished};
use super::lines::{FromLines, ToLines};
use super::mapping::Mapping;
use super::walk::{Beside, Walk};
use super::{Maintenance, OnProgress, Progress, digest};
use crate::message::Position;
use crate::store::Store;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// An export or an import that was made and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// Where the log ends.
    pub head: Option<Position>,
    /// Of the store, without what the operation itself entered into the audit at its end.
    pub digest: Digest,
}

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 256 << 20;

impl Maintenance {
    /// Writes all that the store holds into a file of JSON lines, see the [module](super): commits and events, states, what was erased,
    /// snapshots, rows and checkpoints. The file is there when it is whole, and not before. It blocks now and then, to write.
    ///
    /// Nothing else may write to the store meanwhile: what the file says it holds would differ, and importing it says so.
    ///
    /// # Errors
    /// [`MaintenanceError`]. There is no file then, or the one from before.
    pub async fn export_to(
        &self,
        path: impl Into<PathBuf>,
        on_progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Transferred, MaintenanceError> {
        let path = path.into();
        let entered = self.enter(Operation::Export { path: path.display().to_string() }).await?;
        let exported = self.export(&path, Box::new(on_progress)).await;
        self.end(&entered, &[&self.store], outcome(&exported)).await?;
        exported
    }

    async fn export(&self, path: &Path, progress: OnProgress) -> Result<Transferred, MaintenanceError> {
        let failed = |source: io::Error| MaintenanceError::File { path: path.to_owned(), action: "written", source };
        let said = |reason: String| failed(io::Error::other(reason));
        let head = self.store.head().await?;
        let all = Mapping::default();
        let digest = digest_of(&self.store, &all, head, true).await?;
        let beside = path.with_extension("new");
        let mut file = BufWriter::new(File::create(&beside).map_err(failed)?);
        let mut text = Vec::new();
        let mut lines = ToLines::begin(head, self.store.event_types().await?, &mut text).map_err(said)?;
        let mut walk = Walk::new(&self.store, |_| true).await?;
        let mut commits = 0_u32;
        while let Some(moved) = walk.next().await? {
            let position = moved.committed.position;
            lines.entry(Entry::Commit(Box::new(moved)), &mut text).map_err(said)?;
            file.write_all(&text).map_err(failed)?;
            text.clear();
            commits += 1;
            if commits.is_multiple_of(256) {
                progress(Progress { position, head });
            }
        }
        lines.entry(Entry::Head(head), &mut text).map_err(said)?;
        let mut beside_log = Beside::new(&self.store, |table| is_copied(table, &all)).await?;
        while let Some(entry) = beside_log.next().await? {
            lines.entry(entry, &mut text).map_err(said)?;
            file.write_all(&text).map_err(failed)?;
            text.clear();
        }
        lines.end(digest.clone(), &mut text).map_err(said)?;
        file.write_all(&text).map_err(failed)?;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().and_then(|()| std::fs::rename(&beside, path)).map_err(failed)?;
        progress(Progress { position: head, head });
        Ok(Transferred { head, digest })
    }

    /// Fills the store, which is empty, with an export: as a [copy](super::Copy) of the store that it was made of. The file is read twice:
    /// nothing is written before all of it was found in order. Interrupted, the same import begun again goes on where it was; until it
    /// is finished, no engine starts on the store. It blocks now and then, to read.
    ///
    /// # Errors
    /// [`MaintenanceError`]; [`MaintenanceError::Line`] with the number of the first line that is damaged, cut, twice or elsewhere.
    pub async fn import_from(
        &self,
        path: impl Into<PathBuf>,
        on_progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Transferred, MaintenanceError> {
        let path = path.into();
        let mut checked = FromLines::new();
        let mut lines = Lines::open(&path)?;
        while let Some(line) = lines.next()? {
            checked.line(&line).map_err(|fault| lines.fault(fault))?;
        }
        let Some(expected) = checked.end().cloned() else { return Err(lines.fault(LineFault::Cut)) };
        let head = checked.head();
        let (types, progress) = (checked.types(), Some(Box::new(on_progress) as OnProgress));
        let operation = format!("import {expected}");
        let done = Transferred { head, digest: expected.clone() };
        if finished(&self.store, &operation).await?.is_some() {
            // Interrupted when it was entered.
            self.import_is_entered(&path, &expected).await?;
            return Ok(done);
        }
        let mut fill = Fill::begin(self.store.clone(), &operation, types, head, progress).await?;
        let (mut read, mut lines) = (FromLines::new(), Lines::open(&path)?);
        while let Some(line) = lines.next()? {
            if let Some(entry) = read.line(&line).map_err(|fault| lines.fault(fault))? {
                fill.take(entry).await?;
            }
        }
        fill.settle().await?;
        let written = digest(&self.store).await?;
        if written != expected {
            return Err(MaintenanceError::Differs { read: expected, written });
        }
        fill.finish(&operation).await?;
        self.import_is_entered(&path, &expected).await?;
        Ok(done)
    }

    /// Enters an import into the audit of the store that it has filled: an empty store had none to enter it into before, but the mark.
    async fn import_is_entered(&self, path: &Path, digest: &Digest) -> Result<(), MaintenanceError> {
        let done = Outcome::Done { digest: Some(digest.clone()) };
        let known = audit::entries(&self.store).await?;
        let mut imports = known.iter().filter(|entry| matches!(entry.operation, Operation::Import { .. }));
        if imports.any(|entry| matches!(&entry.ended, Some((_, ended)) if *ended == done)) {
            return Ok(());
        }
        let entered = self.enter(Operation::Import { path: path.display().to_string() }).await?;
        self.end(&entered, &[&self.store], done).await
    }
}

fn outcome(done: &Result<Transferred, MaintenanceError>) -> Outcome {
    match done {
        Ok(done) => Outcome::Done { digest: Some(done.digest.clone()) },
        Err(error) => Outcome::Failed { error: super::said(error) },
    }
}

/// The lines of a file, counted.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, MaintenanceError> {
        let failed = |source| MaintenanceError::File { path: path.to_owned(), action: "read", source };
        Ok(Self { path: path.to_owned(), file: BufReader::new(File::open(path).map_err(failed)?), number: 0 })
    }

    fn fault(&self, fault: LineFault) -> MaintenanceError {
        MaintenanceError::Line { path: self.path.clone(), line: self.number, fault }
    }

    /// The next line, without its break.
    fn next(&mut self) -> Result<Option<Vec<u8>>, MaintenanceError> {
        let mut line = Vec::new();
        let read = (&mut self.file).take(MAX_LINE).read_until(b'\n', &mut line);
        let read = read.map_err(|source| MaintenanceError::File { path: self.path.clone(), action: "read", source })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        match line.pop() {
            Some(b'\n') => Ok(Some(line)),
            _ if read as u64 == MAX_LINE => Err(self.fault(LineFault::TooLong { limit: MAX_LINE })),
            _ => Err(self.fault(LineFault::Cut)),
        }
    }
}
