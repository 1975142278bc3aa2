//! Steps: rows and a consumer's checkpoint change together, or neither does (I6).

use super::Bench;
use super::commit::{commit, position, revision, stream};
use super::probe::{Probe, ok};
use super::rows::{load, put, removed, rows};
use crate::message::Position;
use crate::store::{Advance, RowChange, Step, Stepped, Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeSet;

fn advance(from: Option<u64>, to: u64) -> Option<Advance> {
    Some(Advance { consumer: "view".to_owned(), from: from.map(position), to: position(to) })
}

fn step(from: Option<u64>, to: u64, content: &str) -> Step {
    Step { advance: advance(from, to), rows: vec![put("t", b"row", content.as_bytes())] }
}

async fn take(store: &Probe, step: Step) {
    assert_eq!(ok(store.step(step).await, "making a step"), Stepped::Done);
}

async fn checkpoint(store: &Probe) -> Option<u64> {
    ok(store.load_checkpoint("view").await, "loading a checkpoint").map(Position::get)
}

/// Where the consumer stands, and the row that moves with it.
async fn seen(store: &Probe) -> (Option<u64>, Option<String>) {
    let row = load(store, "t", &[b"row"]).await.pop().flatten();
    (checkpoint(store).await, row.map(|row| String::from_utf8_lossy(&row).into_owned()))
}

fn is(checkpoint: u64, row: &str) -> (Option<u64>, Option<String>) {
    (Some(checkpoint), Some(row.to_owned()))
}

async fn five(bench: &Bench) -> Probe {
    let store = bench.open().await;
    store.commit(commit("a").events(5)).await;
    store
}

/// A step changes its rows and moves the checkpoint, forwards, to where it is, and back.
pub(super) async fn a_step_changes_rows_and_moves_the_checkpoint(bench: Bench) {
    let store = five(&bench).await;
    let mut from = None;
    for (number, to) in [2, 3, 3, 5, 1, 5].into_iter().enumerate() {
        take(&store, step(from, to, &number.to_string())).await;
        assert_eq!(seen(&store).await, is(to, &number.to_string()));
        from = Some(to);
    }
}

/// A step may be of rows alone or of a checkpoint alone, or of nothing.
pub(super) async fn a_step_may_be_of_one_thing_alone(bench: Bench) {
    let store = five(&bench).await;
    take(&store, Step { advance: None, rows: vec![put("t", b"row", b"alone")] }).await;
    assert_eq!(seen(&store).await, (None, Some("alone".to_owned())));
    take(&store, Step { advance: advance(None, 4), rows: vec![] }).await;
    assert_eq!(seen(&store).await, is(4, "alone"));
    take(&store, Step::default()).await;
    assert_eq!(seen(&store).await, is(4, "alone"));
}

/// A consumer that stands elsewhere than a step starts has been overtaken: it is told where it stands, and nothing changes.
pub(super) async fn an_overtaken_step_changes_nothing(bench: Bench) {
    let store = five(&bench).await;
    let refused = |from, to| {
        let mut late = step(from, to, "late");
        late.rows.extend([put("t", b"other", b"late"), removed("t", b"row")]);
        store.step(late)
    };
    let told = |checkpoint: Option<u64>| Stepped::Overtaken { checkpoint: checkpoint.map(position) };
    assert_eq!(ok(refused(Some(2), 3).await, "making a step"), told(None));
    assert_eq!(seen(&store).await, (None, None));
    assert_eq!(ok(store.list_checkpoints().await, "listing checkpoints"), []);
    take(&store, step(None, 3, "first")).await;
    for (from, to) in [(None, 4), (Some(2), 4), (Some(4), 5), (Some(5), 3), (None, 3)] {
        assert_eq!(ok(refused(from, to).await, "making a step"), told(Some(3)), "from {from:?} to {to}");
        assert_eq!((seen(&store).await, rows(&store, "t").await.len()), (is(3, "first"), 1));
    }
}

/// A step beyond the head is an error, and nothing changes (I6).
pub(super) async fn a_step_beyond_the_head_changes_nothing(bench: Bench) {
    let store = five(&bench).await;
    take(&store, step(None, 2, "first")).await;
    for beyond in [6, 100, u64::MAX] {
        let refused = store.step(step(Some(2), beyond, "beyond")).await;
        let told = matches!(refused, Err(StoreError::BeyondHead { asked, end: 5 }) if asked == beyond);
        assert!(told, "{beyond}: {refused:?}");
        assert_eq!(seen(&store).await, is(2, "first"));
    }
    store.commit(commit("a").events(1)).await;
    take(&store, step(Some(2), 6, "second")).await;
    assert_eq!(seen(&store).await, is(6, "second"));
}

fn sized(bytes: usize) -> Step {
    let mut large = step(Some(2), 3, "");
    let missing = bytes - large.size();
    large.rows[0].value = Some(vec![b'x'; missing].into());
    large
}

/// A step of exactly the size that the store takes is taken; with one byte more nothing changes.
pub(super) async fn a_step_that_is_too_large_changes_nothing(bench: Bench) {
    let store = five(&bench).await;
    take(&store, step(None, 2, "first")).await;
    let limit = store.capabilities().max_commit_bytes;
    let stepped = ok(store.step(sized(limit + 1)).await, "making a step");
    assert_eq!(stepped, Stepped::TooLarge { bytes: limit + 1, limit });
    assert_eq!(seen(&store).await, is(2, "first"));
    let largest = sized(limit);
    let content = largest.rows[0].value.clone();
    take(&store, largest).await;
    assert!(
        checkpoint(&store).await == Some(3) && load(&store, "t", &[b"row"]).await == [content],
        "the largest step has changed"
    );
}

/// A row whose table or key has no allowed length makes a whole step invalid.
pub(super) async fn a_step_with_an_invalid_row_changes_nothing(bench: Bench) {
    let store = five(&bench).await;
    take(&store, step(None, 2, "first")).await;
    let longest = 255 - store.capabilities().reserved;
    let (long, long_key) = ("t".repeat(longest + 1), vec![b'k'; RowChange::MAX_KEY + 1]);
    for row in [
        RowChange::put("", "k", "x"),
        RowChange::remove("", "k"),
        RowChange::put(long.clone(), "k", "x"),
        RowChange::put("t", long_key.clone(), "x"),
        RowChange::remove("t", long_key.clone()),
    ] {
        let mut invalid = step(Some(2), 3, "invalid");
        invalid.rows.extend([row, put("t", b"behind", b"x")]);
        assert_eq!(ok(store.step(invalid).await, "making a step"), Stepped::Invalid);
        assert_eq!((seen(&store).await, rows(&store, "t").await.len()), (is(2, "first"), 1));
    }
    let (longest, key) = ("t".repeat(longest), vec![b'k'; RowChange::MAX_KEY]);
    take(&store, Step { advance: advance(Some(2), 3), rows: vec![RowChange::put(longest.clone(), key.clone(), "x")] }).await;
    assert_eq!((rows(&store, &longest).await.len(), checkpoint(&store).await), (1, Some(3)));
    // Who asks for what cannot be there is told that it is not.
    assert_eq!((load(&store, "t", &[&long_key]).await, load(&store, "", &[b"k"]).await), (vec![None], vec![None]));
    assert_eq!((load(&store, &long, &[b"k"]).await, rows(&store, &long).await), (vec![None], vec![]));
}

/// Invalid is found before too large, that before overtaken, that before beyond the head.
pub(super) async fn a_step_is_looked_at_in_this_order(bench: Bench) {
    let store = five(&bench).await;
    let mut wrong = sized(store.capabilities().max_commit_bytes + 1);
    wrong.advance = advance(Some(2), 9);
    wrong.rows.push(put("", b"", b""));
    assert_eq!(ok(store.step(wrong.clone()).await, "making a step"), Stepped::Invalid);
    wrong.rows.pop();
    assert!(matches!(store.step(wrong.clone()).await, Ok(Stepped::TooLarge { .. })));
    wrong.rows.clear();
    assert_eq!(ok(store.step(wrong.clone()).await, "making a step"), Stepped::Overtaken { checkpoint: None });
    wrong.advance = advance(None, 9);
    assert!(matches!(store.step(wrong).await, Err(StoreError::BeyondHead { asked: 9, end: 5 })));
}

/// A consumer has one checkpoint, whether a step moves it or it is saved, sent back or forgotten; others have their own.
pub(super) async fn a_step_and_a_saved_checkpoint_are_one_thing(bench: Bench) {
    let store = five(&bench).await;
    ok(store.save_checkpoint("view", Some(position(2))).await, "saving a checkpoint");
    ok(store.save_checkpoint("other", Some(position(1))).await, "saving a checkpoint");
    take(&store, step(Some(2), 4, "from a saved one")).await;
    let both = |view| vec![("other".to_owned(), Some(position(1))), ("view".to_owned(), view)];
    assert_eq!(ok(store.list_checkpoints().await, "listing checkpoints"), both(Some(position(4))));
    ok(store.save_checkpoint("view", Some(position(3))).await, "saving a checkpoint");
    assert!(matches!(store.step(step(Some(4), 5, "late")).await, Ok(Stepped::Overtaken { .. })));
    take(&store, step(Some(3), 5, "from another")).await;
    ok(store.save_checkpoint("view", None).await, "sending a consumer back");
    take(&store, step(None, 1, "from the start")).await;
    ok(store.delete_checkpoint("view").await, "forgetting a consumer");
    assert!(matches!(store.step(step(Some(1), 2, "forgotten")).await, Ok(Stepped::Overtaken { checkpoint: None })));
    assert_eq!(seen(&store).await, (None, Some("from the start".to_owned())));
    take(&store, step(None, 2, "again")).await;
    assert_eq!(ok(store.list_checkpoints().await, "listing checkpoints"), both(Some(position(2))));
}

/// What a step says is finished no longer holds up a deletion; what it does not, does.
pub(super) async fn a_step_lets_go_of_what_it_finished(bench: Bench) {
    let store = five(&bench).await;
    take(&store, step(None, 2, "two")).await;
    let held = store.delete_up_to(&stream("a"), revision(3)).await;
    let told = matches!(&held, Err(StoreError::HeldBack { consumer, checkpoint: Some(at), needed })
        if consumer == "view" && at.get() == 2 && needed.get() == 3);
    assert!(told, "{held:?}");
    ok(store.delete_up_to(&stream("a"), revision(2)).await, "deleting events");
    take(&store, step(Some(2), 3, "three")).await;
    ok(store.delete_up_to(&stream("a"), revision(3)).await, "deleting events");
}

/// Steps take no place in the log and wake nobody.
pub(super) async fn steps_take_no_place_in_the_log(bench: Bench) {
    let store = five(&bench).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait_for_head(Some(position(5))).await }
    });
    take(&store, step(None, 2, "two")).await;
    take(&store, step(Some(2), 5, "five")).await;
    assert_eq!((store.last().await, store.log().await.len()), (Some(position(5)), 5));
    assert!(!waiting.is_finished());
    store.commit(commit("a").events(1)).await;
    let woken = ok(waiting.await.unwrap_or_else(|error| panic!("waiting: {error}")), "waiting for the head");
    assert_eq!(woken, position(6));
}

