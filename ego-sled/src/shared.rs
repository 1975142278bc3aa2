//! What the store's callers, its writer and its indexer share, and how they wake each other.

use crate::hot::Hot;
use crate::index::Index;
use crate::log::Log;
use crate::options::Options;
use crate::request::Request;
use crate::tail::Tail;
use ego::message::Position;
use ego::store::StoreError;
use parking_lot::{Condvar, Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// How many KiB of requests may wait for the writer.
pub(crate) const ROOM_KIB: usize = 128 << 10;

/// What everybody shares.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) log: Arc<Log>,
    /// `None` once the store is closed.
    pub(crate) index: RwLock<Option<Arc<Index>>>,
    // Held for as long as a group is published or a reader copies what it needs.
    pub(crate) tail: RwLock<Tail>,
    /// Changed by the writer alone.
    pub(crate) hot: Mutex<Hot>,
    pub(crate) head: watch::Sender<Option<Position>>,
    pub(crate) queue: Queue,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) indexing: Indexing,
    /// The segment that is written to.
    pub(crate) active: AtomicU32,
    /// What may be read from the disk at a time: every read takes a thread (I12).
    pub(crate) reads: Arc<Semaphore>,
    /// Held by a compaction.
    pub(crate) compacting: Arc<Semaphore>,
    /// Held while a compaction changes files: whoever opens the folder next must find nobody at work. True once there may be no more.
    pub(crate) compacted: Mutex<bool>,
}

impl Shared {
    pub(crate) fn new(options: Options, log: Arc<Log>, index: Arc<Index>, tail: Tail) -> Self {
        let head = Position::new(tail.reach.position);
        Self {
            active: AtomicU32::new(tail.reach.spot.segment),
            hot: Mutex::new(Hot::new(usize::try_from(options.cache_bytes).unwrap_or(usize::MAX))),
            options,
            log,
            index: RwLock::new(Some(index)),
            tail: RwLock::new(tail),
            head: watch::Sender::new(head),
            queue: Queue::default(),
            room: Arc::new(Semaphore::new(ROOM_KIB)),
            indexing: Indexing::default(),
            reads: Arc::new(Semaphore::new(reads_together())),
            compacting: Arc::new(Semaphore::new(1)),
            compacted: Mutex::default(),
        }
    }

    pub(crate) fn index(&self) -> Result<Arc<Index>, StoreError> {
        self.index.read().clone().ok_or(StoreError::Closed)
    }

    /// Makes durable what readers may see. Segments that are full were synced when they were left.
    pub(crate) fn sync_log(&self) -> Result<(), StoreError> {
        let segment = self.log.segment(self.active.load(Ordering::Acquire))?;
        segment.file.sync_data().map_err(crate::error::io("syncing", &segment.path))
    }
}

/// Twice as many reads as there are processors: some wait for the disk while others decode.
pub(crate) fn reads_together() -> usize {
    std::thread::available_parallelism().map_or(4, |processors| (2 * processors.get()).clamp(4, 32))
}

/// Requests on their way to the writer, which takes all that wait at once.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: Vec<Request>,
    idle: bool,
    closed: bool,
}

impl Queue {
    pub(crate) fn push(&self, request: Request) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.waiting.push(request);
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits for requests and takes them all, into an empty list; false when the queue is closed and nothing is left.
    pub(crate) fn take(&self, requests: &mut Vec<Request>) -> bool {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.closed {
            state.idle = true;
            self.wake.wait(&mut state);
        }
        state.idle = false;
        std::mem::swap(&mut state.waiting, requests);
        !requests.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().waiting.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Takes no more requests; those that wait are still handed out.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }

    /// Takes no more requests, and answers those that wait with [`StoreError::Closed`] or whatever dropping them means.
    pub(crate) fn abandon(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }
}

/// When nothing new comes for so long, or twice that, the indexer has nothing better to do.
const MOMENT: Duration = Duration::from_millis(500);

/// How the writer and the indexer wait for each other.
#[derive(Default)]
pub(crate) struct Indexing {
    state: Mutex<IndexingState>,
    wake: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct IndexingState {
    done: bool,
    /// Somebody waits for what is there to be applied.
    hurry: bool,
    failed: Option<StoreError>,
}

impl Indexing {
    /// The indexer waits until something is there, and then until that is due, nothing new comes for a moment, it is as old as `age`, or
    /// somebody is in a hurry. True when there will be no more.
    pub(crate) fn wait(&self, age: Duration, tail: &RwLock<Tail>) -> bool {
        let look = || {
            let tail = tail.read();
            (tail.live.reach, tail.is_due())
        };
        let mut state = self.state.lock();
        let (mut since, mut last) = (None, None);
        while !state.done {
            let (reach, due) = look();
            if reach.is_none() {
                self.wake.wait(&mut state);
                continue;
            }
            let since = *since.get_or_insert_with(Instant::now);
            if due || state.hurry || since.elapsed() >= age {
                break;
            }
            if self.wake.wait_for(&mut state, MOMENT).timed_out() && std::mem::replace(&mut last, reach) == reach {
                break;
            }
        }
        state.hurry = false;
        state.done
    }

    /// Has what is there applied at once, and waits until it has `reached` that.
    pub(crate) fn hurry(&self, reached: impl Fn() -> bool) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        while !reached() {
            match &state.failed {
                Some(error) => return Err(error.clone()),
                None if state.done => return Err(StoreError::Closed),
                None => {}
            }
            state.hurry = true;
            self.wake.notify_one();
            self.room.wait(&mut state);
        }
        Ok(())
    }

    /// Tells the indexer that something is there.
    pub(crate) fn nudge(&self) {
        drop(self.state.lock());
        self.wake.notify_one();
    }

    /// Tells the indexer that there will be no more.
    pub(crate) fn finish(&self) {
        self.state.lock().done = true;
        self.wake.notify_one();
        self.room.notify_all();
    }

    /// Tells whoever waits for it that something was applied.
    pub(crate) fn applied(&self) {
        drop(self.state.lock());
        self.room.notify_all();
    }

    pub(crate) fn fail(&self, error: &StoreError) {
        self.state.lock().failed = Some(error.clone());
        self.room.notify_all();
    }

    /// The writer waits until there is room for what waits for the indexer.
    pub(crate) fn wait_for_room(&self, room: impl Fn() -> bool) -> Result<(), StoreError> {
        if room() {
            return Ok(());
        }
        let mut state = self.state.lock();
        loop {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if room() {
                return Ok(());
            }
            self.room.wait(&mut state);
        }
    }

    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.state.lock().failed.clone()
    }
}
