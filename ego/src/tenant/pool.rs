//! An engine for each tenant that is wanted, and no more than so many.

use super::guard::{Held, Holders, TenantEngine};
use super::heads::Heads;
use super::store::TenantStore;
use crate::engine::{Engine, EngineBuilder, StartError, StopError};
use crate::message::{InvalidText, Name, Tenant};
use crate::store::{AnyStore, RowChange, Step, Store, StoreError};
use lru::LruCache;
use parking_lot::Mutex;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// Engines for the tenants of one store: started when they are wanted, stopped when nobody has used them for a while or when others need
/// their place. Cloning shares it.
///
/// While a tenant's engine does not run, nothing is folded, published or fired for the tenant; it is caught up with when the engine is
/// started again. Whoever needs it to go on holds its [`TenantEngine`].
///
/// ```standalone_crate
/// # use ego::prelude::*;
/// # use ego::store::MemoryStore;
/// # use ego::tenant::Tenants;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// # enum TillEvent { Paid { amount: u64 } }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Pay { amount: u64 }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "till", event = TillEvent)]
/// # struct Till { sum: u64 }
/// # #[ego::handlers]
/// # impl Till {
/// #     #[handle]
/// #     fn pay(&self, cmd: Pay) -> Result<TillEvent, String> { Ok(TillEvent::Paid { amount: cmd.amount }) }
/// #     #[apply]
/// #     fn apply(&mut self, event: &TillEvent) { let TillEvent::Paid { amount } = event; self.sum += amount; }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tenants = Tenants::builder(MemoryStore::new()).engine(|_tenant| Engine::builder()).limit(100).open();
///
/// tenants.engine("acme").await?.send::<Till>("t-1", Pay { amount: 5 }).await?;
/// assert_eq!(tenants.engine("globex").await?.load::<Till>("t-1").await?.revision, None);
/// tenants.stop(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tenants(Arc<Pool>);

/// How engines are made for tenants; made by [`Tenants::builder`].
#[must_use = "there are engines once it is opened"]
pub struct TenantsBuilder {
    store: AnyStore,
    make: Make,
    limit: usize,
    idle: Duration,
    stop_within: Duration,
}

type Make = Box<dyn Fn(&Tenant) -> EngineBuilder + Send + Sync>;

/// Why there is no engine for a tenant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// The name is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    /// As many engines run as are allowed, and all of them are held.
    #[error("{limit} tenants are in use")]
    Full {
        /// How many are allowed.
        limit: usize,
    },
    /// Somebody uses the engine of the tenant that is to be erased.
    #[error("the tenant {tenant} is in use")]
    InUse {
        /// Which tenant.
        tenant: Tenant,
    },
    /// The engine did not start.
    #[error("the engine of the tenant {tenant} did not start")]
    Start {
        /// Which tenant's.
        tenant: Tenant,
        /// Why not.
        #[source]
        source: StartError,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The tenants were stopped.
    #[error("the tenants are stopped")]
    Stopped,
}

/// A place for an engine.
pub(super) struct Slot {
    pub(super) tenant: Tenant,
    /// Locked while it starts or stops.
    engine: tokio::sync::Mutex<Option<Engine>>,
    pub(super) holders: Holders,
}

struct Pool {
    store: AnyStore,
    heads: Arc<Heads>,
    make: Make,
    limit: usize,
    idle: Duration,
    stop_within: Duration,
    slots: Mutex<Slots>,
}

struct Slots {
    /// The tenant that was asked for last is first. Never more than the limit.
    all: LruCache<Tenant, Arc<Slot>>,
    stopped: bool,
    sweeping: bool,
}

/// The tenants that ever had an engine: no tenant's table has this name, as there is no dot in it.
const TENANTS: Name = Name::fixed("tenants");

impl Tenants {
    /// Begins to say how the engines of tenants are made.
    pub fn builder(store: impl Store) -> TenantsBuilder {
        TenantsBuilder {
            store: AnyStore::new(store),
            make: Box::new(|_| Engine::builder()),
            limit: 1000,
            idle: Duration::from_secs(600),
            stop_within: Duration::from_secs(10),
        }
    }

