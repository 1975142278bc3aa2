//! What is personal is read by everybody who may, and stands in no file.

use crate::clinic::*;
use crate::raw::{files, holds_nothing_of};
use ego::archive::Archive;
use ego::engine::Retention;
use ego::message::{CommandId, StreamId};
use ego::prelude::*;
use ego::privacy::PrivacyError;
use ego::privacy::{Key, SubjectKey, SubjectKeys};
use ego::projection::{Cause, DeadLetter};
use ego::store::{Refusal, Store};
use std::path::Path;
use std::time::Duration;

/// Somebody who is admitted, visited and moved, somebody whose letter is dead, and a reply that speaks of them.
pub(crate) async fn busy(folder: &Path) -> Engine {
    let engine = clinic(folder).await;
    let visitors = vec![Visitor { id: 7, name: FRIEND.to_owned() }];
    let receipt = engine.send::<Patient>("p-1", admit("ann", 1)).command_id("admit").await.unwrap();
    assert_eq!(receipt.reply, format!("welcome, {NAME}"));
    engine.send::<Patient>("p-1", Visit(visitors)).await.unwrap();
    let label = engine.send::<Patient>("p-1", Label).command_id("label").await.unwrap();
    assert_eq!(label.reply, format!("{NAME} in 1"));
    engine.send::<Patient>("p-1", Move(2)).command_id("move").await.unwrap();
    let last = engine.send::<Patient>("p-2", admit("bob", 13)).await.unwrap();
    engine.view::<Card>("p-2").after(&last).await.unwrap();
    engine.view::<Ward>("p-2").after(&last).await.unwrap();
    engine
}

pub(crate) async fn dead_letters(engine: &Engine) -> Vec<DeadLetter> {
    engine.projection::<Ward>().unwrap().dead_letters(None, 10).await.unwrap().items
}

pub(crate) async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(30)).await.unwrap();
}

pub(crate) fn id(text: &str) -> CommandId {
    CommandId::new(text).unwrap()
}

/// The secret bytes of the keys that are kept.
pub(crate) async fn secrets(keys: &impl SubjectKeys) -> Vec<Key> {
    let mut secrets = Vec::new();
    for subject in keys.list(None, 100).await.unwrap().items {
        if let SubjectKey::Known(key) = keys.get(&subject).await.unwrap() {
            secrets.push(key);
        }
    }
    secrets
}

#[tokio::test]
async fn everybody_reads_what_is_personal_while_nobody_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    for is_first in [true, false] {
        let engine = if is_first { busy(folder.path()).await } else { clinic(folder.path()).await };
        let patient = engine.load::<Patient>("p-1").await.unwrap().state;
        assert_eq!((&*patient.name, patient.phone.as_deref(), patient.ward), (NAME, Some(PHONE), 2));
        assert_eq!(patient.visitors[0].name, FRIEND);
        let card = engine.view::<Card>("p-1").await.unwrap().unwrap();
        assert_eq!((&*card.name, card.ward, &*card.visitors[0].name), (NAME, 2, FRIEND));
        let bed = engine.view::<Bed>("p-1").await.unwrap().unwrap();
        assert_eq!((bed.phone.as_deref(), bed.ward), (Some(PHONE), 2));
        let letters = dead_letters(&engine).await;
        assert!(
            matches!(&letters[0].cause, Cause::Failed { error, .. } if error == &format!("no bed for {NAME}")),
            "{letters:?}"
        );
        assert!(String::from_utf8_lossy(&letters[0].event.payload).contains(NAME));
        let again = engine.send::<Patient>("p-1", admit("ann", 1)).command_id("admit").await.unwrap();
        assert_eq!((again.reply, again.revision.unwrap().get()), (format!("welcome, {NAME}"), 1));
        let again = engine.send::<Patient>("p-1", Label).command_id("label").await.unwrap();
        assert_eq!(again.reply, format!("{NAME} in 1"));
        let history = engine.history_by_name("patient", "p-1").unwrap().collect().await.unwrap();
        assert_eq!(history[0].events[0].1["fullName"], NAME);
        stop(engine).await;
    }
}

