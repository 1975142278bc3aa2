use crate::watching::{Lines, Watch, does};
use crate::*;
use ego::engine::{CommandError, ForgetError, Receipt};
use ego::layer::{AnyReply, Denial, Denied, Log, Trace};
use ego::message::{Expected, MetadataDraft, Position, Revision};
use ego::prelude::*;
use ego::store::{Filter, MemoryStore, Store};
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn lines() -> Lines {
    Lines::default()
}

#[tokio::test]
async fn the_first_layer_is_the_outermost() {
    let seen = lines();
    let builder = Engine::builder().layer(Watch("a", Arc::clone(&seen))).layer(Watch("b", Arc::clone(&seen)));
    let engine = start(builder.layer(Watch("c", Arc::clone(&seen)))).await;
    engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
    assert_eq!(*seen.lock(), ["a in", "b in", "c in", "c out", "b out", "a out"]);
    stop(engine).await;
}

/// A command goes through the layers however it is sent, and stays of its type.
#[tokio::test]
async fn every_manner_of_sending_goes_through() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let layer = {
        let seen = Arc::clone(&seen);
        does(move |command, next| {
            let by = command.command::<Add>().map(|add| add.by);
            seen.lock().push((command.kind(), command.id().to_owned(), command.name(), by));
            next.run(command)
        })
    };
    let engine = start(Engine::builder().layer(layer)).await;
    engine.send::<Counter>("sent", Add { by: 1 }).await.unwrap();
    engine.dispatch("counter", "named", "Add", json!({ "by": 2 })).await.unwrap();
    engine.send::<Counter>("forgotten", Add { by: 3 }).and_forget().unwrap();
    engine.dispatch("counter", "both", "Add", json!({ "by": 4 })).and_forget().unwrap();
    engine.send_and_forget::<Counter>("short", Add { by: 5 }).unwrap();
    until(|| seen.lock().len() == 5).await;
    let mut seen = std::mem::take(&mut *seen.lock());
    seen.sort_by_key(|(.., by)| *by);
    let expected = ["sent", "named", "forgotten", "both", "short"].into_iter().zip(1..);
    assert_eq!(seen, expected.map(|(id, by)| ("counter", id.to_owned(), "Add", Some(by))).collect::<Vec<_>>());
    stop(engine).await;
}

#[tokio::test]
async fn a_layer_sees_what_the_sender_said() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let layer = {
        let seen = Arc::clone(&seen);
        does(move |command, next| {
            let json = command.json().unwrap().unwrap();
            let (id, expected) = (command.command_id().to_string(), command.expected());
            seen.lock().push((json, id, expected, command.metadata().clone()));
            assert!(command.command::<Name>().is_none(), "it is of another type");
            next.run(command)
        })
    };
    let engine = start(Engine::builder().layer(layer)).await;
    let draft = MetadataDraft::new().actor("ann").correlation_id("talk").entry("ip", "192.0.2.1");
    let sending = engine.send::<Counter>("1", Add { by: 7 }).command_id("c-1").expect(Expected::NoStream);
    let receipt = sending.metadata(draft.clone()).await.unwrap();
    assert_eq!(*seen.lock(), [(json!({ "by": 7 }), "c-1".to_owned(), Some(Expected::NoStream), draft)]);
    assert_eq!(receipt.command_id.as_str(), "c-1");
    stop(engine).await;
}

/// The id that a layer sees is the one that is recorded, also when the engine made it.
#[tokio::test]
async fn a_layer_sees_the_id_that_the_engine_made() {
    let seen = Arc::new(Mutex::new(None));
    let layer = {
        let seen = Arc::clone(&seen);
        does(move |command, next| {
            *seen.lock() = Some(command.command_id().clone());
            next.run(command)
        })
    };
    let engine = start(Engine::builder().layer(layer)).await;
    let receipt = engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
    assert_eq!(seen.lock().clone(), Some(receipt.command_id));
    stop(engine).await;
}

#[tokio::test]
async fn what_a_layer_says_of_a_command_is_recorded() {
    let store = MemoryStore::new();
    let layer = does(|command, next| {
        let draft = command.metadata_mut();
        draft.actor = Some("the gateway".into());
        draft.entries.insert("seen".into(), "yes".into());
        next.run(command)
    });
    let engine = start(Engine::builder().store(store.clone()).layer(layer)).await;
    engine.send::<Counter>("1", Add { by: 1 }).metadata(MetadataDraft::new().actor("ann").tenant("t")).await.unwrap();
    let event = store.read_log(None, &Filter::all(), 10).await.unwrap().items.remove(0);
    assert_eq!(event.metadata.actor.as_ref().unwrap().as_str(), "the gateway");
    assert_eq!(event.metadata.tenant.as_ref().unwrap().as_str(), "t");
    assert_eq!(event.metadata.entries["seen"], "yes");
    stop(engine).await;
}