/// Of several steps of one consumer from one checkpoint, exactly one wins; the others change nothing and are told where it stands.
pub(super) async fn one_of_several_steps_wins(bench: Bench) {
    let store = bench.open().await;
    let mut from = None;
    for round in 1..=20 {
        let to = store.commit(commit("a").events(2)).await.position.map_or(0, Position::get);
        let tasks: Vec<_> = (0..6_u8)
            .map(|rival| {
                let store = store.clone();
                let mut one = step(from, to - u64::from(rival % 2), &format!("{round} {rival}"));
                one.rows.push(put("rivals", &[round, rival], b"here"));
                tokio::spawn(async move { (rival, store.step(one).await) })
            })
            .collect();
        let (mut winners, mut told) = (Vec::new(), BTreeSet::new());
        for task in tasks {
            match task.await.unwrap_or_else(|error| panic!("making a step: {error}")) {
                (rival, Ok(Stepped::Done)) => winners.push(rival),
                (_, Ok(Stepped::Overtaken { checkpoint })) => drop(told.insert(checkpoint.map(Position::get))),
                other => panic!("a rival got {other:?}"),
            }
        }
        let [winner] = winners[..] else { panic!("in round {round}, of six rivals {winners:?} won") };
        from = Some(to - u64::from(winner % 2));
        assert_eq!(told, BTreeSet::from([from]));
        assert_eq!(seen(&store).await, (from, Some(format!("{round} {winner}"))));
        let won = rows(&store, "rivals").await;
        assert_eq!((won.len(), won.last().map(|row| row.key.to_vec())), (usize::from(round), Some(vec![round, winner])));
    }
}

