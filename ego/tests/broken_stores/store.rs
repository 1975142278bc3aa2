//! A store in memory with one fault. It is kept under the name of its folder, so that it can be opened again.

use super::faults::Fault;
use ego::message::{CommandId, Position, Revision, StreamId};
use ego::store::{Committed, MemoryStore, RecordedEvent, RowChange, Snapshot, Store, StoreError, StoredState, StreamHead};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use tokio::sync::watch;

/// Which stores were opened in which folder.
static KEPT: LazyLock<Mutex<HashMap<PathBuf, Broken>>> = LazyLock::new(Mutex::default);

#[derive(Clone)]
pub(crate) struct Broken {
    pub(crate) fault: Option<Fault>,
    pub(crate) inner: MemoryStore,
    pub(crate) again: bool,
    pub(crate) closed: Arc<watch::Sender<bool>>,
    pub(crate) notes: Arc<Notes>,
}

/// What a fault needs to remember.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) ids: AtomicU64,
    pub(crate) busy: AtomicBool,
    pub(crate) waiters: AtomicUsize,
    pub(crate) readers: AtomicUsize,
    pub(crate) refusals: AtomicU64,
    pub(crate) early: watch::Sender<Option<Position>>,
    pub(crate) appended: watch::Sender<u64>,
    pub(crate) kept: Mutex<Kept>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) broken: HashSet<StreamId>,
    pub(crate) commands: HashMap<CommandId, Committed>,
    pub(crate) order: Vec<(StreamId, CommandId)>,
    pub(crate) forgotten: HashSet<StreamId>,
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) heads: BTreeMap<StreamId, StreamHead>,
    pub(crate) types: Vec<ego::store::EventType>,
    pub(crate) snapshots: HashMap<StreamId, Snapshot>,
    pub(crate) checkpoints: BTreeMap<String, Option<Position>>,
    pub(crate) log: Option<Vec<RecordedEvent>>,
    /// Every state that was saved.
    pub(crate) saves: Vec<StoredState>,
    /// What the first reading of states saw.
    pub(crate) states: Option<Vec<StoredState>>,
    /// The rows that came with commits, by their streams.
    pub(crate) rows: Vec<(StreamId, RowChange)>,
}

impl Broken {
    /// Opens the store of this folder, again if it was opened before.
    pub(crate) fn open(fault: Option<Fault>, folder: &Path) -> Self {
        let mut kept = KEPT.lock().unwrap();
        let known = kept.get(folder).filter(|_| fault != Some(Fault::ForgetsEverything)).cloned();
        let store = match known {
            Some(store) => Self { again: true, closed: Arc::default(), ..store },
            None => Self { fault, inner: MemoryStore::new(), again: false, closed: Arc::default(), notes: Arc::default() },
        };
        kept.insert(folder.to_owned(), store.clone());
        store
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.notes.kept.lock().unwrap()
    }

    /// That the store is open, unless this fault makes it answer all the same.
    pub(crate) fn open_unless(&self, fault: Fault) -> Result<(), StoreError> {
        if *self.closed.borrow() && !self.has(fault) { Err(StoreError::Closed) } else { Ok(()) }
    }

    pub(crate) fn fresh_id(&self) -> CommandId {
        CommandId::new(format!("fresh-{}", self.notes.ids.fetch_add(1, Ordering::Relaxed))).unwrap()
    }

    /// What the fault makes of a stream's name.
    pub(crate) fn name(&self, stream: &StreamId) -> StreamId {
        let (kind, id) = (stream.kind(), stream.id());
        let made = match self.fault {
            Some(Fault::IdsWithoutCase) => StreamId::new(kind, id.to_lowercase()),
            Some(Fault::CutsKinds) => StreamId::new(&kind[..kind.len().min(99)], id),
            Some(Fault::KindAndIdRunTogether) => StreamId::new("x", format!("{kind}{id}")),
            _ => return stream.clone(),
        };
        made.unwrap()
    }

    pub(crate) fn command(&self, id: &CommandId) -> CommandId {
        if !self.has(Fault::CutsCommandIds) {
            return id.clone();
        }
        CommandId::new(id.as_str().chars().take(32).collect::<String>()).unwrap()
    }

    /// All events of the log, as they are.
    pub(crate) async fn all(&self) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.inner.read_log(None, &ego::store::Filter::all(), usize::MAX).await?.items)
    }

    pub(crate) async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, StoreError> {
        Ok(self.inner.stream_head(stream).await?.and_then(|head| head.revision))
    }
}
