//! A program with every mistake that only its start can find.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod odd;
mod shop;

use accounts::{Eur, Usd, Wallet};
use ego::Engine;
use ego::engine::StartError;
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::prelude::*;
use ego::store::{Body, Commit, MemoryStore, NewEvent, Store};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Has the kind of an aggregate in another crate.
#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = Opened)]
struct Account;

#[derive(Event, Serialize, Deserialize)]
enum Opened {
    Opened,
}

#[ego::handlers]
impl Account {
    #[apply]
    fn apply(&mut self, _: &Opened) {}
}

// The crate `accounts` has done that.
ego::register!(Wallet<Usd>);

const PROBLEMS: &str = include_str!("problems.txt").trim_ascii_end();

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_and_where() {
    let store = MemoryStore::new();
    store.append(vec![of_a_retired_kind()]).await.unwrap();
    let mut said = Vec::new();
    for _ in 0..3 {
        let builder = Engine::builder().store(store.clone()).require::<Wallet<Eur>>().require::<Wallet<Usd>>();
        let error = builder.start().await.unwrap_err();
        let StartError::Problems(problems) = &error else { panic!("{error}") };
        assert_eq!(problems.len(), PROBLEMS.matches("\n- ").count(), "{error}");
        said.push(error.to_string());
    }
    assert_eq!(said[0], PROBLEMS);
    assert!(said.iter().all(|text| *text == said[0]), "the order changes");
    assert_eq!(store.event_types().await.unwrap().len(), 1, "something was written");
}

/// An event that nothing in this program reads.
fn of_a_retired_kind() -> Commit {
    let metadata = Metadata::new(CommandId::new("c").unwrap(), "Forget", ego::Timestamp::UNIX_EPOCH);
    let event = NewEvent { name: "Forgotten".into(), version: 2, payload: "{}".into(), tags: Vec::new() };
    Commit {
        stream: StreamId::new("retired", "1").unwrap(),
        expected: Expected::NoStream,
        metadata: Arc::new(metadata),
        codec: "json".into(),
        body: Body::Events(vec![event]),
        reply: "null".into(),
        rows: vec![],
    }
}
