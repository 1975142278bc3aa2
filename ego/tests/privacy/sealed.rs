//! What is personal is read by everybody who may, and stands in no file.

use crate::clinic::*;
use crate::raw::{files, holds_nothing_of};
use ego::message::{CommandId, StreamId};
use ego::prelude::*;
use ego::privacy::{Key, SubjectKey, SubjectKeys};
use ego::projection::{Cause, DeadLetter};
use ego::store::{Snapshot, Store};
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

#[tokio::test]
async fn a_snapshot_is_sealed_as_the_state_says() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    let loaded = engine.load::<Patient>("p-1").await.unwrap();
    let stream = StreamId::new("patient", "p-1").unwrap();
    let state = serde_json::to_string(&loaded.state).unwrap();
    let snapshot = Snapshot {
        revision: loaded.revision.unwrap(),
        position: loaded.position.unwrap(),
        version: 1,
        codec: "json".into(),
        payload: state.clone().into(),
    };
    engine.store().save_snapshot(&stream, snapshot).await.unwrap();
    let sealed = engine.store_at_rest().load_snapshot(&stream).await.unwrap().unwrap().payload;
    let sealed = String::from_utf8_lossy(&sealed);
    assert!(!sealed.contains("laintext"), "{sealed}");
    assert_eq!(engine.store().load_snapshot(&stream).await.unwrap().unwrap().payload, state.as_bytes());
    engine.forget("ann").await.unwrap();
    let redacted = engine.store().load_snapshot(&stream).await.unwrap().unwrap().payload;
    let redacted: Patient = serde_json::from_slice(&redacted).unwrap();
    assert_eq!(redacted, Patient { name: "somebody".to_owned(), phone: None, ..loaded.state });
    stop(engine).await;
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