#[tokio::test]
async fn nothing_personal_and_no_key_stands_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    // While it runs, and after it has stopped.
    for engine in [Some(engine), None] {
        holds_nothing_of(&folder.path().join("store"), &SECRETS);
        holds_nothing_of(&folder.path().join("keys"), &SECRETS);
        let keys = secrets(&keys(folder.path())).await;
        assert_eq!(keys.len(), 3, "ann, bob and the visitor");
        for key in &keys {
            let hex: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
            holds_nothing_of(folder.path(), &[key.expose(), hex.as_bytes()]);
        }
        if let Some(engine) = engine {
            stop(engine).await;
        }
    }
    // What is published is sent out as it is: that is what it is published for.
    let published = &files(folder.path()).into_iter().find(|(path, _)| path.ends_with("published")).unwrap().1;
    assert!(String::from_utf8_lossy(published).contains(NAME));
    assert!(std::fs::read_dir(folder.path().join("keys")).unwrap().all(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        !name.contains("ann") && !name.contains("bob")
    }));
}

#[tokio::test]
async fn what_is_not_personal_stays_readable_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    let stream = StreamId::new("patient", "p-1").unwrap();
    let page = engine.store_at_rest().read_stream(&stream, None, ego::store::Direction::Forwards, 10).await.unwrap();
    let admitted = String::from_utf8(page.items[0].payload.to_vec()).unwrap();
    assert!(admitted.starts_with(r#"{"patient":"ann","fullName":{"$personal":{"of":"ann","sealed":""#), "{admitted}");
    assert!(admitted.ends_with(r#","ward":1}"#), "{admitted}");
    assert_eq!(page.items[2].payload, &br#"{"ward":2}"#[..]);
    let moved = engine.store_at_rest().find_command(&stream, &id("move")).await.unwrap().unwrap();
    assert_eq!(moved.reply, &b"1"[..], "a number tells nobody's name");
    stop(engine).await;
}

/// The state and the inline view in a snapshot, one that stands for deleted events, and their archive.
#[tokio::test]
async fn a_snapshot_and_an_archive_hold_nothing_personal() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_folder(folder.path().join("archive"));
    let engine = busy(folder.path()).await;
    for state in ["kept", "forgotten"] {
        if state == "kept" {
            engine.snapshot::<Patient>("p-1").await.unwrap();
            caught_up(&engine).await;
            let deleted = engine.delete_events::<Patient>("p-1", Retention::keep(1).archive(archive.clone())).await.unwrap();
            assert_eq!((deleted.deleted, deleted.archived), (2, 2));
        } else {
            let report = engine.forget("ann").await.unwrap();
            assert_eq!((report.events, report.snapshots), (0, 2));
        }
        let expected = if state == "kept" { (NAME, Some(PHONE)) } else { ("somebody", None) };
        let patient = engine.load::<Patient>("p-1").await.unwrap().state;
        assert_eq!((&*patient.name, patient.phone.as_deref()), expected, "{state}");
        let label = engine.send::<Patient>("p-1", Label).await.unwrap();
        assert_eq!(label.reply, format!("{} in 2", expected.0));
        let moved = engine.send::<Patient>("p-1", Move(2)).await.unwrap();
        let bed = engine.view::<Bed>("p-1").after(&moved).await.unwrap().unwrap();
        assert_eq!(bed.phone.as_deref(), expected.1, "{state}");
        assert!(!crate::raw::files(&folder.path().join("archive")).is_empty());
        holds_nothing_of(&folder.path().join("archive"), &SECRETS);
        holds_nothing_of(&folder.path().join("store"), &SECRETS);
    }
    stop(engine).await;
}

/// Until everybody who follows the events has seen them, so that they may be deleted.
async fn caught_up(engine: &Engine) {
    // It is paused, and would hold them up for good.
    engine.store().delete_checkpoint("projection/by-name/1").await.unwrap();
    let head = engine.store().head().await.unwrap();
    for _ in 0..6000 {
        let behind = |(_, checkpoint): &(String, Option<ego::message::Position>)| *checkpoint < head;
        if !engine.store().list_checkpoints().await.unwrap().iter().any(behind) {
            return;
        }
        // The checkpoints of those who had nothing to do move with the time.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} are behind {head:?}", engine.store().list_checkpoints().await);
}

/// An export of a running engine's store, and what is made of it.
#[tokio::test]
async fn an_export_is_sealed_and_can_be_read_with_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    caught_up(&engine).await;
    let export = folder.path().join("export");
    std::fs::create_dir(&export).unwrap();
    engine.maintain("op", "a backup").unwrap().export_to(export.join("all.jsonl"), |_| ()).await.unwrap();
    stop(engine).await;
    holds_nothing_of(&export, &SECRETS);
    let store = ego::store::MemoryStore::new();
    let maintenance = ego::maintenance::Maintenance::of(store.clone(), "op", "a restore").unwrap();
    maintenance.import_from(export.join("all.jsonl"), |_| ()).await.unwrap();
    let engine = Engine::builder()
        .store(store)
        .subject_keys(keys(folder.path()))
        .projection::<ByName>(ego::projection::ProjectionOptions::new().paused())
        .start()
        .await
        .unwrap();
    assert_eq!(engine.load::<Patient>("p-1").await.unwrap().state.name, NAME);
    assert_eq!(engine.view::<Card>("p-1").await.unwrap().unwrap().name, NAME);
    engine.forget("ann").await.unwrap();
    assert_eq!(engine.load::<Patient>("p-1").await.unwrap().state.name, "somebody");
    stop(engine).await;
}

#[tokio::test]
async fn a_durable_state_and_its_replies_are_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = clinic(folder.path()).await;
    let add = |address: Option<&str>| Add { owner: "ann".into(), address: address.map(str::to_owned) };
    let reply = engine.send::<Cart>("c-1", add(Some(NAME))).command_id("add").await.unwrap().reply;
    assert_eq!(reply, format!("to {NAME}"));
    assert_eq!(engine.load::<Cart>("c-1").await.unwrap().state.address, NAME);
    assert_eq!(engine.send::<Cart>("c-1", add(None)).command_id("add").await.unwrap().reply, reply);
    let states = engine.store().read_states(None, &[], 10).await.unwrap().items;
    assert!(String::from_utf8_lossy(&states[0].payload).contains(NAME));
    holds_nothing_of(&folder.path().join("store"), &SECRETS);
    assert_eq!(engine.forget("ann").await.unwrap().states, 1);
    assert_eq!(engine.load::<Cart>("c-1").await.unwrap().state.address, "somewhere");
    let states = engine.store().read_states(None, &[], 10).await.unwrap().items;
    assert!(String::from_utf8_lossy(&states[0].payload).contains("somewhere"));
    // What is left of it goes on; a new address of her is refused.
    assert_eq!(engine.send::<Cart>("c-1", add(None)).await.unwrap().reply, "to somewhere");
    let refused = engine.send::<Cart>("c-1", add(Some(NAME))).await.unwrap_err();
    assert!(matches!(refused, CommandError::Refused(Refusal::Privacy(PrivacyError::Forgotten { .. }))), "{refused}");
    assert_eq!(engine.load::<Cart>("c-1").await.unwrap().state.items, 2);
    stop(engine).await;
    holds_nothing_of(&folder.path().join("store"), &SECRETS);
}

#[tokio::test]
async fn a_command_that_waits_is_sealed_and_one_that_says_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    engine.send::<Patient>("p-1", Remind { shouting: false }).await.unwrap();
    let row = |store: &ego::store::AnyStore| {
        let store = store.clone();
        async move { String::from_utf8(store.list_rows("ego/timers", &[], None, 10).await.unwrap().items[0].value.to_vec()).unwrap() }
    };
    assert!(row(engine.store()).await.contains(PHONE));
    assert!(!row(engine.store_at_rest()).await.contains(PHONE));
    let refused = engine.send::<Patient>("p-1", Remind { shouting: true }).await.unwrap_err();
    assert!(matches!(&refused, CommandError::Refused(Refusal::Privacy(PrivacyError::Undeclared { .. }))), "{refused}");
    assert_eq!(engine.forget("ann").await.unwrap().timers, 1);
    assert!(row(engine.store()).await.contains("nobody"));
    stop(engine).await;
    holds_nothing_of(&folder.path().join("store"), &SECRETS);
}

#[tokio::test]
async fn an_index_by_what_is_personal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    let handle = engine.projection::<ByName>().unwrap();
    handle.resume();
    let mut error = None;
    for _ in 0..3000 {
        error = handle.status().await.unwrap().last_error.map(|last| last.message);
        if error.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(error.as_ref().is_some_and(|error| error.contains("sort it by something else")), "{error:?}");
    stop(engine).await;
    holds_nothing_of(&folder.path().join("store"), &SECRETS);
}

#[tokio::test]
async fn what_says_not_whose_it_is_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = clinic(folder.path()).await;
    let refused = engine.send::<Patient>("p-1", admit("", 1)).await.unwrap_err();
    assert!(matches!(&refused, CommandError::Refused(refusal) if refusal.to_string().contains("/fullName")), "{refused}");
    assert_eq!(engine.load::<Patient>("p-1").await.unwrap().revision, None);
    // The aggregate works on.
    engine.send::<Patient>("p-1", admit("ann", 1)).await.unwrap();
    stop(engine).await;
}
