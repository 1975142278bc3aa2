//! Several commits in one call: each has its own verdict, in the order of the steps that `Store::append` lists.

use super::Bench;
use super::commit::{Draft, at, commit, commit_to, stream, stream_of};
use super::probe::{Probe, assert_growing, payloads, positions, revisions};
use crate::message::{Expected, Revision};
use crate::store::{Refusal, Store, Verdict};

fn dependent() -> Verdict {
    Verdict::Refused(Refusal::Dependent)
}

fn is_committed(verdict: &Verdict, revision: u64) -> bool {
    matches!(verdict, Verdict::Committed(committed) if committed.revision == Revision::new(revision))
}

fn is_conflict(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused(Refusal::Conflict { .. }))
}

/// A commit that is refused for what it expects.
fn stale(id: &str) -> Draft {
    commit(id).events(1).expects(at(99))
}

/// Each commit of a batch has one verdict, in the batch's order.
pub(super) async fn every_commit_has_its_verdict_in_order(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("c").events(1).id("known")).await;
    let verdicts = store.batch([commit("a").events(2), stale("b"), commit("c").id("known"), commit("d").events(1)]).await;
    assert!(is_committed(&verdicts[0], 2), "{verdicts:?}");
    assert!(is_conflict(&verdicts[1]), "{verdicts:?}");
    assert!(matches!(&verdicts[2], Verdict::Repeated(found) if found.command_id.as_str() == "known"), "{verdicts:?}");
    assert!(is_committed(&verdicts[3], 1), "{verdicts:?}");
}

/// A batch of nothing has no verdicts and writes nothing.
pub(super) async fn an_empty_batch_does_nothing(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let sight = store.sight().await;
    assert_eq!(store.batch([]).await, []);
    assert_eq!(store.sight().await, sight);
}

/// Positions follow the order of the batch, over all its streams.
pub(super) async fn positions_follow_the_order_of_the_batch(bench: Bench) {
    let store = bench.open().await;
    let drafts = ["a", "b", "a", "c"].iter().zip(["1", "2", "3", "4"]);
    store.batch(drafts.map(|(id, text)| commit(id).event("Said", text.as_bytes()).event("Said", text.as_bytes()))).await;
    let log = store.log().await;
    assert_eq!(payloads(&log).concat(), "11223344");
    assert_growing(&positions(&log));
}

/// What is refused for one stream does not touch the others.
pub(super) async fn streams_of_a_batch_are_independent(bench: Bench) {
    let store = bench.open().await;
    let other_kind = commit_to(&stream_of("other", "a")).events(1).expects(Expected::NoStream);
    let verdicts = store.batch([stale("a"), commit("b").events(1).expects(Expected::NoStream), other_kind]).await;
    assert!(is_conflict(&verdicts[0]), "{verdicts:?}");
    assert!(is_committed(&verdicts[1], 1) && is_committed(&verdicts[2], 1), "{verdicts:?}");
    assert_eq!(store.stands(&stream("a")).await, None);
}

/// A commit may rely on the one before it in the same batch.
pub(super) async fn a_commit_may_rely_on_the_one_before_it(bench: Bench) {
    let store = bench.open().await;
    let first = commit("a").events(2).expects(Expected::NoStream);
    let verdicts = store.batch([first, commit("a").events(3).expects(at(2)), commit("a").events(1).expects(at(5))]).await;
    assert!(is_committed(&verdicts[0], 2) && is_committed(&verdicts[1], 5) && is_committed(&verdicts[2], 6), "{verdicts:?}");
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2, 3, 4, 5, 6]);
}

/// What relied on a refused commit is dependent, to the end of the chain, and leaves no trace.
pub(super) async fn what_relied_on_a_refused_commit_is_dependent(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let sight = store.sight().await;
    let chain = [stale("a"), commit("a").events(1).expects(at(2)), commit("a").events(1).expects(at(3))];
    let verdicts = store.batch(chain.clone()).await;
    assert!(is_conflict(&verdicts[0]), "{verdicts:?}");
    assert_eq!(verdicts[1..], [dependent(), dependent()]);
    assert_eq!(store.sight().await, sight);
    for draft in &chain {
        assert_eq!(store.find(draft).await, None);
    }
}

/// A dependent commit is refused even if its revision fits by chance: it was decided on a state that never came to be.
pub(super) async fn a_dependent_commit_is_refused_even_if_its_revision_fits(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    let verdicts = store.batch([stale("a"), commit("a").events(1).expects(at(2))]).await;
    assert_eq!(verdicts[1], dependent());
    let verdicts = store.batch([stale("b"), commit("b").events(1).expects(Expected::NoStream)]).await;
    assert_eq!(verdicts[1], dependent(), "expecting no stream");
}

/// A commit that does not say which revision it saw relies on none: `Any` and `Exists` are judged by what is there.
pub(super) async fn any_and_exists_depend_on_nothing(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let (any, exists) = (commit("a").events(1), commit("a").events(1).expects(Expected::Exists));
    let verdicts = store.batch([stale("a"), any, exists, stale("b"), commit("b").events(1).expects(Expected::Exists)]).await;
    assert!(is_committed(&verdicts[1], 2) && is_committed(&verdicts[2], 3), "{verdicts:?}");
    assert!(is_conflict(&verdicts[4]), "{verdicts:?}");
}

