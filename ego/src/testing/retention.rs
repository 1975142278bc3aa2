//! Deleting the first events of a stream: they are gone, their numbers are not given again, and no consumer misses one.

use super::Bench;
use super::commit::{at, commit, commit_to, revision, stream, stream_of};
use super::probe::{Probe, ok, payloads, positions, revisions};
use crate::message::{Expected, Position, Revision};
use crate::store::Direction::{Backwards, Forwards};
use crate::store::{Filter, Refusal, Snapshot, Store, StoreError};
use bytes::Bytes;

/// A stream `a` of eight events, between those of `b`.
async fn eight(bench: &Bench) -> Probe {
    let store = bench.open().await;
    for _ in 0..4 {
        store.commit(commit("b").events(1)).await;
        store.commit(commit("a").events(2)).await;
    }
    store
}

async fn delete(store: &Probe, to: u64) {
    ok(store.delete_up_to(&stream("a"), revision(to)).await, "deleting events");
}

/// Deleted events, and they alone, are gone from the stream and from the log, through every filter.
pub(super) async fn deleted_events_are_not_read(bench: Bench) {
    let store = eight(&bench).await;
    let log = store.log().await;
    for to in [3, 5] {
        delete(&store, to).await;
        let left: Vec<_> = log.iter().filter(|event| event.stream != stream("a") || event.revision.get() > to).cloned().collect();
        assert_eq!(store.log().await, left);
        for limit in [1, 2, 5] {
            assert_eq!(store.log_pages(None, &Filter::all().kind("thing").name("Counted"), limit).await, left);
        }
        assert_eq!(revisions(&store.events(&stream("a")).await), (to + 1..=8).collect::<Vec<_>>());
        assert_eq!(revisions(&store.events(&stream("b")).await), [1, 2, 3, 4]);
    }
}

/// Forwards, reading from inside the deleted events starts with the first that is left.
pub(super) async fn reading_from_a_deleted_revision_starts_with_the_first_left(bench: Bench) {
    let store = eight(&bench).await;
    delete(&store, 5).await;
    for (from, wanted) in [(1, &[6, 7, 8][..]), (4, &[6, 7, 8]), (5, &[6, 7, 8]), (6, &[6, 7, 8]), (7, &[7, 8]), (9, &[])] {
        for limit in [1, 2, 3, 100] {
            let read = store.pages(&stream("a"), Revision::new(from), Forwards, limit).await;
            assert_eq!(revisions(&read), wanted, "from {from} in pages of {limit}");
        }
    }
}

/// Backwards, reading stops at the first event that is left; from inside the deleted ones there is nothing.
pub(super) async fn reading_backwards_stops_at_the_first_left(bench: Bench) {
    let store = eight(&bench).await;
    delete(&store, 5).await;
    for (from, wanted) in [(None, &[8, 7, 6][..]), (Some(7), &[7, 6]), (Some(6), &[6]), (Some(5), &[]), (Some(1), &[])] {
        for limit in [1, 2, 3, 100] {
            let read = store.pages(&stream("a"), from.map(revision), Backwards, limit).await;
            assert_eq!(revisions(&read), wanted, "from {from:?} in pages of {limit}");
        }
    }
}

/// The head of the stream and of the log stand; only the first revision moves.
pub(super) async fn the_heads_stand(bench: Bench) {
    let store = eight(&bench).await;
    let (head, before) = (store.last().await, store.stands(&stream("a")).await);
    for (to, first) in [(1, Some(2)), (7, Some(8)), (8, None)] {
        delete(&store, to).await;
        let wanted = before.clone().map(|mut head| {
            head.first = first.map(revision);
            head
        });
        assert_eq!(store.stands(&stream("a")).await, wanted, "deleted up to {to}");
        assert_eq!(store.streams(None, 10).await.first(), wanted.as_ref(), "it stays listed");
        assert_eq!(store.last().await, head);
    }
}