/// A refusal says which layer it was, whoever sent, and leaves nothing in the store.
#[tokio::test]
async fn what_a_layer_refuses_is_not_recorded() {
    let store = MemoryStore::new();
    let layer = does(|_, _| Box::pin(async { Err(Denied::other("closed").into()) }));
    let engine = start(Engine::builder().store(store.clone()).layer(Log::new()).layer(layer)).await;
    let mut failures = engine.failures();

    let error = engine.send::<Counter>("1", Add { by: 1 }).await.unwrap_err();
    let CommandError::Denied(denied) = &error else { panic!("{error}") };
    assert_eq!((denied.layer, &denied.reason), ("do", &Denial::Other("closed".into())));
    assert_eq!(error.to_string(), "do did not let the command through: closed");
    let error = engine.dispatch("counter", "1", "Add", json!({ "by": 1 })).await.unwrap_err();
    assert!(matches!(error, CommandError::Denied(_)), "{error}");
    let id = engine.send::<Counter>("1", Add { by: 1 }).and_forget().unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(60), failures.next()).await.unwrap().unwrap().unwrap();
    assert_eq!((heard.command_id, &*heard.reason), (id, "do did not let the command through: closed"));

    assert_eq!(store.head().await.unwrap(), None);
    assert_eq!(store.list_streams(None, None, 10).await.unwrap().items, []);
    assert_eq!(engine.active_aggregates(), 0, "no aggregate has seen it");
    stop(engine).await;
}

/// Replies and rejections are of the handler's types, as without layers.
#[tokio::test]
async fn answers_come_back_through_layers_as_they_are() {
    let engine = start(Engine::builder().layer(Log::new()).layer(Trace)).await;
    let receipt: Receipt<u64> = engine.send::<Counter>("1", Add { by: 5 }).await.unwrap();
    assert_eq!((receipt.reply, receipt.revision, receipt.position), (5, Revision::new(1), Position::new(1)));
    let repeated = engine.send::<Counter>("1", Add { by: 5 }).command_id("c").await.unwrap();
    assert_eq!((repeated.reply, repeated.repeated), (10, false));
    let repeated = engine.send::<Counter>("1", Add { by: 5 }).command_id("c").await.unwrap();
    assert_eq!((repeated.reply, repeated.repeated), (10, true));

    // A command of nothing is recorded only if its sender gave the id.
    for repeated in [false, true] {
        let named = engine.send::<Counter>("1", Name { name: "x".into() }).command_id("n").await.unwrap();
        assert_eq!((&*named.reply, named.repeated), ("x", repeated));
    }

    let error = engine.send::<Counter>("1", Add { by: 51 }).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&TooMuch(51)));
    let error = engine.dispatch("counter", "1", "Add", json!({ "by": 52 })).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().downcast_ref::<TooMuch>(), Some(&TooMuch(52)));
    let reply = engine.dispatch("counter", "1", "Name", json!({ "name": "x" })).await.unwrap().reply;
    assert_eq!(reply, json!("x"));

    let stale = engine.send::<Counter>("1", Add { by: 5 }).expect_revision(1).await.unwrap_err();
    assert!(matches!(stale, CommandError::Conflict { actual, .. } if actual == Revision::new(2)), "{stale}");
    let zero = engine.send::<Counter>("1", Add { by: 5 }).expect_revision(0).await.unwrap_err();
    assert!(matches!(zero, CommandError::RevisionZero), "{zero}");
    let invalid = engine.send::<Counter>("", Add { by: 5 }).await.unwrap_err();
    assert!(matches!(invalid, CommandError::Invalid(_)), "{invalid}");
    engine.stop(Duration::from_secs(10)).await.unwrap();
    let stopped = engine.send::<Counter>("1", Add { by: 5 }).await.unwrap_err();
    assert!(matches!(stopped, CommandError::Stopped), "{stopped}");
    assert_eq!(engine.send::<Counter>("1", Add { by: 5 }).and_forget(), Err(ForgetError::Stopped));
}