/// A commit in between that was recorded does not heal the chain.
pub(super) async fn a_commit_in_between_does_not_heal_the_chain(bench: Bench) {
    let store = bench.open().await;
    let verdicts = store.batch([stale("a"), commit("a").events(1), commit("a").events(1).expects(at(1))]).await;
    assert!(is_committed(&verdicts[1], 1), "{verdicts:?}");
    assert_eq!(verdicts[2], dependent());
}

/// A repeated commit was not recorded by this batch, so what relied on it is dependent.
pub(super) async fn what_relied_on_a_repeated_commit_is_dependent(bench: Bench) {
    let store = bench.open().await;
    let known = commit("a").events(1);
    store.commit(known.clone()).await;
    let verdicts = store.batch([known, commit("a").events(1).expects(at(1)), commit("a").events(1)]).await;
    assert!(matches!(verdicts[0], Verdict::Repeated(_)), "{verdicts:?}");
    assert_eq!(verdicts[1], dependent());
    assert!(is_committed(&verdicts[2], 2), "{verdicts:?}");
}

/// A commit that is too large or mixed is not recorded either, so what relied on it is dependent.
pub(super) async fn what_relied_on_an_impossible_commit_is_dependent(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let verdicts = store.batch([too_large(&store, "a"), commit("a").events(1).expects(at(1))]).await;
    assert!(matches!(verdicts[0], Verdict::Refused(Refusal::TooLarge { .. })), "{verdicts:?}");
    assert_eq!(verdicts[1], dependent());
    let verdicts = store.batch([commit("a").state(b"a state"), commit("a").events(1).expects(at(1))]).await;
    assert_eq!(verdicts, [Verdict::Refused(Refusal::Mixed), dependent()]);
}

/// The next batch starts anew.
pub(super) async fn the_chain_ends_with_the_batch(bench: Bench) {
    let store = bench.open().await;
    store.batch([stale("a"), commit("a").events(1).expects(Expected::NoStream)]).await;
    assert_eq!(store.commit(commit("a").events(1).expects(Expected::NoStream)).await.revision, Revision::new(1));
}

/// Of two commits with one id in one batch, the second is a repeat with the first one's answer.
pub(super) async fn an_id_twice_in_a_batch_is_a_repeat(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(2).reply(b"two");
    let verdicts = store.batch([draft.clone(), draft.clone().expects(at(2)), commit("b").events(1)]).await;
    let Verdict::Committed(first) = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!(verdicts[1], Verdict::Repeated(first.clone()));
    assert!(is_committed(&verdicts[2], 1), "{verdicts:?}");
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2]);
}

/// An id whose first commit in the batch was refused is not a repeat.
pub(super) async fn an_id_refused_before_in_a_batch_is_no_repeat(bench: Bench) {
    let store = bench.open().await;
    let verdicts = store.batch([stale("a").id("c-1"), commit("a").events(1).id("c-1")]).await;
    assert!(is_conflict(&verdicts[0]) && is_committed(&verdicts[1], 1), "{verdicts:?}");
}

/// A known id is recognised before anything else is checked of a commit: dependence, expectation, size, mixing.
pub(super) async fn a_repeat_is_found_before_any_refusal(bench: Bench) {
    let store = bench.open().await;
    let first = store.commit(commit("a").events(1).id("known")).await;
    let repeats = [
        commit("a").events(1).expects(at(1)).id("known"),
        commit("a").events(1).expects(at(9)).id("known"),
        too_large(&store, "a").id("known"),
        commit("a").state(b"a state").id("known"),
    ];
    for repeat in repeats {
        let verdicts = store.batch([stale("a"), repeat]).await;
        assert_eq!(verdicts[1], Verdict::Repeated(first.clone()));
    }
}

/// A wrong expectation is found before the size and before a mix of events and state; the size before the mix.
pub(super) async fn a_conflict_is_found_before_size_and_mixture(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    for draft in [too_large(&store, "a"), commit("a").state(b"a state")] {
        let verdicts = store.batch([stale("a"), draft.clone().expects(at(1))]).await;
        assert_eq!(verdicts[1], dependent());
        assert!(is_conflict(&store.append(draft.expects(at(9))).await));
    }
    let mut both = commit("a").state(b"");
    both.commit.reply = too_large(&store, "a").commit.reply;
    assert!(matches!(store.refuse(both).await, Refusal::TooLarge { .. }));
}

/// A long batch over many streams is recorded whole, each stream gap-free, in order.
pub(super) async fn a_long_batch_is_recorded_in_order(bench: Bench) {
    let store = bench.open().await;
    let id = |number: usize| format!("s-{}", number % 30);
    let drafts = (0..600).map(|number| commit(&id(number)).event("Said", number.to_string().as_bytes()));
    let verdicts = store.batch(drafts).await;
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Committed(_))));
    let log = store.log().await;
    assert_eq!(payloads(&log), (0..600).map(|number: usize| number.to_string()).collect::<Vec<_>>());
    assert_growing(&positions(&log));
    for number in 0..30 {
        assert_eq!(revisions(&store.events(&stream(&id(number))).await), (1..=20).collect::<Vec<u64>>());
    }
}

fn too_large(store: &Probe, id: &str) -> Draft {
    let mut draft = commit(id).events(1);
    draft.commit.reply = vec![0; store.capabilities().max_commit_bytes + 1].into();
    draft
}
