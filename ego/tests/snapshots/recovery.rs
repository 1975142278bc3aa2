//! What a replay begins with, and everything that makes it pass a snapshot over (I8).

use crate::domain::*;
use crate::policy::{by_events, count, on, seen, snapshot, stream, until_seen};
use crate::watched::{Call, Watched};
use bytes::Bytes;
use ego::engine::{ReadError, RecoveryError};
use ego::message::{Position, Revision};
use ego::prelude::*;
use ego::store::{MemoryStore, Snapshot, Store};
use std::sync::atomic::Ordering;

/// A ledger of `events` events, with a snapshot of the first `of`.
async fn ledger<A: Ledger>(store: &MemoryStore, events: u64, of: u64) -> (Engine, Seen) {
    let engine = on(store.clone()).await;
    count::<A>(&engine, "a", of).await;
    assert_eq!(engine.snapshot::<A>("a").await.unwrap(), Revision::new(of));
    count::<A>(&engine, "a", events - of).await;
    let seen = by_events::<A>(&engine, "a").await;
    (engine, seen)
}

/// Everything that can be asked of the ledger is as without a snapshot, also of a command that is decided on it.
async fn is_as_recorded<A: Ledger>(store: impl Store, seen: &Seen) {
    let engine = on(store).await;
    let loaded = engine.load::<A>("a").await.unwrap();
    assert_eq!((loaded.state.seen(), loaded.revision), (seen, Revision::new(seen.events)));
    assert_eq!(engine.send::<A>("a", Peek).await.unwrap().reply, seen.seal);
    let receipt = engine.send::<A>("a", Peek).expect_revision(seen.events).await.unwrap();
    assert_eq!((receipt.reply, receipt.position), (seen.seal, loaded.position));
}

#[tokio::test]
async fn only_what_is_behind_a_snapshot_is_read() {
    let inner = MemoryStore::new();
    let (_, seen) = ledger::<ByHand>(&inner, 12, 9).await;
    let store = Watched::new(inner.clone());
    is_as_recorded::<ByHand>(store.clone(), &seen).await;
    let reads = store.take_calls();
    assert!(reads.contains(&Call::Read { from: Some(9), items: 4 }), "{reads:?}");
    let whole = reads.iter().any(|call| matches!(call, Call::Read { from: None, .. }));
    assert!(!whole, "{reads:?}");
    // Also when nothing is behind it.
    on(inner.clone()).await.snapshot::<ByHand>("a").await.unwrap();
    is_as_recorded::<ByHand>(store.clone(), &seen).await;
    assert!(store.take_calls().contains(&Call::Read { from: Some(12), items: 1 }));
}

/// Whatever the store gives in place of the snapshot, nothing changes but what is read.
async fn is_passed_over(events: u64, of: u64, change: impl Fn(Snapshot) -> Snapshot + Send + 'static) {
    let inner = MemoryStore::new();
    let (_, seen) = ledger::<ByHand>(&inner, events, of).await;
    let store = Watched::new(inner);
    store.instead(move |_, kept| kept.map(&change));
    is_as_recorded::<ByHand>(store.clone(), &seen).await;
    assert!(store.take_calls().contains(&Call::Read { from: None, items: usize::try_from(events).unwrap() }));
}

/// What a snapshot of this kind holds, of a ledger that has seen these events.
async fn foreign<A: Ledger>(events: u64) -> Bytes {
    let engine = on(MemoryStore::new()).await;
    count::<A>(&engine, "a", events).await;
    engine.snapshot::<A>("a").await.unwrap();
    snapshot::<A>(&engine, "a").await.unwrap().payload
}

/// The same as if it were of the aggregate "a" of this kind.
pub fn sealed_for<A: Aggregate>(payload: &Bytes) -> Bytes {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(A::KIND.as_bytes());
    hasher.update(b"\0a");
    hasher.update(&payload[5..]);
    [&payload[..1], &hasher.finalize().to_be_bytes(), &payload[5..]].concat().into()
}

#[tokio::test]
async fn one_of_another_version_is_passed_over() {
    let payload = sealed_for::<ByHand>(&foreign::<Second>(9).await);
    is_passed_over(12, 9, move |kept| Snapshot { payload: payload.clone(), version: 2, ..kept }).await;
    // Also where the store says otherwise.
    let payload = sealed_for::<ByHand>(&foreign::<Second>(9).await);
    is_passed_over(12, 9, move |kept| Snapshot { payload: payload.clone(), ..kept }).await;
}

#[tokio::test]
async fn one_of_another_shape_is_passed_over() {
    let payload = sealed_for::<ByHand>(&foreign::<Shaped>(9).await);
    is_passed_over(12, 9, move |kept| Snapshot { payload: payload.clone(), ..kept }).await;
}

