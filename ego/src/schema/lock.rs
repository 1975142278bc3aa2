//! The lock file: read, compared, and written when it is asked for.

use super::problem::Problem;
use super::rules::compare;
use super::stored::Schema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The lock of a program: what was released, in a file. Made by [`schema_lock!`](crate::schema_lock) in a test.
#[derive(Clone, Debug)]
#[must_use = "nothing is compared before `check` or `assert`"]
pub struct Lock {
    path: PathBuf,
    schema: Option<Schema>,
    retired: BTreeSet<String>,
    write: Option<bool>,
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The version of the file's format.
    ego_lock: u32,
    stored: Schema,
}

/// Why a program does not fit its lock. The file is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// There is no file yet.
    #[error("there is no {}: write it with `{WRITE}`, and put it into version control", .path.display())]
    Missing {
        /// Where it is looked for.
        path: PathBuf,
    },
    /// The file could not be read or written.
    #[error("{} could not be {action}: {reason}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// "read" or "written".
        action: &'static str,
        /// Why not.
        reason: String,
    },
    /// The program stores nothing: most likely its crate is not linked into the test.
    #[error(
        "nothing that is stored is linked into this program: name the crate of the domain in the test, as in `use my_domain as _;`"
    )]
    Nothing,
    /// What was released would not be read any more.
    #[error("{} no longer fits what is stored:{}\nWhat was never released may be taken out of the file by hand.", .path.display(), lines(.problems))]
    Broken {
        /// The lock.
        path: PathBuf,
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
    /// All that was released is read, but something is not in the lock yet.
    #[error("{} does not know yet:{}\nAdd it with `{WRITE}`.", .path.display(), lines(.news))]
    New {
        /// The lock.
        path: PathBuf,
        /// What it does not know.
        news: Vec<String>,
    },
}

const WRITE: &str = "EGO_LOCK=write cargo test";

fn lines(items: &[impl ToString]) -> String {
    items.iter().map(|item| format!("\n- {}", item.to_string())).collect()
}

impl Lock {
    const FORMAT: u32 = 1;

    /// The lock in this file, of everything that is linked into the program.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), schema: None, retired: BTreeSet::new(), write: None }
    }

    /// Of this schema instead.
    pub fn of(mut self, schema: Schema) -> Self {
        self.schema = Some(schema);
        self
    }

    /// A kind, or a command as `kind/name`, that is gone on purpose. What was released of it stays in the lock.
    pub fn retired(mut self, name: impl Into<String>) -> Self {
        self.retired.insert(name.into());
        self
    }

    /// Whether what is new is written into the file, whatever `EGO_LOCK` says.
    pub fn write(mut self, write: bool) -> Self {
        self.write = Some(write);
        self
    }

    /// Compares the program with the file. With `EGO_LOCK=write` in the environment, what is new is added to the file, or the first file
    /// written; what was released is never changed.
    ///
    /// # Errors
    /// [`LockError`], with everything that is wrong at once. The file is as it was.
    pub fn check(self) -> Result<(), LockError> {
        let Self { path, schema, retired, write } = self;
        let write = write.unwrap_or_else(|| std::env::var_os("EGO_LOCK").is_some_and(|wanted| wanted == "write"));
        let now = schema.unwrap_or_else(Schema::linked);
        if now.kinds.is_empty() && now.views.is_empty() {
            return Err(LockError::Nothing);
        }
        let Some(released) = read(&path)? else {
            return if write { save(&path, now) } else { Err(LockError::Missing { path }) };
        };
        let verdict = compare(&released, &now, &retired);
        match (verdict.problems.is_empty(), verdict.news.is_empty()) {
            (false, _) => Err(LockError::Broken { path, problems: verdict.problems }),
            (true, true) => Ok(()),
            (true, false) if write => save(&path, verdict.next),
            (true, false) => Err(LockError::New { path, news: verdict.news }),
        }
    }

    /// The same, for a test.
    ///
    /// # Panics
    /// With the [`LockError`].
    #[track_caller]
    pub fn assert(self) {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
    }
}

fn read(path: &Path) -> Result<Option<Schema>, LockError> {
    let failed = |reason: String| LockError::File { path: path.to_owned(), action: "read", reason };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
    match value.get("ego_lock").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(Lock::FORMAT) => {}
        Some(format) => return Err(failed(format!("it has format {format}, this release of ego reads {}", Lock::FORMAT))),
        None => return Err(failed("it is no lock".to_owned())),
    }
    let file: File = serde_json::from_value(value).map_err(|error| failed(error.to_string()))?;
    Ok(Some(file.stored))
}

/// Whole or not at all: it is written beside, and put in place of the old one.
fn save(path: &Path, schema: Schema) -> Result<(), LockError> {
    let failed = |reason: String| LockError::File { path: path.to_owned(), action: "written", reason };
    let file = File { ego_lock: Lock::FORMAT, stored: schema };
    let mut text = serde_json::to_string_pretty(&file).map_err(|error| failed(error.to_string()))?;
    text.push('\n');
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(|error| failed(error.to_string()))
}

/// The [`Lock`](crate::schema::Lock) in `ego.lock.json` beside the `Cargo.toml` of the package that this stands in; see
/// [`schema`](crate::schema).
#[macro_export]
macro_rules! schema_lock {
    () => {
        $crate::schema::Lock::at(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/ego.lock.json"))
    };
}
