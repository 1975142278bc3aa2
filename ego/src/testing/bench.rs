//! Where a rule is held against a store: a way to open it, a folder of its own, a runtime and a time limit.

use super::RULES;
use super::probe::Probe;
use crate::store::{AnyStore, Store, StoreError};
use futures_util::future::BoxFuture;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Why a store could not be opened: whatever its `open` gave.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

type Open = Arc<dyn Fn(PathBuf) -> BoxFuture<'static, Result<AnyStore, OpenError>> + Send + Sync>;

/// One sentence that every store keeps, as a test.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its topic and name, as in `append::revisions_start_at_one_and_have_no_gap`.
    pub name: &'static str,
    /// Whether it holds only for stores that keep what they acknowledged.
    pub persistent: bool,
    pub(super) run: fn(Bench) -> BoxFuture<'static, ()>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("name", &self.name).field("persistent", &self.persistent).finish_non_exhaustive()
    }
}

impl Rule {
    /// Runs the rule, for `limit` at most, on a runtime of its own; not to be called from a task.
    ///
    /// # Errors
    /// What the rule found instead of what it asks for.
    pub fn check(&self, bench: Bench, limit: Duration) -> Result<(), String> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(4).enable_all().build().map_err(|error| format!("no runtime: {error}"))?;
        // As a task, so that a rule that blocks its thread is noticed, too.
        let task = runtime.spawn((self.run)(bench));
        let end = runtime.block_on(async { tokio::time::timeout(limit, task).await });
        let found = match end {
            Err(_) => Err(format!("it did not end within {limit:?}")),
            Ok(Ok(())) => Ok(()),
            Ok(Err(failed)) if failed.is_panic() => Err(said(failed.into_panic().as_ref())),
            Ok(Err(failed)) => Err(failed.to_string()),
        };
        runtime.shutdown_background();
        found
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// A way to open fresh stores, and the same store again. [`event_store_rules!`](super::event_store_rules) makes it.
#[derive(Clone)]
pub struct Bench {
    open: Open,
    folder: Option<Arc<Folder>>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("folder", &self.folder.as_ref().map(|folder| &folder.0)).finish_non_exhaustive()
    }
}

impl Bench {
    /// A rule is given this long before it counts as broken.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// For stores that forget everything: each opening makes a fresh one.
    pub fn volatile<S, F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        S: Store,
        F: Future<Output = Result<S, OpenError>> + Send + 'static,
    {
        Self { open: Arc::new(move |_| boxed(open())), folder: None }
    }

    /// For stores that keep what they acknowledged: opening one in the same folder again finds everything.
    ///
    /// # Panics
    /// When no folder can be made among the temporary files.
    pub fn persistent<S, F>(open: impl Fn(PathBuf) -> F + Send + Sync + 'static) -> Self
    where
        S: Store,
        F: Future<Output = Result<S, OpenError>> + Send + 'static,
    {
        let folder = Folder::new().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        Self { open: Arc::new(move |path| boxed(open(path))), folder: Some(Arc::new(folder)) }
    }

    /// Runs the rule of this name.
    ///
    /// # Panics
    /// When the store breaks it, when it takes longer than [`Bench::LIMIT`], or when there is no such rule.
    pub fn hold(self, name: &str) {
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else { panic!("there is no rule {name}") };
        if let Err(found) = rule.check(self, Self::LIMIT) {
            panic!("the store breaks the rule {name}: {found}");
        }
    }

    /// Whether the store can be opened again.
    pub(super) fn keeps(&self) -> bool {
        self.folder.is_some()
    }

    pub(super) async fn open(&self) -> Probe {
        let path = self.folder.as_ref().map_or_else(PathBuf::new, |folder| folder.0.clone());
        let started = Instant::now();
        loop {
            match (self.open)(path.clone()).await {
                Ok(store) => return Probe::new(store),
                // A store that was dropped without being closed may need a moment to let go.
                Err(error) if in_use(&error) && started.elapsed() < Duration::from_secs(5) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("the store does not open: {error}"),
            }
        }
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopen(&self, probe: Probe) -> Probe {
        if let Err(error) = probe.close().await {
            panic!("the store does not close: {error}");
        }
        drop(probe);
        self.open().await
    }
}

fn boxed<S: Store>(
    opening: impl Future<Output = Result<S, OpenError>> + Send + 'static,
) -> BoxFuture<'static, Result<AnyStore, OpenError>> {
    Box::pin(async { opening.await.map(AnyStore::new::<S>) })
}

fn in_use(error: &OpenError) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::InUse { .. }))
}

/// An empty folder among the temporary files, removed with its content when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("ego-rules-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(path)),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, as temporary files are.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
