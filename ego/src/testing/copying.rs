//! What a copy asks for besides events: every command, what was erased, every table.

use super::Bench;
use super::commit::{commit, commit_to, revision, stream, stream_of};
use super::probe::{Probe, ok};
use crate::message::{Name, StreamId};
use crate::store::{Committed, RowChange, Step, Store};

pub(super) async fn commands(store: &Probe, stream: &StreamId, limit: usize) -> Vec<Committed> {
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let page = ok(store.list_commands(stream, at, limit).await, "listing commands");
        assert!(page.items.len() <= limit.max(1), "{} commands in a page of {limit}", page.items.len());
        assert!(page.next.is_none_or(|next| next > at), "paging stands still at {at}");
        all.extend(page.items);
        from = page.next;
    }
    all
}

pub(super) async fn erased(store: &Probe, limit: usize) -> Vec<StreamId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ok(store.list_erased(after.as_ref(), limit).await, "listing erased streams");
        assert!(page.items.iter().all(|head| head.erased), "{page:?}");
        all.extend(page.items.into_iter().map(|head| head.stream));
        after = page.next;
        if after.is_none() {
            return all;
        }
        assert!(all.len() < 1000, "paging does not end");
    }
}

pub(super) async fn tables(store: &Probe) -> Vec<Name> {
    ok(store.list_tables().await, "listing tables")
}

pub(super) async fn put_one(store: &Probe, table: &str, key: &str) {
    let rows = vec![RowChange::put(table.to_owned(), key.to_owned(), "a row")];
    ok(store.step(Step { advance: None, rows }).await, "making a step");
}

pub(super) async fn remove_one(store: &Probe, table: &str, key: &str) {
    let rows = vec![RowChange::remove(table.to_owned(), key.to_owned())];
    ok(store.step(Step { advance: None, rows }).await, "making a step");
}

/// Every command of a stream is listed as it was answered, in the order of recording: also one that recorded nothing.
pub(super) async fn commands_are_listed_in_the_order_of_recording(bench: Bench) {
    let store = bench.open().await;
    let mut wanted = vec![store.commit(commit("a").reply(b"first")).await];
    for number in 0..12_u8 {
        store.commit(commit("b").events(1)).await;
        wanted.push(store.commit(commit("a").events(u64::from(number % 3)).reply(&[number])).await);
    }
    for limit in [0, 1, 2, 5, 13, 100] {
        assert_eq!(commands(&store, &stream("a"), limit).await, wanted, "in pages of {limit}");
    }
    assert_eq!(commands(&store, &stream("none"), 10).await, []);
    let behind = ok(store.list_commands(&stream("a"), 99, 10).await, "listing commands");
    assert_eq!((behind.items, behind.next), (Vec::new(), None));
}

/// Commands of many commits are all listed, wherever the store has put them meanwhile.
pub(super) async fn many_commands_are_listed(bench: Bench) {
    let store = bench.open().await;
    let mut wanted = Vec::new();
    for number in 0..500_u64 {
        wanted.push(store.commit(commit("a").events(number % 2)).await);
    }
    assert_eq!(commands(&store, &stream("a"), 70).await, wanted);
}

/// Every save of a state is listed.
pub(super) async fn commands_of_a_state_are_listed(bench: Bench) {
    let store = bench.open().await;
    let mut wanted = Vec::new();
    for number in 0..4_u8 {
        wanted.push(store.commit(commit("a").state(&[number])).await);
        wanted.push(store.commit(commit("a")).await);
    }
    assert_eq!(commands(&store, &stream("a"), 3).await, wanted);
}

/// Commands whose events were deleted are listed as before.
pub(super) async fn commands_of_deleted_events_are_listed(bench: Bench) {
    let store = bench.open().await;
    let mut wanted = Vec::new();
    for _ in 0..4 {
        wanted.push(store.commit(commit("a").events(2)).await);
    }
    ok(store.delete_up_to(&stream("a"), revision(5)).await, "deleting");
    assert_eq!(commands(&store, &stream("a"), 3).await, wanted);
}

/// Of an erased stream no command is listed.
pub(super) async fn commands_of_an_erased_stream_are_gone(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    store.commit(commit("b").events(2)).await;
    ok(store.erase(&stream("a")).await, "erasing");
    assert_eq!(commands(&store, &stream("a"), 10).await, []);
    assert_eq!(commands(&store, &stream("b"), 10).await.len(), 1);
}

/// Erased streams are listed in the order of their names, also those that never held anything, and no others.
pub(super) async fn erased_streams_are_listed_in_order(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(erased(&store, 10).await, []);
    let names = [("a", "b"), ("a", "c"), ("a-b", "a"), ("b", "a")];
    for (kind, id) in names.into_iter().rev() {
        store.commit(commit_to(&stream_of(kind, "kept")).events(1)).await;
        if id != "c" {
            store.commit(commit_to(&stream_of(kind, id)).events(1)).await;
        }
        ok(store.erase(&stream_of(kind, id)).await, "erasing");
    }
    for limit in [0, 1, 3, 10] {
        assert_eq!(erased(&store, limit).await, names.map(|(kind, id)| stream_of(kind, id)), "in pages of {limit}");
    }
}

/// Tables that have a row are listed, in the order of their names, and no others.
pub(super) async fn tables_with_rows_are_listed(bench: Bench) {
    let store = bench.open().await;
    assert!(tables(&store).await.is_empty());
    for table in ["view/b/1", "b", "ab", "a", "gone"] {
        put_one(&store, table, "1").await;
        put_one(&store, table, "2").await;
    }
    let mut draft = commit("a").events(1);
    draft.commit.rows = vec![RowChange::put("inline", "1", "a row")];
    store.commit(draft).await;
    remove_one(&store, "gone", "1").await;
    remove_one(&store, "gone", "2").await;
    remove_one(&store, "b", "1").await;
    assert_eq!(tables(&store).await, ["a", "ab", "b", "inline", "view/b/1"].map(Name::from));
}
