//! Erasing, on a running engine: the stream, what is in memory of it, and what was derived from it.

use crate::everything::{any, stream};
use ego::clock::ManualClock;
use ego::engine::{CommandError, ReadError};
use ego::maintenance::audit::{self, Operation, Outcome};
use ego::message::{Position, Revision};
use ego::prelude::*;
use ego::store::{MemoryStore, Snapshot, Store};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum PatientEvent {
    Admitted { name: String, ward: String },
}

#[derive(Command, Serialize, Deserialize)]
struct Admit {
    name: String,
    ward: String,
}

/// Answers from memory, and records nothing.
#[derive(Command, Serialize, Deserialize)]
struct Ask;

/// Waits in its handler.
#[derive(Command, Serialize, Deserialize)]
struct Hold;

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "patient", event = PatientEvent)]
struct Patient {
    name: String,
}

struct Door(Semaphore);

#[ego::handlers]
impl Patient {
    #[handle]
    fn admit(&self, cmd: Admit) -> Result<PatientEvent, String> {
        Ok(PatientEvent::Admitted { name: cmd.name, ward: cmd.ward })
    }
    #[handle]
    fn ask(&self, _: Ask) -> Result<Decision<PatientEvent, String>, String> {
        Ok(emit(()).reply(self.name.clone()))
    }
    #[handle]
    async fn hold(&self, _: Hold, door: &Door) -> Result<(), String> {
        door.0.acquire().await.map_err(|error| error.to_string())?.forget();
        Ok(())
    }
    #[apply]
    fn apply(&mut self, event: &PatientEvent) {
        let PatientEvent::Admitted { name, .. } = event;
        self.name.clone_from(name);
    }
}

/// Under the patient's id, in the same commit.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Card {
    name: String,
}

#[ego::projection(name = "cards", mode = inline)]
impl Card {
    #[on(Patient)]
    fn on(&mut self, event: &PatientEvent) {
        let PatientEvent::Admitted { name, .. } = event;
        self.name.clone_from(name);
    }
    #[index]
    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Under a key of the event.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Ward {
    names: Vec<String>,
}

#[ego::projection(name = "wards")]
impl Ward {
    #[on(Patient, key = ward)]
    fn on(&mut self, event: &PatientEvent) {
        let PatientEvent::Admitted { name, .. } = event;
        self.names.push(name.clone());
    }
}

fn ward(PatientEvent::Admitted { ward, .. }: &PatientEvent) -> String {
    ward.clone()
}

async fn hospital(store: &MemoryStore) -> (Engine, Arc<Door>) {
    let door = Arc::new(Door(Semaphore::new(0)));
    let clock = ManualClock::at("2026-02-01T12:00:00Z".parse().unwrap());
    let engine = Engine::builder().store(store.clone()).service(Arc::clone(&door)).clock(clock).start().await.unwrap();
    for (id, name) in [("p-1", "Ann"), ("p-2", "Bob")] {
        engine.send::<Patient>(id, Admit { name: name.into(), ward: "7".into() }).await.unwrap();
    }
    (engine, door)
}

async fn rows_with(store: &MemoryStore, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for table in store.list_tables().await.unwrap() {
        let rows = store.list_rows(&table, b"", None, 1000).await.unwrap().items;
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if rows.iter().any(|row| holds(&row.key) || holds(&row.value)) {
            found.push(table.to_string());
        }
    }
    found
}

#[tokio::test]
async fn an_erased_stream_is_gone_from_the_store_from_memory_and_from_every_view() {
    let store = MemoryStore::new();
    let (engine, _door) = hospital(&store).await;
    let of = stream("patient", "p-1");
    let receipt = engine.send::<Patient>("p-2", Admit { name: "Bob".into(), ward: "7".into() }).await.unwrap();
    assert_eq!(engine.view::<Ward>("7").after(receipt.position).await.unwrap().unwrap().names, ["Ann", "Bob", "Bob"]);
    let first = Revision::FIRST;
    let snapshot =
        Snapshot { revision: first, position: Position::FIRST, version: 1, codec: "json".into(), payload: "{}".into() };
    store.save_snapshot(&of, snapshot).await.unwrap();
    let maintenance = engine.maintain("ann", "request 17").unwrap();
    let erased = maintenance.erase(&of).await.unwrap();
    assert_eq!(erased.held.iter().map(|held| (&*held.projection, held.by_id)).collect::<Vec<_>>(), [("wards", false)]);
    assert!(!engine.active_streams().contains(&of), "it is in memory still");
    assert_eq!(rows_with(&store, "Ann").await, ["view/wards/1"]);
    assert_eq!(store.load_snapshot(&of).await.unwrap(), None);
    let asked = engine.send::<Patient>("p-1", Ask).await;
    assert!(matches!(asked, Err(CommandError::Unloadable { .. })), "{asked:?}");
    let admitted = engine.send::<Patient>("p-1", Admit { name: "Ann".into(), ward: "7".into() }).await;
    assert!(admitted.is_err(), "{admitted:?}");
    let loaded = engine.load::<Patient>("p-1").await;
    assert!(matches!(loaded, Err(ReadError::Recovery(_))), "{loaded:?}");
    // The same again, with the views.
    assert_eq!(maintenance.erase_and_rebuild(&of).await.unwrap().held, []);
    assert_eq!(engine.view::<Ward>("7").await.unwrap().unwrap().names, ["Bob", "Bob"]);
    assert_eq!(engine.send::<Patient>("p-2", Ask).await.unwrap().reply, "Bob");
    let entries = audit::entries(&any(&store)).await.unwrap();
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        assert_eq!(entry.operation, Operation::Erase { stream: of.clone() });
        assert_eq!((entry.actor.as_str(), &*entry.reason), ("ann", "request 17"));
        assert_eq!(entry.ended, Some((entry.begun, Outcome::Done { digest: None })));
    }
    engine.stop(Duration::from_secs(10)).await.unwrap();
    assert!(rows_with(&store, "Ann").await.iter().all(|table| table == "view/wards/1"), "{:?}", rows_with(&store, "Ann").await);
    // An engine starts on a store with an audit.
    hospital_again(&store).await;
}

async fn hospital_again(store: &MemoryStore) {
    let door = Arc::new(Door(Semaphore::new(0)));
    let engine = Engine::builder().store(store.clone()).service(door).start().await.unwrap();
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn an_aggregate_that_is_busy_is_sent_away_when_it_is_not() {
    let store = MemoryStore::new();
    let (engine, door) = hospital(&store).await;
    let held = engine.send::<Patient>("p-1", Hold);
    let holding = tokio::spawn({
        let engine = engine.clone();
        async move { engine.send::<Patient>("p-1", Hold).await.map(|receipt| receipt.reply) }
    });
    drop(held);
    // Until the handler is entered, nobody waits at the door: it is asked for by the second one that queues.
    while engine.queued_commands() == 0 {
        let engine = engine.clone();
        tokio::spawn(async move { engine.send::<Patient>("p-1", Ask).await.map(|receipt| receipt.reply) });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let erasing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.maintain("ann", "request 18").unwrap().erase(&stream("patient", "p-1")).await.map(drop) }
    });
    while !store.stream_head(&stream("patient", "p-1")).await.unwrap().unwrap().erased {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!erasing.is_finished(), "it was not waited for");
    door.0.add_permits(1);
    erasing.await.unwrap().unwrap();
    holding.await.unwrap().ok();
    assert!(!engine.active_streams().contains(&stream("patient", "p-1")));
    assert!(engine.send::<Patient>("p-1", Ask).await.is_err());
    engine.stop(Duration::from_secs(10)).await.unwrap();
}
