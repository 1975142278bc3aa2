//! Where the aggregates of one kind are while they are active: found by id, sent away when they are idle or too many.

use super::cell::Cell;
use super::error::panic_message;
use super::fire::Alteration;
use super::shared::Shared;
use crate::message::{InvalidText, Name, StreamId};
use crate::model::Aggregate;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hashbrown::DefaultHashBuilder;
use lru::LruCache;
use parking_lot::Mutex;
use std::any::Any;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The active aggregates of one kind, in shards with a small lock each.
pub(super) struct Place<A: Aggregate> {
    pub(super) shared: Arc<Shared>,
    shards: Box<[Mutex<Shard<A>>]>,
    hasher: DefaultHashBuilder,
    /// How many there are in all shards; the bound is one for all, as no hash spreads them evenly.
    count: AtomicUsize,
}

/// The aggregates of one shard, the one that was used longest ago last.
type Shard<A> = LruCache<Arc<str>, Arc<Cell<A>>>;

impl<A: Aggregate> Place<A> {
    /// So many aggregates of a shard that were used longest ago are looked at to find an idle one.
    const LOOKS: usize = 8;

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let limit = shared.limits.active_aggregates;
        // Few aggregates are kept in one shard, so that the one that leaves is really the one that was used longest ago.
        let shards = (limit / 128).next_power_of_two().clamp(1, 64);
        Self {
            shards: (0..shards).map(|_| Mutex::new(LruCache::unbounded())).collect(),
            hasher: DefaultHashBuilder::default(),
            count: AtomicUsize::new(0),
            shared,
        }
    }

    pub(super) fn stream(id: &str) -> Result<StreamId, InvalidText> {
        StreamId::new(Name::fixed(A::KIND), id)
    }

    /// The aggregate with this id, active from now on, and used at this time.
    pub(super) fn cell(&self, id: &str, uptime: u64) -> Result<Arc<Cell<A>>, InvalidText> {
        // Before the lock, so that it is dropped behind it.
        let mut leaving = Leaving(Vec::new());
        let mut shard = self.shard(id).lock();
        if let Some(cell) = shard.get(id) {
            cell.touch(uptime);
            return Ok(Arc::clone(cell));
        }
        let cell = Cell::new(Self::stream(id)?, Arc::clone(&self.shared));
        cell.touch(uptime);
        shard.put(cell.stream.shared_id(), Arc::clone(&cell));
        let mut count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        // Never the new one, which stands first.
        for _ in 0..Self::LOOKS.min(shard.len() - 1) {
            if count <= self.shared.limits.active_aggregates {
                break;
            }
            let Some((id, oldest)) = shard.pop_lru() else { break };
            if oldest.try_retire(None) {
                count = self.count.fetch_sub(1, Ordering::Relaxed) - 1;
                leaving.0.push(oldest);
            } else {
                // Busy, so it counts as used just now: the next look finds those behind it.
                oldest.touch(uptime);
                shard.put(id, oldest);
            }
        }
        Ok(cell)
    }

    fn shard(&self, id: &str) -> &Mutex<Shard<A>> {
        // The number of shards is a power of two.
        let index = usize::try_from(self.hasher.hash_one(id)).unwrap_or(usize::MAX) & (self.shards.len() - 1);
        &self.shards[index]
    }
}

/// Aggregates that were sent away. Dropped outside of every lock, and with a net: what a state does then is the user's.
struct Leaving<A: Aggregate>(Vec<Arc<Cell<A>>>);

impl<A: Aggregate> Drop for Leaving<A> {
    fn drop(&mut self) {
        if let Some(meters) = self.0.first().and_then(|cell| cell.shared.kind_meters::<A>()) {
            meters.passivations.increment(self.0.len() as u64);
        }
        for cell in self.0.drain(..) {
            let stream = cell.stream.clone();
            let leave = AssertUnwindSafe(|| {
                cell.leave();
                drop(cell);
            });
            if let Err(panic) = std::panic::catch_unwind(leave) {
                tracing::error!(%stream, message = &*panic_message(&*panic), "a state panicked when it was dropped");
            }
        }
    }
}

