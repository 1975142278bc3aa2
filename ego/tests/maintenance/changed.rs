//! Copies with a change: names, events, streams.

use crate::everything::{any, event_of, full, maintain, revision, sight, stream};
use ego::maintenance::audit::{self, Operation};
use ego::maintenance::{MaintenanceError, Replacement};
use ego::store::{MemoryStore, Store};

#[tokio::test]
async fn an_event_has_another_name_in_the_copy_and_nothing_else_is_changed() {
    let (source, target) = (full().await, MemoryStore::new());
    maintain(source.clone()).copy_to(target.clone()).rename_event("account", "Deposited", "PaidIn").run().await.unwrap();
    let mut wanted = sight(&source).await;
    for event in &mut wanted.log {
        if event.stream.kind() == "account" && &*event.name == "Deposited" {
            event.name = "PaidIn".into();
        }
    }
    assert_eq!(sight(&target).await, wanted);
    let Operation::Copy { renamed, .. } = &audit::entries(&any(&target)).await.unwrap()[0].operation else { panic!() };
    assert_eq!(*renamed, [("account".to_owned(), "Deposited".to_owned(), "PaidIn".to_owned())]);
    // What was recorded stays as it was recorded (I7).
    assert!(sight(&source).await.log.iter().any(|event| &*event.name == "Deposited"));
}

#[tokio::test]
async fn an_event_is_replaced_in_its_place_with_the_sums_of_both_in_the_audit() {
    let (source, target) = (full().await, MemoryStore::new());
    let (a, replacement) = (stream("account", "a"), Replacement { name: "Noted".into(), version: 7, payload: "{}".into() });
    maintain(source.clone())
        .copy_to(target.clone())
        .replace_event(a.clone(), revision(8), replacement.clone())
        .run()
        .await
        .unwrap();
    let (was, is) = (event_of(&source, &a, 8).await, event_of(&target, &a, 8).await);
    assert_eq!((&is.name, is.version, &is.payload), (&replacement.name, 7, &replacement.payload));
    assert_eq!((is.position, &is.metadata, &is.tags), (was.position, &was.metadata, &was.tags));
    let (mut wanted, mut found) = (sight(&source).await, sight(&target).await);
    // Views and snapshots saw the old one: they are made again.
    assert_eq!(found.rows.keys().collect::<Vec<_>>(), ["inline", "timers"]);
    assert_eq!(found.checkpoints.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["new", "reactor/mail"]);
    assert_eq!(found.snapshots, vec![None; found.snapshots.len()]);
    for sight in [&mut wanted, &mut found] {
        sight.rows.clear();
        sight.checkpoints.clear();
        sight.snapshots.clear();
        sight.log.retain(|event| event.revision != revision(8) || event.stream != a);
    }
    assert_eq!(found, wanted);
    let Operation::Copy { replaced, .. } = &audit::entries(&any(&target)).await.unwrap()[0].operation else { panic!() };
    assert_eq!((&replaced[0].stream, replaced[0].revision), (&a, revision(8)));
    assert_eq!((replaced[0].was.len(), replaced[0].is.len()), (64, 64));
    assert_ne!(replaced[0].was, replaced[0].is);
}

#[tokio::test]
async fn an_event_that_is_not_there_cannot_be_replaced() {
    let (source, target) = (full().await, MemoryStore::new());
    let replacement = || Replacement { name: "Noted".into(), version: 1, payload: "{}".into() };
    // Deleted, beyond the end, of no stream, of a state.
    for (of, at) in
        [(stream("account", "a"), 2), (stream("account", "a"), 99), (stream("account", "z"), 1), (stream("cart", "x/y ü"), 1)]
    {
        let copy = maintain(source.clone()).copy_to(target.clone()).replace_event(of.clone(), revision(at), replacement());
        let refused = copy.run().await;
        assert!(matches!(&refused, Err(MaintenanceError::NoSuchEvent { stream, .. }) if *stream == of), "{refused:?}");
    }
    assert!(target.list_tables().await.unwrap().is_empty());
    assert_eq!(audit::entries(&any(&source)).await.unwrap(), []);
}

#[tokio::test]
async fn only_some_streams_are_copied_and_positions_stay() {
    let (source, target) = (full().await, MemoryStore::new());
    maintain(source.clone())
        .copy_to(target.clone())
        .only(|stream| stream.id() != "b" && stream.kind() != "cart")
        .run()
        .await
        .unwrap();
    let (wanted, found) = (sight(&source).await, sight(&target).await);
    let wants = |of: &ego::message::StreamId| of.id() != "b" && of.kind() != "cart";
    assert_eq!(found.head, wanted.head);
    assert_eq!(found.log, wanted.log.into_iter().filter(|event| wants(&event.stream)).collect::<Vec<_>>());
    assert_eq!(found.streams, wanted.streams.into_iter().filter(|head| wants(&head.stream)).collect::<Vec<_>>());
    assert_eq!(found.erased, wanted.erased);
    assert!(!found.rows.contains_key("view/balances/1") && found.rows.contains_key("timers"));
}

#[tokio::test]
async fn rows_can_be_left_out() {
    let (source, target) = (full().await, MemoryStore::new());
    maintain(source.clone()).copy_to(target.clone()).without_rows().run().await.unwrap();
    let (mut wanted, found) = (sight(&source).await, sight(&target).await);
    wanted.rows.clear();
    wanted.checkpoints.clear();
    assert_eq!(found, wanted);
}