/// Revisions and positions are not given again, not even when every event was deleted.
pub(super) async fn numbers_are_not_given_again(bench: Bench) {
    let store = eight(&bench).await;
    let head = store.last().await;
    delete(&store, 8).await;
    assert_eq!(store.events(&stream("a")).await, []);
    let refusal = store.refuse(commit("a").events(1).expects(Expected::NoStream)).await;
    assert_eq!(refusal, Refusal::Conflict { expected: Expected::NoStream, actual: Revision::new(8) });
    let committed = store.commit(commit("a").event("Opened", b"again").expects(at(8))).await;
    assert_eq!(committed.revision, Revision::new(9));
    assert!(committed.position > head);
    let events = store.events(&stream("a")).await;
    assert_eq!((revisions(&events), payloads(&events)), (vec![9], vec!["again".to_owned()]));
    assert_eq!(store.stands(&stream("a")).await.and_then(|head| head.first), Revision::new(9));
    assert_eq!(store.refuse(commit("a").state(b"a state")).await, Refusal::Mixed);
}

/// The commands of deleted events stay known, with their answers (I11).
pub(super) async fn deleted_commands_stay_known(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(2).reply(b"two");
    let first = store.commit(draft.clone()).await;
    delete(&store, 2).await;
    assert_eq!(store.find(&draft).await.as_ref(), Some(&first));
    assert_eq!(store.repeat(draft).await, first);
    assert_eq!(store.events(&stream("a")).await, []);
}

/// A commit may be deleted in part: retention counts revisions, not commits.
pub(super) async fn part_of_a_commit_can_be_deleted(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(3)).await;
    let log = store.log().await;
    delete(&store, 2).await;
    assert_eq!(store.log().await, log[2..]);
    assert_eq!(store.events(&stream("a")).await, log[2..]);
}

/// Deleting beyond the stream's last revision is refused and deletes nothing.
pub(super) async fn deleting_beyond_the_head_is_refused(bench: Bench) {
    let store = eight(&bench).await;
    store.commit(commit("nothing")).await;
    let sight = store.sight().await;
    for (id, asked, last) in [("a", 9, 8), ("a", u64::MAX, 8), ("unknown", 1, 0), ("nothing", 1, 0)] {
        let refused = store.delete_up_to(&stream(id), revision(asked)).await;
        let told = matches!(refused, Err(StoreError::BeyondHead { asked: told, end }) if told == asked && end == last);
        assert!(told, "{id} up to {asked}: {refused:?}");
    }
    assert_eq!(store.sight().await, sight);
}

/// What was deleted may be deleted again, and what lies before it.
pub(super) async fn deleting_again_is_no_error(bench: Bench) {
    let store = eight(&bench).await;
    delete(&store, 5).await;
    let sight = store.sight().await;
    for to in [5, 3, 1] {
        delete(&store, to).await;
        assert_eq!(store.sight().await, sight);
    }
}

/// A consumer that has not finished an event holds up its deletion; nothing is deleted then, and the error says who and how far.
pub(super) async fn a_late_consumer_holds_up_the_deletion(bench: Bench) {
    let store = eight(&bench).await;
    let events = store.events(&stream("a")).await;
    let late = Some(events[2].position);
    ok(store.save_checkpoint("ahead", store.last().await).await, "saving a checkpoint");
    ok(store.save_checkpoint("late", late).await, "saving a checkpoint");
    let sight = store.sight().await;
    for to in [4, 8] {
        let refused = store.delete_up_to(&stream("a"), revision(to)).await;
        let Err(StoreError::HeldBack { consumer, checkpoint, needed }) = refused else { panic!("{refused:?}") };
        assert_eq!((&*consumer, checkpoint, needed), ("late", late, events[to as usize - 1].position));
        assert_eq!(store.sight().await, sight);
    }
    delete(&store, 3).await;
    assert_eq!(revisions(&store.events(&stream("a")).await), [4, 5, 6, 7, 8]);
}

/// A consumer that was sent back to the start holds up everything.
pub(super) async fn a_consumer_at_the_start_holds_up_everything(bench: Bench) {
    let store = eight(&bench).await;
    ok(store.save_checkpoint("ahead", store.last().await).await, "saving a checkpoint");
    ok(store.save_checkpoint("new", None).await, "saving a checkpoint");
    let sight = store.sight().await;
    let refused = store.delete_up_to(&stream("a"), revision(1)).await;
    let told = matches!(&refused, Err(StoreError::HeldBack { consumer, checkpoint: None, .. }) if consumer == "new");
    assert!(told, "{refused:?}");
    assert_eq!(store.sight().await, sight);
}

