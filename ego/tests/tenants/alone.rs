//! Two tenants do the same things at the same time, with the same ids, and each sees what it sees in a store of its own.

use crate::shop::*;
use crate::*;
use ego::consumer::{ConsumerKind, State};
use ego::engine::CommandError;
use ego::prelude::*;
use ego::projection::Rebuild;
use ego::store::{Filter, MemoryStore};
use ego_sled::SledStore;
use std::fmt::Debug;

#[derive(Clone, Debug)]
enum Act {
    Open { id: u8, command: u8, owner: u8 },
    Sell { id: u8, command: u8, amount: u64 },
    Expect { id: u8, revision: u64 },
    Forget { id: u8 },
    View { id: u8 },
    Rebuild,
    Reset,
    Replay { id: u8 },
    Retire { id: u8, revision: u64 },
    Erase { id: u8 },
    Restart,
}

fn act(random: &mut fastrand::Rng) -> Act {
    let (id, command) = (random.u8(0..4), random.u8(0..40));
    match random.u8(0..40) {
        0..8 => Act::Open { id, command, owner: random.u8(0..3) },
        8..26 => Act::Sell { id, command, amount: random.u64(9..15) },
        26..29 => Act::Expect { id, revision: random.u64(1..5) },
        29..31 => Act::Forget { id },
        31..34 => Act::View { id },
        34 => Act::Rebuild,
        35 => Act::Reset,
        36 => Act::Replay { id },
        37 => Act::Retire { id, revision: random.u64(1..4) },
        38 => Act::Erase { id },
        _ => Act::Restart,
    }
}

/// A tenant at work, and all that it was ever told.
struct Life<F> {
    engine: Engine,
    start: F,
    told: Told,
    seen: Vec<String>,
}

/// An error as the sender sees it, without the places in the log, which tenants share.
fn error<E: Debug>(error: &CommandError<E>) -> String {
    format!("{error:?}")
}

impl<F: AsyncFn(&Told) -> Engine> Life<F> {
    async fn begin(start: F) -> Self {
        let told = Told::default();
        Self { engine: start(&told).await, start, told, seen: Vec::new() }
    }

    fn see(&mut self, seen: impl Debug) {
        self.seen.push(format!("{seen:?}"));
    }

    /// Everything that was recorded is folded.
    async fn settle(&self) {
        let store = self.engine.store();
        until(async || {
            let head = store.head().await.unwrap();
            let mut settled = true;
            for consumer in self.engine.consumers() {
                let status = consumer.status().await.unwrap();
                settled &= status.state == State::Running && (status.position >= head || head.is_none());
            }
            settled
        })
        .await;
    }

