//! The states of durable aggregates: replaced as a whole, by compare-and-set, never mixed with events.

use super::Bench;
use super::commit::{at, commit, commit_to, stream, stream_of};
use super::probe::{Probe, ok};
use crate::message::{Expected, Revision, StreamId};
use crate::store::{Body, Filter, Refusal, Store, StoredState, StreamHead, Verdict};

async fn load(store: &Probe, stream: &StreamId) -> Option<StoredState> {
    ok(store.load_state(stream).await, "loading a state")
}

async fn payload(store: &Probe, id: &str) -> Option<Vec<u8>> {
    load(store, &stream(id)).await.map(|state| state.payload.to_vec())
}

/// A state is loaded as it was saved, with its place and the metadata of its command.
pub(super) async fn a_state_is_loaded_as_saved(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(load(&store, &stream("a")).await, None);
    for (number, payload) in [&b"\0\xff odd"[..], b"", b"another"].into_iter().enumerate() {
        let mut draft = commit("a").state(payload).codec(&format!("codec-{number}")).command("Save");
        if let Body::State(state) = &mut draft.commit.body {
            state.version = u32::MAX - number as u32;
        }
        let committed = store.commit(draft.clone()).await;
        let Some(state) = load(&store, &stream("a")).await else { panic!("the state is not there") };
        assert_eq!((Some(state.revision), Some(state.position)), (committed.revision, committed.position));
        assert_eq!((state.version, &*state.codec), (u32::MAX - number as u32, &*draft.commit.codec));
        assert_eq!((&*state.payload, state.metadata), (payload, draft.commit.metadata));
    }
}

/// Each save of a state is one revision and one position, and no event.
pub(super) async fn each_save_is_one_revision_and_one_position(bench: Bench) {
    let store = bench.open().await;
    let mut last = store.commit(commit("b").events(1)).await.position;
    for number in 1..=3 {
        let committed = store.commit(commit("a").state(b"a state").reply(b"saved")).await;
        assert_eq!((committed.revision, committed.events), (Revision::new(number), 0));
        assert!(committed.position > last && committed.position == store.last().await, "{:?} after {last:?}", committed.position);
        last = committed.position;
    }
    assert!(store.commit(commit("b").events(1)).await.position > last);
}

/// A state is not an event: neither stream, log nor event types show it.
pub(super) async fn a_state_is_not_seen_as_an_event(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(1)).await;
    let (log, types) = (store.log().await, store.types().await);
    store.commit(commit("a").state(b"a state")).await;
    assert_eq!(store.events(&stream("a")).await, []);
    assert_eq!((store.log().await, store.types().await), (log, types));
    assert_eq!(store.log_page(store.last().await, &Filter::all(), 10).await.next, None);
}

/// A stream that keeps a state has a head and is listed; it has no first event.
pub(super) async fn a_stream_with_a_state_has_a_head(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").state(b"1")).await;
    let committed = store.commit(commit("a").state(b"2")).await;
    let head =
        StreamHead { stream: stream("a"), revision: Revision::new(2), position: committed.position, first: None, erased: false };
    assert_eq!(store.stands(&stream("a")).await, Some(head.clone()));
    assert_eq!(store.streams(None, 10).await, [head]);
}

/// A stale save is refused, and the former state stands.
pub(super) async fn a_stale_save_is_refused(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").state(b"1").expects(Expected::NoStream)).await;
    store.commit(commit("a").state(b"2").expects(at(1))).await;
    let before = load(&store, &stream("a")).await;
    let sight = store.sight().await;
    for expected in [Expected::NoStream, at(1), at(3)] {
        let refusal = store.refuse(commit("a").state(b"never").expects(expected)).await;
        assert_eq!(refusal, Refusal::Conflict { expected, actual: Revision::new(2) });
        assert_eq!(load(&store, &stream("a")).await, before);
    }
    assert_eq!(store.sight().await, sight);
    store.commit(commit("a").state(b"3").expects(at(2))).await;
    assert_eq!(payload(&store, "a").await.as_deref(), Some(&b"3"[..]));
}

/// A stream that keeps a state takes no events.
pub(super) async fn events_are_refused_where_a_state_is(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").state(b"1")).await;
    let sight = store.sight().await;
    for expected in [Expected::Any, Expected::Exists, at(1)] {
        assert_eq!(store.refuse(commit("a").events(2).expects(expected)).await, Refusal::Mixed);
    }
    assert_eq!(store.sight().await, sight);
    assert_eq!(payload(&store, "a").await.as_deref(), Some(&b"1"[..]));
}

/// A stream that keeps events takes no state.
pub(super) async fn a_state_is_refused_where_events_are(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    let sight = store.sight().await;
    for expected in [Expected::Any, Expected::Exists, at(2)] {
        assert_eq!(store.refuse(commit("a").state(b"1").expects(expected)).await, Refusal::Mixed);
    }
    assert_eq!(store.sight().await, sight);
    assert_eq!(payload(&store, "a").await, None);
}

/// Commits of nothing fit beside both: beside a state, and before the first state or event.
pub(super) async fn commits_of_nothing_fit_beside_both(bench: Bench) {
    let store = bench.open().await;
    for id in ["a", "b"] {
        store.commit(commit(id)).await;
    }
    let saved = store.commit(commit("a").state(b"1").expects(Expected::NoStream)).await;
    store.commit(commit("b").events(1).expects(Expected::NoStream)).await;
    let nothing = store.commit(commit("a").expects(at(1))).await;
    assert_eq!((nothing.revision, nothing.position, nothing.events), (saved.revision, saved.position, 0));
    store.commit(commit("a").state(b"2").expects(at(1))).await;
    assert_eq!(payload(&store, "a").await.as_deref(), Some(&b"2"[..]));
}

/// A command that saved a state is remembered; sent again, it leaves the newer state alone.
pub(super) async fn a_repeated_save_changes_nothing(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").state(b"1").reply(b"saved");
    let first = store.commit(draft.clone()).await;
    store.commit(commit("a").state(b"2")).await;
    assert_eq!(store.repeat(draft).await, first);
    assert_eq!(payload(&store, "a").await.as_deref(), Some(&b"2"[..]));
}

/// Saves may rely on each other within a batch; the last one stands, and a broken chain changes nothing.
pub(super) async fn saves_may_rely_on_each_other_in_a_batch(bench: Bench) {
    let store = bench.open().await;
    let save = |text: &str, expected| commit("a").state(text.as_bytes()).expects(expected);
    let verdicts = store.batch([save("1", Expected::NoStream), save("2", at(1)), save("3", at(2))]).await;
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Committed(_))), "{verdicts:?}");
    let verdicts = store.batch([save("never", at(1)), save("nor this", at(3))]).await;
    assert_eq!(verdicts[1], Verdict::Refused(Refusal::Dependent));
    assert_eq!(payload(&store, "a").await.as_deref(), Some(&b"3"[..]));
}

/// A state belongs to one stream, however much its name is like another's.
pub(super) async fn a_state_belongs_to_its_stream(bench: Bench) {
    let store = bench.open().await;
    let alike = [stream_of("a", "b/c"), stream_of("a", "b"), stream_of("ab", "c"), stream_of("a-b", "c")];
    for at in &alike {
        store.commit(commit_to(at).state(at.to_string().as_bytes())).await;
    }
    for at in &alike {
        let payload = load(&store, at).await.map(|state| state.payload);
        assert_eq!(payload.as_deref(), Some(at.to_string().as_bytes()));
    }
}