/// One call that reads rows sees each step whole or not at all, also of commits, whatever is under way.
pub(super) async fn one_reading_sees_steps_whole(bench: Bench) {
    let store = bench.open().await;
    const ROWS: u8 = 60;
    let all = |number: u32| {
        let content = number.to_be_bytes();
        (0..ROWS).map(move |key| put("t", &[key], &content)).collect::<Vec<_>>()
    };
    take(&store, Step { advance: None, rows: all(0) }).await;
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 1..=150 {
                if number % 3 == 0 {
                    let mut draft = commit("a").events(1);
                    draft.commit.rows = all(number);
                    store.commit(draft).await;
                } else {
                    take(&store, Step { advance: None, rows: all(number) }).await;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let keys: Vec<_> = (0..ROWS).map(|key| Bytes::from(vec![key])).collect();
    let (mut last, mut done) = (0, false);
    while !done {
        tokio::task::yield_now().await;
        done = writing.is_finished();
        let loaded: Vec<_> = ok(store.load_rows("t", &keys).await, "loading rows").into_iter().flatten().collect();
        let page = ok(store.list_rows("t", b"", None, usize::from(ROWS)).await, "listing rows");
        let listed: Vec<_> = page.items.into_iter().map(|row| row.value).collect();
        for contents in [loaded, listed] {
            assert_eq!(contents.len(), usize::from(ROWS));
            let numbers: BTreeSet<_> = contents.iter().map(|content| content.to_vec()).collect();
            assert_eq!(numbers.len(), 1, "a step was seen in part");
            let number = contents[0].first_chunk().map_or(0, |number| u32::from_be_bytes(*number));
            assert!(number >= last, "step {last} was seen, and now {number}");
            last = number;
        }
    }
    writing.await.unwrap_or_else(|error| panic!("writing: {error}"));
    assert_eq!(last, 150, "the last step is not seen");
}

/// A step whose future is dropped is whole or absent: the checkpoint tells which.
pub(super) async fn a_dropped_step_is_whole_or_absent(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(60)).await;
    for round in 1..=40_u64 {
        let from = checkpoint(&store).await;
        let (to, content) = (from.unwrap_or(0) + 1, round.to_string());
        let task = tokio::spawn({
            let (store, one) = (store.clone(), step(from, to, &content));
            async move { store.step(one).await }
        });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _ = task.await;
        // Whatever the store took before is recorded before this.
        store.commit(commit("b").events(1)).await;
        let now = seen(&store).await;
        let whole = now == is(to, &content);
        assert!(whole || now.0 == from && now.1 != Some(content), "round {round}: from {from:?} to {to}: {now:?}");
    }
}
