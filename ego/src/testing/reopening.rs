//! What was acknowledged is there when the store is opened again (I2), and everything goes on from there.

use super::Bench;
use super::commit::{at, commit, commit_to, position, revision, stream, stream_of};
use super::copying::{commands, erased, put_one, remove_one, tables};
use super::probe::{Sight, assert_growing, ok, payloads, positions, revisions};
use super::rows::{put, removed, rows as rows_of};
use crate::message::{Expected, Position, Revision};
use crate::store::{Advance, Filter, Refusal, Row, Snapshot, Step, Stepped, Store, StoreError, Verdict};
use bytes::Bytes;

/// Events, heads, streams and types are the same in every field after reopening, however often.
pub(super) async fn everything_recorded_is_there_again(bench: Bench) {
    let mut store = bench.open().await;
    for (kind, id) in [("a", "b/c"), ("a-b", "é"), ("ab", "c"), ("a", "b/c")] {
        let draft = commit_to(&stream_of(kind, id)).tagged("Opened", &["new", "eu"]).event("Said", b"\0\xff").codec("json");
        store.commit(draft.metadata(|metadata| drop(metadata.entries.insert("ip".into(), "192.0.2.1".into())))).await;
    }
    for _ in 0..3 {
        let before = store.sight().await;
        store = bench.reopen(store).await;
        let after: Sight = store.sight().await;
        assert_eq!(after, before);
        for head in after.streams {
            let events = store.events(&head.stream).await;
            assert_eq!(events.last().map(|event| event.revision), head.revision);
            assert_eq!(store.stands(&head.stream).await, Some(head));
        }
    }
    assert_eq!(store.log_pages(None, &Filter::all().kind("a").tag("eu"), 1).await.len(), 2);
}

/// Revisions and positions go on where they stood, and stale writers are still refused.
pub(super) async fn numbers_go_on_where_they_stood(bench: Bench) {
    let mut store = bench.open().await;
    let mut last = None;
    for round in 1..=4 {
        let committed = store.commit(commit("a").events(2).expects(Expected::last(Revision::new((round - 1) * 2)))).await;
        assert_eq!(committed.revision, Revision::new(round * 2));
        assert!(committed.position > last, "{:?} after {last:?}", committed.position);
        last = committed.position;
        store = bench.reopen(store).await;
        assert_eq!(store.last().await, last);
        let refusal = store.refuse(commit("a").events(1).expects(Expected::NoStream)).await;
        assert_eq!(refusal, Refusal::Conflict { expected: Expected::NoStream, actual: Revision::new(round * 2) });
    }
    let log = store.log().await;
    assert_eq!(revisions(&log), (1..=8).collect::<Vec<u64>>());
    assert_growing(&positions(&log));
}

/// A command is known again after reopening, with its whole answer, also one that recorded nothing (I11).
pub(super) async fn commands_are_known_again(bench: Bench) {
    let store = bench.open().await;
    let drafts = [
        commit("a").events(2).command("Count").codec("json").reply(b"\0two"),
        commit("b").reply(b"nothing to do"),
        commit("c").state(b"a state").reply(b""),
    ];
    let mut answers = Vec::new();
    for draft in &drafts {
        answers.push(store.commit(draft.clone()).await);
    }
    let refused = commit("a").events(1).expects(at(9));
    store.refuse(refused.clone()).await;
    let store = bench.reopen(store).await;
    for (draft, answer) in drafts.into_iter().zip(answers) {
        assert_eq!(store.find(&draft).await.as_ref(), Some(&answer));
        assert_eq!(store.repeat(draft).await, answer);
    }
    assert_eq!(store.find(&refused).await, None);
    assert_eq!(store.stands(&stream("b")).await.map(|head| head.revision), Some(None));
}

/// States are there again and still compared.
pub(super) async fn states_are_there_again(bench: Bench) {
    let store = bench.open().await;
    for text in ["1", "2"] {
        store.commit(commit("a").state(text.as_bytes()).codec("json")).await;
    }
    store.commit(commit("b").state(b"1")).await;
    let before = ok(store.load_state(&stream("a")).await, "loading a state");
    let (head, all) = (store.last().await, store.states(None, &[], 10).await);
    let store = bench.reopen(store).await;
    assert!(before.is_some() && all.len() == 2);
    assert_eq!(ok(store.load_state(&stream("a")).await, "loading a state"), before);
    assert_eq!(store.states(None, &[], 10).await, all);
    assert_eq!(store.last().await, head);
    assert_eq!(store.refuse(commit("a").events(1)).await, Refusal::Mixed);
    store.refuse(commit("a").state(b"never").expects(at(1))).await;
    assert_eq!(store.commit(commit("a").state(b"3").expects(at(2))).await.revision, Revision::new(3));
}

