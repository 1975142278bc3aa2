//! I8, at random: whatever happens to snapshots in between – deleted, damaged, exchanged, never saved, kept in the place of deleted events –
//! every answer is the one of a ledger that has none.

use crate::domain::*;
use crate::policy::stream;
use crate::until;
use crate::watched::Watched;
use ego::engine::{Limits, SnapshotError};
use ego::message::Revision;
use ego::prelude::*;
use ego::store::{AnyStore, MemoryStore, Store};
use ego_sled::SledStore;
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::time::Duration;

const IDS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Does {
    Count {
        id: usize,
        by: u64,
    },
    CountMany {
        id: usize,
        by: u64,
        times: u64,
    },
    Peek {
        id: usize,
    },
    Load {
        id: usize,
    },
    View {
        id: usize,
    },
    ByHand {
        id: usize,
    },
    Delete {
        id: usize,
    },
    /// Another byte somewhere in it.
    Damage {
        id: usize,
        place: u64,
    },
    /// The snapshot of another aggregate, or an older one of its own.
    Exchange {
        id: usize,
        with: usize,
    },
    FailSaves {
        saves: usize,
    },
    DeleteEvents {
        id: usize,
        keep: u64,
    },
    /// What waits to be saved gets its time.
    Rest,
    Restart,
    /// The other of two engines on the store.
    Switch,
}

fn does() -> impl Strategy<Value = Does> {
    let id = 0..IDS.len();
    prop_oneof![
        12 => (id.clone(), 0..100_u64).prop_map(|(id, by)| Does::Count { id, by }),
        3 => (id.clone(), 0..100_u64, 0..9_u64).prop_map(|(id, by, times)| Does::CountMany { id, by, times }),
        3 => id.clone().prop_map(|id| Does::Peek { id }),
        3 => id.clone().prop_map(|id| Does::Load { id }),
        3 => id.clone().prop_map(|id| Does::View { id }),
        2 => id.clone().prop_map(|id| Does::ByHand { id }),
        2 => id.clone().prop_map(|id| Does::Delete { id }),
        2 => (id.clone(), 0..1000_u64).prop_map(|(id, place)| Does::Damage { id, place }),
        2 => (id.clone(), id.clone()).prop_map(|(id, with)| Does::Exchange { id, with }),
        1 => (1..4_usize).prop_map(|saves| Does::FailSaves { saves }),
        2 => (id, 0..12_u64).prop_map(|(id, keep)| Does::DeleteEvents { id, keep }),
        3 => Just(Does::Rest),
        2 => Just(Does::Restart),
        2 => Just(Does::Switch),
    ]
}

/// A ledger as it must be, and the view beside it.
#[derive(Clone, Default)]
struct Must {
    seen: Seen,
    view: Option<Seen>,
}

impl Must {
    fn add(&mut self, by: u64) {
        self.seen.add(by);
        self.view.get_or_insert_default().add(by);
        if by == 99 {
            self.view = None;
        }
    }
}

async fn start<S: Store + Clone>(store: &Watched<S>) -> Engine {
    let limits = Limits { active_aggregates: 2, page: 4, ..Limits::default() };
    Engine::builder().store(store.clone()).limits(limits).start().await.unwrap()
}

