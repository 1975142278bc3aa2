//! What a recorded commit gets (I1, I3) and what a refused one leaves behind: nothing (I2).

use super::commit::{commit, commit_to, stream, stream_of};
use super::probe::{assert_growing, payloads, positions, revisions};
use super::{Bench, probe::ok};
use crate::message::{Expected, Position, Revision};
use crate::store::{Body, Direction, EventType, Filter, RecordedEvent, Store, StreamHead};

/// The revisions of a stream are 1..n without a gap, however its events are spread over commits (I1).
pub(super) async fn revisions_start_at_one_and_have_no_gap(bench: Bench) {
    let store = bench.open().await;
    for count in [1, 3, 2] {
        store.commit(commit("a").events(count)).await;
    }
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2, 3, 4, 5, 6]);
}

/// Streams that grow in turns count each for itself.
pub(super) async fn interleaved_streams_count_each_for_itself(bench: Bench) {
    let store = bench.open().await;
    for round in 1..=3 {
        for id in ["a", "b", "c"] {
            let committed = store.commit(commit(id).events(2)).await;
            assert_eq!(committed.revision, Revision::new(2 * round), "stream {id}");
        }
    }
    for id in ["a", "b", "c"] {
        assert_eq!(revisions(&store.events(&stream(id)).await), [1, 2, 3, 4, 5, 6], "stream {id}");
    }
}

/// The order of the log is the order of the commits, each with a greater position than all before (I3).
pub(super) async fn positions_grow_in_the_order_of_the_commits(bench: Bench) {
    let store = bench.open().await;
    let mut last = None;
    for text in ["1", "2", "3", "4", "5", "6"] {
        let id = if text < "4" { "a" } else { "b" };
        let position = store.commit(commit(id).event("Said", text.as_bytes()).event("Said", text.as_bytes())).await.position;
        assert!(position > last, "{position:?} after {last:?}");
        last = position;
    }
    let log = store.log().await;
    assert_growing(&positions(&log));
    assert_eq!(payloads(&log).concat(), "112233445566");
}

/// The answer to a commit says where it ended and repeats what it was.
pub(super) async fn the_answer_says_what_was_recorded(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let draft = commit("a").events(3).id("c-1").command("Count").codec("json").reply(b"three");
    let committed = store.commit(draft.clone()).await;
    let last = store.events(&stream("a")).await.pop();
    assert_eq!(committed.revision, Revision::new(4));
    assert_eq!(committed.position, last.map(|event| event.position));
    assert_eq!(committed.events, 3);
    assert_eq!(committed.command_id, *draft.command_id());
    assert_eq!((&*committed.command, &*committed.codec, &*committed.reply), ("Count", "json", &b"three"[..]));
}

/// Once a commit was answered, every way of reading shows it.
pub(super) async fn what_was_answered_is_seen_everywhere(bench: Bench) {
    let store = bench.open().await;
    for round in 1..=20 {
        let draft = commit("a").event("Opened", round.to_string().as_bytes());
        let committed = store.commit(draft.clone()).await;
        let is_it = |event: &RecordedEvent| Some(event.position) == committed.position;
        assert_eq!(store.last().await, committed.position, "the head");
        assert_eq!(store.stands(&stream("a")).await.and_then(|head| head.position), committed.position, "the stream's head");
        assert!(store.events(&stream("a")).await.last().is_some_and(is_it), "the stream");
        assert!(store.log().await.last().is_some_and(is_it), "the log");
        assert_eq!(store.find(&draft).await.as_ref(), Some(&committed), "the command");
    }
}

/// The stream and the log show the same events.
pub(super) async fn the_stream_and_the_log_show_the_same_events(bench: Bench) {
    let store = bench.open().await;
    for id in ["a", "b", "a"] {
        store.commit(commit(id).tagged("Opened", &["new"]).event("Named", id.as_bytes()).codec("json")).await;
    }
    let log = store.log().await;
    assert_eq!(log.len(), 6);
    for id in ["a", "b"] {
        let of_stream: Vec<_> = log.iter().filter(|event| event.stream == stream(id)).cloned().collect();
        assert_eq!(store.events(&stream(id)).await, of_stream, "stream {id}");
    }
}

/// A stream's head gives its last revision and position and its first revision; there is none before the first commit.
pub(super) async fn a_stream_head_says_where_the_stream_stands(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(store.stands(&stream("a")).await, None);
    store.commit(commit("b").events(2)).await;
    let committed = store.commit(commit("a").events(3)).await;
    store.commit(commit("b").events(1)).await;
    let head = StreamHead {
        stream: stream("a"),
        revision: Revision::new(3),
        position: committed.position,
        first: Some(Revision::FIRST),
        erased: false,
    };
    assert_eq!(store.stands(&stream("a")).await, Some(head));
}

