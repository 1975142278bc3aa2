//! Layers around what a program sends itself: the commands of timers and of sagas, and what sagas are told.

#![allow(missing_docs, unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use ego::consumer::ConsumerKind;
use ego::layer::{Answered, Authorise, CommandCall, CommandLayer, EventCall, EventLayer, Next, NextEvent};
use ego::message::MetadataDraft;
use ego::model::{Context, Failure};
use ego::prelude::*;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EchoEvent {
    Called { word: String },
    Heard { word: String },
}

#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub word: String,
}

#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hear {
    pub word: String,
}

/// Calls a moment later.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallLater {
    pub word: String,
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "echo", event = EchoEvent)]
pub struct Echo;

#[ego::handlers]
impl Echo {
    #[handle]
    fn call(&self, cmd: Call) -> Result<EchoEvent, String> {
        Ok(EchoEvent::Called { word: cmd.word })
    }
    #[handle]
    fn hear(&self, cmd: Hear) -> Result<EchoEvent, String> {
        Ok(EchoEvent::Heard { word: cmd.word })
    }
    #[handle]
    fn later(&self, cmd: CallLater, context: &Context) -> Result<(), String> {
        context.schedule::<Self>("call", Duration::from_millis(1), Call { word: cmd.word });
        Ok(())
    }
    #[apply]
    fn apply(&mut self, _: &EchoEvent) {}
}

/// What is called is heard on the other side.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Valley;

#[ego::saga(name = "valley")]
impl Valley {
    #[start(Echo)]
    fn called(&mut self, event: &EchoEvent, cx: &mut SagaContext<Self>) {
        if let EchoEvent::Called { word } = event {
            cx.send::<Echo>("other-side", Hear { word: word.clone() });
            cx.complete();
        }
    }
}

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
