//! Snapshots: a cache that only grows newer and that changes no answer when it is gone (I8).

use super::Bench;
use super::commit::{commit, commit_to, position, revision, stream, stream_of};
use super::probe::{Probe, ok};
use crate::message::StreamId;
use crate::store::{Snapshot, Store, StoreError};
use bytes::Bytes;

fn snapshot(number: u64, payload: &'static [u8]) -> Snapshot {
    Snapshot {
        revision: revision(number),
        position: position(number),
        version: 3,
        codec: "json".into(),
        payload: Bytes::from_static(payload),
    }
}

async fn save(store: &Probe, stream: &StreamId, snapshot: Snapshot) {
    ok(store.save_snapshot(stream, snapshot).await, "saving a snapshot");
}

async fn load(store: &Probe, stream: &StreamId) -> Option<Snapshot> {
    ok(store.load_snapshot(stream).await, "loading a snapshot")
}

async fn five(bench: &Bench) -> Probe {
    let store = bench.open().await;
    store.commit(commit("a").events(5)).await;
    store
}

/// A snapshot is loaded as it was saved; before, there is none.
pub(super) async fn a_snapshot_is_loaded_as_saved(bench: Bench) {
    let store = five(&bench).await;
    assert_eq!(load(&store, &stream("a")).await, None);
    let mut odd = snapshot(5, b"\0\xff odd");
    odd.version = u32::MAX;
    save(&store, &stream("a"), odd.clone()).await;
    assert_eq!(load(&store, &stream("a")).await, Some(odd));
}

/// A newer snapshot takes the place of an older one, and so does another one of the same revision.
pub(super) async fn a_newer_snapshot_replaces_the_older(bench: Bench) {
    let store = five(&bench).await;
    for newer in [snapshot(2, b"two"), snapshot(4, b"four"), snapshot(4, b"four again"), snapshot(5, b"")] {
        save(&store, &stream("a"), newer.clone()).await;
        assert_eq!(load(&store, &stream("a")).await, Some(newer));
    }
}

/// An older snapshot that comes late does not replace a newer one, and is no error.
pub(super) async fn an_older_snapshot_does_not_replace_the_newer(bench: Bench) {
    let store = five(&bench).await;
    save(&store, &stream("a"), snapshot(4, b"four")).await;
    for older in [snapshot(1, b"one"), snapshot(3, b"three")] {
        save(&store, &stream("a"), older).await;
        assert_eq!(load(&store, &stream("a")).await, Some(snapshot(4, b"four")));
    }
}

/// A snapshot of what the stream has not reached is refused, and the earlier one stands.
pub(super) async fn a_snapshot_beyond_the_head_is_refused(bench: Bench) {
    let store = five(&bench).await;
    save(&store, &stream("a"), snapshot(3, b"three")).await;
    let refused = store.save_snapshot(&stream("a"), snapshot(6, b"six")).await;
    assert!(matches!(refused, Err(StoreError::BeyondHead { asked: 6, end: 5 })), "{refused:?}");
    assert_eq!(load(&store, &stream("a")).await, Some(snapshot(3, b"three")));
}

/// A snapshot of a stream that holds no event is refused and makes no stream.
pub(super) async fn a_snapshot_of_no_stream_is_refused(bench: Bench) {
    let store = five(&bench).await;
    store.commit(commit("nothing")).await;
    for id in ["unknown", "nothing"] {
        let refused = store.save_snapshot(&stream(id), snapshot(1, b"one")).await;
        assert!(matches!(refused, Err(StoreError::BeyondHead { asked: 1, end: 0 })), "{refused:?}");
        assert_eq!(load(&store, &stream(id)).await, None);
    }
    assert_eq!(store.stands(&stream("unknown")).await, None);
}

/// A snapshot can be deleted, also when there is none; an older one may be saved then.
pub(super) async fn a_snapshot_can_be_deleted(bench: Bench) {
    let store = five(&bench).await;
    save(&store, &stream("a"), snapshot(4, b"four")).await;
    for id in ["a", "a", "unknown"] {
        ok(store.delete_snapshot(&stream(id)).await, "deleting a snapshot");
        assert_eq!(load(&store, &stream(id)).await, None);
    }
    save(&store, &stream("a"), snapshot(2, b"two")).await;
    assert_eq!(load(&store, &stream("a")).await, Some(snapshot(2, b"two")));
}

/// Saving and deleting snapshots changes nothing else (I8).
pub(super) async fn snapshots_change_nothing_else(bench: Bench) {
    let store = five(&bench).await;
    let sight = store.sight().await;
    save(&store, &stream("a"), snapshot(5, b"five")).await;
    assert_eq!(store.sight().await, sight);
    ok(store.delete_snapshot(&stream("a")).await, "deleting a snapshot");
    assert_eq!(store.sight().await, sight);
    assert_eq!(store.events(&stream("a")).await, sight.log);
}

/// A snapshot belongs to one stream, however much its name is like another's.
pub(super) async fn a_snapshot_belongs_to_its_stream(bench: Bench) {
    let store = bench.open().await;
    let alike = [stream_of("a", "b/c"), stream_of("a", "b"), stream_of("ab", "c"), stream_of("a-b", "c")];
    for at in &alike {
        store.commit(commit_to(at).events(1)).await;
    }
    save(&store, &alike[0], snapshot(1, b"of the first")).await;
    for at in &alike[1..] {
        assert_eq!(load(&store, at).await, None, "{at}");
    }
    save(&store, &alike[1], snapshot(1, b"of the second")).await;
    ok(store.delete_snapshot(&alike[1]).await, "deleting a snapshot");
    assert_eq!(load(&store, &alike[0]).await, Some(snapshot(1, b"of the first")));
}
