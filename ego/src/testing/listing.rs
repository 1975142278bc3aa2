//! Listing streams: in order, in pages, of one kind or of all.

use super::Bench;
use super::commit::{commit, commit_to, stream, stream_of};
use super::probe::{Probe, ok};
use crate::message::Expected;
use crate::store::{Store, StreamHead};

/// Kinds and ids that begin like each other, with characters on both sides of every separator. In the order of `StreamId`.
const NAMES: [(&str, &str); 12] = [
    ("A", "a"),
    ("a", "b"),
    ("a", "b c"),
    ("a", "b/c"),
    ("a", "bc"),
    ("a", "c"),
    ("a-b", "c"),
    ("a.b", "a"),
    ("a.b", "é"),
    ("a_b", "a"),
    ("ab", "/c"),
    ("ab", "c"),
];

async fn twelve(bench: &Bench) -> Probe {
    let store = bench.open().await;
    // Neither in the order of the names nor against it.
    for step in 0..NAMES.len() {
        let (kind, id) = NAMES[step * 5 % NAMES.len()];
        store.commit(commit_to(&stream_of(kind, id)).events(1)).await;
    }
    store
}

fn listed(heads: &[StreamHead]) -> Vec<(&str, &str)> {
    heads.iter().map(|head| (head.stream.kind(), head.stream.id())).collect()
}

/// Streams are listed in the order of their names: by kind, then by id, byte by byte.
pub(super) async fn streams_are_listed_in_order(bench: Bench) {
    let store = twelve(&bench).await;
    assert_eq!(listed(&store.streams(None, 100).await), NAMES);
}

/// Pages of every size hold every stream exactly once.
pub(super) async fn pages_hold_every_stream_once(bench: Bench) {
    let store = twelve(&bench).await;
    for limit in 0..=13 {
        assert_eq!(listed(&store.streams(None, limit).await), NAMES, "in pages of {limit}");
    }
}

/// Listing starts behind the name that was given, whether it exists or not.
pub(super) async fn listing_starts_behind_the_name(bench: Bench) {
    let store = twelve(&bench).await;
    for (index, (kind, id)) in NAMES.into_iter().enumerate() {
        let page = ok(store.list_streams(None, Some(&stream_of(kind, id)), 100).await, "listing streams");
        assert!(listed(&page.items).starts_with(&NAMES[index + 1..NAMES.len().min(index + 2)]), "behind {kind} {id}: {page:?}");
        assert!(page.items.iter().all(|head| head.stream > stream_of(kind, id)), "behind {kind} {id}: {page:?}");
    }
    let page = ok(store.list_streams(None, Some(&stream_of("a", "bb")), 1).await, "listing streams");
    assert_eq!(listed(&page.items), [("a", "bc")]);
    let page = ok(store.list_streams(None, Some(&stream_of("z", "z")), 100).await, "listing streams");
    assert_eq!((page.items, page.next), (Vec::new(), None));
}

/// Streams of one kind are listed without those of kinds that begin alike.
pub(super) async fn streams_of_one_kind_are_listed_alone(bench: Bench) {
    let store = twelve(&bench).await;
    for kind in ["A", "a", "a-b", "a.b", "a_b", "ab", "b", "a-", "aa"] {
        let wanted: Vec<_> = NAMES.into_iter().filter(|name| name.0 == kind).collect();
        for limit in [1, 2, 5, 100] {
            assert_eq!(listed(&store.streams(Some(kind), limit).await), wanted, "{kind} in pages of {limit}");
        }
    }
}

/// Listing one kind behind a name of another kind goes by the order of names.
pub(super) async fn one_kind_can_be_listed_behind_any_name(bench: Bench) {
    let store = twelve(&bench).await;
    let list = async |kind, after_kind, after_id| {
        let after = stream_of(after_kind, after_id);
        let page = ok(store.list_streams(Some(kind), Some(&after), 100).await, "listing streams");
        page.items.into_iter().map(|head| head.stream.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("a.b", "a", "zzz").await, ["a", "é"]);
    assert_eq!(list("a.b", "a.b", "b").await, ["é"]);
    assert_eq!(list("a.b", "ab", "a").await, [""; 0]);
    assert_eq!(list("a", "a", "bc").await, ["c"]);
}

/// What is listed of a stream is its head.
pub(super) async fn what_is_listed_is_the_head(bench: Bench) {
    let store = twelve(&bench).await;
    store.commit(commit_to(&stream_of("a", "c")).events(3)).await;
    store.commit(commit("s").state(b"a state")).await;
    store.commit(commit("n")).await;
    let all = store.streams(None, 4).await;
    assert_eq!(all.len(), NAMES.len() + 2);
    for head in all {
        assert_eq!(store.stands(&head.stream).await, Some(head));
    }
}

/// A stream is listed once, however often it was written to, and a refused commit lists none.
pub(super) async fn a_stream_is_listed_once(bench: Bench) {
    let store = bench.open().await;
    for _ in 0..3 {
        store.commit(commit("a").events(2)).await;
        store.refuse(commit("b").events(1).expects(Expected::Exists)).await;
    }
    let heads = store.streams(None, 10).await;
    assert_eq!(heads.iter().map(|head| head.stream.clone()).collect::<Vec<_>>(), [stream("a")]);
}
