//! eventsourced: an entity in a task each, its events in an event log in memory, as JSON by its own `SerdeJsonBinarize`. It comes
//! without such a log (only for its tests), so here is one.

use ::eventsourced::binarize::serde_json::SerdeJsonBinarize;
use ::eventsourced::event_log::EventLog;
use ::eventsourced::snapshot_store::noop::NoopSnapshotStore;
use ::eventsourced::{Command, CommandEffect, EntityRef, EventSourced, EventSourcedExt};
use benches::Result;
use benches::account::OWNER;
use benches::load::{Bank, Client, Ledger, Turn};
use bytes::Bytes;
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    owner: String,
    balance: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Event {
    Created { owner: String },
    Credited { amount: u64 },
}

impl EventSourced for Account {
    type Id = usize;
    type Event = Event;

    const TYPE_NAME: &'static str = "account";

    fn handle_event(mut self, event: Event) -> Self {
        match event {
            Event::Created { owner } => self.owner = owner,
            Event::Credited { amount } => self.balance += amount,
        }
        self
    }
}

#[derive(Debug)]
struct Create {
    owner: String,
}

impl Command<Account> for Create {
    type Reply = ();
    type Error = Infallible;

    fn handle_command(self, _: &usize, _: &Account) -> CommandEffect<Account, (), Infallible> {
        CommandEffect::emit(Event::Created { owner: self.owner })
    }
}

#[derive(Debug)]
struct Credit {
    amount: u64,
}

impl Command<Account> for Credit {
    type Reply = u64;
    type Error = Infallible;

    fn handle_command(self, _: &usize, _: &Account) -> CommandEffect<Account, u64, Infallible> {
        CommandEffect::emit_and_reply(Event::Credited { amount: self.amount }, |account: &Account| account.balance)
    }
}

type Streams = HashMap<usize, Vec<Bytes>>;

/// The events of each entity, in shards with a lock each.
#[derive(Clone)]
struct Memory(Arc<[Mutex<Streams>]>);

#[derive(Debug, thiserror::Error)]
enum LogError {
    #[error("another writer was first")]
    Conflict,
    #[error("an event cannot be encoded or decoded")]
    Codec(#[source] Box<dyn Error + Send + Sync>),
}

impl Memory {
    fn new() -> Self {
        Self((0..64).map(|_| Mutex::default()).collect())
    }

    fn shard(&self, id: usize) -> &Mutex<Streams> {
        &self.0[id % self.0.len()]
    }

    fn events(&self, id: usize) -> Vec<Bytes> {
        self.shard(id).lock().get(&id).cloned().unwrap_or_default()
    }
}

fn numbered<E, FromBytes, FromBytesError>(
    events: Vec<Bytes>,
    from: NonZeroU64,
    from_bytes: FromBytes,
) -> impl Iterator<Item = std::result::Result<(NonZeroU64, E), LogError>>
where
    FromBytes: Fn(Bytes) -> std::result::Result<E, FromBytesError>,
    FromBytesError: Error + Send + Sync + 'static,
{
    let numbers = (1..).filter_map(NonZeroU64::new);
    numbers
        .zip(events)
        .filter(move |(number, _)| *number >= from)
        .map(move |(number, bytes)| from_bytes(bytes).map(|event| (number, event)).map_err(|error| LogError::Codec(error.into())))
}

impl EventLog for Memory {
    type Id = usize;
    type Error = LogError;

    async fn persist<E, ToBytes, ToBytesError>(
        &mut self,
        _: &'static str,
        id: &usize,
        last: Option<NonZeroU64>,
        event: &E,
        to_bytes: &ToBytes,
    ) -> std::result::Result<NonZeroU64, LogError>
    where
        E: Sync,
        ToBytes: Fn(&E) -> std::result::Result<Bytes, ToBytesError> + Sync,
        ToBytesError: Error + Send + Sync + 'static,
    {
        let bytes = to_bytes(event).map_err(|error| LogError::Codec(error.into()))?;
        let mut shard = self.shard(*id).lock();
        let events = shard.entry(*id).or_default();
        if events.len() as u64 != last.map_or(0, NonZeroU64::get) {
            return Err(LogError::Conflict);
        }
        events.push(bytes);
        NonZeroU64::new(events.len() as u64).ok_or(LogError::Conflict)
    }

    async fn last_seq_no(&self, _: &'static str, id: &usize) -> std::result::Result<Option<NonZeroU64>, LogError> {
        Ok(NonZeroU64::new(self.events(*id).len() as u64))
    }

    async fn events_by_id<E, FromBytes, FromBytesError>(
        &self,
        _: &'static str,
        id: &usize,
        from: NonZeroU64,
        from_bytes: FromBytes,
    ) -> std::result::Result<impl Stream<Item = std::result::Result<(NonZeroU64, E), LogError>> + Send, LogError>
    where
        E: Send,
        FromBytes: Fn(Bytes) -> std::result::Result<E, FromBytesError> + Copy + Send + Sync + 'static,
        FromBytesError: Error + Send + Sync + 'static,
    {
        Ok(stream::iter(numbered(self.events(*id), from, from_bytes)))
    }

    async fn events_by_type<E, FromBytes, FromBytesError>(
        &self,
        _: &'static str,
        from: NonZeroU64,
        from_bytes: FromBytes,
    ) -> std::result::Result<impl Stream<Item = std::result::Result<(NonZeroU64, E), LogError>> + Send, LogError>
    where
        E: Send,
        FromBytes: Fn(Bytes) -> std::result::Result<E, FromBytesError> + Copy + Send + Sync + 'static,
        FromBytesError: Error + Send + Sync + 'static,
    {
        let all: Vec<Bytes> =
            self.0.iter().flat_map(|shard| shard.lock().values().flatten().cloned().collect::<Vec<_>>()).collect();
        Ok(stream::iter(numbered(all, from, from_bytes)))
    }
}

/// An entity for each account.
#[derive(Clone)]
pub struct Eventsourced {
    accounts: Arc<[EntityRef<Account>]>,
    memory: Memory,
}

impl Client for Eventsourced {
    async fn send(&self, turn: Turn) {
        let replied = self.accounts[turn.account].handle_command(Credit { amount: 1 }).await.expect("the entity lives");
        assert!(replied.is_ok_and(|balance| balance > 0));
    }
}

impl Bank for Eventsourced {
    async fn open(accounts: usize) -> Result<Self> {
        let memory = Memory::new();
        let mailbox = NonZeroUsize::new(64).ok_or("64 is not 0")?;
        let mut opened = Vec::new();
        for account in 0..accounts {
            let entity = Account::default().entity();
            let snapshots = NoopSnapshotStore::new();
            let entity = entity.spawn(account, None, mailbox, memory.clone(), snapshots, SerdeJsonBinarize).await?;
            entity.handle_command(Create { owner: OWNER.into() }).await??;
            opened.push(entity);
        }
        Ok(Self { accounts: opened.into(), memory })
    }

    async fn balances(&self) -> Result<Ledger> {
        let mut balances = Vec::new();
        for account in 0..self.accounts.len() {
            let mut state = Account::default();
            for bytes in self.memory.events(account) {
                state = state.handle_event(serde_json::from_slice(&bytes)?);
            }
            assert_eq!(state.owner, OWNER);
            balances.push(state.balance);
        }
        Ok(Ledger::of(balances))
    }

    async fn close(self) -> Result<()> {
        // The entities end when nobody can send to them.
        Ok(())
    }
}