    async fn act(&mut self, act: &Act) {
        let engine = self.engine.clone();
        let id = |id: u8| format!("shop-{id}");
        match act {
            Act::Open { id: at, command, owner } => {
                let open = Open { owner: format!("owner-{owner}") };
                let answer = engine.send::<Shop>(id(*at), open).command_id(format!("c-{command}")).await;
                self.see(answer.map(|receipt| (receipt.revision, receipt.repeated)).map_err(|failed| error(&failed)));
            }
            Act::Sell { id: at, command, amount } => {
                let sell = Sell { amount: *amount };
                let answer = engine.send::<Shop>(id(*at), sell).command_id(format!("c-{command}")).await;
                let answer = answer.map(|receipt| (receipt.reply, receipt.revision, receipt.repeated));
                self.see(answer.map_err(|failed| error(&failed)));
            }
            Act::Expect { id: at, revision } => {
                let answer = engine.send::<Shop>(id(*at), Sell { amount: 1 }).expect_revision(*revision).await;
                self.see(answer.map(|receipt| receipt.revision).map_err(|failed| error(&failed)));
            }
            Act::Forget { id: at } => {
                let mut failures = engine.failures();
                let command = engine.send::<Shop>(id(*at), Sell { amount: 2 }).and_forget().unwrap();
                let stream = ego::message::StreamId::new("shop", id(*at)).unwrap();
                let ended = loop {
                    let failed = tokio::time::timeout(Duration::from_millis(2), failures.next()).await;
                    if let Ok(failure) = failed {
                        break failure.unwrap().unwrap().reason.to_string();
                    }
                    if let Some(found) = engine.store().find_command(&stream, &command).await.unwrap() {
                        break format!("{:?}", found.revision);
                    }
                };
                self.see(ended);
            }
            Act::View { id: at } => {
                self.settle().await;
                let takings = engine.view::<Takings>(id(*at)).await.unwrap();
                let board = engine.view::<Board>(id(*at)).await.unwrap();
                let best = engine.view::<Best>(id(*at)).await.map_err(|error| error.to_string().contains("deleted"));
                self.see((takings, board, best));
            }
            Act::Rebuild => {
                self.settle().await;
                let rebuilt = engine.projection::<Takings>().unwrap().rebuild(Rebuild::beside()).await;
                self.see(
                    rebuilt.map(|rebuilt| (rebuilt.views, rebuilt.before, rebuilt.swapped)).map_err(|error| error.to_string()),
                );
            }
            Act::Reset => {
                self.settle().await;
                self.see(engine.projection::<Takings>().unwrap().reset().await.is_ok());
                self.settle().await;
            }
            Act::Replay { id: at } => {
                self.settle().await;
                let replayed = engine.projection::<Takings>().unwrap().discard(id(*at)).await;
                self.see(replayed.map_err(|error| error.to_string()));
            }
            Act::Retire { id: at, revision } => {
                self.settle().await;
                let stream = ego::message::StreamId::new("shop", id(*at)).unwrap();
                let retired = engine.store().delete_up_to(&stream, ego::message::Revision::new(*revision).unwrap()).await;
                self.see(retired.map_err(|error| match error {
                    // Where it stands is a place in the log; who it is, is not.
                    ego::store::StoreError::HeldBack { consumer, .. } => consumer,
                    other => other.to_string(),
                }));
            }
            Act::Erase { id: at } => {
                self.settle().await;
                self.see(engine.store().erase(&ego::message::StreamId::new("shop", id(*at)).unwrap()).await.is_ok());
            }
            Act::Restart => {
                engine.stop(Duration::from_secs(60)).await.unwrap();
                self.engine = (self.start)(&self.told).await;
            }
        }
    }

    /// All that can be asked for.
    async fn sight(&mut self) {
        self.settle().await;
        let engine = self.engine.clone();
        for at in 0..4 {
            let id = format!("shop-{at}");
            let loaded = engine.load::<Shop>(&id).await;
            self.see(loaded.map(|loaded| (loaded.state.sold, loaded.revision)).map_err(|error| error.to_string()));
            let history = engine.history::<Shop>(&id).unwrap().collect().await.unwrap();
            self.see(history.into_iter().map(|one| (one.events, one.revision, one.name)).collect::<Vec<_>>());
        }
        self.see(engine.ids::<Shop>(None, 100).await.unwrap());
        self.see(engine.views::<Takings>().page().await.unwrap().items);
        self.see(engine.views::<Takings>().by("by_owner", "owner-1").page().await.unwrap().items);
        self.see(engine.views::<Board>().page().await.unwrap().items);
        self.see(engine.views::<Best>().page().await.map(|page| page.items).map_err(|error| error.to_string()));
        let letters = engine.projection::<Takings>().unwrap().dead_letters(None, 1000).await.unwrap();
        self.see(
            letters.items.into_iter().map(|letter| (letter.key, letter.event.stream, letter.event.revision)).collect::<Vec<_>>(),
        );
        let mut subscription = engine.subscribe().json().await.unwrap();
        let head = engine.store().head().await.unwrap();
        let mut events = Vec::new();
        while subscription.position() < head || !subscription.is_drained() {
            let next = tokio::time::timeout(Duration::from_millis(20), subscription.next()).await;
            let Ok(event) = next else { continue };
            let event = event.unwrap().unwrap();
            events.push((event.delivery.stream().clone(), event.delivery.revision(), event.name, event.event));
        }
        self.see(events);
        let store = engine.store();
        self.see(store.event_types().await.unwrap());
        let streams = store.list_streams(None, None, 100).await.unwrap();
        self.see(streams.items.into_iter().map(|head| (head.stream, head.revision, head.first)).collect::<Vec<_>>());
        self.see(streams.next);
        let checkpoints = store.list_checkpoints().await.unwrap();
        // Where they stand is a place in the log; what is left of views that were built anew is swept at leisure.
        let current = |consumer: &String| !consumer.starts_with("projection/takings/");
        self.see(checkpoints.into_iter().map(|(consumer, _)| consumer).filter(current).collect::<Vec<_>>());
        let log = store.read_log(None, &Filter::all().name("Sold"), 10_000).await.unwrap();
        self.see(log.items.into_iter().map(|event| (event.stream, event.revision, event.payload)).collect::<Vec<_>>());
        let told = self.told.lock().clone();
        self.see(told);
        let till = engine.consumer(ConsumerKind::Reactor, "till").unwrap().status().await.unwrap();
        self.see(till.failures);
    }