/// Checkpoints are there again, that of a consumer sent back to the start as well; forgotten ones are not.
pub(super) async fn checkpoints_are_there_again(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(3)).await;
    for (name, position) in [("b", store.last().await), ("a", Some(Position::FIRST)), ("new", None), ("gone", None)] {
        ok(store.save_checkpoint(name, position).await, "saving a checkpoint");
    }
    ok(store.delete_checkpoint("gone").await, "deleting a checkpoint");
    let before = store.sight().await.checkpoints;
    assert_eq!(before.len(), 3);
    let store = bench.reopen(store).await;
    assert_eq!(store.sight().await.checkpoints, before);
    let held = store.delete_up_to(&stream("a"), Revision::FIRST).await;
    assert!(matches!(held, Err(StoreError::HeldBack { .. })), "{held:?}");
}

/// A snapshot may be gone after reopening, but never older, changed or back from deletion (I8).
pub(super) async fn a_snapshot_is_the_same_or_gone(bench: Bench) {
    let store = bench.open().await;
    let snapshot = |number| Snapshot {
        revision: revision(number),
        position: Position::FIRST,
        version: 1,
        codec: "raw".into(),
        payload: Bytes::from_static(b"folded"),
    };
    for id in ["a", "b"] {
        store.commit(commit(id).events(3)).await;
        for number in [1, 2] {
            ok(store.save_snapshot(&stream(id), snapshot(number)).await, "saving a snapshot");
        }
    }
    ok(store.delete_snapshot(&stream("b")).await, "deleting a snapshot");
    let store = bench.reopen(store).await;
    let found = ok(store.load_snapshot(&stream("a")).await, "loading a snapshot");
    assert!(found.is_none() || found == Some(snapshot(2)), "{found:?}");
    assert_eq!(ok(store.load_snapshot(&stream("b")).await, "loading a snapshot"), None);
}

/// Rows are there again with the checkpoint that moved with them, those of commits as well; removed ones stay removed.
pub(super) async fn rows_are_there_again(bench: Bench) {
    let mut store = bench.open().await;
    let mut from = None;
    for round in 1..=4_u8 {
        let mut draft = commit("a").events(1);
        draft.commit.rows = vec![put("inline", &[round], &[round; 2000]), removed("inline", &[round - 1])];
        let to = store.commit(draft).await.position.unwrap_or(Position::FIRST);
        let rows = vec![put("view", &[round], &[round]), put("view", b"last", &[round; 9]), removed("view", &[round - 1])];
        let advance = Some(Advance { consumer: "view".to_owned(), from, to });
        assert_eq!(ok(store.step(Step { advance, rows }).await, "making a step"), Stepped::Done);
        from = Some(to);
        store = bench.reopen(store).await;
        let row = |key: &[u8], value: Vec<u8>| Row { key: Bytes::copy_from_slice(key), value: value.into() };
        assert_eq!(rows_of(&store, "inline").await, [row(&[round], vec![round; 2000])]);
        assert_eq!(rows_of(&store, "view").await, [row(&[round], vec![round]), row(b"last", vec![round; 9])]);
        assert_eq!(ok(store.load_checkpoint("view").await, "loading a checkpoint"), from);
        let late = Advance { consumer: "view".to_owned(), from: None, to };
        let stepped = ok(store.step(Step { advance: Some(late), rows: vec![] }).await, "making a step");
        assert_eq!(stepped, Stepped::Overtaken { checkpoint: from });
    }
}

/// What a step or a commit wanted that was not taken does not come back.
pub(super) async fn what_was_not_taken_of_rows_does_not_come_back(bench: Bench) {
    let store = bench.open().await;
    let mut taken = commit("a").events(1);
    taken.commit.rows = vec![put("t", b"a", b"taken")];
    store.commit(taken).await;
    let mut refused = commit("a").events(1).expects(at(9));
    refused.commit.rows = vec![put("t", b"a", b"refused"), put("t", b"b", b"refused")];
    store.refuse(refused).await;
    for (from, to) in [(Some(Position::FIRST), 1), (None, 9)] {
        let advance = Advance { consumer: "view".to_owned(), from, to: position(to) };
        let late = Step { advance: Some(advance), rows: vec![put("t", b"b", b"refused"), removed("t", b"a")] };
        assert!(!matches!(store.step(late).await, Ok(Stepped::Done)));
    }
    let store = bench.reopen(store).await;
    assert_eq!(rows_of(&store, "t").await, [Row { key: "a".into(), value: "taken".into() }]);
    assert_eq!(ok(store.list_checkpoints().await, "listing checkpoints"), []);
}

/// Deleted events stay deleted, their numbers used, their commands known.
pub(super) async fn deleted_events_stay_deleted(bench: Bench) {
    let store = bench.open().await;
    let known = commit("a").events(4).reply(b"four");
    let answer = store.commit(known.clone()).await;
    store.commit(commit("b").events(2)).await;
    ok(store.delete_up_to(&stream("a"), revision(3)).await, "deleting events");
    ok(store.delete_up_to(&stream("b"), revision(2)).await, "deleting events");
    let before = store.sight().await;
    let store = bench.reopen(store).await;
    assert_eq!(store.sight().await, before);
    assert_eq!(revisions(&store.log().await), [4]);
    assert_eq!(store.repeat(known).await, answer);
    let committed = store.commit(commit("b").events(1)).await;
    assert_eq!(committed.revision, Revision::new(3));
    assert!(committed.position > before.head);
}

