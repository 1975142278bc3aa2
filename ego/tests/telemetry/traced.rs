use crate::contested::Contested;
use crate::domain::*;
use crate::seen::{Seen, Told};
use crate::until;
use ego::engine::EngineBuilder;
use ego::message::MetadataDraft;
use ego::prelude::*;
use ego::store::MemoryStore;
use std::collections::BTreeSet;
use std::time::Duration;
use tracing::Level;

async fn start(builder: EngineBuilder, gate: usize) -> Engine {
    builder.service::<Gate>(Gate::new(gate)).publisher(Radio).start().await.unwrap()
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(60)).await.unwrap();
}

fn fields<const N: usize>(told: &Told, names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| told.field(name).map(str::to_owned))
}

fn are<const N: usize>(values: [&str; N]) -> [Option<String>; N] {
    values.map(|value| Some(value.to_owned()))
}

const TALK: [&str; 3] = ["command_id", "correlation_id", "causation_id"];

/// From the sender to the view: one conversation, found by its ids.
async fn follow(store: Option<Contested>) {
    let (seen, _listening) = Seen::listen(Level::DEBUG);
    let is_pipelined = store.is_some();
    let builder = Engine::builder();
    let engine = start(if let Some(store) = store { builder.store(store) } else { builder.store(MemoryStore::new()) }, 0).await;
    let draft = MetadataDraft::new().actor("ann").tenant("t").correlation_id("talk").causation_id("before");
    let receipt = engine.send::<Lamp>("l", Light { watts: 5 }).command_id("c").metadata(draft).await.unwrap();
    engine.view::<Brightness>("l").after(&receipt).await.unwrap();
    until(|| seen.spans("ego.react").len() == 1 && seen.spans("ego.publish").len() == 1).await;
    until(|| seen.spans("ego.publish")[0].field("outcome").is_some() && seen.spans("ego.react")[0].field("outcome").is_some())
        .await;

    let [send] = &*seen.spans("ego.send") else { panic!("one command, one span") };
    assert_eq!(fields(send, TALK), are(["c", "talk", "before"]));
    assert_eq!(
        fields(send, ["kind", "id", "command", "actor", "tenant", "outcome"]),
        are(["lamp", "l", "Light", "ann", "t", "done"])
    );
    assert_eq!((send.level, send.target, send.parent), (Level::DEBUG, "ego", None));
    let decides = seen.spans("ego.decide");
    assert!(decides.iter().all(|decide| decide.parent == Some("ego.send")), "{decides:?}");
    assert_eq!(fields(&decides[0], ["stream", "command"]), are(["lamp/l", "Light"]));
    let commit = seen.spans("ego.commit").pop().unwrap();
    assert_eq!(fields(&commit, ["commits"]), are(["1"]));
    assert_eq!(commit.parent, if is_pipelined { None } else { Some("ego.send") });
    let [recorded] = &*seen.events("ego") else { panic!("one commit was recorded") };
    assert_eq!(recorded.parent, Some("ego.commit"));
    assert_eq!(
        fields(recorded, ["stream", "command_id", "correlation_id", "revision", "position"]),
        are(["lamp/l", "c", "talk", "1", "1"])
    );
    for (name, handler) in [("ego.project", "brightness"), ("ego.react", "moth")] {
        let [span] = &*seen.spans(name) else { panic!("one event, one {name}") };
        assert_eq!(fields(span, TALK), are(["c", "talk", "before"]), "{name}");
        let names = ["handler", "event", "stream", "revision", "position", "attempt", "outcome"];
        assert_eq!(fields(span, names), are([handler, "Lit", "lamp/l", "1", "1", "1", "done"]), "{name}");
        assert_eq!(span.field("key"), (name == "ego.project").then_some("l"));
        assert_eq!(span.parent, None, "it comes later than its command");
    }
    let [publish] = &*seen.spans("ego.publish") else { panic!("one batch, one span") };
    assert_eq!(fields(publish, ["handler", "events", "first", "last", "outcome"]), are(["radio", "1", "1", "1", "done"]));

    // What the program says is said within them.
    let within: BTreeSet<_> = seen.events("lamp").iter().map(|event| event.parent).collect();
    let spans = ["ego.decide", "ego.project", "ego.publish", "ego.react"];
    assert_eq!(within, spans.into_iter().map(Some).collect());
    stop(engine).await;
}

#[tokio::test]
async fn a_conversation_is_followed_from_the_sender_to_the_view() {
    follow(None).await;
}

/// The same where commits wait in line, and a decision is made twice.
#[tokio::test]
async fn a_conversation_is_followed_through_the_pipeline() {
    follow(Some(Contested::losing(1))).await;
}

/// A handler that waits is decided within the span of its own command, whoever runs the aggregate.
#[tokio::test]
async fn what_waits_is_decided_within_its_own_span() {
    let (seen, _listening) = Seen::listen(Level::DEBUG);
    let engine = start(Engine::builder(), 2).await;
    let both = tokio::join!(
        engine.send::<Lamp>("l", LightLater { watts: 1 }).into_future(),
        engine.send::<Lamp>("l", LightLater { watts: 2 }).into_future()
    );
    both.0.unwrap();
    both.1.unwrap();
    let decides = seen.spans("ego.decide");
    assert_eq!(decides.len(), 2);
    assert!(decides.iter().all(|decide| decide.parent == Some("ego.send")));
    let parents: BTreeSet<_> = decides.iter().map(|decide| decide.parent_id.unwrap()).collect();
    assert_eq!(parents.len(), 2, "each has its own");
    assert!(seen.events("lamp").iter().filter(|event| event.field("message") == Some("deciding later")).count() == 2);
    stop(engine).await;
}

#[tokio::test]
async fn how_it_ended_is_said() {
    let (seen, _listening) = Seen::listen(Level::DEBUG);
    let engine = start(Engine::builder().layer(ego::layer::Log::new()), 0).await;
    engine.send::<Lamp>("l", Light { watts: 101 }).await.unwrap_err();
    engine.send::<Lamp>("l", Light { watts: 1 }).expect_revision(7).await.unwrap_err();
    engine.send::<Lamp>("l", LightLater { watts: 1 }).timeout(Duration::from_millis(5)).await.unwrap_err();
    engine.send::<Lamp>("l", Light { watts: FUSE }).await.unwrap();
    let outcomes: Vec<_> = seen.spans("ego.send").iter().map(|span| span.field("outcome").unwrap().to_owned()).collect();
    assert_eq!(outcomes, ["rejected", "conflict", "timeout", "done"]);
    until(|| {
        ["ego.project", "ego.react"]
            .iter()
            .all(|name| seen.spans(name).iter().any(|span| span.field("outcome") == Some("failed")))
    })
    .await;
    stop(engine).await;
}

/// With nobody at `DEBUG`, ego makes no spans at all.
#[tokio::test]
async fn without_a_listener_there_are_no_spans() {
    let (seen, _listening) = Seen::listen(Level::INFO);
    let engine = start(Engine::builder(), 1).await;
    let receipt = engine.send::<Lamp>("l", Light { watts: 5 }).await.unwrap();
    engine.send::<Lamp>("l", LightLater { watts: 5 }).await.unwrap();
    engine.view::<Brightness>("l").after(&receipt).await.unwrap();
    assert!(seen.all().iter().all(|told| !told.is_span), "{:?}", seen.all());
    assert!(seen.events("lamp").iter().all(|event| event.parent.is_none()));
    stop(engine).await;
}
