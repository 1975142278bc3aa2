//! What can go wrong in maintenance.

use super::Digest;
use crate::message::{Position, Revision, StreamId};
use crate::projection::OpError;
use crate::store::{Refusal, StoreError};
use std::path::PathBuf;

/// Why an operation was not done. A store that was being filled says so at the start of an engine; the same operation again goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A store failed. What was done is there; the same operation again goes on.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The store that was to be filled holds something that this operation did not put there. Nothing was written.
    #[error("the store that is to be filled is not empty: it has {holds}")]
    NotEmpty {
        /// What was found first.
        holds: &'static str,
    },
    /// The store that is being filled did not take a commit. Begin again with an empty one.
    #[error("the store that is being filled did not take the commit at revision {} of {stream}", .revision.map_or(0, Revision::get))]
    Refused {
        /// Of which stream.
        stream: StreamId,
        /// The last revision of the commit.
        revision: Option<Revision>,
        /// Why not.
        #[source]
        source: Refusal,
    },
    /// The store that is being filled gave a commit another place. Begin again with an empty one.
    #[error("a commit to {stream} that belongs at position {wanted} came to position {found}")]
    Misplaced {
        /// Of which stream.
        stream: StreamId,
        /// Where it belongs.
        wanted: Position,
        /// Where it is, 0 for nowhere.
        found: u64,
    },
    /// What is read does not fit together: the store was changed meanwhile, or is damaged.
    #[error("{stream} does not fit together: {reason}")]
    Inconsistent {
        /// Which stream.
        stream: StreamId,
        /// What is wrong.
        reason: String,
    },
    /// What was written is not what was read. The store that was filled stays marked as unfinished.
    #[error("what was written ({written}) is not what was read ({read})")]
    Differs {
        /// Of what was read.
        read: Digest,
        /// Of what was written.
        written: Digest,
    },
    /// The event that was to be replaced is not there. Nothing was written.
    #[error("{stream} has no event with revision {revision} that could be replaced")]
    NoSuchEvent {
        /// The stream.
        stream: StreamId,
        /// The revision.
        revision: Revision,
    },
    /// A file could not be read or written.
    #[error("{} could not be {action}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// "read" or "written".
        action: &'static str,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A line of a file is not what was exported. Nothing was written.
    #[error("line {line} of {}: {fault}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// The views of a projection that held something of an erased stream were not built anew. The stream is erased all the same.
    #[error("the views of {projection:?} were not built anew")]
    NotRebuilt {
        /// The projection.
        projection: String,
        /// Why not.
        #[source]
        source: OpError,
    },
}

/// What is wrong with a line of an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// It cannot be read.
    #[error("it is damaged: {reason}")]
    Damaged {
        /// Why not.
        reason: String,
    },
    /// The file ends before its last line.
    #[error("the file ends here, but not the export: it was cut")]
    Cut,
    /// It was there before, or belongs elsewhere.
    #[error("it does not follow the lines before it: {reason}")]
    OutOfOrder {
        /// Why not.
        reason: String,
    },
    /// The sum of all lines does not hold.
    #[error("the sum of the lines does not hold: one of them was changed")]
    Sum,
    /// It is longer than any line that is exported.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// It was exported by a newer release.
    #[error("it has format {found}, this release reads {supported}")]
    NewerFormat {
        /// The format of the file.
        found: u32,
        /// What this release reads.
        supported: u32,
    },
}
