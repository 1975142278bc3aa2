//! Every reader sees what a stored event means today (I7): a chain of versions, one that became two, one that says nothing any more, and one
//! that the last upcaster refuses. Two events that one became are told apart by their ordinals, wherever they are read.

#![allow(clippy::needless_pass_by_value, reason = "an upcaster takes the old shape")]

use ego::consumer::{Backoff, Policy, State};
use ego::engine::{ReadError, RecoveryError};
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::model::{DecodeError, Delivery, Failure};
use ego::prelude::*;
use ego::projection::{ProjectionOptions, Rebuild};
use ego::publish::ChannelPublisher;
use ego::store::{Body, Commit, MemoryStore, NewEvent, Store};
use ego::subscription::SubscriptionError;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum MeterEvent {
    #[event(name = "counted", alias = "Read", version = 3, upcast(1 => with_unit, 2 => renamed))]
    Counted { units: u64, unit: String },
    /// Was several readings, in its first version.
    #[event(version = 2, upcast(1 => both))]
    Pair { of: u64 },
    /// Was nothing that anybody wants to know today, in its first version.
    #[event(version = 2, upcast(1 => retired))]
    Noise { level: u8 },
    /// Was sometimes wrong, in its first version.
    #[event(version = 2, upcast(1 => checked))]
    Odd { units: u64 },
}

#[derive(Deserialize)]
struct CountedV1 {
    kwh: u64,
}
struct CountedV2 {
    units: u64,
    unit: String,
}
impl<'de> Deserialize<'de> for CountedV2 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <(u64, String)>::deserialize(from).map(|(units, unit)| Self { units, unit })
    }
}
fn with_unit(v1: CountedV1) -> CountedV2 {
    CountedV2 { units: v1.kwh, unit: "kWh".into() }
}
fn renamed(v2: CountedV2) -> MeterEvent {
    MeterEvent::Counted { units: v2.units, unit: v2.unit }
}
fn both((first, second): (u64, u64)) -> (MeterEvent, MeterEvent) {
    (renamed(CountedV2 { units: first, unit: "a".into() }), renamed(CountedV2 { units: second, unit: "b".into() }))
}
fn retired(_: serde_json::Value) -> Option<MeterEvent> {
    None
}
fn checked(units: u64) -> Result<MeterEvent, String> {
    if units == 13 { Err("thirteen is no reading".to_owned()) } else { Ok(MeterEvent::Odd { units }) }
}

#[derive(Command, Serialize, Deserialize)]
struct Count {
    units: u64,
}

#[derive(Aggregate, Default, Debug, PartialEq)]
#[aggregate(name = "meter", event = MeterEvent)]
struct Meter {
    units: Vec<u64>,
}

#[ego::handlers]
impl Meter {
    #[handle]
    fn count(&self, cmd: Count) -> Result<Decision<MeterEvent, u64>, String> {
        let sum: u64 = self.units.iter().sum();
        Ok(emit(MeterEvent::Counted { units: cmd.units, unit: "kWh".into() }).reply(sum + cmd.units))
    }
    #[apply]
    fn apply(&mut self, event: &MeterEvent) {
        self.units.push(units(event));
    }
}

fn units(event: &MeterEvent) -> u64 {
    match event {
        MeterEvent::Counted { units, .. } | MeterEvent::Odd { units } => *units,
        MeterEvent::Pair { .. } | MeterEvent::Noise { .. } => 0,
    }
}

/// What a reader was given: the units, and the identity of each event.
type Given = Vec<(u64, String)>;

fn given(event: &MeterEvent, delivery: &Delivery) -> (u64, String) {
    (units(event), delivery.token().to_string())
}

/// Fails until it is told otherwise.
#[derive(Default)]
struct Knob(AtomicBool);

macro_rules! view {
    ($name:ident, $named:literal $(, $mode:ident)?) => {
        #[derive(Default, Clone, Debug, Serialize, Deserialize)]
        struct $name(Given);
        #[ego::projection(name = $named $(, mode = $mode)?)]
        impl $name {
            #[on(Meter)]
            fn on(&mut self, event: &MeterEvent, delivery: &Delivery) {
                self.0.push(given(event, delivery));
            }
        }
    };
}
view!(Behind, "behind");
view!(Within, "within", inline);
view!(Live, "live", live);

