//! The store's errors, said in this crate's words: which file, where in it, what was being done.

use ego::store::StoreError;
use std::io;
use std::path::Path;

/// Damage in a file, at a place in it when there is one.
pub(crate) fn damaged(path: &Path, offset: Option<u64>, reason: impl AsRef<str>) -> StoreError {
    let place = match offset {
        Some(offset) => format!("{} at byte {offset}", path.display()),
        None => path.display().to_string(),
    };
    StoreError::damaged(place, reason.as_ref())
}

/// An error of the operating system with a file.
pub(crate) fn io(action: &str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let action = format!("{action} {}", path.display());
    move |source| StoreError::io(action, source)
}

/// The writer or the indexer is gone without an answer, which only a bug brings about.
pub(crate) fn gone(what: &str) -> StoreError {
    StoreError::other(what, io::Error::other("the thread that does it is gone"))
}
