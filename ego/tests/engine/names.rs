//! Commands and events by name, as JSON.

use crate::engine_on;
use crate::tally::*;
use ego::engine::{CommandError, UnknownTarget};
use ego::prelude::*;
use ego::store::MemoryStore;
use serde_json::json;

#[tokio::test]
async fn a_command_by_name_does_what_the_typed_one_does() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let receipt = engine.dispatch("tally", "a", "Count", json!({ "by": 4 })).command_id("c").await.unwrap();
    assert_eq!((&receipt.reply, receipt.revision.map(u64::from)), (&json!(4), Some(1)));
    let again = engine.send::<Tally>("a", Count { by: 4 }).command_id("c").await.unwrap();
    assert_eq!((again.reply, again.repeated), (4, true));
    let unit = engine.dispatch("tally", "a", "Stamp", json!(null)).expect_revision(1).await.unwrap();
    assert_eq!(unit.reply, json!(null));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_told_with_those_that_there_are() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let error = engine.dispatch("taly", "a", "Count", json!({})).await.unwrap_err();
    assert!(matches!(&error, CommandError::Unknown(UnknownTarget::Kind { known, .. }) if known.contains(&"tally")), "{error}");
    let error = engine.dispatch("tally", "a", "Cuont", json!({})).await.unwrap_err();
    assert!(
        matches!(&error, CommandError::Unknown(UnknownTarget::Command { known, .. }) if known.contains(&"Count") && known.contains(&"Peek")),
        "{error}"
    );
    assert!(matches!(engine.history_by_name("taly", "a"), Err(ego::engine::ReadError::Unknown(_))));
}

#[tokio::test]
async fn json_that_is_not_the_command_is_refused() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let error = engine.dispatch("tally", "a", "Count", json!({ "by": "four" })).await.unwrap_err();
    assert!(matches!(&error, CommandError::Codec { what, encoding: false, .. } if &**what == "the command"), "{error}");
    assert_eq!(engine.load::<Tally>("a").await.unwrap().revision, None);
}

#[tokio::test]
async fn a_refusal_by_name_keeps_the_handlers_own_error() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let error = engine.dispatch("tally", "a", "CountBelow", json!({ "limit": 0 })).await.unwrap_err();
    let rejection = error.rejection().unwrap();
    assert_eq!(rejection.downcast_ref::<TooMany>(), Some(&TooMany { total: 0 }));
    assert_eq!(rejection.to_string(), "the total is 0 already");
    assert!(rejection.downcast_ref::<String>().is_none());
}

#[tokio::test]
async fn history_by_name_is_json_in_the_newest_shape() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    engine.send::<Tally>("a", Count { by: 4 }).await.unwrap();
    let history = engine.history_by_name("tally", "a").unwrap().collect().await.unwrap();
    assert_eq!(history[0].events, [("Counted", json!({ "by": 4 }))]);
    assert_eq!((history[0].revision.get(), history[0].position.get()), (1, 1));
}