#[tokio::test]
async fn a_layer_that_panics_fails_its_command_alone() {
    let layer = does(|command, next| {
        assert!(command.id() != "bad", "a layer's mistake");
        next.run(command)
    });
    let engine = start(Engine::builder().layer(layer)).await;
    let error = engine.send::<Counter>("bad", Add { by: 1 }).await.unwrap_err();
    let CommandError::Panicked { message } = &error else { panic!("{error}") };
    assert_eq!(&**message, "a layer's mistake");
    engine.send::<Counter>("good", Add { by: 1 }).await.unwrap();
    stop(engine).await;
}

/// One command id, so one effect; the second answer is the first one's.
#[tokio::test]
async fn what_is_kept_can_be_sent_on_twice_and_has_one_effect() {
    let layer = does(|command, next| {
        Box::pin(async move {
            command.keep();
            let first = next.run(command).await?;
            let second = next.run(command).await?;
            assert_eq!(command.command::<Add>(), Some(&Add { by: 3 }), "it stays readable");
            assert_eq!((first.repeated, second.repeated), (false, true));
            assert_eq!(first.reply.downcast_ref::<u64>(), second.reply.downcast_ref::<u64>());
            Ok(second)
        })
    });
    let engine = start(Engine::builder().layer(layer)).await;
    assert_eq!(engine.send::<Counter>("1", Add { by: 3 }).await.unwrap().reply, 3);
    assert_eq!(engine.load::<Counter>("1").await.unwrap().state.sum, 3);
    stop(engine).await;
}

#[tokio::test]
async fn what_is_not_kept_is_not_sent_on_twice() {
    let layer = does(|command, next| {
        Box::pin(async move {
            next.run(command).await?;
            assert_eq!(command.command::<Add>(), None, "it is with its aggregate");
            assert!(command.json().is_none());
            next.run(command).await
        })
    });
    let engine = start(Engine::builder().layer(layer)).await;
    let error = engine.send::<Counter>("1", Add { by: 3 }).await.unwrap_err();
    assert!(matches!(&error, CommandError::Denied(denied) if denied.layer == "ego"), "{error}");
    assert_eq!(engine.load::<Counter>("1").await.unwrap().state.sum, 3);
    stop(engine).await;
}

/// A layer cannot answer one command with another's reply: that is an error, not a wrong answer.
#[tokio::test]
async fn replies_cannot_be_mixed_up() {
    let held: Arc<Mutex<Option<Receipt<AnyReply>>>> = Arc::default();
    let layer = does(move |command, next| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            let receipt = next.run(command).await?;
            let before = held.lock().replace(receipt);
            before.ok_or_else(|| Denied::other("none before").into())
        })
    });
    let engine = start(Engine::builder().layer(layer)).await;
    engine.send::<Counter>("1", Name { name: "x".into() }).await.unwrap_err();
    let error = engine.send::<Counter>("1", Add { by: 1 }).await.unwrap_err();
    assert_eq!(error.to_string(), "the handler panicked: a layer gave another command's reply");
    stop(engine).await;
}

/// The command's time runs while it is with the layers, too.
#[tokio::test(start_paused = true)]
async fn a_layer_that_hangs_is_given_up_when_the_time_is_over() {
    let layer = does(|command, next| {
        Box::pin(async move {
            if command.id() == "before" {
                std::future::pending::<()>().await;
            }
            let answered = next.run(command).await;
            std::future::pending::<()>().await;
            answered
        })
    });
    let engine = start(Engine::builder().layer(layer)).await;
    let send = |id: &str| engine.send::<Counter>(id, Add { by: 1 }).timeout(Duration::from_secs(3)).into_future();
    for (id, unknown) in [("before", false), ("behind", true)] {
        let error = send(id).await.unwrap_err();
        let CommandError::Timeout { after, recorded_unknown, .. } = error else { panic!("{error}") };
        assert_eq!((after, recorded_unknown), (Duration::from_secs(3), unknown), "{id}");
    }
    stop(engine).await;
}

/// A sender that goes away takes the layers with it, and harms nobody.
#[tokio::test(start_paused = true)]
async fn a_dropped_sender_leaves_nothing_behind() {
    let engine = start(Engine::builder().layer(Trace).layer(Log::new())).await;
    let sending = engine.send::<Counter>("1", AddLater).into_future();
    assert!(tokio::time::timeout(Duration::from_secs(1), sending).await.is_err());
    engine.send::<Counter>("1", Add { by: 2 }).await.unwrap();
    assert_eq!(engine.load::<Counter>("1").await.unwrap().state.sum, 2);
    stop(engine).await;
}