/// Keeps dead letters while the knob is turned.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Late(Given);
#[ego::projection(name = "late")]
impl Late {
    #[on(Meter)]
    fn on(&mut self, event: &MeterEvent, delivery: &Delivery, knob: &Knob) -> Result<(), String> {
        if knob.0.load(Ordering::SeqCst) {
            return Err("not yet".to_owned());
        }
        self.0.push(given(event, delivery));
        Ok(())
    }
}

#[derive(Default)]
struct Noted(Mutex<Given>);

#[derive(Default)]
struct Notes;
#[ego::reactor(name = "notes")]
impl Notes {
    #[on(Meter)]
    fn on(&self, event: &MeterEvent, delivery: &Delivery, noted: &Noted) -> Result<(), Failure> {
        noted.0.lock().unwrap().push(given(event, delivery));
        Ok(())
    }
}

async fn record(store: &MemoryStore, id: &str, stored: &[(&str, u32, &str)]) {
    let event = |(name, version, payload): &(&str, u32, &str)| NewEvent {
        name: (*name).to_owned().into(),
        version: *version,
        payload: payload.to_string().into(),
        tags: vec![],
    };
    let metadata = Metadata::new(CommandId::new(format!("of-{id}")).unwrap(), "Count", ego::Timestamp::UNIX_EPOCH);
    let commit = Commit {
        stream: StreamId::new("meter", id).unwrap(),
        expected: Expected::NoStream,
        metadata: Arc::new(metadata),
        codec: "json".into(),
        body: Body::Events(stored.iter().map(event).collect()),
        reply: "".into(),
        rows: vec![],
    };
    store.append(vec![commit]).await.unwrap();
}