/// A forgotten consumer holds up nothing, nor does one that has caught up.
pub(super) async fn a_forgotten_consumer_holds_up_nothing(bench: Bench) {
    let store = eight(&bench).await;
    for name in ["one", "other"] {
        ok(store.save_checkpoint(name, Some(Position::FIRST)).await, "saving a checkpoint");
    }
    ok(store.delete_checkpoint("one").await, "deleting a checkpoint");
    let held = store.delete_up_to(&stream("a"), revision(8)).await;
    assert!(matches!(&held, Err(StoreError::HeldBack { consumer, .. }) if consumer == "other"), "{held:?}");
    ok(store.save_checkpoint("other", store.last().await).await, "saving a checkpoint");
    delete(&store, 8).await;
    assert_eq!(positions(&store.log().await).len(), 4);
}

/// A consumer with a scope in its name holds up the streams of that scope alone; names that only look like one are as any other.
pub(super) async fn a_consumer_of_a_scope_holds_up_its_own_streams(bench: Bench) {
    let store = bench.open().await;
    let (own, other) = (stream_of("acme.thing", "a"), stream_of("acmes.thing", "a"));
    for stream in [&own, &other] {
        store.commit(commit_to(stream).events(1)).await;
    }
    ok(store.save_checkpoint("@acme/late", None).await, "saving a checkpoint");
    ok(store.delete_up_to(&other, revision(1)).await, "deleting what nobody holds up");
    let held = store.delete_up_to(&own, revision(1)).await;
    assert!(matches!(&held, Err(StoreError::HeldBack { consumer, .. }) if consumer == "@acme/late"), "{held:?}");
    ok(store.delete_checkpoint("@acme/late").await, "deleting a checkpoint");
    for odd in ["@acme", "acme/late", "@/late"] {
        ok(store.save_checkpoint(odd, None).await, "saving a checkpoint");
        let held = store.delete_up_to(&own, revision(1)).await;
        assert_eq!(held.is_err(), odd != "@/late", "{odd}: {held:?}");
        ok(store.delete_checkpoint(odd).await, "deleting a checkpoint");
    }
}

/// A snapshot outlives the events that it has seen, and can still be saved.
pub(super) async fn a_snapshot_outlives_its_events(bench: Bench) {
    let store = eight(&bench).await;
    let snapshot = |number| Snapshot {
        revision: revision(number),
        position: Position::FIRST,
        version: 1,
        codec: "raw".into(),
        payload: Bytes::from_static(b"folded"),
    };
    ok(store.save_snapshot(&stream("a"), snapshot(6)).await, "saving a snapshot");
    delete(&store, 6).await;
    assert_eq!(ok(store.load_snapshot(&stream("a")).await, "loading a snapshot"), Some(snapshot(6)));
    delete(&store, 8).await;
    ok(store.save_snapshot(&stream("a"), snapshot(8)).await, "saving a snapshot");
    assert_eq!(ok(store.load_snapshot(&stream("a")).await, "loading a snapshot"), Some(snapshot(8)));
}

/// Retention deletes events: a state stays, whatever it is asked to delete.
pub(super) async fn a_state_is_not_deleted(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").state(b"1")).await;
    store.commit(commit("a").state(b"2")).await;
    let before = ok(store.load_state(&stream("a")).await, "loading a state");
    for to in [1, 2] {
        let _ = store.delete_up_to(&stream("a"), revision(to)).await;
        assert!(before.is_some());
        assert_eq!(ok(store.load_state(&stream("a")).await, "loading a state"), before);
    }
    store.commit(commit("a").state(b"3").expects(at(2))).await;
}

/// The types of deleted events stay listed: they were recorded.
pub(super) async fn the_types_of_deleted_events_stay_listed(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").event("Opened", b"").event("Shut", b"")).await;
    let types = store.types().await;
    delete(&store, 2).await;
    assert_eq!(store.types().await, types);
    assert_eq!(types.len(), 2);
}
