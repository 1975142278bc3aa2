//! A copy is the same store, wherever it is, and however often it was interrupted.

use crate::dying::Dying;
use crate::everything::{any, commit, events, fill, full, maintain, put, sight, stream};
use ego::engine::{StartError, StartProblem};
use ego::maintenance::audit::{self, Outcome};
use ego::maintenance::{MaintenanceError, digest};
use ego::message::Expected;
use ego::store::{AnyStore, Body, Commit, MemoryStore, Refusal, Store, Verdict};
use ego_sled::SledStore;
use std::sync::{Arc, Mutex};

/// The copy is the same, goes on as the original does, and says so.
async fn is_the_same(source: AnyStore, target: AnyStore) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = {
        let heard = Arc::clone(&heard);
        move |progress| heard.lock().unwrap().push(progress)
    };
    let copied = maintain(source.clone()).copy_to(target.clone()).on_progress(hear).run().await.unwrap();
    let (before, after) = (sight(&source).await, sight(&target).await);
    assert_eq!(after, before);
    assert_eq!(digest(&source).await.unwrap(), digest(&target).await.unwrap());
    // Without what was entered when it had ended.
    assert_ne!(copied.digest, digest(&target).await.unwrap());
    assert_eq!(heard.lock().unwrap().last().map(|progress| (progress.position, progress.head)), Some((copied.head, copied.head)));
    let entries = audit::entries(&target).await.unwrap();
    assert_eq!(entries, audit::entries(&source).await.unwrap());
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].actor.as_str(), &*entries[0].reason), ("ann", "a test"));
    assert_eq!(entries[0].ended.as_ref().map(|(_, ended)| ended.clone()), Some(Outcome::Done { digest: Some(copied.digest) }));
    for store in [&source, &target] {
        // Known commands are known, also those whose events are gone, that saved a state that was replaced, or that recorded nothing.
        for (kind, id, command) in
            [("account", "b", "b2"), ("cart", "x/y ü", "x2"), ("account", "only-refusals", "n1"), ("account", "a", "a6")]
        {
            let again = commit(&stream(kind, id), command, events(&["Deposited"]));
            let verdict = store.append(vec![again]).await.unwrap().remove(0);
            let Verdict::Repeated(known) = verdict else { panic!("{command}: {verdict:?}") };
            assert_eq!(known.reply, format!("\"reply to {command}\""));
        }
        // What was erased stays closed, revisions go on.
        for (kind, id) in [("account", "gone"), ("secret", "late"), ("account", "never")] {
            let late = commit(&stream(kind, id), "late", events(&["Opened"]));
            assert_eq!(store.append(vec![late]).await.unwrap(), [Verdict::Refused(Refusal::Erased)]);
        }
        let next = Commit {
            expected: Expected::last(ego::message::Revision::new(4)),
            ..commit(&stream("account", "b"), "b9", events(&["Noted"]))
        };
        assert_eq!(put(store, next).await.revision, ego::message::Revision::new(5));
    }
    let (before, after) = (sight(&source).await, sight(&target).await);
    assert_eq!(after, before, "they go on in different ways");
}

#[tokio::test]
async fn from_memory_to_memory() {
    is_the_same(any(&full().await), any(&MemoryStore::new())).await;
}

#[tokio::test]
async fn from_memory_to_sled_and_from_there_to_another_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| SledStore::options(folder.path().join(name)).segment_bytes(4096).open().unwrap();
    let memory = full().await;
    is_the_same(any(&memory), any(&open("one"))).await;
    // Opened again, so that it is read from its files.
    let one = open("again");
    fill(&one).await;
    one.close().await.unwrap();
    drop(one);
    is_the_same(any(&open("again")), any(&open("two"))).await;
    let two = open("three");
    fill(&two).await;
    is_the_same(any(&two), any(&MemoryStore::new())).await;
}

