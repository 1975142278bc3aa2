//! cqrs-es, with the aggregate as its source of truth: the fastest of its three ways, as it replays nothing. Its own store in memory
//! prints every commit and copies the whole stream for each, so here is a repository that does neither.

use benches::Result;
use benches::account::{OWNER, ids};
use benches::load::{Bank, Client, Ledger, Turn};
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{
    PersistedEventRepository, PersistedEventStore, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use cqrs_es::{Aggregate, AggregateError, CqrsFramework, DomainEvent};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

#[derive(Default, Serialize, Deserialize)]
struct Account {
    owner: String,
    balance: u64,
}

enum Command {
    Create { owner: String },
    Credit { amount: u64 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Created { owner: String },
    Credited { amount: u64 },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Created { .. } => "Created".into(),
            Self::Credited { .. } => "Credited".into(),
        }
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> std::result::Result<(), Infallible> {
        let event = match command {
            Command::Create { owner } => Event::Created { owner },
            Command::Credit { amount } => Event::Credited { amount },
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Created { owner } => self.owner = owner,
            Event::Credited { amount } => self.balance += amount,
        }
    }
}

#[derive(Default)]
struct Stream {
    events: Vec<SerializedEvent>,
    snapshot: Option<(Value, usize)>,
}

/// Streams in shards, each with a lock.
#[derive(Clone)]
struct Memory {
    shards: Arc<[Mutex<HashMap<String, Stream>>]>,
    hasher: RandomState,
}

impl Memory {
    fn new() -> Self {
        Self { shards: (0..64).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    fn shard(&self, id: &str) -> &Mutex<HashMap<String, Stream>> {
        &self.shards[self.hasher.hash_one(id) as usize % self.shards.len()]
    }

    fn after(&self, id: &str, sequence: usize) -> Vec<SerializedEvent> {
        self.shard(id).lock().get(id).map_or_else(Vec::new, |stream| stream.events[sequence..].to_vec())
    }
}

impl PersistedEventRepository for Memory {
    async fn get_events<A: Aggregate>(&self, id: &str) -> std::result::Result<Vec<SerializedEvent>, PersistenceError> {
        Ok(self.after(id, 0))
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        id: &str,
        last_sequence: usize,
    ) -> std::result::Result<Vec<SerializedEvent>, PersistenceError> {
        Ok(self.after(id, last_sequence))
    }

    async fn get_snapshot<A: Aggregate>(&self, id: &str) -> std::result::Result<Option<SerializedSnapshot>, PersistenceError> {
        let shard = self.shard(id).lock();
        let Some(stream) = shard.get(id) else { return Ok(None) };
        Ok(stream.snapshot.as_ref().map(|(aggregate, number)| SerializedSnapshot {
            aggregate_id: id.to_owned(),
            aggregate: aggregate.clone(),
            current_sequence: stream.events.len(),
            current_snapshot: *number,
        }))
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        snapshot: Option<(String, Value, usize)>,
    ) -> std::result::Result<(), PersistenceError> {
        let Some(first) = events.first() else { return Ok(()) };
        let mut shard = self.shard(&first.aggregate_id).lock();
        if !shard.contains_key(&first.aggregate_id) {
            shard.insert(first.aggregate_id.clone(), Stream::default());
        }
        let Some(stream) = shard.get_mut(&first.aggregate_id) else { return Ok(()) };
        if first.sequence != stream.events.len() + 1 {
            return Err(PersistenceError::OptimisticLockError);
        }
        stream.events.extend_from_slice(events);
        stream.snapshot = snapshot.map(|(_, aggregate, number)| (aggregate, number));
        Ok(())
    }

    async fn stream_events<A: Aggregate>(&self, id: &str) -> std::result::Result<ReplayStream, PersistenceError> {
        let events = self.after(id, 0);
        let (mut feed, stream) = ReplayStream::new(events.len().max(1));
        for event in events {
            feed.push(Ok(event)).await?;
        }
        Ok(stream)
    }

    async fn stream_all_events<A: Aggregate>(&self) -> std::result::Result<ReplayStream, PersistenceError> {
        let locked = |shard: &Mutex<HashMap<String, Stream>>| -> Vec<_> {
            shard.lock().values().flat_map(|stream| stream.events.clone()).collect()
        };
        let events: Vec<_> = self.shards.iter().flat_map(locked).collect();
        let (mut feed, stream) = ReplayStream::new(events.len().max(1));
        for event in events {
            feed.push(Ok(event)).await?;
        }
        Ok(stream)
    }
}

/// The framework.
#[derive(Clone)]
pub struct Cqrs {
    framework: Arc<CqrsFramework<Account, PersistedEventStore<Memory, Account>>>,
    memory: Memory,
    ids: Arc<[String]>,
}

impl Cqrs {
    /// Whoever was second decides again.
    async fn execute(&self, id: &str, command: impl Fn() -> Command + Send) {
        loop {
            match self.framework.execute(id, command()).await {
                Ok(()) => return,
                Err(AggregateError::AggregateConflict) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Client for Cqrs {
    async fn send(&self, turn: Turn) {
        self.execute(&self.ids[turn.account], || Command::Credit { amount: 1 }).await;
    }
}

impl Bank for Cqrs {
    async fn open(accounts: usize) -> Result<Self> {
        let memory = Memory::new();
        let framework = CqrsFramework::new(PersistedEventStore::new_aggregate_store(memory.clone()), Vec::new(), ());
        let bank = Self { framework: Arc::new(framework), memory, ids: ids(accounts) };
        for id in &*bank.ids {
            bank.execute(id, || Command::Create { owner: OWNER.into() }).await;
        }
        Ok(bank)
    }

    async fn balances(&self) -> Result<Ledger> {
        let mut balances = Vec::new();
        for id in &*self.ids {
            let mut account = Account::default();
            for event in self.memory.after(id, 0) {
                account.apply(serde_json::from_value(event.payload)?);
            }
            assert_eq!(account.owner, OWNER);
            balances.push(account.balance);
        }
        Ok(Ledger::of(balances))
    }

    async fn close(self) -> Result<()> {
        Ok(())
    }
}
