//! A pot on the stove, whose timers ring; and a kitchen to cook in.

use async_trait::async_trait;
use ego::clock::ManualClock;
use ego::consumer::Health;
use ego::delegate_store;
use ego::engine::{EngineBuilder, Limits};
use ego::prelude::*;
use ego::store::{Commit, MemoryStore, Store, StoreError, Verdict};
use ego::timer::{Cron, Timer};
use ego::{Engine, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PotEvent {
    TimerSet {
        key: String,
    },
    Cancelled {
        key: String,
    },
    /// When it was due, as the command was told.
    Rang {
        name: String,
        due: Timestamp,
    },
    Stirred,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Due {
    After(Duration),
    At(Timestamp),
    Cron(Cron),
}

/// Has the pot ring under a key.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct SetTimer {
    pub key: String,
    pub due: Due,
    pub name: String,
    /// Records no event.
    pub silent: bool,
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct CancelTimer {
    pub key: String,
    pub silent: bool,
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Ring {
    pub name: String,
}

/// Schedules a timer and a cancellation, and then does not go through with it.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct ChangeYourMind {
    pub panics: bool,
}

/// Schedules what cannot be.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub enum Misschedule {
    OtherKind,
    Pattern,
    Zone,
    Never,
    Unencodable,
    Key,
    TooFar,
}

/// Takes until it is let.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Stir {}

/// What the test lets happen.
#[derive(Default)]
pub struct Cook {
    pub stirring: Notify,
    pub stirred: Notify,
    /// So many rings are refused.
    pub refuses: AtomicUsize,
    /// So many rings panic.
    pub panics: AtomicUsize,
}

impl Cook {
    fn is_to(&self, times: &AtomicUsize) -> bool {
        times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

#[derive(Aggregate, Clone, Default, Debug, PartialEq)]
#[aggregate(name = "pot", event = PotEvent)]
pub struct Pot {
    pub events: Vec<PotEvent>,
}

#[ego::handlers]
impl Pot {
    #[handle]
    fn set(&self, command: SetTimer, context: &Context) -> Result<Option<PotEvent>, String> {
        let ring = Ring { name: command.name };
        match command.due {
            Due::After(after) => context.schedule::<Pot>(&command.key, after, ring),
            Due::At(at) => context.schedule::<Pot>(&command.key, at, ring),
            Due::Cron(cron) => context.schedule::<Pot>(&command.key, cron, ring),
        }
        Ok((!command.silent).then_some(PotEvent::TimerSet { key: command.key }))
    }

    #[handle]
    fn cancel(&self, command: CancelTimer, context: &Context) -> Result<Option<PotEvent>, String> {
        context.cancel(&command.key);
        Ok((!command.silent).then_some(PotEvent::Cancelled { key: command.key }))
    }

    #[handle]
    fn ring(&self, command: Ring, context: &Context, cook: &Cook) -> Result<Option<PotEvent>, String> {
        if cook.is_to(&cook.panics) {
            panic!("the lid flew off");
        }
        if cook.is_to(&cook.refuses) {
            return Err(format!("{} is not ready", command.name));
        }
        if let Some(again) = command.name.strip_prefix("again ") {
            context.schedule::<Pot>("k", Duration::from_secs(60), Ring { name: again.to_owned() });
        }
        let entries = &context.metadata().entries;
        let due = entries.get("ego.timer.due").map_or_else(|| context.time(), |due| due.parse().unwrap());
        Ok((command.name != "silent").then_some(PotEvent::Rang { name: command.name, due }))
    }

    #[handle]
    fn change_your_mind(&self, command: ChangeYourMind, context: &Context) -> Result<PotEvent, String> {
        context.schedule::<Pot>("new", Duration::from_secs(1), Ring { name: "never".to_owned() });
        context.cancel("old");
        if command.panics { panic!("dropped the pot") } else { Err("no".to_owned()) }
    }

    #[handle]
    fn misschedule(&self, command: Misschedule, context: &Context) -> Result<PotEvent, String> {
        let (soon, ring) = (Duration::from_secs(1), Ring { name: "never".to_owned() });
        match command {
            Misschedule::OtherKind => context.schedule::<Pan>("k", soon, Ring { name: "never".to_owned() }),
            Misschedule::Pattern => context.schedule::<Pot>("k", Cron::new("every day"), ring),
            Misschedule::Zone => context.schedule::<Pot>("k", Cron::new("* * * * *").zone("Middle-earth/Shire"), ring),
            Misschedule::Never => context.schedule::<Pot>("k", Cron::new("0 0 30 2 *"), ring),
            Misschedule::Unencodable => context.schedule::<Pot>("k", soon, Unencodable),
            Misschedule::Key => context.schedule::<Pot>("", soon, ring),
            Misschedule::TooFar => context.schedule::<Pot>("k", Duration::MAX, ring),
        }
        Ok(PotEvent::Stirred)
    }

    #[handle]
    fn unencodable(&self, _: Unencodable) -> Result<PotEvent, String> {
        Ok(PotEvent::Stirred)
    }

    #[handle]
    async fn stir(&self, _: Stir, cook: &Cook) -> Result<PotEvent, String> {
        cook.stirring.notify_one();
        cook.stirred.notified().await;
        Ok(PotEvent::Stirred)
    }

    #[apply]
    fn apply(&mut self, event: &PotEvent) {
        self.events.push(event.clone());
    }
}

/// A command that cannot be written down.
#[derive(Command)]
pub struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it boils over"))
    }
}

impl<'de> Deserialize<'de> for Unencodable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PanEvent {
    Rang,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "pan", event = PanEvent)]
