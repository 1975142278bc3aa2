//! A closed store answers that it is closed, to everything.

use super::Bench;
use super::commit::{commit, stream};
use super::probe::{Probe, ok};
use crate::message::{Position, Revision};
use crate::store::{Direction, Filter, RowChange, Snapshot, Step, Store, StoreError};
use bytes::Bytes;

async fn closed(bench: &Bench) -> Probe {
    let store = bench.open().await;
    store.commit(commit("a").events(2).id("c-1")).await;
    ok(store.close().await, "closing");
    store
}

fn is_closed<T: std::fmt::Debug>(answer: Result<T, StoreError>, what: &str) {
    assert!(matches!(answer, Err(StoreError::Closed)), "{what}: {answer:?}");
}

/// A closed store takes no commits.
pub(super) async fn a_closed_store_takes_no_commits(bench: Bench) {
    let store = closed(&bench).await;
    is_closed(store.try_append(commit("a").events(1)).await, "append");
    is_closed(store.try_append(commit("a").id("c-1")).await, "append of a known command");
}

/// A closed store shows neither events, commands, streams nor types.
pub(super) async fn a_closed_store_shows_nothing(bench: Bench) {
    let store = closed(&bench).await;
    let a = stream("a");
    is_closed(store.find_command(&a, commit("a").id("c-1").command_id()).await, "find_command");
    is_closed(store.stream_head(&a).await, "stream_head");
    is_closed(store.read_stream(&a, None, Direction::Forwards, 10).await, "read_stream forwards");
    is_closed(store.read_stream(&a, None, Direction::Backwards, 10).await, "read_stream backwards");
    is_closed(store.read_log(None, &Filter::all(), 10).await, "read_log");
    is_closed(store.list_streams(None, None, 10).await, "list_streams");
    is_closed(store.event_types().await, "event_types");
}

/// A closed store has no head and nothing to wait for, not even for one who is behind.
pub(super) async fn a_closed_store_has_no_head(bench: Bench) {
    let store = closed(&bench).await;
    is_closed(store.head().await, "head");
    is_closed(store.wait_for_head(None).await, "wait_for_head behind");
    is_closed(store.wait_for_head(Position::new(1000)).await, "wait_for_head beyond");
}

/// A closed store keeps and gives neither snapshots, states nor checkpoints.
pub(super) async fn a_closed_store_keeps_nothing(bench: Bench) {
    let store = closed(&bench).await;
    let a = stream("a");
    let (revision, position) = (Revision::FIRST, Position::FIRST);
    let snapshot = Snapshot { revision, position, version: 1, codec: "raw".into(), payload: Bytes::new() };
    is_closed(store.save_snapshot(&a, snapshot).await, "save_snapshot");
    is_closed(store.load_snapshot(&a).await, "load_snapshot");
    is_closed(store.delete_snapshot(&a).await, "delete_snapshot");
    is_closed(store.load_state(&a).await, "load_state");
    is_closed(store.read_states(None, &[], 10).await, "read_states");
    is_closed(store.save_checkpoint("view", None).await, "save_checkpoint");
    is_closed(store.load_checkpoint("view").await, "load_checkpoint");
    is_closed(store.list_checkpoints().await, "list_checkpoints");
    is_closed(store.delete_checkpoint("view").await, "delete_checkpoint");
}

/// A closed store deletes and erases nothing.
pub(super) async fn a_closed_store_deletes_nothing(bench: Bench) {
    let store = closed(&bench).await;
    is_closed(store.delete_up_to(&stream("a"), Revision::FIRST).await, "delete_up_to");
    is_closed(store.erase(&stream("a")).await, "erase");
}

/// A closed store changes and gives no rows.
pub(super) async fn a_closed_store_has_no_rows(bench: Bench) {
    let store = closed(&bench).await;
    let rows = vec![RowChange::put("t", "key", "content")];
    is_closed(store.step(Step { advance: None, rows }).await, "step");
    is_closed(store.step(Step::default()).await, "step of nothing");
    is_closed(store.step(Step { advance: None, rows: vec![RowChange::remove("", "")] }).await, "step that is not valid");
    is_closed(store.load_rows("t", &["key".into()]).await, "load_rows");
    is_closed(store.load_rows("t", &[]).await, "load_rows of none");
    is_closed(store.list_rows("t", b"", None, 10).await, "list_rows");
    is_closed(store.list_rows("t", b"b", Some(b"a"), 10).await, "list_rows of nothing");
}

/// Closing twice is no error, nor is closing from several tasks at once, and the capabilities can be asked for afterwards.
pub(super) async fn closing_twice_is_no_error(bench: Bench) {
    let store = closed(&bench).await;
    ok(store.close().await, "closing again");
    let open = bench.open().await;
    let before = open.capabilities();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let open = open.clone();
            tokio::spawn(async move { open.close().await })
        })
        .collect();
    for task in tasks {
        ok(task.await.unwrap_or_else(|error| panic!("closing: {error}")), "closing at once");
    }
    assert_eq!(open.capabilities(), before);
}
