//! Reading one stream, in both directions, in pages.

use super::Bench;
use super::commit::{commit, commit_to, revision, stream, stream_of};
use super::probe::{Probe, payloads, revisions};
use crate::message::Revision;
use crate::store::Direction::{Backwards, Forwards};

/// A stream `a` of seven events, between those of others.
async fn seven(bench: &Bench) -> Probe {
    let store = bench.open().await;
    for count in [2, 1, 3, 1] {
        store.commit(commit("b").events(1)).await;
        store.commit(commit("a").events(count)).await;
    }
    store
}

fn up(from: u64) -> Vec<u64> {
    (from..=7).collect()
}

fn down(from: u64) -> Vec<u64> {
    (1..=from).rev().collect()
}

/// Forwards, reading starts with the revision that was asked for and goes on to the last.
pub(super) async fn forwards_starts_with_the_revision_asked_for(bench: Bench) {
    let store = seven(&bench).await;
    for from in 1..=7 {
        let read = store.pages(&stream("a"), Revision::new(from), Forwards, 100).await;
        assert_eq!(revisions(&read), up(from), "from {from}");
    }
}

/// Backwards, reading starts with the revision that was asked for and goes on to the first.
pub(super) async fn backwards_starts_with_the_revision_asked_for(bench: Bench) {
    let store = seven(&bench).await;
    for from in 1..=7 {
        let read = store.pages(&stream("a"), Revision::new(from), Backwards, 100).await;
        assert_eq!(revisions(&read), down(from), "from {from}");
    }
}

/// Without a revision, reading starts at the respective end.
pub(super) async fn reading_starts_at_the_respective_end(bench: Bench) {
    let store = seven(&bench).await;
    assert_eq!(revisions(&store.pages(&stream("a"), None, Forwards, 100).await), up(1));
    assert_eq!(revisions(&store.pages(&stream("a"), None, Backwards, 100).await), down(7));
}

/// Behind the last revision there is nothing forwards; backwards everything is before it.
pub(super) async fn beyond_the_end_there_is_nothing(bench: Bench) {
    let store = seven(&bench).await;
    for from in [8, 9, 1000, u64::MAX] {
        let page = store.page(&stream("a"), Some(revision(from)), Forwards, 100).await;
        assert_eq!((page.items.len(), page.next), (0, None), "forwards from {from}");
        let read = store.pages(&stream("a"), Some(revision(from)), Backwards, 100).await;
        assert_eq!(revisions(&read), down(7), "backwards from {from}");
    }
}

/// A stream that nothing was written to is empty, not an error.
pub(super) async fn an_unknown_stream_is_empty(bench: Bench) {
    let store = seven(&bench).await;
    for unknown in [stream("c"), stream_of("other", "a")] {
        for (from, direction) in
            [(None, Forwards), (None, Backwards), (Revision::new(1), Forwards), (Revision::new(9), Backwards)]
        {
            let page = store.page(&unknown, from, direction, 100).await;
            assert_eq!((page.items, page.next), (Vec::new(), None));
        }
    }
}

/// Pages of every size hold every event exactly once, forwards and from anywhere.
pub(super) async fn pages_forwards_hold_every_event_once(bench: Bench) {
    let store = seven(&bench).await;
    for limit in 1..=8 {
        for from in 1..=7 {
            let read = store.pages(&stream("a"), Revision::new(from), Forwards, limit).await;
            assert_eq!(revisions(&read), up(from), "from {from} in pages of {limit}");
        }
    }
}

/// Pages of every size hold every event exactly once, backwards and from anywhere.
pub(super) async fn pages_backwards_hold_every_event_once(bench: Bench) {
    let store = seven(&bench).await;
    for limit in 1..=8 {
        for from in 1..=7 {
            let read = store.pages(&stream("a"), Revision::new(from), Backwards, limit).await;
            assert_eq!(revisions(&read), down(from), "from {from} in pages of {limit}");
        }
    }
}

/// The page that holds the last event is the last one, even when it is exactly full; none before it is.
pub(super) async fn only_the_page_with_the_last_event_ends(bench: Bench) {
    let store = seven(&bench).await;
    for (direction, last) in [(Forwards, 7), (Backwards, 1)] {
        for limit in [1, 2, 6, 7, 8, usize::MAX] {
            let mut from = None;
            loop {
                let page = store.page(&stream("a"), from, direction, limit).await;
                let ends = page.items.last().is_some_and(|event| event.revision == last);
                assert_eq!(page.next.is_none(), ends, "{direction:?} in pages of {limit}: {page:?}");
                if ends {
                    break;
                }
                from = page.next;
            }
        }
    }
}

/// A limit of 0 is read as 1.
pub(super) async fn a_limit_of_nothing_is_read_as_one(bench: Bench) {
    let store = seven(&bench).await;
    for (direction, first, next) in [(Forwards, 1, 2), (Backwards, 7, 6)] {
        let page = store.page(&stream("a"), None, direction, 0).await;
        assert_eq!(revisions(&page.items), [first]);
        assert_eq!(page.next, Revision::new(next));
    }
}

/// A stream holds its own events alone, however much its name is like another's.
pub(super) async fn a_stream_holds_its_own_events_alone(bench: Bench) {
    let store = bench.open().await;
    let alike =
        [("a", "b/c"), ("a", "b"), ("a", "bc"), ("a", "b/"), ("ab", "c"), ("ab", "/c"), ("a-b", "c"), ("a.b", "c"), ("A", "b")];
    for _ in 0..2 {
        for (kind, id) in alike {
            store.commit(commit_to(&stream_of(kind, id)).event("Named", format!("{kind} {id}").as_bytes())).await;
        }
    }
    for (kind, id) in alike {
        let name = format!("{kind} {id}");
        for direction in [Forwards, Backwards] {
            let read = store.pages(&stream_of(kind, id), None, direction, 1).await;
            assert_eq!(payloads(&read), [name.clone(), name.clone()]);
        }
    }
}

/// A reader that was at the end sees what comes later when it asks again.
pub(super) async fn what_comes_later_is_read_later(bench: Bench) {
    let store = seven(&bench).await;
    assert_eq!(store.page(&stream("a"), Revision::new(8), Forwards, 10).await.items, []);
    store.commit(commit("a").events(2)).await;
    let read = store.pages(&stream("a"), Revision::new(8), Forwards, 10).await;
    assert_eq!(revisions(&read), [8, 9]);
}