pub struct Pan;

#[ego::handlers]
impl Pan {
    #[handle]
    fn ring(&self, _: Ring) -> Result<PanEvent, String> {
        Ok(PanEvent::Rang)
    }
    #[apply]
    fn apply(&mut self, _: &PanEvent) {}
}

/// An engine, its clock and its cook.
pub struct Kitchen {
    pub engine: Engine,
    pub clock: ManualClock,
    pub cook: Arc<Cook>,
}

pub fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Much longer than anything here takes, by a clock that nobody moves.
const LONG: Duration = Duration::from_secs(60);

/// Waits until something is so; fails when it does not become so. The runtime's time stands still meanwhile.
pub async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < LONG, "{what}: it does not become so");
        tokio::task::yield_now().await;
    }
}

impl Kitchen {
    pub async fn new() -> Self {
        Self::on(MemoryStore::new()).await
    }

    pub async fn on(store: impl Store) -> Self {
        Self::with(store, ManualClock::at(noon()), |builder| builder).await
    }

    pub async fn with(store: impl Store, clock: ManualClock, with: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        let cook = Arc::new(Cook::default());
        let builder = Engine::builder().store(store).clock(clock.clone()).service(Arc::clone(&cook));
        let engine = with(builder).start().await.unwrap();
        Self { engine, clock, cook }
    }

    /// Keeps one pot in memory.
    pub async fn small(store: impl Store) -> Self {
        let limits = Limits { active_aggregates: 1, ..Limits::default() };
        Self::with(store, ManualClock::at(noon()), |builder| builder.limits(limits)).await
    }

    pub async fn set(&self, id: &str, key: &str, due: Due, name: &str) {
        let set = SetTimer { key: key.to_owned(), due, name: name.to_owned(), silent: false };
        self.engine.send::<Pot>(id, set).await.unwrap();
    }

    pub async fn cancel(&self, id: &str, key: &str) {
        self.engine.send::<Pot>(id, CancelTimer { key: key.to_owned(), silent: false }).await.unwrap();
    }

    /// What rang, in order.
    pub async fn rang(&self, id: &str) -> Vec<String> {
        self.rang_at(id).await.into_iter().map(|(name, _)| name).collect()
    }

    /// The same, with when it was due in seconds since noon.
    pub async fn rang_at(&self, id: &str) -> Vec<(String, i64)> {
        let events = self.engine.load::<Pot>(id).await.unwrap().state.events;
        let rang = events.into_iter().filter_map(|event| match event {
            PotEvent::Rang { name, due } => Some((name, due.duration_since(noon()).as_secs())),
            _ => None,
        });
        rang.collect()
    }