#[tokio::test]
async fn a_damaged_one_is_passed_over_wherever_it_is_damaged() {
    let inner = MemoryStore::new();
    let (engine, seen) = ledger::<ByHand>(&inner, 12, 9).await;
    let whole = snapshot::<ByHand>(&engine, "a").await.unwrap();
    let store = Watched::new(inner);
    let reader = on(store.clone()).await;
    for place in 0..whole.payload.len() {
        for (cut, flip) in [(false, 1), (false, 0x80), (true, 0)] {
            let mut payload = whole.payload.to_vec();
            payload[place] ^= flip;
            if cut {
                payload.truncate(place);
            }
            let changed = Snapshot { payload: payload.into(), ..whole.clone() };
            store.instead(move |_, _| Some(changed.clone()));
            let loaded = reader.load::<ByHand>("a").await.unwrap();
            assert_eq!(loaded.state.seen(), &seen, "{place}");
        }
    }
    let reads = store.take_calls();
    assert!(reads.iter().all(|call| *call == Call::Read { from: None, items: 12 }));
    assert_eq!(reads.len(), whole.payload.len() * 3);
    // Something behind it is damage, too.
    let longer = Snapshot { payload: [&whole.payload[..], b"x"].concat().into(), ..whole };
    store.instead(move |_, _| Some(longer.clone()));
    assert_eq!(reader.load::<ByHand>("a").await.unwrap().state.seen(), &seen);
    assert_eq!(store.take_calls(), [Call::Read { from: None, items: 12 }]);
}

#[tokio::test]
async fn one_whose_revision_is_not_what_it_holds_is_passed_over() {
    for revision in [8, 10] {
        is_passed_over(12, 9, move |kept| Snapshot { revision: Revision::new(revision).unwrap(), ..kept }).await;
    }
}

/// A backup was restored that is older than the snapshot, and maybe other things happened then.
#[tokio::test]
async fn one_of_another_history_is_passed_over() {
    let long = MemoryStore::new();
    let (engine, _) = ledger::<ByHand>(&long, 12, 12).await;
    let later = snapshot::<ByHand>(&engine, "a").await.unwrap();
    // With as many events as the snapshot has seen, at the same places, nothing tells them apart: a store is restored with its snapshots.
    for (events, others) in [(5, 0), (5, 1), (11, 0), (12, 1), (20, 1), (0, 0)] {
        let restored = MemoryStore::new();
        let engine = on(restored.clone()).await;
        count::<ByHand>(&engine, "other", others).await;
        for by in 0..events {
            engine.send::<ByHand>("a", Count { by: 1000 + by }).await.unwrap();
        }
        let store = Watched::new(restored);
        let kept = later.clone();
        store.instead(move |of, _| (*of == stream::<ByHand>("a")).then(|| kept.clone()));
        let seen = by_events::<ByHand>(&engine, "a").await;
        let reader = on(store.clone()).await;
        let loaded = reader.load::<ByHand>("a").await.unwrap();
        assert_eq!((loaded.state.seen(), loaded.revision), (&seen, Revision::new(events)), "{events} {others}");
        assert_eq!(reader.send::<ByHand>("a", Count { by: 1 }).await.unwrap().reply, seen.seal);
    }
}

#[tokio::test]
async fn a_store_that_cannot_load_one_is_read_from_the_start() {
    let inner = MemoryStore::new();
    let (_, seen) = ledger::<ByHand>(&inner, 12, 9).await;
    let store = Watched::new(inner);
    store.fail_loads.store(true, Ordering::SeqCst);
    is_as_recorded::<ByHand>(store, &seen).await;
}

#[tokio::test]
async fn an_erased_aggregate_is_not_brought_back_by_one() {
    let inner = MemoryStore::new();
    let (engine, _) = ledger::<ByHand>(&inner, 12, 12).await;
    let kept = snapshot::<ByHand>(&engine, "a").await.unwrap();
    inner.erase(&stream::<ByHand>("a")).await.unwrap();
    let store = Watched::new(inner);
    store.instead(move |_, _| Some(kept.clone()));
    let error = on(store).await.load::<ByHand>("a").await.unwrap_err();
    assert!(matches!(error, ReadError::Recovery(RecoveryError::Erased)), "{error}");
}

