//! A snapshot is never of what is not recorded (I2): not of commits that fail, and not of what another writer recorded instead.

use crate::domain::*;
use crate::policy::{by_events, on, seen, stream, until_seen};
use crate::until;
use crate::watched::Watched;
use ego::prelude::*;
use ego::store::{Direction, MemoryStore, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A state runs ahead of the store, up to a snapshot; its commits fail, and another engine takes its revisions. Then the snapshot must not
/// come: the store would take it, as the stream has come so far.
#[tokio::test]
async fn what_was_taken_of_commits_that_were_not_recorded_is_thrown_away() {
    for lost in [true, false] {
        let inner = MemoryStore::new();
        let store = Watched::new(inner.clone());
        let (engine, other) = (on(store.clone()).await, on(inner.clone()).await);
        engine.send::<Five>("a", Count { by: 0 }).await.unwrap();
        store.appends.close();
        store.saves.close();
        let sent: Vec<_> = (1..=4)
            .map(|by| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.send::<Five>("a", Count { by: 100 * by }).await.is_ok() })
            })
            .collect();
        // All four have been decided: a snapshot of the fifth event was taken.
        until(|| async { (engine.queued_commands() == 0 && store.appends.begun.load(Ordering::SeqCst) == 2).then_some(()) })
            .await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        if lost {
            store.fail_appends.store(1, Ordering::SeqCst);
        }
        for by in 1..=4 {
            other.send::<Five>("a", Count { by }).await.unwrap();
        }
        // The other engine takes one, too; without it, there is one only if the first saves its own.
        until_seen::<Five>(&other, "a", 5).await;
        inner.delete_snapshot(&stream::<Five>("a")).await.unwrap();
        store.appends.let_through(1000);
        for one in sent {
            one.await.unwrap();
        }
        // Whatever waits to be saved is saved now.
        store.saves.let_through(1000);
        engine.stop(Duration::from_secs(60)).await.unwrap();
        // What is saved now is of the log, up to the position of its last event.
        let of = stream::<Five>("a");
        if let Some(kept) = inner.load_snapshot(&of).await.unwrap() {
            let page = inner.read_stream(&of, Some(kept.revision), Direction::Forwards, 1).await.unwrap();
            assert_eq!(kept.position, page.items[0].position, "of revision {}", kept.revision);
        }
        let recorded = by_events::<Five>(&other, "a").await;
        let fresh = on(inner.clone()).await;
        assert_eq!(fresh.load::<Five>("a").await.unwrap().state.seen(), &recorded);
        assert_eq!(fresh.view::<Sums>("a").await.unwrap().unwrap().seen, recorded);
    }
}

/// An aggregate that always has commits under way gets its snapshots all the same, each of what is recorded up to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregate_that_never_rests_gets_its_snapshots() {
    let inner = MemoryStore::new();
    let store = Watched::new(inner.clone());
    let engine = on(store.clone()).await;
    let stopped = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (engine, stopped) = (engine.clone(), Arc::clone(&stopped));
            tokio::spawn(async move {
                while !stopped.load(Ordering::SeqCst) {
                    engine.send::<Five>("a", Count { by: 1 }).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let before = seen::<Five>(&engine, "a").await;
        until(|| async { (seen::<Five>(&engine, "a").await > before).then_some(()) }).await;
        let fresh = on(inner.clone()).await;
        let loaded = fresh.load::<Five>("a").await.unwrap();
        assert_eq!(loaded.revision.unwrap().get(), loaded.state.seen().events);
    }
    stopped.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(engine.load::<Five>("a").await.unwrap().state.seen(), &by_events::<Five>(&engine, "a").await);
}