    pub async fn until_rang(&self, id: &str, names: &[&str]) {
        until(&format!("{names:?} rang"), async || self.rang(id).await.len() >= names.len()).await;
        assert_eq!(self.rang(id).await, names);
    }

    pub async fn waiting(&self, id: &str) -> Vec<Timer> {
        self.engine.timers::<Pot>(id).await.unwrap()
    }

    pub async fn keys(&self, id: &str) -> Vec<String> {
        self.waiting(id).await.into_iter().map(|timer| timer.key.to_string()).collect()
    }

    /// Whatever is due by now of this pot has rung when this returns: a last timer stands behind it.
    pub async fn all_due_rang(&self, id: &str) {
        let fences = async || self.rang(id).await.iter().filter(|name| *name == "fence").count();
        let before = fences().await;
        self.clock.advance(Duration::from_nanos(1));
        self.set(id, "fence", Due::After(Duration::ZERO), "fence").await;
        until("the fence rang", async || fences().await > before).await;
    }

    pub fn health(&self) -> Health {
        self.engine.health()
    }

    pub async fn stop(&self) {
        self.engine.stop(LONG).await.unwrap();
    }
}

/// What rang but for fences.
pub fn but_fences(rang: Vec<String>) -> Vec<String> {
    rang.into_iter().filter(|name| name != "fence").collect()
}

/// A store in memory whose appends and reads of rows can fail or be held up.
#[derive(Clone)]
pub struct Rigged {
    pub inner: MemoryStore,
    /// So many appends record nothing and fail.
    pub fail: Arc<AtomicUsize>,
    /// So many appends record everything, and their answer is lost.
    pub lose_answer: Arc<AtomicUsize>,
    /// So many lists of rows fail.
    pub fail_rows: Arc<AtomicUsize>,
    /// One permit lets one append begin.
    pub gate: Arc<Semaphore>,
    /// One permit lets one reading of timers be answered: with what was there when it was asked.
    pub timers: Arc<Semaphore>,
    /// How many such readings there were.
    pub timers_read: Arc<AtomicUsize>,
}

impl Rigged {
    pub fn new() -> Self {
        let none = || Arc::new(AtomicUsize::new(0));
        let open = || Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2));
        let (gate, timers, timers_read) = (open(), open(), none());
        let inner = MemoryStore::new();
        Self { inner, fail: none(), lose_answer: none(), fail_rows: none(), gate, timers, timers_read }
    }

    /// Another way to the same store.
    pub fn beside(&self) -> Self {
        Self { inner: self.inner.clone(), ..Self::new() }
    }
}

fn takes_one(times: &AtomicUsize) -> bool {
    times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn broken() -> StoreError {
    StoreError::io("appending", std::io::Error::other("rigged"))
}

#[async_trait]
impl Store for Rigged {
    delegate_store!(inner: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, read_states, head, wait_for_head,
        list_streams, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, save_checkpoint, load_checkpoint,
        list_checkpoints, delete_checkpoint, step, delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.gate.acquire().await.unwrap().forget();
        if takes_one(&self.fail) {
            return Err(broken());
        }
        let verdicts = self.inner.append(batch).await;
        if takes_one(&self.lose_answer) { Err(broken()) } else { verdicts }
    }

    async fn load_rows(&self, table: &str, keys: &[bytes::Bytes]) -> Result<Vec<Option<bytes::Bytes>>, StoreError> {
        let rows = self.inner.load_rows(table, keys).await;
        if table == "ego/timers" {
            self.timers_read.fetch_add(1, Ordering::SeqCst);
            self.timers.acquire().await.unwrap().forget();
        }
        rows
    }

    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<ego::store::Page<ego::store::Row, bytes::Bytes>, StoreError> {
        if table == "ego/timers/due" && takes_one(&self.fail_rows) {
            return Err(broken());
        }
        self.inner.list_rows(table, start, end, limit).await
    }
}