#[tokio::test]
async fn a_copy_of_a_copy_is_the_same() {
    let (first, second, third) = (full().await, MemoryStore::new(), MemoryStore::new());
    maintain(first.clone()).copy_to(second.clone()).run().await.unwrap();
    maintain(second.clone()).copy_to(third.clone()).run().await.unwrap();
    assert_eq!(sight(&third).await, sight(&second).await);
    assert_eq!(audit::entries(&any(&third)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_empty_store_has_an_empty_copy() {
    let (source, target) = (MemoryStore::new(), MemoryStore::new());
    maintain(source.clone()).copy_to(target.clone()).run().await.unwrap();
    assert_eq!(sight(&target).await, sight(&source).await);
}

/// Whether an engine starts on it, but for events that this program does not read.
async fn is_unfinished(store: &MemoryStore) -> bool {
    let started = ego::Engine::builder().store(store.clone()).start().await;
    let Err(StartError::Problems(problems)) = started else { panic!("it reads everything: {started:?}") };
    problems.iter().any(|problem| matches!(problem, StartProblem::Unfinished { operation } if operation == "copy"))
}

#[tokio::test]
async fn a_copy_that_is_interrupted_anywhere_goes_on_and_nobody_starts_on_half_of_it() {
    let mut finished_at = None;
    for writes in 0..400 {
        let (source, target) = (full().await, MemoryStore::new());
        let first = maintain(source.clone()).copy_to(Dying::after(writes, target.clone())).run().await;
        let begun = !target.list_tables().await.unwrap().is_empty();
        match first {
            Err(_) if begun => {
                // It is marked, or it was compared and only its end was not entered.
                let compared = target.load_rows("ego/maintenance", &["finished".into()]).await.unwrap()[0].is_some();
                assert!(is_unfinished(&target).await != compared, "after {writes} writes");
            }
            Err(_) => {}
            Ok(_) => finished_at = finished_at.or(Some(writes)),
        }
        if finished_at.is_some() {
            break;
        }
        let again = maintain(source.clone()).copy_to(target.clone()).run().await;
        assert!(again.is_ok(), "after {writes} writes: {again:?}");
        assert!(!is_unfinished(&target).await);
        let (mut wanted, mut found) = (sight(&source).await, sight(&target).await);
        // The audit of the operations themselves goes on in the source.
        for sight in [&mut wanted, &mut found] {
            sight.head = None;
            sight.log.retain(|event| event.stream.kind() != audit::KIND);
            sight.streams.retain(|head| head.stream.kind() != audit::KIND);
            sight.commands.retain(|stream, _| stream.kind() != audit::KIND);
            sight.states.retain(Option::is_some);
            sight.snapshots.retain(Option::is_some);
        }
        assert_eq!(found, wanted, "after {writes} writes");
        let entries = audit::entries(&any(&source)).await.unwrap();
        assert_eq!(entries.len(), 2, "what was interrupted is seen");
    }
    assert!(finished_at.is_some_and(|writes| writes > 30), "{finished_at:?}");
}

#[tokio::test]
async fn a_store_that_holds_something_is_not_filled() {
    let source = full().await;
    for (what, target) in
        [("a log", MemoryStore::new()), ("erased streams", MemoryStore::new()), ("checkpoints", MemoryStore::new())]
    {
        match what {
            "a log" => drop(put(&target, commit(&stream("account", "a"), "c", events(&["Opened"]))).await),
            "erased streams" => target.erase(&stream("account", "a")).await.unwrap(),
            _ => target.save_checkpoint("c", None).await.unwrap(),
        }
        let before = sight(&target).await;
        let refused = maintain(source.clone()).copy_to(target.clone()).run().await;
        assert!(matches!(refused, Err(MaintenanceError::NotEmpty { holds }) if holds == what), "{refused:?}");
        assert_eq!(sight(&target).await, before);
    }
    let failed = audit::entries(&any(&source)).await.unwrap();
    assert_eq!(failed.len(), 3);
    assert!(
        failed.iter().all(|entry| matches!(&entry.ended, Some((_, Outcome::Failed { error })) if error.contains("not empty")))
    );
}

#[tokio::test]
async fn a_store_that_is_changed_meanwhile_has_no_copy_and_says_so() {
    let (source, target) = (full().await, MemoryStore::new());
    let meddled = source.clone();
    // Behind what was read already, before it is compared.
    let meddle = move |_| {
        let late = commit(&stream("account", "b"), "late", events(&[]));
        futures_util::FutureExt::now_or_never(meddled.append(vec![late])).unwrap().unwrap();
    };
    let copied = maintain(source).copy_to(target.clone()).on_progress(meddle).run().await;
    assert!(matches!(copied, Err(MaintenanceError::Differs { .. })), "{copied:?}");
    assert!(is_unfinished(&target).await);
}

#[tokio::test]
async fn two_stores_that_differ_in_anything_have_two_digests() {
    let whole = digest(&any(&full().await)).await.unwrap();
    assert_eq!(digest(&any(&full().await)).await.unwrap(), whole);
    type Change = fn(MemoryStore) -> futures_util::future::BoxFuture<'static, ()>;
    let changes: [(&str, Change); 6] = [
        ("a commit of nothing", |store| {
            Box::pin(async move { drop(put(&store, commit(&stream("account", "c"), "new", events(&[]))).await) })
        }),
        ("an event", |store| {
            Box::pin(async move { drop(put(&store, commit(&stream("account", "c"), "new", events(&["Noted"]))).await) })
        }),
        ("a deletion", |store| {
            Box::pin(async move {
                store.delete_up_to(&stream("account", "a"), crate::everything::revision(7)).await.unwrap_err();
                store.delete_checkpoint("projection/balances/1").await.unwrap()
            })
        }),
        ("an erased stream", |store| Box::pin(async move { store.erase(&stream("account", "nobody")).await.unwrap() })),
        ("a checkpoint", |store| {
            Box::pin(async move { store.save_checkpoint("new", ego::message::Position::new(1)).await.unwrap() })
        }),
        ("a row", |store| {
            Box::pin(async move {
                let rows = vec![ego::store::RowChange::put("timers", "k", "v")];
                store.step(ego::store::Step { advance: None, rows }).await.unwrap();
            })
        }),
    ];
    for (what, change) in changes {
        let store = full().await;
        change(store.clone()).await;
        assert_ne!(digest(&any(&store)).await.unwrap(), whole, "{what}");
    }
    let of = |body: Body, id: &'static str| async move {
        let store = MemoryStore::new();
        put(&store, commit(&stream("account", "a"), id, body)).await;
        digest(&any(&store)).await.unwrap()
    };
    let one = of(events(&["Opened"]), "c").await;
    assert_ne!(of(events(&["Closed"]), "c").await, one);
    assert_ne!(of(events(&["Opened"]), "d").await, one);
    assert_ne!(of(events(&["Opened", "Opened"]), "c").await, one);
}
