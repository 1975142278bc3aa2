//! Erasing a stream: nothing of it can be read any more, and it stays closed for good.

use super::Bench;
use super::commit::{at, commit, commit_to, stream, stream_of};
use super::probe::{Probe, ok};
use crate::message::{Expected, Position, Revision};
use crate::store::Direction::{Backwards, Forwards};
use crate::store::{Filter, Refusal, Snapshot, Store, StoreError, StreamHead, Verdict};
use bytes::Bytes;

async fn erase(store: &Probe, id: &str) {
    ok(store.erase(&stream(id)).await, "erasing");
}

fn snapshot() -> Snapshot {
    Snapshot {
        revision: Revision::FIRST,
        position: Position::FIRST,
        version: 1,
        codec: "raw".into(),
        payload: Bytes::from_static(b"secret"),
    }
}

/// Erased events are gone from the stream, from every page of the log and through every filter; those of others stay.
pub(super) async fn erased_events_are_not_read(bench: Bench) {
    let store = bench.open().await;
    for id in ["b", "a", "b", "a"] {
        store.commit(commit(id).tagged("Opened", &["new"]).event("Named", id.as_bytes())).await;
    }
    let left: Vec<_> = store.log().await.into_iter().filter(|event| event.stream == stream("b")).collect();
    erase(&store, "a").await;
    for (from, direction) in [(None, Forwards), (None, Backwards), (Revision::new(2), Forwards), (Revision::new(4), Backwards)] {
        let page = store.page(&stream("a"), from, direction, 100).await;
        assert_eq!((page.items, page.next), (Vec::new(), None), "{direction:?} from {from:?}");
    }
    for limit in [1, 2, 100] {
        assert_eq!(store.log_pages(None, &Filter::all(), limit).await, left);
        assert_eq!(store.log_pages(None, &Filter::all().kind("thing"), limit).await, left);
        assert_eq!(store.log_pages(None, &Filter::all().tag("new"), limit).await.len(), 2);
    }
    assert_eq!(store.events(&stream("b")).await, left);
}

/// An erased stream's commands, replies, state and snapshot are gone.
pub(super) async fn commands_state_and_snapshot_are_erased(bench: Bench) {
    let store = bench.open().await;
    let (events, state) = (commit("a").events(1).reply(b"secret"), commit("s").state(b"secret").reply(b"secret"));
    store.commit(events.clone()).await;
    store.commit(state.clone()).await;
    ok(store.save_snapshot(&stream("a"), snapshot()).await, "saving a snapshot");
    erase(&store, "a").await;
    erase(&store, "s").await;
    assert_eq!((store.find(&events).await, store.find(&state).await), (None, None));
    assert_eq!(ok(store.load_snapshot(&stream("a")).await, "loading a snapshot"), None);
    assert_eq!(ok(store.load_state(&stream("s")).await, "loading a state"), None);
}

/// An erased stream takes nothing more, whatever the writer expects, not even what it recorded before.
pub(super) async fn an_erased_stream_takes_nothing(bench: Bench) {
    let store = bench.open().await;
    let known = commit("a").events(2);
    store.commit(known.clone()).await;
    erase(&store, "a").await;
    let sight = store.sight().await;
    for expected in [Expected::Any, Expected::NoStream, Expected::Exists, at(1), at(2)] {
        assert_eq!(store.refuse(commit("a").events(1).expects(expected)).await, Refusal::Erased);
    }
    for draft in [known, commit("a"), commit("a").state(b"a state")] {
        assert_eq!(store.refuse(draft).await, Refusal::Erased);
    }
    assert_eq!(store.sight().await, sight);
}

/// That its stream was erased is found before anything else is checked of a commit, and does not touch other streams.
pub(super) async fn erasure_is_found_before_any_other_refusal(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    erase(&store, "a").await;
    let mut large = commit("a").events(1);
    large.commit.reply = vec![0; store.capabilities().max_commit_bytes + 1].into();
    let stale = commit("a").events(1).expects(at(9));
    let verdicts = store.batch([stale, commit("a").events(1).expects(at(1)), large, commit("b").events(1)]).await;
    assert_eq!(verdicts[..3], [const { Verdict::Refused(Refusal::Erased) }; 3]);
    assert!(matches!(verdicts[3], Verdict::Committed(_)), "{verdicts:?}");
}