const STORED: [(&str, u32, &str); 7] = [
    ("Read", 1, r#"{"kwh":1}"#),
    ("counted", 2, r#"[2,"kWh"]"#),
    ("Pair", 1, "[3,4]"),
    ("Noise", 1, r#"{"anything":[]}"#),
    ("counted", 3, r#"{"units":5,"unit":"kWh"}"#),
    ("Odd", 1, "6"),
    ("Pair", 2, r#"{"of":1}"#),
];

/// The same for every reader.
fn wanted() -> Given {
    let wanted = [(1, "1.0"), (2, "2.0"), (3, "3.0"), (4, "3.1"), (5, "5.0"), (6, "6.0"), (0, "7.0")];
    wanted.map(|(units, token)| (units, token.to_owned())).to_vec()
}

async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.expect("it did not come to that")
}

struct House {
    engine: Engine,
    knob: Arc<Knob>,
    noted: Arc<Noted>,
    published: tokio::sync::mpsc::Receiver<ego::publish::Envelope>,
    store: MemoryStore,
}

async fn house(stored: &[(&str, u32, &str)], policy: Policy) -> House {
    let store = MemoryStore::new();
    record(&store, "m", stored).await;
    let (knob, noted) = (Arc::new(Knob(AtomicBool::new(true))), Arc::<Noted>::default());
    let (publisher, published) = ChannelPublisher::new("out", 64);
    let quick = policy.backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(2)));
    let builder =
        Engine::builder().store(store.clone()).service(Arc::clone(&knob)).service(Arc::clone(&noted)).publisher(publisher);
    let builder = builder
        .projection::<Late>(ProjectionOptions::new().policy(Policy::dead_letter().retries(0)))
        .projection::<Behind>(ProjectionOptions::new().policy(quick));
    House { engine: builder.start().await.unwrap(), knob, noted, published, store }
}

#[tokio::test]
async fn every_reader_is_given_what_an_event_means_today() {
    let House { engine, knob, noted, mut published, store } = house(&STORED, Policy::fail()).await;
    let last = store.head().await.unwrap().unwrap();
    let all: Vec<u64> = wanted().into_iter().map(|(units, _)| units).collect();
    // Recovery, cold and for a command.
    assert_eq!(engine.load::<Meter>("m").await.unwrap().state.units, all);
    // History, typed and by name.
    let history = engine.history::<Meter>("m").unwrap().collect().await.unwrap();
    assert_eq!(history.iter().map(|one| one.events.len()).collect::<Vec<_>>(), [1, 1, 2, 0, 1, 1, 1]);
    assert_eq!(history.iter().flat_map(|one| &one.events).map(units).collect::<Vec<_>>(), all);
    let history = engine.history_by_name("meter", "m").unwrap().collect().await.unwrap();
    let named: Vec<_> = history.iter().flat_map(|one| one.events.iter().map(|(name, _)| *name)).collect();
    assert_eq!(named, ["counted", "counted", "counted", "counted", "counted", "Odd", "Pair"]);
    // Subscriptions, typed and as JSON.
    let (mut typed, mut json) = (engine.subscribe().events::<Meter>().await.unwrap(), engine.subscribe().json().await.unwrap());
    for (number, token) in wanted() {
        let one = typed.next().await.unwrap().unwrap();
        assert_eq!(given(&one.event, &one.delivery), (number, token.clone()));
        let one = json.next().await.unwrap().unwrap();
        assert_eq!((one.event["units"].as_u64().unwrap_or(0), one.delivery.token().to_string()), (number, token));
    }
    // Views: behind the log, built anew, with the commits, on read.
    assert_eq!(engine.view::<Behind>("m").after(last).await.unwrap().unwrap().0, wanted());
    assert!(engine.projection::<Behind>().unwrap().rebuild(Rebuild::beside()).await.unwrap().same);
    assert_eq!(engine.view::<Within>("m").await.unwrap().unwrap().0, wanted());
    assert_eq!(engine.view::<Live>("m").await.unwrap().unwrap().0, wanted());
    // Reactors and publishers.
    eventually(async || (noted.0.lock().unwrap().len() == wanted().len()).then_some(())).await;
    assert_eq!(*noted.0.lock().unwrap(), wanted());
    for (number, token) in wanted() {
        let envelope = published.recv().await.unwrap();
        assert_eq!((envelope.event["units"].as_u64().unwrap_or(0), envelope.id()), (number, token));
    }
    // Dead letters: as they were recorded, and read anew when they are replayed.
    let late = engine.projection::<Late>().unwrap();
    let letters =
        eventually(async || Some(late.dead_letters(None, 100).await.unwrap().items).filter(|kept| kept.len() == wanted().len()))
            .await;
    let kept: Vec<_> = letters.iter().map(|letter| format!("{}.{}", letter.event.position, letter.ordinal)).collect();
    assert_eq!(kept, wanted().into_iter().map(|(_, token)| token).collect::<Vec<_>>());
    assert_eq!((&*letters[0].event.name, letters[0].event.version), ("Read", 1));
    knob.0.store(false, Ordering::SeqCst);
    let replayed = late.replay("m").await.unwrap();
    assert_eq!((replayed.folded, replayed.left), (wanted().len() as u64, 0));
    assert_eq!(engine.view::<Late>("m").await.unwrap().unwrap().0, wanted());
    // A command decides on all of it, and an inline view goes on behind it.
    assert_eq!(engine.send::<Meter>("m", Count { units: 10 }).await.unwrap().reply, 31);
    assert_eq!(engine.view::<Within>("m").await.unwrap().unwrap().0.last(), Some(&(10, "8.0".to_owned())));
    // What is recorded is as it was (I7).
    let raw = store.read_log(None, &ego::store::Filter::all(), 100).await.unwrap().items;
    let raw: Vec<_> =
        raw.iter().take(7).map(|event| (&*event.name, event.version, str::from_utf8(&event.payload).unwrap())).collect();
    assert_eq!(raw, STORED);
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

/// What every reader says of an event that its last upcaster refuses.
fn is_refused(error: &DecodeError) -> bool {
    matches!(error, DecodeError::Upcast { version: 1, reason, .. } if &**reason == "thirteen is no reading")
}

#[tokio::test]
async fn an_event_that_its_upcaster_refuses_is_a_typed_error_for_every_reader() {
    // The inline views of it could not be built, and the engine would not start: its stream comes later.
    let House { engine, store, noted, mut published, .. } =
        house(&[("counted", 3, r#"{"units":1,"unit":"kWh"}"#)], Policy::fail()).await;
    record(&store, "n", &[("Odd", 1, "13"), ("Odd", 1, "14")]).await;
    let loaded = engine.load::<Meter>("n").await.unwrap_err();
    assert!(matches!(&loaded, ReadError::Recovery(RecoveryError::Unreadable { source, .. }) if is_refused(source)), "{loaded:?}");
    let sent = engine.send::<Meter>("n", Count { units: 1 }).await.unwrap_err();
    assert!(
        matches!(&sent, CommandError::Unloadable { source: RecoveryError::Unreadable { source, .. }, .. } if is_refused(source)),
        "{sent:?}"
    );
    let mut history = engine.history::<Meter>("n").unwrap();
    let refused = history.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, ReadError::Recovery(RecoveryError::Unreadable { source, .. }) if is_refused(source)),
        "{refused:?}"
    );
    assert_eq!(history.next().await.unwrap().unwrap().events, [MeterEvent::Odd { units: 14 }]);
    let mut by_name = engine.history_by_name("meter", "n").unwrap();
    assert!(by_name.next().await.unwrap().is_err() && by_name.next().await.unwrap().is_ok());
    let mut typed = engine.subscribe().events::<Meter>().await.unwrap();
    let mut json = engine.subscribe().json().await.unwrap();
    typed.next().await.unwrap().unwrap();
    json.next().await.unwrap().unwrap();
    let refused = typed.next().await.unwrap().unwrap_err();
    assert!(matches!(&refused, SubscriptionError::Unreadable { source, .. } if is_refused(source)), "{refused:?}");
    let refused = json.next().await.unwrap().unwrap_err();
    assert!(matches!(&refused, SubscriptionError::Unreadable { source, .. } if is_refused(source)), "{refused:?}");
    // The next call goes on behind it.
    assert_eq!(units(&typed.next().await.unwrap().unwrap().event), 14);
    assert_eq!(json.next().await.unwrap().unwrap().event["units"], 14);
    // Consumers stop before it, visibly.
    let status = eventually(async || {
        let mut all = Vec::new();
        for one in engine.consumers() {
            all.push(one.status().await.unwrap());
        }
        let stopped = all.iter().filter(|one| one.state == State::Failed).count();
        (stopped >= 3).then_some(all)
    })
    .await;
    for one in status.iter().filter(|one| one.state == State::Failed) {
        let error = one.last_error.as_ref().unwrap();
        assert!(error.message.contains("thirteen is no reading"), "{}: {error:?}", one.name);
        assert_eq!(error.position.map(u64::from), Some(2), "{}", one.name);
    }
    let live = engine.view::<Live>("n").await.unwrap_err();
    assert!(with_causes(&live).contains("thirteen is no reading"), "{}", with_causes(&live));
    assert_eq!(noted.0.lock().unwrap().len(), 1);
    assert_eq!(published.recv().await.unwrap().id(), "1.0");
    assert!(published.try_recv().is_err());
    engine.stop(Duration::from_secs(10)).await.unwrap();
    // Where inline views are to be built from it, no engine starts.
    let store = MemoryStore::new();
    record(&store, "n", &[("Odd", 1, "13")]).await;
    let started = Engine::builder().store(store).service(Arc::<Knob>::default()).service(Arc::<Noted>::default()).start().await;
    let error = started.expect_err("it cannot be folded");
    assert!(with_causes(&error).contains("thirteen is no reading"), "{}", with_causes(&error));
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn the_schema_of_what_is_linked_holds_all_of_it() {
    let schema = ego::schema::Schema::linked();
    let meter = &schema.kinds["meter"];
    assert_eq!(meter.events.keys().collect::<Vec<_>>(), ["Noise", "Odd", "Pair", "counted"]);
    let counted = serde_json::to_value(&meter.events["counted"]).unwrap();
    let fields = serde_json::json!({"required": {"unit": "string", "units": "u64"}});
    let versions = serde_json::json!({
        "1": {"struct": {"required": {"kwh": "u64"}}}, "2": {"tuple": ["u64", "string"]}, "3": {"struct": fields}
    });
    assert_eq!(counted, serde_json::json!({"aliases": ["Read"], "versions": versions}));
    assert_eq!(meter.commands.keys().collect::<Vec<_>>(), ["Count"]);
    // A live view is never stored.
    assert_eq!(schema.views.keys().collect::<Vec<_>>(), ["behind", "late", "within"]);
}
