//! What a writer may expect of a stream, and what it is told when that is not so (I5).

use super::Bench;
use super::commit::{at, commit, revision, stream};
use super::probe::revisions;
use crate::message::{Expected, Revision};
use crate::store::Refusal;

fn conflict(expected: Expected, actual: Option<u64>) -> Refusal {
    Refusal::Conflict { expected, actual: actual.map(revision) }
}

/// `Any` is taken by a new stream and by an existing one.
pub(super) async fn any_is_taken_whatever_is_there(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1).expects(Expected::Any)).await;
    store.commit(commit("a").events(1).expects(Expected::Any)).await;
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2]);
}

/// `NoStream` is taken by a new stream only; the refusal names the revision that was found.
pub(super) async fn no_stream_is_taken_only_where_nothing_is(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(5)).await;
    store.commit(commit("a").events(2).expects(Expected::NoStream)).await;
    let refusal = store.refuse(commit("a").events(1).expects(Expected::NoStream)).await;
    assert_eq!(refusal, conflict(Expected::NoStream, Some(2)));
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2]);
}

/// `Exists` is taken by a stream with an event only; the refusal says that nothing was found.
pub(super) async fn exists_is_taken_only_where_something_is(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(5)).await;
    let refusal = store.refuse(commit("a").events(1).expects(Expected::Exists)).await;
    assert_eq!(refusal, conflict(Expected::Exists, None));
    store.commit(commit("a").events(1)).await;
    assert_eq!(store.commit(commit("a").events(1).expects(Expected::Exists)).await.revision, Revision::new(2));
}

/// An exact revision is taken when it is the last one.
pub(super) async fn an_exact_revision_is_taken_when_it_is_the_last(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    assert_eq!(store.commit(commit("a").events(2).expects(at(2))).await.revision, Revision::new(4));
    assert_eq!(store.commit(commit("a").events(1).expects(at(4))).await.revision, Revision::new(5));
}

/// A writer that has seen less than there is gets refused.
pub(super) async fn a_stale_writer_is_refused(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(3)).await;
    for stale in [1, 2] {
        let refusal = store.refuse(commit("a").events(1).expects(at(stale))).await;
        assert_eq!(refusal, conflict(at(stale), Some(3)));
    }
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2, 3]);
}

/// A writer that claims to have seen more than there is gets refused.
pub(super) async fn a_writer_from_the_future_is_refused(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(3)).await;
    for ahead in [4, 5, u64::MAX] {
        let refusal = store.refuse(commit("a").events(1).expects(at(ahead))).await;
        assert_eq!(refusal, conflict(at(ahead), Some(3)));
    }
    assert_eq!(revisions(&store.events(&stream("a")).await), [1, 2, 3]);
}

/// An exact revision of a stream that does not exist is refused, and the stream does not come to be.
pub(super) async fn an_exact_revision_of_no_stream_is_refused(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("b").events(1)).await;
    for number in [1, 2] {
        let refusal = store.refuse(commit("a").events(1).expects(at(number))).await;
        assert_eq!(refusal, conflict(at(number), None));
    }
    assert_eq!(store.stands(&stream("a")).await, None);
}

/// A commit of nothing is held to what it expects like any other.
pub(super) async fn a_commit_of_nothing_may_conflict(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    let stale = commit("a").expects(at(1));
    assert_eq!(store.refuse(stale.clone()).await, conflict(at(1), Some(2)));
    assert_eq!(store.find(&stale).await, None);
    store.commit(commit("a").expects(at(2))).await;
}

/// A commit of nothing does not make a stream exist.
pub(super) async fn a_commit_of_nothing_makes_no_stream_exist(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a")).await;
    assert_eq!(store.refuse(commit("a").events(1).expects(Expected::Exists)).await, conflict(Expected::Exists, None));
    store.commit(commit("a").events(1).expects(Expected::NoStream)).await;
}

/// A writer that was refused may read again and is taken then.
pub(super) async fn a_refused_writer_may_try_again(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    let late = commit("a").events(1).expects(at(1));
    store.refuse(late.clone()).await;
    assert_eq!(store.commit(late.expects(at(2))).await.revision, Revision::new(3));
}
