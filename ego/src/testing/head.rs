//! The head of the log, and waiting for it to move.

use super::Bench;
use super::commit::{Draft, at, commit};
use super::probe::{Probe, ok};
use crate::message::{Expected, Position};
use crate::store::{Filter, Store, StoreError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a rule watches that nothing happens.
const QUIET: Duration = Duration::from_millis(60);
/// How long a rule waits for what must happen, before it calls it missing.
const SOON: Duration = Duration::from_secs(20);

fn wait(store: &Probe, position: Option<Position>) -> JoinHandle<Result<Position, StoreError>> {
    let store = store.clone();
    tokio::spawn(async move { store.wait_for_head(position).await })
}

async fn woken(waiting: JoinHandle<Result<Position, StoreError>>) -> Result<Position, StoreError> {
    match timeout(SOON, waiting).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => panic!("waiting for the head: {error}"),
        Err(_) => panic!("nobody woke the one who waits for the head"),
    }
}

async fn sleeps(waiting: &mut JoinHandle<Result<Position, StoreError>>, what: &str) {
    if let Ok(answer) = timeout(QUIET, waiting).await {
        panic!("{what} woke the one who waits for the head: {answer:?}");
    }
}

/// The head is nothing at first, then the position of the last event, and never goes back.
pub(super) async fn the_head_is_the_last_position(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(store.last().await, None);
    let mut last = None;
    for count in 1..=5 {
        let committed = store.commit(commit("a").events(count)).await;
        assert!(committed.position > last);
        last = committed.position;
        assert_eq!(store.last().await, last);
        assert_eq!(store.log().await.last().map(|event| event.position), last);
    }
}

/// What records no event and no state does not move the head.
pub(super) async fn the_head_stands_when_nothing_is_recorded(bench: Bench) {
    let store = bench.open().await;
    let known = commit("a").events(2);
    store.commit(known.clone()).await;
    let head = store.last().await;
    for draft in nothings(known) {
        store.append(draft).await;
        assert_eq!(store.last().await, head);
    }
}

/// A refused, a repeated and an empty commit.
fn nothings(known: Draft) -> [Draft; 3] {
    [commit("a").events(1).expects(at(9)), known, commit("a").expects(Expected::Any)]
}

/// One who is behind gets the head at once.
pub(super) async fn one_who_is_behind_does_not_wait(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let middle = store.commit(commit("a").events(1)).await.position;
    let head = store.commit(commit("a").events(1)).await.position;
    for behind in [None, Some(Position::FIRST), middle] {
        let answer = ok(woken(wait(&store, behind)).await, "waiting for the head");
        assert_eq!(Some(answer), head, "behind {behind:?}");
    }
}

/// One who waits is woken by the next event, with a head behind which nothing is hidden.
pub(super) async fn one_who_waits_is_woken(bench: Bench) {
    let store = bench.open().await;
    let mut last = None;
    for _ in 0..5 {
        let mut waiting = wait(&store, last);
        sleeps(&mut waiting, "nothing").await;
        let committed = store.commit(commit("a").events(2)).await;
        let answer = Some(ok(woken(waiting).await, "waiting for the head"));
        assert_eq!(answer, committed.position);
        assert_eq!(store.log_pages(last, &Filter::all(), 10).await.len(), 2);
        last = answer;
    }
}

/// What records nothing wakes nobody.
pub(super) async fn what_records_nothing_wakes_nobody(bench: Bench) {
    let store = bench.open().await;
    let known = commit("a").events(2);
    store.commit(known.clone()).await;
    let mut waiting = wait(&store, store.last().await);
    sleeps(&mut waiting, "nothing").await;
    for draft in nothings(known) {
        store.append(draft).await;
        sleeps(&mut waiting, "a commit that recorded nothing").await;
    }
    let head = store.commit(commit("a").events(1)).await.position;
    assert_eq!(Some(ok(woken(waiting).await, "waiting for the head")), head);
}

/// One who waits for more than the next event sleeps until the head is beyond that position.
pub(super) async fn one_who_waits_for_more_sleeps_on(bench: Bench) {
    let store = bench.open().await;
    let target = store.commit(commit("a").events(1)).await.position.map(|position| position.next().next());
    let mut waiting = wait(&store, target);
    loop {
        let head = store.commit(commit("a").events(1)).await.position;
        if head > target {
            assert_eq!(Some(ok(woken(waiting).await, "waiting for the head")), head);
            return;
        }
        sleeps(&mut waiting, "an event that was not waited for").await;
    }
}

/// All who wait are woken.
pub(super) async fn all_who_wait_are_woken(bench: Bench) {
    let store = bench.open().await;
    let waiting: Vec<_> = (0..100).map(|_| wait(&store, None)).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let head = store.commit(commit("a").events(1)).await.position;
    for one in waiting {
        assert_eq!(Some(ok(woken(one).await, "waiting for the head")), head);
    }
}

/// One who gives up waiting harms nobody, and may wait again.
pub(super) async fn giving_up_waiting_is_harmless(bench: Bench) {
    let store = bench.open().await;
    let other = wait(&store, None);
    for _ in 0..50 {
        assert!(timeout(Duration::from_micros(100), store.wait_for_head(None)).await.is_err(), "the log is empty");
        let aborted = wait(&store, None);
        aborted.abort();
    }
    let again = wait(&store, None);
    let head = store.commit(commit("a").events(1)).await.position;
    assert_eq!(Some(ok(woken(other).await, "waiting for the head")), head);
    assert_eq!(Some(ok(woken(again).await, "waiting for the head")), head);
}

/// A saved state moves the head, too, and wakes.
pub(super) async fn a_state_moves_the_head(bench: Bench) {
    let store = bench.open().await;
    let waiting = wait(&store, None);
    let committed = store.commit(commit("a").state(b"a state")).await;
    assert_eq!(Some(ok(woken(waiting).await, "waiting for the head")), committed.position);
    assert_eq!(store.last().await, committed.position);
}

/// One who waits when the store is closed is told so.
pub(super) async fn closing_wakes_with_an_error(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let mut waiting = wait(&store, store.last().await);
    sleeps(&mut waiting, "nothing").await;
    ok(store.close().await, "closing");
    let answer = woken(waiting).await;
    assert!(matches!(answer, Err(StoreError::Closed)), "{answer:?}");
}