/// A place of any kind.
pub(super) trait AnyPlace: Any + Send + Sync {
    /// Sends away what has had no command since `unused_since`.
    fn sweep(&self, unused_since: u64);

    /// Says how many aggregates are active and how many commands wait, to whoever listens.
    fn measure(&self);

    /// Makes those of the wanted streams that are in memory be loaded anew; to be awaited.
    fn reload(&self, wanted: &dyn Fn(&StreamId) -> bool) -> Vec<BoxFuture<'static, ()>>;

    /// Sends away the aggregate with this id, if nothing is under way. Whether it is gone.
    fn forget(&self, id: &str) -> bool;

    /// How many aggregates are active.
    fn active(&self) -> usize;

    /// How many commands wait for their turn.
    fn queued(&self) -> usize;

    /// Which aggregates are active, in no order.
    fn streams(&self) -> Vec<StreamId>;

    /// Changes rows when it is the aggregate's turn.
    fn alter<'p>(&'p self, id: &'p str, alteration: Box<Alteration>) -> BoxFuture<'p, Result<(), InvalidText>>;
}

impl<A: Aggregate> AnyPlace for Place<A> {
    fn sweep(&self, unused_since: u64) {
        for shard in &self.shards {
            // Before the lock, so that they are dropped behind it.
            let mut leaving = Leaving(Vec::new());
            let mut shard = shard.lock();
            // From the one that was used longest ago; the first that is younger ends it.
            let ids: Vec<Arc<str>> = shard
                .iter()
                .rev()
                .take_while(|(_, cell)| cell.unused_since(unused_since))
                .filter(|(_, cell)| cell.try_retire(Some(unused_since)))
                .map(|(id, _)| Arc::clone(id))
                .collect();
            leaving.0.extend(ids.iter().filter_map(|id| shard.pop(id)));
            self.count.fetch_sub(leaving.0.len(), Ordering::Relaxed);
        }
    }

    fn reload(&self, wanted: &dyn Fn(&StreamId) -> bool) -> Vec<BoxFuture<'static, ()>> {
        let cells = self.shards.iter().flat_map(|shard| {
            let shard = shard.lock();
            shard.iter().filter(|(_, cell)| wanted(&cell.stream)).map(|(_, cell)| Arc::clone(cell)).collect::<Vec<_>>()
        });
        cells.map(|cell| cell.reload().boxed()).collect()
    }

    fn forget(&self, id: &str) -> bool {
        // Before the lock, so that it is dropped behind it.
        let mut leaving = Leaving(Vec::new());
        let mut shard = self.shard(id).lock();
        match shard.peek(id) {
            None => true,
            Some(cell) if cell.try_retire(None) => {
                leaving.0.extend(shard.pop(id));
                self.count.fetch_sub(1, Ordering::Relaxed);
                true
            }
            Some(_) => false,
        }
    }

    fn measure(&self) {
        if let Some(meters) = self.shared.kind_meters::<A>() {
            meters.active.set(self.active() as f64);
            meters.queued.set(self.queued() as f64);
        }
    }

    fn active(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn queued(&self) -> usize {
        let in_shard = |shard: &Mutex<Shard<A>>| shard.lock().iter().map(|(_, cell)| cell.queued()).sum::<usize>();
        self.shards.iter().map(in_shard).sum()
    }

    fn streams(&self) -> Vec<StreamId> {
        let in_shard = |shard: &Mutex<Shard<A>>| shard.lock().iter().map(|(_, cell)| cell.stream.clone()).collect::<Vec<_>>();
        self.shards.iter().flat_map(in_shard).collect()
    }

    fn alter<'p>(&'p self, id: &'p str, alteration: Box<Alteration>) -> BoxFuture<'p, Result<(), InvalidText>> {
        Box::pin(alteration.queue(self, id))
    }
}