async fn play<S: Store + Clone>(store: Watched<S>, script: Vec<Does>) -> [Must; 3] {
    let mut must: [Must; 3] = Default::default();
    let mut engines = [start(&store).await, start(&store).await];
    let mut older = Vec::new();
    for does in script {
        let engine = &engines[0];
        match does {
            Does::Count { id, by } => {
                let receipt = engine.send::<Five>(IDS[id], Count { by }).await.unwrap();
                assert_eq!(receipt.reply, must[id].seen.seal, "the state that a command is decided on");
                must[id].add(by);
                assert_eq!(receipt.revision.unwrap().get(), must[id].seen.events);
            }
            Does::CountMany { id, by, times } => {
                engine.send::<Five>(IDS[id], CountMany { by, times }).await.unwrap();
                (by..by + times).for_each(|by| must[id].add(by));
            }
            Does::Peek { id } => {
                let expected = must[id].seen.events;
                // A command that records nothing is answered from memory: with the revision, from what is recorded.
                let sending = engine.send::<Five>(IDS[id], Peek);
                let sending = if expected == 0 {
                    sending.expect(ego::message::Expected::NoStream)
                } else {
                    sending.expect_revision(expected)
                };
                assert_eq!(sending.await.unwrap().reply, must[id].seen.seal);
            }
            Does::Load { id } => is(engine, id, &must[id]).await,
            Does::View { id } => {
                let view = engine.view::<Sums>(IDS[id]).await.unwrap();
                assert_eq!(view.map(|view| view.seen), must[id].view);
            }
            Does::ByHand { id } => {
                let seen = engine.snapshot::<Five>(IDS[id]).await;
                let is = |seen: Option<Revision>| seen.map_or(0, Revision::get) == must[id].seen.events;
                assert!(
                    seen.as_ref().map_or_else(|error| matches!(error, SnapshotError::Store(_)), |seen| is(*seen)),
                    "{seen:?}"
                );
            }
            Does::Delete { id } => store.delete_snapshot(&stream::<Five>(IDS[id])).await.unwrap(),
            Does::Damage { id, place } => {
                let of = stream::<Five>(IDS[id]);
                if let Some(mut snapshot) = store.inner.load_snapshot(&of).await.unwrap() {
                    let mut payload = snapshot.payload.to_vec();
                    let place = usize::try_from(place).unwrap() % payload.len();
                    payload[place] ^= 1 << (place % 8);
                    snapshot.payload = payload.into();
                    store.inner.save_snapshot(&of, snapshot).await.unwrap();
                }
            }
            Does::Exchange { id, with } => {
                let found = store.inner.load_snapshot(&stream::<Five>(IDS[with])).await.unwrap();
                older.extend(found);
                if let Some(other) = older.first().cloned() {
                    let of = stream::<Five>(IDS[id]);
                    store.inner.delete_snapshot(&of).await.unwrap();
                    // Refused when the stream has not come so far.
                    let _ = store.inner.save_snapshot(&of, other).await;
                }
                if older.len() > 3 {
                    older.remove(0);
                }
            }
            Does::FailSaves { saves } => store.fail_saves.store(saves, Ordering::SeqCst),
            Does::DeleteEvents { id, keep } => {
                let deletion = engine.delete_events::<Five>(IDS[id], keep).await.unwrap();
                let first = must[id].seen.events.saturating_sub(keep) + 1;
                let stands = deletion.first.map_or(must[id].seen.events + 1, |first| first.get());
                assert!(stands >= first && stands <= must[id].seen.events + 1, "{deletion:?}");
            }
            Does::Rest => {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
            Does::Restart => engines[0] = start(&store).await,
            Does::Switch => engines.swap(0, 1),
        }
    }
    must
}

/// The ledger as it is loaded, and the one that a command is decided on.
async fn is(engine: &Engine, id: usize, must: &Must) {
    let loaded = engine.load::<Five>(IDS[id]).await.unwrap();
    assert_eq!((loaded.state.seen(), loaded.revision.map_or(0, |revision| revision.get())), (&must.seen, must.seen.events));
}

async fn is_all(engine: &Engine, must: &[Must; 3]) {
    for (id, must) in must.iter().enumerate() {
        is(engine, id, must).await;
        let view = engine.view::<Sums>(IDS[id]).await.unwrap();
        assert_eq!(view.map(|view| view.seen), must.view);
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i8_no_answer_depends_on_a_snapshot_in_memory(script in prop::collection::vec(does(), 1..120)) {
        run(async {
            let store = Watched::new(MemoryStore::new());
            let must = play(store.clone(), script).await;
            is_all(&start(&store).await, &must).await;
            for id in IDS {
                store.delete_snapshot(&stream::<Five>(id)).await.unwrap();
            }
            is_all(&start(&store).await, &must).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i8_no_answer_depends_on_a_snapshot_on_sled(script in prop::collection::vec(does(), 1..80)) {
        let folder = tempfile::tempdir().unwrap();
        run(async {
            let sled = AnyStore::new(SledStore::open(folder.path()).unwrap());
            let store = Watched::new(sled);
            let must = play(store.clone(), script).await;
            is_all(&start(&store).await, &must).await;
            for id in IDS {
                store.delete_snapshot(&stream::<Five>(id)).await.unwrap();
            }
            let engine = start(&store).await;
            is_all(&engine, &must).await;
            engine.stop(Duration::from_secs(60)).await.unwrap();
            drop((engine, store));
            let reopened = until(|| async { SledStore::open(folder.path()).ok() }).await;
            is_all(&start(&Watched::new(AnyStore::new(reopened))).await, &must).await;
        });
    }
}