/// An erased stream stays erased and closed.
pub(super) async fn an_erased_stream_stays_erased(bench: Bench) {
    let store = bench.open().await;
    let known = commit("a").events(2);
    store.commit(known.clone()).await;
    store.commit(commit("s").state(b"secret")).await;
    store.commit(commit("b").events(1)).await;
    for id in ["a", "s", "unknown"] {
        ok(store.erase(&stream(id)).await, "erasing");
    }
    let before = store.sight().await;
    let store = bench.reopen(store).await;
    assert_eq!(store.sight().await, before);
    assert_eq!(store.log().await.len(), 1);
    assert_eq!(store.find(&known).await, None);
    assert_eq!(ok(store.load_state(&stream("s")).await, "loading a state"), None);
    for id in ["a", "s", "unknown"] {
        assert!(store.stands(&stream(id)).await.is_some_and(|head| head.erased), "{id}");
        assert_eq!(store.refuse(commit(id).events(1)).await, Refusal::Erased);
    }
}

/// When the last events of the log were erased, their positions are not given again after reopening.
pub(super) async fn positions_at_the_end_are_not_given_again(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(1)).await;
    let last = store.commit(commit("a").events(3)).await.position;
    ok(store.erase(&stream("a")).await, "erasing");
    let store = bench.reopen(store).await;
    assert_eq!(store.last().await, last);
    let committed = store.commit(commit("b").events(1)).await;
    assert!(committed.position > last, "{:?} after {last:?}", committed.position);
}

/// What was refused or dependent does not come back.
pub(super) async fn what_was_refused_does_not_come_back(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let drafts = [commit("a").events(3).expects(at(9)), commit("a").events(3).expects(at(1)), commit("c").events(1)];
    store.batch(drafts.clone()).await;
    let before = store.sight().await;
    let store = bench.reopen(store).await;
    assert_eq!(store.sight().await, before);
    assert_eq!(before.log.len(), 2);
    for draft in &drafts[..2] {
        assert_eq!(store.find(draft).await, None);
    }
}

/// A store that was dropped without being closed keeps what it acknowledged.
pub(super) async fn a_dropped_store_keeps_what_it_acknowledged(bench: Bench) {
    let mut store = bench.open().await;
    for round in 1..=5 {
        let draft = commit("a").event("Said", round.to_string().as_bytes()).reply(b"said");
        let answer = store.commit(draft.clone()).await;
        let before = store.sight().await;
        drop(store);
        store = bench.open().await;
        assert_eq!(store.sight().await, before);
        assert_eq!(store.repeat(draft).await, answer);
    }
    assert_eq!(payloads(&store.log().await), ["1", "2", "3", "4", "5"]);
}

/// Closing amid appends: whoever was answered with a commit finds it again, whoever was told that the store is closed does not.
pub(super) async fn closing_finishes_what_was_taken(bench: Bench) {
    for round in 0..5 {
        let store = bench.open().await;
        let mut tasks = Vec::new();
        for number in 0..24 {
            let (store, draft) = (store.clone(), commit(&format!("{round}-{}", number % 3)).events(2));
            tasks.push(tokio::spawn(async move {
                if number == 12 {
                    ok(store.close().await, "closing");
                }
                (store.try_append(draft.clone()).await, draft)
            }));
        }
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for task in tasks {
            match task.await.unwrap_or_else(|error| panic!("appending: {error}")) {
                (Ok(verdicts), draft) => match &verdicts[..] {
                    [Verdict::Committed(answer)] => taken.push((draft, answer.clone())),
                    other => panic!("amid closing: {other:?}"),
                },
                (Err(StoreError::Closed), draft) => refused.push(draft),
                (Err(error), _) => panic!("amid closing: {error}"),
            }
        }
        drop(store);
        let store = bench.open().await;
        for (draft, answer) in taken {
            assert_eq!(store.find(&draft).await, Some(answer));
        }
        for draft in refused {
            assert_eq!(store.find(&draft).await, None);
        }
        ok(store.close().await, "closing");
    }
}

/// All of it is listed again.
pub(super) async fn what_was_listed_is_listed_again(bench: Bench) {
    let mut store = bench.open().await;
    for round in 1..=3 {
        store.commit(commit("a").events(1)).await;
        store.commit(commit("a")).await;
        put_one(&store, &format!("table-{round}"), "1").await;
        remove_one(&store, &format!("table-{}", round - 1), "1").await;
        ok(store.erase(&stream(&format!("erased-{round}"))).await, "erasing");
        let before = commands(&store, &stream("a"), 10).await;
        assert_eq!(before.len(), 2 * round);
        store = bench.reopen(store).await;
        assert_eq!(commands(&store, &stream("a"), 10).await, before);
        assert_eq!(erased(&store, 10).await.len(), round);
        assert_eq!(tables(&store).await, [crate::message::Name::from(format!("table-{round}"))]);
    }
}