    async fn end(mut self) -> Vec<String> {
        self.sight().await;
        self.engine.stop(Duration::from_secs(60)).await.unwrap();
        self.seen
    }
}

/// Runs what two tenants do, each alone and both in one store, and compares.
async fn compare(seed: u64, shared: AnyStore) {
    let mut random = fastrand::Rng::with_seed(seed);
    let acts: Vec<(bool, Act)> = (0..random.usize(10..70)).map(|_| (random.bool(), act(&mut random))).collect();
    let mut alone = Vec::new();
    for first in [true, false] {
        let store = MemoryStore::new();
        let mut life = Life::begin(async |told: &Told| shops(told).store(store.clone()).start().await.unwrap()).await;
        for (_, act) in acts.iter().filter(|(of_first, _)| *of_first == first) {
            life.act(act).await;
        }
        alone.push(life.end().await);
    }
    // One name is the beginning of the other, and has to be escaped.
    let start = |name: &'static str| {
        let shared = shared.clone();
        async move |told: &Told| shops(told).tenant(part(&shared, name)).start().await.unwrap()
    };
    let mut first = Life::begin(start("a")).await;
    let mut second = Life::begin(start("a.shop")).await;
    for (of_first, act) in &acts {
        if *of_first { first.act(act).await } else { second.act(act).await }
    }
    for (name, together, alone) in [("first", first.end().await, &alone[0]), ("second", second.end().await, &alone[1])] {
        for (at, (together, alone)) in together.iter().zip(alone).enumerate() {
            assert_eq!(together, alone, "TENANTS_SEED={seed}, the {name} tenant, the answer {at}");
        }
        assert_eq!(together.len(), alone.len());
    }
}

fn seeds(count: u64) -> Vec<u64> {
    let given = std::env::var("TENANTS_SEED").ok().map(|seed| seed.parse().unwrap());
    given.map_or_else(|| (0..count).map(|_| fastrand::u64(..)).collect(), |seed| vec![seed])
}

#[test]
fn each_tenant_sees_what_it_would_see_alone() {
    for seed in seeds(40) {
        println!("TENANTS_SEED={seed}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(seed, AnyStore::new(MemoryStore::new())));
    }
}

#[test]
fn each_tenant_sees_what_it_would_see_alone_on_sled() {
    for seed in seeds(4) {
        println!("TENANTS_SEED={seed}");
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let store = AnyStore::new(SledStore::open(folder.path()).unwrap());
        runtime.block_on(compare(seed, store));
    }
}