/// A commit of nothing keeps its command id and reply and moves neither stream nor log.
pub(super) async fn a_commit_of_nothing_keeps_its_reply_and_moves_nothing(bench: Bench) {
    let store = bench.open().await;
    let before = store.commit(commit("a").events(2)).await;
    store.commit(commit("b").events(1)).await;
    let sight = store.sight().await;
    let draft = commit("a").reply(b"nothing to do");
    let committed = store.commit(draft.clone()).await;
    assert_eq!((committed.revision, committed.position), (before.revision, before.position), "where the stream stands");
    assert_eq!((committed.events, &*committed.reply), (0, &b"nothing to do"[..]));
    assert_eq!(store.sight().await, sight);
    assert_eq!(store.find(&draft).await, Some(committed));
}

/// A stream that holds commits of nothing alone has a head and is listed, but has no revision.
pub(super) async fn commits_of_nothing_alone_give_a_stream_no_revision(bench: Bench) {
    let store = bench.open().await;
    let committed = store.commit(commit("a")).await;
    assert_eq!((committed.revision, committed.position, committed.events), (None, None, 0));
    let head = StreamHead { stream: stream("a"), revision: None, position: None, first: None, erased: false };
    assert_eq!(store.stands(&stream("a")).await, Some(head.clone()));
    assert_eq!(store.streams(None, 10).await, [head]);
    assert_eq!(store.last().await, None);
    assert_eq!(store.commit(commit("a").events(1).expects(Expected::NoStream)).await.revision, Some(Revision::FIRST));
}

/// A refused commit of several events to a new stream leaves no trace anywhere (I2, I4).
pub(super) async fn a_refused_commit_leaves_no_trace_of_a_new_stream(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let sight = store.sight().await;
    let draft = commit_to(&stream_of("never", "seen")).event("Never", b"1").event("Seen", b"2").expects(Expected::Exists);
    store.refuse(draft.clone()).await;
    assert_eq!(store.sight().await, sight);
    assert_eq!(store.stands(&draft.commit.stream).await, None);
    assert_eq!(store.events(&draft.commit.stream).await, []);
    assert_eq!(store.find(&draft).await, None);
}

/// A refused commit of several events to an existing stream leaves no trace anywhere (I2, I4).
pub(super) async fn a_refused_commit_leaves_no_trace_in_an_existing_stream(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    let sight = store.sight().await;
    let draft = commit("a").event("Never", b"1").event("Seen", b"2").expects(Expected::NoStream);
    store.refuse(draft.clone()).await;
    assert_eq!(store.sight().await, sight);
    assert_eq!(store.find(&draft).await, None);
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2]);
    assert_eq!(store.commit(commit("a").events(1)).await.revision, Revision::new(3));
}

/// A commit of many events is recorded whole and in order, without another commit's events between them.
pub(super) async fn a_long_commit_stays_together(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(1)).await;
    let committed = store.commit(commit("a").events(1000)).await;
    assert_eq!((committed.revision, committed.events), (Revision::new(1000), 1000));
    let events = store.events(&stream("a")).await;
    let numbers: Vec<_> = (1..=1000).collect::<Vec<u64>>();
    assert_eq!(revisions(&events), numbers);
    assert_eq!(payloads(&events), numbers.iter().map(u64::to_string).collect::<Vec<_>>());
    assert_eq!(store.log_pages(None, &Filter::all(), 100).await[1..], events);
}

/// Every kind, name and version that was recorded is listed once, in order, and stays listed.
pub(super) async fn event_types_are_listed_once_and_in_order(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(store.types().await, []);
    let recorded = [("b", "Opened", 2), ("a", "Shut", 1), ("b", "Opened", 1), ("a", "Opened", 10), ("b", "Opened", 2)];
    for (kind, name, version) in recorded {
        let mut draft = commit_to(&stream_of(kind, "1")).event(name, b"");
        if let Body::Events(events) = &mut draft.commit.body {
            events[0].version = version;
        }
        store.commit(draft).await;
    }
    let listed = [("a", "Opened", 10), ("a", "Shut", 1), ("b", "Opened", 1), ("b", "Opened", 2)];
    let listed = listed.map(|(kind, name, version)| EventType { kind: kind.into(), name: name.into(), version });
    assert_eq!(store.types().await, listed);
}

/// An empty store is empty for every question.
pub(super) async fn a_fresh_store_is_empty(bench: Bench) {
    let store = bench.open().await;
    let sight = store.sight().await;
    assert_eq!((sight.head, sight.log, sight.streams), (None, Vec::new(), Vec::new()));
    assert_eq!((sight.types, sight.checkpoints), (Vec::new(), Vec::new()));
    assert_eq!(store.pages(&stream("a"), None, Direction::Backwards, 10).await, []);
    assert_eq!(store.log_page(Some(Position::FIRST), &Filter::all(), 10).await.next, None);
    assert_eq!(ok(store.load_state(&stream("a")).await, "loading a state"), None);
    assert_eq!(ok(store.load_snapshot(&stream("a")).await, "loading a snapshot"), None);
}

/// A store that is opened in a folder says that it is persistent, any other says that it is not.
pub(super) async fn a_store_knows_whether_it_is_persistent(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(store.capabilities().persistent, bench.keeps());
}
