//! Other places to record events in.

mod file;
mod fjall;
mod redb;
mod sqlite;

pub use file::File;
pub use fjall::Fjall;
pub use redb::Redb;
pub use sqlite::Sqlite;

/// A stream was not where its writer expected it.
fn conflict(stream: &str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{stream} is not at the revision that was expected").into()
}
