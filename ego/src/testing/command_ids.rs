//! The same command twice has one effect and the same answer (I11).

use super::Bench;
use super::commit::{at, commit, commit_to, stream, stream_of};
use super::probe::{ok, revisions};
use crate::message::{Expected, Revision};
use crate::store::Store;

/// A command that is sent again gets the answer of the first time, in every field.
pub(super) async fn a_repeated_command_gets_the_first_answer(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(1)).await;
    let draft = commit("a").events(2).command("Count").codec("json").reply(b"two");
    let first = store.commit(draft.clone()).await;
    store.commit(commit("a").events(3)).await;
    store.commit(commit("b").events(3)).await;
    assert_eq!(store.repeat(draft.clone()).await, first);
    assert_eq!(store.repeat(draft).await, first, "the third time");
}

/// A command that is sent again writes nothing.
pub(super) async fn a_repeated_command_writes_nothing(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(2);
    store.commit(draft.clone()).await;
    let sight = store.sight().await;
    store.repeat(draft).await;
    assert_eq!(store.sight().await, sight);
}

/// A repeated command is recognised whatever it expects, although the stream has moved on.
pub(super) async fn a_repeated_command_is_recognised_whatever_it_expects(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(1).expects(Expected::NoStream);
    let first = store.commit(draft.clone()).await;
    store.commit(commit("a").events(1)).await;
    for expected in [Expected::NoStream, Expected::Any, Expected::Exists, at(1), at(2), at(9)] {
        assert_eq!(store.repeat(draft.clone().expects(expected)).await, first, "expecting {expected}");
    }
}

/// The id alone makes a repeat; what comes with it the second time is neither recorded nor answered.
pub(super) async fn only_the_id_makes_a_repeat(bench: Bench) {
    let store = bench.open().await;
    let first = store.commit(commit("a").event("Opened", b"1").id("c-1").command("Open").reply(b"first")).await;
    let other = commit("a").event("Shut", b"2").event("Shut", b"3").id("c-1").command("Shut").codec("other").reply(b"second");
    assert_eq!(store.repeat(other).await, first);
    assert_eq!(store.repeat(commit("a").state(b"a state").id("c-1")).await, first);
    assert_eq!(revisions(&store.events(&stream("a")).await), [1]);
    assert_eq!(store.types().await.len(), 1);
}

/// One id in two streams is two commands, also when the streams differ in their kind only.
pub(super) async fn a_command_id_belongs_to_its_stream(bench: Bench) {
    let store = bench.open().await;
    for (number, at) in [stream("a"), stream("b"), stream_of("other", "a")].iter().enumerate() {
        let reply = number.to_string();
        store.commit(commit_to(at).events(1).id("c-1").reply(reply.as_bytes())).await;
        assert_eq!(store.repeat(commit_to(at).id("c-1")).await.reply, reply.as_bytes(), "in {at}");
    }
}

/// A refused command is not remembered: under the same id it may be sent again.
pub(super) async fn a_refused_command_may_be_sent_again(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(1).expects(Expected::Exists);
    store.refuse(draft.clone()).await;
    store.commit(commit("a").events(1)).await;
    assert_eq!(store.commit(draft).await.revision, Revision::new(2));
}

/// A command that recorded nothing is remembered, too.
pub(super) async fn a_command_that_recorded_nothing_is_remembered(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").reply(b"nothing to do");
    let first = store.commit(draft.clone()).await;
    store.commit(commit("a").events(1)).await;
    assert_eq!(store.repeat(draft.events(2)).await, first);
    assert_eq!(revisions(&store.events(&stream("a")).await), [1]);
}

/// A command is remembered however many came after it.
pub(super) async fn a_command_is_remembered_behind_many_others(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(1).reply(b"the first");
    let first = store.commit(draft.clone()).await;
    for _ in 0..20 {
        store.batch((0..100).map(|_| commit("a").events(1))).await;
    }
    assert_eq!(store.repeat(draft).await, first);
    assert_eq!(store.stands(&stream("a")).await.and_then(|head| head.revision), Revision::new(2001));
}

/// Looking for a command finds what was answered; nothing for ids that are unknown, refused or of another stream.
pub(super) async fn a_command_can_be_looked_for(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(2).command("Count").codec("json").reply(b"two");
    assert_eq!(store.find(&draft).await, None);
    let committed = store.commit(draft.clone()).await;
    let refused = commit("a").events(1).expects(at(9));
    store.refuse(refused.clone()).await;
    assert_eq!(store.find(&draft).await, Some(committed));
    assert_eq!(store.find(&refused).await, None);
    for elsewhere in [stream("b"), stream_of("other", "a")] {
        assert_eq!(ok(store.find_command(&elsewhere, draft.command_id()).await, "finding a command"), None);
    }
}
