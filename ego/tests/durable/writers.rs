//! Several engines on one store: the state's revision decides, and the loser decides again (I5).

use crate::cart::*;
use crate::engine_on;
use ego::engine::CommandError;
use ego::message::Expected;
use ego::prelude::*;
use ego::store::{AnyStore, MemoryStore};
use ego_sled::SledStore;
use futures_util::future::join_all;

#[tokio::test]
async fn who_lost_the_race_decides_again_on_what_is_stored() {
    let store = MemoryStore::new();
    let ((one, _), (other, _)) = (engine_on(store.clone()).await, engine_on(store).await);
    one.send::<Cart>("a", add("tea")).await.unwrap();
    for round in 1..20_u32 {
        let (writer, rival) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        writer.send::<Cart>("a", add("tea")).await.unwrap();
        let receipt = rival.send::<Cart>("a", add("milk")).await.unwrap();
        assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (1 + 2 * round, Some(u64::from(1 + 2 * round))));
    }
    one.send::<Cart>("a", Pay).await.unwrap();
    let error = other.send::<Cart>("a", add("tea")).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&CartError::Paid), "it decided on what it had in memory");
}

#[tokio::test]
async fn an_expected_revision_is_that_of_the_store() {
    let store = MemoryStore::new();
    let ((one, _), (other, _)) = (engine_on(store.clone()).await, engine_on(store).await);
    one.send::<Cart>("a", add("tea")).expect(Expected::NoStream).await.unwrap();
    other.send::<Cart>("a", add("tea")).expect_revision(1).await.unwrap();
    for command_changes in [true, false] {
        let error = match command_changes {
            true => one.send::<Cart>("a", add("tea")).expect_revision(1).await.map(drop).unwrap_err(),
            false => one.send::<Cart>("a", Count).expect_revision(1).await.map(drop).unwrap_err(),
        };
        assert!(matches!(error, CommandError::Conflict { actual: Some(actual), .. } if actual == 2), "{error}");
    }
    assert_eq!(one.send::<Cart>("a", Count).expect_revision(2).await.unwrap().reply, 2);
}

async fn nothing_is_lost_between_engines(store: AnyStore) {
    const EACH: u32 = 60;
    let limits = ego::engine::Limits { conflict_retries: 10_000, ..ego::engine::Limits::default() };
    let builder = || ego::Engine::builder().store(store.clone()).limits(limits.clone());
    let engines = [crate::start(builder()).await.0, crate::start(builder()).await.0, crate::start(builder()).await.0];
    let writers = engines.iter().enumerate().map(|(number, engine)| {
        let (engine, item) = (engine.clone(), format!("item-{number}"));
        tokio::spawn(async move {
            for _ in 0..EACH {
                engine.send::<Cart>("a", add(&item)).await.unwrap();
            }
        })
    });
    for done in join_all(writers).await {
        done.unwrap();
    }
    let loaded = engines[0].load::<Cart>("a").await.unwrap();
    assert_eq!(loaded.state, Cart::of([("item-0", EACH), ("item-1", EACH), ("item-2", EACH)]));
    assert_eq!(loaded.revision.map(u64::from), Some(3 * u64::from(EACH)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_is_lost_between_engines_in_memory() {
    nothing_is_lost_between_engines(AnyStore::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_is_lost_between_engines_in_sled() {
    let folder = tempfile::tempdir().unwrap();
    nothing_is_lost_between_engines(AnyStore::new(SledStore::open(folder.path()).unwrap())).await;
}
