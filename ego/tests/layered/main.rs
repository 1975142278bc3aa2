//! Layers around what a program sends itself: the commands of timers and of sagas, and what sagas are told.

#![allow(missing_docs, unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod valley;

use ego::consumer::ConsumerKind;
use ego::layer::{Answered, Authorise, CommandCall, CommandLayer, EventCall, EventLayer, Next, NextEvent};
use ego::message::MetadataDraft;
use ego::model::Failure;
use ego::prelude::*;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use valley::*;

type Lines = Arc<Mutex<Vec<String>>>;

struct Watch(Lines);

#[async_trait::async_trait]
impl CommandLayer for Watch {
    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        let actor = command.metadata().actor.clone().unwrap_or_default();
        self.0.lock().push(format!("{} {} {} {actor}", command.kind(), command.id(), command.name()));
        next.run(command).await
    }
}

#[async_trait::async_trait]
impl EventLayer for Watch {
    async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure> {
        assert_eq!((event.consumer(), event.handler(), event.name()), (ConsumerKind::Saga, "valley", event.name()));
        let content = event.event::<serde_json::Value>().unwrap();
        if content["word"] == "secret" {
            return Ok(());
        }
        self.0.lock().push(format!("{} {content}", event.name()));
        next.run(event).await
    }
}

async fn heard(engine: &Engine, count: usize) -> Vec<String> {
    let look = async || {
        let history = engine.history::<Echo>("other-side").unwrap().collect().await.unwrap();
        history.into_iter().flat_map(|one| one.events).map(|event| format!("{event:?}")).collect::<Vec<_>>()
    };
    let waiting = async {
        loop {
            let heard = look().await;
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it is not heard")
}

/// Their commands go through the layers as all others, with the actor of what they follow from; what a saga tells itself does not, but
/// through the event layers, which may leave it out.
#[tokio::test]
async fn timers_and_sagas_go_through_the_layers() {
    let (commands, events) = (Lines::default(), Lines::default());
    // Whoever does not say who asks is refused: a saga would never be told anything if it were its own command that is asked for.
    let only_ann = Authorise::actors(|actor, command| match (actor, command.kind()) {
        ("ann", "echo") => Ok(()),
        _ => Err("only Ann calls".into()),
    });
    let engine = Engine::builder()
        .layer(Watch(Arc::clone(&commands)))
        .layer(only_ann)
        .event_layer(Watch(Arc::clone(&events)))
        .start()
        .await
        .unwrap();
    let ann = || MetadataDraft::new().actor("ann");
    engine.send::<Echo>("this-side", Call { word: "secret".into() }).metadata(ann()).await.unwrap();
    engine.send::<Echo>("this-side", CallLater { word: "hello".into() }).metadata(ann()).await.unwrap();
    assert_eq!(heard(&engine, 1).await, [r#"Heard { word: "hello" }"#]);
    let seen = commands.lock().clone();
    let sent = ["Call", "CallLater", "Call"].map(|name| format!("echo this-side {name} ann"));
    assert_eq!(seen[..3], sent);
    assert_eq!(seen[3..], ["echo other-side Hear ann"]);
    assert!(events.lock().contains(&r#"Called {"word":"hello"}"#.to_owned()), "{:?}", events.lock());
    engine.stop(Duration::from_secs(60)).await.unwrap();
}
