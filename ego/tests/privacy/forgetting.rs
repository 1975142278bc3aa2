//! Somebody is forgotten: everybody reads the redacted value, nobody the old one, and everything works on.

use crate::clinic::*;
use crate::raw::holds_nothing_of;
use crate::sealed::{busy, dead_letters, id, secrets, stop};
use ego::prelude::*;
use ego::privacy::{ForgetFailure, MemoryKeys, PrivacyError, SubjectKeys};
use ego::projection::Cause;
use ego::store::{Refusal, Store, StoreError};
use std::path::Path;

async fn is_forgotten(engine: &Engine) {
    let patient = engine.load::<Patient>("p-1").await.unwrap().state;
    assert_eq!((&*patient.name, patient.phone, patient.ward), ("somebody", None, 2));
    assert_eq!(patient.visitors[0].name, FRIEND, "of somebody else");
    let card = engine.view::<Card>("p-1").await.unwrap().unwrap();
    assert_eq!((&*card.name, card.ward, &*card.visitors[0].name), ("somebody", 2, FRIEND));
    let bed = engine.view::<Bed>("p-1").await.unwrap().unwrap();
    assert_eq!((bed.phone, bed.ward), (None, 2));
    assert_eq!(engine.view_by_name("cards", "p-1").await.unwrap().unwrap()["name"], "somebody");
    let history = engine.history_by_name("patient", "p-1").unwrap().collect().await.unwrap();
    assert_eq!(history[0].events[0].1["fullName"], "somebody");
}

#[tokio::test]
async fn who_is_forgotten_is_redacted_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    let report = engine.forget("ann").await.unwrap();
    assert_eq!((report.events, report.states, report.snapshots, report.dead_letters), (1, 0, 0, 0));
    assert_eq!(report.streams.iter().map(ToString::to_string).collect::<Vec<_>>(), ["patient/p-1"]);
    assert_eq!(report.views.into_iter().collect::<Vec<_>>(), [("beds".to_owned(), 1), ("cards".to_owned(), 1)]);
    is_forgotten(&engine).await;
    stop(engine).await;
    let engine = clinic(folder.path()).await;
    is_forgotten(&engine).await;
    // Views are folded anew from what is left.
    engine.projection::<Card>().unwrap().rebuild(ego::projection::Rebuild::beside()).await.unwrap();
    is_forgotten(&engine).await;
    stop(engine).await;
}

#[tokio::test]
async fn a_dead_letter_and_its_error_are_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    assert_eq!(engine.forget("bob").await.unwrap().dead_letters, 1);
    let letters = dead_letters(&engine).await;
    let payload = String::from_utf8_lossy(&letters[0].event.payload).into_owned();
    assert!(payload.contains(r#""fullName":"somebody""#) && !payload.contains("laintext"), "{payload}");
    assert!(matches!(&letters[0].cause, Cause::Failed { error, .. } if !error.contains("laintext")), "{letters:?}");
    stop(engine).await;
}

#[tokio::test]
async fn what_is_in_memory_is_forgotten_too() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    assert!(engine.active_streams().iter().any(|stream| stream.id() == "p-1"));
    engine.forget("ann").await.unwrap();
    let label = engine.send::<Patient>("p-1", Label).await.unwrap();
    assert_eq!(label.reply, "somebody in 2");
    // The view in the projection's memory, which held the name, is written again with what else it holds.
    let receipt = engine.send::<Patient>("p-1", Move(5)).await.unwrap();
    let card = engine.view::<Card>("p-1").after(&receipt).await.unwrap().unwrap();
    assert_eq!((&*card.name, card.ward), ("somebody", 5));
    assert_eq!(engine.view::<Bed>("p-1").await.unwrap().unwrap().phone, None);
    stop(engine).await;
    holds_nothing_of(&folder.path().join("store"), &SECRETS);
}

#[tokio::test]
async fn the_key_is_gone_and_nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    let before = secrets(&keys(folder.path())).await;
    engine.forget("ann").await.unwrap();
    let after = secrets(&keys(folder.path())).await;
    assert_eq!((before.len(), after.len()), (3, 2));
    assert_eq!(engine.load::<Patient>("p-2").await.unwrap().state.name, NAME);
    engine.forget("7").await.unwrap();
    assert_eq!(engine.load::<Patient>("p-1").await.unwrap().state.visitors[0].name, "a visitor");
    stop(engine).await;
}

#[tokio::test]
async fn nothing_new_is_recorded_of_who_was_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    engine.forget("ann").await.unwrap();
    let refused = engine.send::<Patient>("p-9", admit("ann", 1)).await.unwrap_err();
    let forgotten = Refusal::Privacy(PrivacyError::Forgotten { subject: "ann".into() });
    assert!(matches!(&refused, CommandError::Refused(refusal) if refusal.to_string() == forgotten.to_string()), "{refused}");
    assert_eq!(engine.load::<Patient>("p-9").await.unwrap().revision, None);
    // What says nothing of her is recorded.
    let redacted = Admit { name: "somebody".into(), phone: None, ..admit("ann", 1) };
    engine.send::<Patient>("p-9", redacted).await.unwrap();
    engine.send::<Patient>("p-9", Move(3)).await.unwrap();
    engine.send::<Patient>("p-9", admit("carl", 1)).await.unwrap();
    // A command without a reply is refused for its event alone.
    engine.forget("7").await.unwrap();
    let visit = Visit(vec![Visitor { id: 7, name: FRIEND.to_owned() }]);
    let refused = engine.send::<Patient>("p-2", visit).await.unwrap_err();
    assert!(matches!(&refused, CommandError::Refused(Refusal::Privacy(PrivacyError::Forgotten { .. }))), "{refused}");
    stop(engine).await;
}

