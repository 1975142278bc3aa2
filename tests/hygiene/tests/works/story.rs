//! Lets an aggregate live on an engine in memory, where everything goes through its registered names and the store.

use ego::engine::{Engine, EngineBuilder};
use ego::model::{Aggregate, Command, HandledBy};
use ego::prelude::Dispatch;
use ego::store::MemoryStore;
use hygiene::{Limit, UpTo};
use serde_json::Value;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

/// An engine with every service that something linked in asks for.
pub(crate) fn builder(store: MemoryStore) -> EngineBuilder {
    let upwards: Arc<dyn Fn(u64) -> u64 + Send + Sync> = Arc::new(|n| n + 1);
    Engine::builder()
        .node("n-1")
        .store(store)
        .service::<dyn Limit>(Arc::new(UpTo(100)))
        .service::<UpTo>(Arc::new(UpTo(20)))
        .service::<(u8, String)>(Arc::new((3, String::new())))
        .service::<[u64]>(Arc::from([1, 2]))
        .service::<str>(Arc::from("by"))
        .service::<dyn Fn(u64) -> u64 + Send + Sync>(upwards)
        .service::<hygiene::raw::r#dyn>(Arc::new(hygiene::raw::r#dyn))
        .service::<dyn hygiene::generic::Rounds<u64>>(Arc::new(hygiene::generic::Exact))
        .service::<dyn hygiene::generic::Rounds<i8>>(Arc::new(hygiene::generic::Exact))
        .service::<hygiene_renamed::by_name::Limit>(Arc::new(hygiene_renamed::by_name::Limit(100)))
        .service::<hygiene_renamed::by_facade::Limit>(Arc::new(hygiene_renamed::by_facade::Limit(100)))
}

/// One aggregate, and what it was told.
pub(crate) struct Story<A> {
    engine: Engine,
    store: MemoryStore,
    told: usize,
    aggregate: PhantomData<A>,
}

impl<A: Aggregate> Story<A> {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let engine = builder(store.clone()).start().await.unwrap();
        Self { engine, store, told: 0, aggregate: PhantomData }
    }

    /// Sends the command by its type, and again by its name as JSON; gives the reply and what it recorded, as JSON.
    pub(crate) async fn tell<C>(&mut self, command: C) -> (Value, Vec<(&'static str, Value)>)
    where
        C: Command + HandledBy<A>,
        <C as HandledBy<A>>::Error: Display,
    {
        self.told += 1;
        let id = format!("command-{}", self.told);
        let json = serde_json::to_value(&command).unwrap();
        let before = self.history().await.len();
        let first = self.engine.send::<A>("one", command).command_id(&*id).await.map_err(|error| error.to_string()).unwrap();
        let reply = serde_json::to_value(&first.reply).unwrap();
        let after = self.history().await;
        let again = self.engine.dispatch(A::KIND, "one", C::NAME, json.clone()).command_id(&*id).await;
        // What recorded nothing is known by its id all the same: the sender gave one.
        let again = again.unwrap();
        assert_eq!((&again.reply, again.repeated, first.repeated), (&reply, true, false));
        // Its handler works by name too.
        self.engine.dispatch(A::KIND, "two", C::NAME, json).await.map_err(|error| error.to_string()).unwrap();
        (reply, after[before..].to_vec())
    }

    async fn history(&self) -> Vec<(&'static str, Value)> {
        let recorded = self.engine.history_by_name(A::KIND, "one").unwrap().collect().await.unwrap();
        recorded.into_iter().flat_map(|recorded| recorded.events).collect()
    }

    /// What another engine makes of what is stored.
    pub(crate) async fn state(&self) -> A {
        let other = builder(self.store.clone()).start().await.unwrap();
        other.load::<A>("one").await.unwrap().state
    }
}