    /// The tenant's engine; starts it when it does not run. Whoever waits for it to start or stop holds up nobody else.
    ///
    /// # Errors
    /// [`TenantError`]; nothing was started then.
    pub async fn engine(&self, tenant: impl AsRef<str>) -> Result<TenantEngine, TenantError> {
        let tenant = Tenant::new(tenant)?;
        let held = self.hold(&tenant).await?;
        let mut engine = held.0.engine.lock().await;
        let running = match &*engine {
            Some(running) => running.clone(),
            None => match self.start(&tenant).await {
                Ok(started) => engine.insert(started).clone(),
                Err(error) => {
                    drop(engine);
                    self.0.forget(&held);
                    return Err(error);
                }
            },
        };
        drop(engine);
        Ok(TenantEngine { engine: running, held })
    }

    /// Every tenant that ever had an engine and was not erased, in the order of their names; behind `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, after: Option<&Tenant>, limit: usize) -> Result<Vec<Tenant>, StoreError> {
        // No name holds a zero byte: this is right behind the last one.
        let start = after.map(|after| [after.as_str().as_bytes(), &[0]].concat()).unwrap_or_default();
        let mut listed = Vec::new();
        let (mut start, limit) = (bytes::Bytes::from(start), limit.max(1));
        loop {
            let page = self.0.store.list_rows(&TENANTS, &start, None, limit - listed.len()).await?;
            let names = page.items.iter().filter_map(|row| std::str::from_utf8(&row.key).ok());
            listed.extend(names.filter_map(|name| Tenant::new(name).ok()));
            match page.next {
                Some(next) if listed.len() < limit => start = next,
                _ => return Ok(listed),
            }
        }
    }

    /// The tenants whose engines run or are about to, the one that was asked for last first.
    #[must_use]
    pub fn running(&self) -> Vec<Tenant> {
        self.0.slots.lock().all.iter().map(|(tenant, _)| tenant.clone()).collect()
    }

    /// Stops the tenant's engine and erases everything that the tenant has, see [`TenantStore::erase_tenant`]. Whoever asks for its engine
    /// meanwhile waits.
    ///
    /// # Errors
    /// [`TenantError::InUse`] when somebody holds its engine, and nothing is done; [`TenantError::Store`] otherwise: to be called again.
    pub async fn erase(&self, tenant: impl AsRef<str>) -> Result<(), TenantError> {
        let tenant = Tenant::new(tenant)?;
        let held = self.hold(&tenant).await?;
        let mut engine = held.0.engine.lock().await;
        if held.0.holders.are() > 1 {
            return Err(TenantError::InUse { tenant });
        }
        if let Some(running) = engine.take() {
            self.0.stop_engine(&tenant, &running).await;
        }
        self.0.part(tenant.clone())?.erase_tenant().await?;
        let row = RowChange::remove(TENANTS, tenant.as_str().to_owned());
        self.0.store.step(Step { advance: None, rows: vec![row] }).await?;
        drop(engine);
        self.0.forget(&held);
        Ok(())
    }

    /// Stops every engine, each within this time, and closes the store. Also those that are held.
    ///
    /// # Errors
    /// The first [`StopError`]; all are stopped, and the store is closed all the same.
    pub async fn stop(&self, within: Duration) -> Result<(), StopError> {
        let slots: Vec<_> = {
            let mut slots = self.0.slots.lock();
            slots.stopped = true;
            slots.all.iter().map(|(_, slot)| Arc::clone(slot)).collect()
        };
        let stop = |slot: Arc<Slot>| async move {
            match slot.engine.lock().await.take() {
                Some(engine) => engine.stop(within).await,
                None => Ok(()),
            }
        };
        let stopped = futures_util::future::join_all(slots.into_iter().map(stop)).await;
        self.0.slots.lock().all.clear();
        self.0.store.close().await?;
        stopped.into_iter().collect()
    }

    /// The tenant's slot. Sends another engine away when there is no place.
    async fn hold(&self, tenant: &Tenant) -> Result<Held, TenantError> {
        loop {
            let leaving = {
                let mut slots = self.0.slots.lock();
                if slots.stopped {
                    return Err(TenantError::Stopped);
                }
                if !slots.sweeping {
                    slots.sweeping = true;
                    let every = (self.0.idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(30));
                    Handle::current().spawn(sweep(Arc::downgrade(&self.0), every));
                }
                if let Some(slot) = slots.all.get(tenant) {
                    return Ok(Held::new(slot));
                }
                if slots.all.len() < self.0.limit {
                    let (engine, holders) = (tokio::sync::Mutex::default(), Holders::none());
                    let slot = Arc::new(Slot { tenant: tenant.clone(), engine, holders });
                    let held = Held::new(&slot);
                    slots.all.put(tenant.clone(), slot);
                    return Ok(held);
                }
                let free = slots.all.iter().rev().find(|(_, slot)| slot.holders.are() == 0);
                free.map(|(_, slot)| Held::new(slot)).ok_or(TenantError::Full { limit: self.0.limit })?
            };
            self.0.send_away(leaving).await;
        }
    }

    async fn start(&self, tenant: &Tenant) -> Result<Engine, TenantError> {
        let store = self.0.part(tenant.clone())?;
        let key = bytes::Bytes::from(tenant.as_str().to_owned());
        if self.0.store.load_rows(&TENANTS, std::slice::from_ref(&key)).await? == [None] {
            let row = RowChange::put(TENANTS, key, bytes::Bytes::new());
            self.0.store.step(Step { advance: None, rows: vec![row] }).await?;
        }
        let engine = (self.0.make)(tenant).tenant(store).start().await;
        let engine = engine.map_err(|source| TenantError::Start { tenant: tenant.clone(), source })?;
        if self.0.slots.lock().stopped {
            self.0.stop_engine(tenant, &engine).await;
            return Err(TenantError::Stopped);
        }
        Ok(engine)
    }
}