#[tokio::test]
async fn a_sealed_reply_is_not_given_again_and_has_no_second_effect() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    engine.forget("ann").await.unwrap();
    let before = engine.load::<Patient>("p-1").await.unwrap().revision;
    for command in ["admit", "label"] {
        let again = match command {
            "admit" => engine.send::<Patient>("p-1", admit("ann", 1)).command_id(command).await.map(drop),
            _ => engine.send::<Patient>("p-1", Label).command_id(command).await.map(drop),
        };
        let told = again.unwrap_err();
        let is_told = matches!(&told, CommandError::Refused(Refusal::Privacy(PrivacyError::Forgotten { .. })))
            || matches!(&told, CommandError::Store(StoreError::Sealed { source: PrivacyError::Forgotten { .. }, .. }));
        assert!(is_told, "{told:?}");
    }
    assert_eq!(engine.send::<Patient>("p-1", Move(2)).command_id("move").await.unwrap().reply, 1);
    assert_eq!(engine.load::<Patient>("p-1").await.unwrap().revision, before);
    stop(engine).await;
}

/// Who was forgotten may still be in the memory of another program, and so in what it replies.
#[tokio::test]
async fn where_somebody_was_forgotten_a_reply_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    engine.forget("ann").await.unwrap();
    let label = engine.send::<Patient>("p-1", Label).command_id("later").await.unwrap();
    assert_eq!(label.reply, "somebody in 2");
    let told = engine.send::<Patient>("p-1", Label).command_id("later").await.unwrap_err();
    assert!(matches!(&told, CommandError::Store(StoreError::Sealed { source: PrivacyError::Forgotten { .. }, .. })), "{told:?}");
    assert_eq!(engine.send::<Patient>("p-1", Move(4)).command_id("on").await.unwrap().reply, 2);
    assert_eq!(engine.send::<Patient>("p-1", Move(4)).command_id("on").await.unwrap().reply, 2);
    stop(engine).await;
}

#[tokio::test]
async fn forgetting_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = busy(folder.path()).await;
    let (first, second) = (engine.forget("ann").await.unwrap(), engine.forget("ann").await.unwrap());
    assert_eq!(first, second);
    let unheard_of = engine.forget("nobody").await.unwrap();
    assert_eq!((unheard_of.events, unheard_of.streams.len()), (0, 0));
    assert!(matches!(engine.send::<Patient>("p-9", admit("nobody", 1)).await, Err(CommandError::Refused(_))));
    stop(engine).await;
}

#[tokio::test]
async fn forgotten_lost_and_wrong_are_three_things() {
    async fn on(keys: &MemoryKeys, store: ego::store::MemoryStore) -> Engine {
        Engine::builder().store(store).subject_keys(keys.clone()).start().await.unwrap()
    }
    let (keys, store) = (MemoryKeys::new(), ego::store::MemoryStore::new());
    let engine = on(&keys, store.clone()).await;
    engine.send::<Patient>("p-1", admit("ann", 1)).await.unwrap();
    stop(engine).await;
    let why = |error: ego::engine::ReadError| {
        let mut error: &dyn std::error::Error = &error;
        while let Some(source) = error.source() {
            error = source;
        }
        error.downcast_ref::<PrivacyError>().cloned()
    };
    keys.lose("ann");
    let engine = on(&keys, store.clone()).await;
    let lost = engine.load::<Patient>("p-1").await.unwrap_err();
    assert_eq!(why(lost), Some(PrivacyError::KeyLost { subject: "ann".into() }));
    keys.create("ann").await.unwrap();
    let wrong = engine.load::<Patient>("p-1").await.unwrap_err();
    assert!(matches!(why(wrong), Some(PrivacyError::WrongKey { .. })));
    engine.forget("ann").await.unwrap();
    assert_eq!(engine.load::<Patient>("p-1").await.unwrap().state.name, "somebody");
    stop(engine).await;
}

#[tokio::test]
async fn without_keys_nobody_is_forgotten_and_nothing_personal_starts() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Engine::builder().start().await.unwrap_err().to_string();
    assert!(refused.contains("subject_keys"), "{refused}");
    let engine = clinic(folder.path()).await;
    let other = engine.clone();
    // The future may go to another thread.
    tokio::spawn(async move { other.forget("ann").await }).await.unwrap().unwrap();
    engine.stop(std::time::Duration::from_secs(30)).await.unwrap();
    assert!(matches!(engine.forget("ann").await, Err(ForgetFailure::Stopped)));
}

#[tokio::test]
async fn a_key_that_was_half_destroyed_is_forgotten_at_the_next_look() {
    // Killed behind the word that ann was forgotten: her key's file is still there.
    let folder = tempfile::tempdir().unwrap();
    stop(busy(folder.path()).await).await;
    let of_ann = |folder: &Path| {
        let names = std::fs::read_dir(folder.join("keys")).unwrap().map(|file| file.unwrap().path());
        names.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = of_ann(folder.path());
    let engine = clinic(folder.path()).await;
    engine.forget("ann").await.unwrap();
    stop(engine).await;
    let after = of_ann(folder.path());
    let (gone, bytes) = before.iter().find(|(path, _)| !after.contains_key(*path)).unwrap();
    std::fs::write(gone, bytes).unwrap();
    let engine = clinic(folder.path()).await;
    is_forgotten(&engine).await;
    assert!(!gone.exists(), "the key is still there");
    assert!(engine.store().find_command(&ego::message::StreamId::new("patient", "p-1").unwrap(), &id("label")).await.is_err());
    stop(engine).await;
}