/// The views of inline projections go on where the snapshot stands; one that lacks a view, or has it in another version, is none.
#[tokio::test]
async fn inline_views_go_on_from_a_snapshot() {
    for removes_at in [None, Some(3), Some(7), Some(12)] {
        let inner = MemoryStore::new();
        let engine = on(inner.clone()).await;
        for by in 1..=13 {
            let by = if Some(by) == removes_at { 99 } else { by };
            let receipt = engine.send::<Five>("a", Count { by }).await.unwrap();
            if let Some(due) = receipt.revision.filter(|revision| revision.get() % 5 == 0) {
                until_seen::<Five>(&engine, "a", due.get()).await;
            }
        }
        let store = Watched::new(inner.clone());
        let other = on(store.clone()).await;
        for by in 14..=18 {
            other.send::<Five>("a", Count { by }).await.unwrap();
        }
        assert!(store.take_calls().contains(&Call::Read { from: Some(10), items: 4 }));
        let by: Vec<u64> = (1..=18).map(|by| if Some(by) == removes_at { 99 } else { by }).collect();
        let seen = Seen::of(&by[removes_at.map_or(0, |at| usize::try_from(at).unwrap())..]);
        let view = other.view::<Sums>("a").await.unwrap().unwrap();
        assert_eq!((&view.seen, view.last), (&seen, 18));
        // Its entry in the index moved, too.
        for third in 0..3 {
            let found = other.views::<Sums>().by("third", &third).page().await.unwrap().items;
            assert_eq!(found.len(), usize::from(third == seen.events % 3), "{third}");
        }
    }
}

#[tokio::test]
async fn one_without_the_inline_views_of_today_is_passed_over() {
    let inner = MemoryStore::new();
    let engine = on(inner.clone()).await;
    count::<Five>(&engine, "a", 5).await;
    until_seen::<Five>(&engine, "a", 5).await;
    count::<Five>(&engine, "a", 4).await;
    let kept = snapshot::<Five>(&engine, "a").await.unwrap();
    // Written by a program that knew no such projection: the same state, no views.
    let payload = sealed_for::<Five>(&foreign::<ByHand>(5).await);
    let store = Watched::new(inner);
    store.instead(move |_, _| Some(Snapshot { payload: payload.clone(), ..kept.clone() }));
    let other = on(store.clone()).await;
    count::<Five>(&other, "a", 3).await;
    let seen = by_events::<Five>(&other, "a").await;
    assert_eq!(other.view::<Sums>("a").await.unwrap().unwrap().seen, seen);
    assert!(store.take_calls().contains(&Call::Read { from: None, items: 9 }));
    // Nor is one taken whose view has another version.
    let other_view = {
        let kept = snapshot::<Five>(&engine, "a").await.unwrap();
        let mut payload = kept.payload.to_vec();
        let at = payload.windows(8).position(|bytes| bytes == b"sums\0\0\0\x01").unwrap();
        payload[at + 7] = 2;
        Snapshot { payload: sealed_for::<Five>(&payload.into()), ..kept }
    };
    let later = Watched::new(store.inner.clone());
    later.instead(move |_, _| Some(other_view.clone()));
    let third = on(later.clone()).await;
    third.send::<Five>("a", Peek).await.unwrap();
    assert!(later.take_calls().contains(&Call::Read { from: None, items: 12 }));
    // Whoever needs no views takes it.
    assert_eq!(other.load::<Five>("a").await.unwrap().state.seen(), &seen);
    assert!(store.take_calls().contains(&Call::Read { from: Some(5), items: 8 }));
}

/// Two engines take turns: the one that comes back begins at the snapshot of the other.
#[tokio::test]
async fn an_engine_goes_on_from_the_snapshot_of_another() {
    let store = MemoryStore::new();
    let engines = [on(store.clone()).await, on(store.clone()).await];
    for by in 0..60_u64 {
        let engine = &engines[usize::try_from(by / 7 % 2).unwrap()];
        engine.send::<Five>("a", Count { by }).expect_revision_or_none(by).await.unwrap();
        tokio::task::yield_now().await;
    }
    let seen_by_events = by_events::<Five>(&engines[0], "a").await;
    for engine in &engines {
        assert_eq!(engine.load::<Five>("a").await.unwrap().state.seen(), &seen_by_events);
        assert_eq!(engine.view::<Sums>("a").await.unwrap().unwrap().seen, seen_by_events);
    }
    assert!(seen::<Five>(&engines[0], "a").await >= Some(50));
}

/// The revision that a sender expects who knows how many events there are.
trait ExpectRevisionOrNone {
    fn expect_revision_or_none(self, events: u64) -> Self;
}

impl<R, E> ExpectRevisionOrNone for ego::engine::Sending<'_, R, E> {
    fn expect_revision_or_none(self, events: u64) -> Self {
        use ego::message::Expected;
        match Revision::new(events) {
            Some(revision) => self.expect(Expected::Exact(revision)),
            None => self.expect(Expected::NoStream),
        }
    }
}

#[tokio::test]
async fn the_position_of_what_was_loaded_from_a_snapshot_is_that_of_its_last_event() {
    let store = MemoryStore::new();
    let (engine, _) = ledger::<ByHand>(&store, 9, 9).await;
    count::<ByHand>(&engine, "other", 4).await;
    let loaded = on(store).await.load::<ByHand>("a").await.unwrap();
    assert_eq!(loaded.position, Position::new(9));
}