impl Pool {
    fn part(&self, tenant: Tenant) -> Result<TenantStore, InvalidText> {
        TenantStore::with(&self.store, tenant, Arc::clone(&self.heads))
    }

    /// Stops an engine that nobody uses. Who asks for it meanwhile waits, and starts it anew.
    async fn send_away(&self, leaving: Held) {
        let mut engine = leaving.0.engine.lock().await;
        if leaving.0.holders.are() > 1 {
            // Somebody came for it.
            return;
        }
        if let Some(engine) = engine.take() {
            self.stop_engine(&leaving.0.tenant, &engine).await;
        }
        drop(engine);
        self.forget(&leaving);
    }

    /// Gives up the slot, unless somebody else has come for it.
    fn forget(&self, held: &Held) {
        let mut slots = self.slots.lock();
        let is_same = |slot: &Arc<Slot>| Arc::ptr_eq(slot, &held.0);
        if held.0.holders.are() == 1 && slots.all.peek(&held.0.tenant).is_some_and(is_same) {
            slots.all.pop(&held.0.tenant);
        }
    }

    async fn stop_engine(&self, tenant: &Tenant, engine: &Engine) {
        if let Err(error) = engine.stop(self.stop_within).await {
            tracing::error!(%tenant, %error, "a tenant's engine did not stop in order");
        }
    }
}

/// Stops engines that nobody has used for a while, until the tenants are stopped or dropped.
async fn sweep(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let idle: Vec<_> = {
            let slots = pool.slots.lock();
            if slots.stopped {
                return;
            }
            let now = Instant::now();
            let is_idle =
                |slot: &Slot| slot.holders.are() == 0 && now.saturating_duration_since(slot.holders.free_since()) >= pool.idle;
            slots.all.iter().filter(|(_, slot)| is_idle(slot)).map(|(_, slot)| Held::new(slot)).collect()
        };
        for leaving in idle {
            pool.send_away(leaving).await;
        }
    }
}

impl TenantsBuilder {
    /// Makes the engine of a tenant: everything but its store. [`Engine::builder`] alone when left out.
    pub fn engine(mut self, make: impl Fn(&Tenant) -> EngineBuilder + Send + Sync + 'static) -> Self {
        self.make = Box::new(make);
        self
    }

    /// At most so many engines at once, 1 or more; 1,000 when left out. For another, the one that was asked for longest ago and that nobody
    /// holds is stopped.
    pub fn limit(mut self, engines: usize) -> Self {
        self.limit = engines.max(1);
        self
    }

    /// Stops an engine that nobody has held for so long; ten minutes when left out.
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// An engine that is sent away has so long to stop; ten seconds when left out.
    pub fn stop_within(mut self, time: Duration) -> Self {
        self.stop_within = time;
        self
    }

    /// Nothing is started yet.
    #[must_use]
    pub fn open(self) -> Tenants {
        let Self { store, make, limit, idle, stop_within } = self;
        let slots = Mutex::new(Slots { all: LruCache::unbounded(), stopped: false, sweeping: false });
        Tenants(Arc::new(Pool { heads: Arc::new(Heads::of(&store)), store, make, limit, idle, stop_within, slots }))
    }
}

impl fmt::Debug for TenantsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantsBuilder").field("store", &self.store).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("running", &self.running()).finish_non_exhaustive()
    }
}
