//! Following states: of each cart the last one, from any place on.

use crate::cart::*;
use crate::engine_on;
use crate::shapes::{Note, Write};
use ego::Engine;
use ego::engine::ReadError;
use ego::message::Position;
use ego::prelude::*;
use ego::store::{MemoryStore, Store};
use ego::subscription::{DeliveredState, Subscription};
use ego_sled::SledStore;
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::time::Duration;

async fn next(carts: &mut Subscription<DeliveredState<Cart>>) -> DeliveredState<Cart> {
    tokio::time::timeout(Duration::from_secs(60), carts.next()).await.expect("nothing comes").expect("it ended").unwrap()
}

/// The ids and counts of what is there, and nothing that comes later.
async fn told(carts: &mut Subscription<DeliveredState<Cart>>, count: usize) -> Vec<(String, u32)> {
    let mut told = Vec::new();
    for _ in 0..count {
        let cart = next(carts).await;
        told.push((cart.delivery.id().to_owned(), cart.state.count()));
    }
    if let Some(more) = carts.next().now_or_never() {
        panic!("there is more than {told:?}: {more:?}");
    }
    told
}

fn tell(carts: &[(&str, u32)]) -> Vec<(String, u32)> {
    carts.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
}

/// Lets a subscription that was asked look again.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn of_each_cart_the_last_state_is_given_and_then_each_that_is_saved() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    for id in ["a", "b", "c", "a", "b"] {
        engine.send::<Cart>(id, add("tea")).await.unwrap();
        engine.send::<Note>(id, Write { text: "beside it".into() }).await.unwrap();
    }
    let mut carts = engine.subscribe().states::<Cart>().await.unwrap();
    assert_eq!(told(&mut carts, 3).await, tell(&[("c", 1), ("a", 2), ("b", 2)]));
    for (count, id) in [(2, "c"), (3, "a"), (4, "a")] {
        let receipt = engine.send::<Cart>(id, add("tea")).await.unwrap();
        let cart = next(&mut carts).await;
        assert_eq!((cart.delivery.id(), cart.state.count()), (id, count));
        assert_eq!((Some(cart.delivery.position()), Some(cart.delivery.revision())), (receipt.position, receipt.revision));
        assert_eq!(cart.delivery.metadata().command, "Add");
    }
    engine.send::<Cart>("a", Count).await.unwrap();
    settle().await;
    assert_eq!(told(&mut carts, 0).await, tell(&[]));
    engine.stop(Duration::from_secs(5)).await.unwrap();
    assert!(carts.next().await.is_none());
}

#[tokio::test]
async fn it_begins_where_it_is_told_to() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    for id in ["a", "b", "c", "a"] {
        engine.send::<Cart>(id, add("tea")).await.unwrap();
    }
    let mut behind = engine.subscribe().after(Position::new(2).unwrap()).states::<Cart>().await.unwrap();
    let mut now = engine.subscribe().from_now().states::<Cart>().await.unwrap();
    let mut one = engine.subscribe().stream(ego::message::StreamId::new("cart", "a").unwrap()).states::<Cart>().await.unwrap();
    assert_eq!(told(&mut behind, 2).await, tell(&[("c", 1), ("a", 2)]));
    assert_eq!(told(&mut now, 0).await, tell(&[]));
    assert_eq!(told(&mut one, 1).await, tell(&[("a", 2)]));

    let mut named = engine.subscribe().from_checkpoint("screen").states::<Cart>().await.unwrap();
    let first = next(&mut named).await;
    named.save_checkpoint(first.delivery.position()).await.unwrap();
    engine.send::<Cart>("b", add("tea")).await.unwrap();
    let mut again = engine.subscribe().from_checkpoint("screen").states::<Cart>().await.unwrap();
    assert_eq!(told(&mut again, 3).await, tell(&[("c", 1), ("a", 2), ("b", 2)]));
    assert_eq!((told(&mut now, 1).await, told(&mut one, 0).await), (tell(&[("b", 2)]), tell(&[])));
}

#[tokio::test]
async fn what_is_not_registered_is_not_followed() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let error = engine.subscribe().kind("crat").json_states().await.unwrap_err();
    assert!(matches!(error, ReadError::Unknown(_)), "{error}");
}

/// Carts are changed by several while several follow: nobody sees an older state after a newer one, everybody the last of all.
async fn the_feed_ends_at_the_last_states(store: impl Store) {
    const CARTS: u32 = 12;
    const ROUNDS: u32 = 60;
    let (engine, _) = engine_on(store).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    for cart in (0..CARTS).filter(|cart| cart % 4 == writer) {
                        engine.send::<Cart>(&cart.to_string(), add("tea")).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let followers: Vec<_> = (0..6_usize)
        .map(|follower| {
            let engine = engine.clone();
            tokio::spawn(async move { follow(&engine, 1 + follower * 5, CARTS as usize, ROUNDS).await })
        })
        .collect();
    for task in writers.into_iter().chain(followers) {
        task.await.unwrap();
    }
}

async fn follow(engine: &Engine, buffer: usize, carts: usize, rounds: u32) {
    let mut states = engine.subscribe().buffer(buffer).states::<Cart>().await.unwrap();
    let (mut seen, mut last) = (BTreeMap::<String, u32>::new(), None);
    while seen.len() < carts || seen.values().any(|count| *count < rounds) {
        let cart = next(&mut states).await;
        assert!(Some(cart.delivery.position()) > last, "position {} after {last:?}", cart.delivery.position());
        last = Some(cart.delivery.position());
        let before = seen.insert(cart.delivery.id().to_owned(), cart.state.count()).unwrap_or(0);
        assert!(cart.state.count() > before, "{} items after {before}", cart.state.count());
        assert_eq!(cart.delivery.revision().get(), u64::from(cart.state.count()), "a state of another revision");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_feed_ends_at_the_last_states_in_memory() {
    the_feed_ends_at_the_last_states(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_feed_ends_at_the_last_states_in_sled() {
    let folder = tempfile::tempdir().unwrap();
    the_feed_ends_at_the_last_states(SledStore::open(folder.path()).unwrap()).await;
}
