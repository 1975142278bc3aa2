//! Where the aggregates of one kind are while they are active: found by id, sent away when they are idle or too many.

use super::cell::Cell;
use super::error::panic_message;
use super::shared::Shared;
use crate::message::{InvalidText, StreamId};
use crate::model::{Aggregate, Event};
use lru::LruCache;
use parking_lot::Mutex;
use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// The active aggregates of one kind, in shards with a small lock each.
pub(super) struct Place<A: Aggregate> {
    kind: Arc<str>,
    /// The stored names of the events, shared by all of them, in the order of `A::Event::SCHEMAS`.
    names: Vec<Arc<str>>,
    command_names: Mutex<Vec<Arc<str>>>,
    shared: Arc<Shared>,
    shards: Box<[Mutex<Shard<A>>]>,
    hasher: RandomState,
    shard_limit: usize,
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
            kind: A::KIND.into(),
            names: A::Event::SCHEMAS.iter().map(|schema| schema.name.into()).collect(),
            command_names: Mutex::default(),
            shards: (0..shards).map(|_| Mutex::new(LruCache::unbounded())).collect(),
            hasher: RandomState::new(),
            shard_limit: limit.div_ceil(shards),
            shared,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn stream(&self, id: &str) -> Result<StreamId, InvalidText> {
        StreamId::new(Arc::clone(&self.kind), id)
    }

    /// The aggregate with this id, active from now on.
    pub(super) fn cell(&self, id: &str) -> Result<Arc<Cell<A>>, InvalidText> {
        // Before the lock, so that it is dropped behind it.
        let mut leaving = Leaving(Vec::new());
        let mut shard = self.shard(id).lock();
        if let Some(cell) = shard.get(id) {
            return Ok(Arc::clone(cell));
        }
        let cell = Cell::new(self.stream(id)?, Arc::clone(&self.shared));
        shard.put(id.into(), Arc::clone(&cell));
        // Never the new one, which stands first.
        for _ in 0..Self::LOOKS.min(shard.len() - 1) {
            if shard.len() <= self.shard_limit {
                break;
            }
            let Some((id, oldest)) = shard.pop_lru() else { break };
            if oldest.try_retire(None) {
                leaving.0.push(oldest);
            } else {
                // Busy, so it counts as used just now: the next look finds those behind it.
                oldest.touch();
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

    /// The stored name of an event, without a copy.
    pub(super) fn event_name(&self, name: &'static str) -> Arc<str> {
        self.names.iter().find(|known| &***known == name).map_or_else(|| name.into(), Arc::clone)
    }

    /// The name of a command, without a copy after the first.
    pub(super) fn command_name(&self, name: &'static str) -> Arc<str> {
        let mut names = self.command_names.lock();
        if let Some(known) = names.iter().find(|known| &***known == name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        names.push(Arc::clone(&name));
        name
    }
}

/// Aggregates that were sent away. Dropped outside of every lock, and with a net: what a state does then is the user's.
struct Leaving<A: Aggregate>(Vec<Arc<Cell<A>>>);

impl<A: Aggregate> Drop for Leaving<A> {
    fn drop(&mut self) {
        for cell in self.0.drain(..) {
            let stream = cell.stream.clone();
            if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(cell))) {
                tracing::error!(%stream, message = &*panic_message(&*panic), "a state panicked when it was dropped");
            }
        }
    }
}

/// A place of any kind.
pub(super) trait AnyPlace: Any + Send + Sync {
    /// Sends away what has had no command since `unused_since`.
    fn sweep(&self, unused_since: u64);

    /// How many aggregates are active.
    fn active(&self) -> usize;

    /// How many commands wait for their turn.
    fn queued(&self) -> usize;

    /// Which aggregates are active, in no order.
    fn streams(&self) -> Vec<StreamId>;
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
}