/// An erased stream has a head that says so, keeps its last place, and is not listed.
pub(super) async fn an_erased_stream_has_a_head_that_says_so(bench: Bench) {
    let store = bench.open().await;
    let committed = store.commit(commit("a").events(2)).await;
    for id in ["b", "c"] {
        store.commit(commit(id).events(1)).await;
    }
    erase(&store, "a").await;
    let head =
        StreamHead { stream: stream("a"), revision: committed.revision, position: committed.position, first: None, erased: true };
    assert_eq!(store.stands(&stream("a")).await, Some(head));
    for (kind, limit) in [(None, 1), (None, 100), (Some("thing"), 1), (Some("thing"), 100)] {
        let listed: Vec<_> = store.streams(kind, limit).await.into_iter().map(|head| head.stream).collect();
        assert_eq!(listed, [stream("b"), stream("c")]);
    }
}

/// Positions of erased events are not given again, and the head stands.
pub(super) async fn erased_positions_are_not_given_again(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(1)).await;
    let last = store.commit(commit("a").events(3)).await.position;
    erase(&store, "a").await;
    assert_eq!(store.last().await, last);
    let committed = store.commit(commit("b").events(1)).await;
    assert!(committed.position > last, "{:?} after {last:?}", committed.position);
    assert_eq!(store.log_pages(last, &Filter::all(), 10).await.len(), 1);
}

/// Other streams keep everything, however much their names are like the erased one's.
pub(super) async fn other_streams_keep_everything(bench: Bench) {
    let store = bench.open().await;
    let alike = [stream_of("a", "b/c"), stream_of("a", "bc"), stream_of("ab", "c"), stream_of("a-b", "c"), stream_of("b", "b")];
    let mut known = Vec::new();
    for at in &alike {
        let draft = commit_to(at).events(2).id("c-1").reply(at.to_string().as_bytes());
        known.push((draft.clone(), store.commit(draft).await));
        ok(store.save_snapshot(at, snapshot()).await, "saving a snapshot");
    }
    let erased = stream_of("a", "b");
    store.commit(commit_to(&erased).events(2).id("c-1")).await;
    ok(store.erase(&erased).await, "erasing");
    for (other, (draft, committed)) in alike.iter().zip(known) {
        assert_eq!(store.events(other).await.len(), 2, "{other}");
        assert_eq!(ok(store.load_snapshot(other).await, "loading a snapshot"), Some(snapshot()), "{other}");
        assert_eq!(store.repeat(draft).await, committed, "{other}");
        store.commit(commit_to(other).events(1).expects(at(2))).await;
    }
    assert_eq!(store.streams(None, 2).await.len(), alike.len());
}

/// A stream that holds nothing can be erased, and is closed then; so can one that was erased already.
pub(super) async fn an_unknown_stream_can_be_erased(bench: Bench) {
    let store = bench.open().await;
    for _ in 0..2 {
        erase(&store, "a").await;
        let head = StreamHead { stream: stream("a"), revision: None, position: None, first: None, erased: true };
        assert_eq!(store.stands(&stream("a")).await, Some(head));
        assert_eq!(store.refuse(commit("a").events(1).expects(Expected::NoStream)).await, Refusal::Erased);
    }
    assert_eq!(store.streams(None, 10).await, []);
}

/// Consumers are not waited for: erasure is not held up by a checkpoint.
pub(super) async fn erasure_waits_for_no_consumer(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    ok(store.save_checkpoint("late", None).await, "saving a checkpoint");
    erase(&store, "a").await;
    assert_eq!(store.log().await, []);
    assert_eq!(ok(store.list_checkpoints().await, "listing checkpoints"), [("late".to_owned(), None)]);
}

/// A snapshot that is saved after the erasure is refused, and brings nothing back.
pub(super) async fn a_late_snapshot_brings_nothing_back(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    erase(&store, "a").await;
    let refused = store.save_snapshot(&stream("a"), snapshot()).await;
    assert!(matches!(refused, Err(StoreError::BeyondHead { end: 0, .. })), "{refused:?}");
    assert_eq!(ok(store.load_snapshot(&stream("a")).await, "loading a snapshot"), None);
}

/// The types of erased events stay listed: they were recorded, and name no person.
pub(super) async fn the_types_of_erased_events_stay_listed(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").event("Opened", b"").event("Shut", b"")).await;
    let types = store.types().await;
    erase(&store, "a").await;
    assert_eq!(store.types().await, types);
    assert_eq!(types.len(), 2);
}
