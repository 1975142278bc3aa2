//! Many tasks at once: nothing is lost, doubled, torn or seen out of order (I1, I2, I3, I5, I11).

use super::Bench;
use super::commit::{Draft, commit, stream};
use super::probe::{Probe, assert_growing, ok, payloads, positions, revisions};
use crate::message::{Expected, Position};
use crate::store::{Filter, RecordedEvent, Refusal, Store, Verdict};
use futures_util::FutureExt;
use std::collections::BTreeSet;
use std::future::Future;
use tokio::task::JoinHandle;

/// Runs `work` in so many tasks and gives what they gave.
async fn at_once<T: Send + 'static, F>(count: usize, mut work: impl FnMut(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(work(number))).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(ended(task).await);
    }
    all
}

async fn ended<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(given) => given,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(failed) => panic!("a task of the rule failed: {failed}"),
    }
}

fn said(id: &str, writer: usize, round: usize) -> Draft {
    let text = format!("{writer}:{round}");
    commit(id).event("Said", text.as_bytes()).event("Heard", text.as_bytes())
}

/// So many writers with so many commits of two events each, over so many streams.
fn write(store: &Probe, writers: usize, rounds: usize, streams: usize) -> JoinHandle<()> {
    let store = store.clone();
    tokio::spawn(async move {
        at_once(writers, |writer| {
            let store = store.clone();
            async move {
                for round in 0..rounds {
                    store.commit(said(&format!("s-{}", (writer + round) % streams), writer, round)).await;
                    tokio::task::yield_now().await;
                }
            }
        })
        .await;
    })
}

/// Writers that expect nothing lose nothing: every event is recorded once, without a gap, each commit in one piece.
pub(super) async fn writers_at_once_lose_nothing(bench: Bench) {
    let store = bench.open().await;
    ended(write(&store, 8, 25, 1)).await;
    let events = store.events(&stream("s-0")).await;
    assert_eq!(revisions(&events), (1..=400).collect::<Vec<u64>>());
    let wanted: BTreeSet<_> = (0..8).flat_map(|writer| (0..25).map(move |round| format!("{writer}:{round}"))).collect();
    assert_eq!(payloads(&events).into_iter().collect::<BTreeSet<_>>(), wanted);
    for pair in events.chunks(2) {
        assert_eq!(pair[0].metadata, pair[1].metadata, "a commit was torn at revision {}", pair[0].revision);
        assert_eq!((&*pair[0].name, &*pair[1].name), ("Said", "Heard"));
    }
    assert_eq!(store.log().await, events);
}

/// Each writer's own commits keep their order.
pub(super) async fn each_writer_keeps_its_order(bench: Bench) {
    let store = bench.open().await;
    ended(write(&store, 6, 30, 4)).await;
    let log = store.log().await;
    assert_growing(&positions(&log));
    for writer in 0..6 {
        let prefix = format!("{writer}:");
        let own: Vec<_> = payloads(&log).into_iter().filter(|text| text.starts_with(&prefix)).collect();
        let wanted: Vec<_> = (0..30).flat_map(|round| [format!("{writer}:{round}"), format!("{writer}:{round}")]).collect();
        assert_eq!(own, wanted);
    }
}

/// Of several writers that saw the same revision, exactly one wins each round; the others are told what they found (I5).
pub(super) async fn one_of_several_rivals_wins(bench: Bench) {
    let store = bench.open().await;
    let mut last = None;
    for round in 0..20 {
        let expected = Expected::last(last);
        let verdicts = at_once(6, |rival| {
            let store = store.clone();
            async move { store.append(said("a", rival, round).expects(expected)).await }
        })
        .await;
        let (mut winners, mut losers) = (Vec::new(), 0);
        for verdict in verdicts {
            match verdict {
                Verdict::Committed(committed) => winners.push(committed.revision),
                Verdict::Refused(Refusal::Conflict { expected: told, actual }) => {
                    assert!(told == expected && actual > last, "expected {expected}, told {told} and {actual:?}");
                    losers += 1;
                }
                other => panic!("a rival got {other:?}"),
            }
        }
        assert_eq!((winners.len(), losers), (1, 5), "in round {round}");
        last = winners.pop().flatten();
    }
    assert_eq!(revisions(&store.events(&stream("a")).await), (1..=40).collect::<Vec<u64>>());
}

/// One command sent by several at once is recorded once, and all get the same answer (I11).
pub(super) async fn one_command_sent_by_several_is_recorded_once(bench: Bench) {
    let store = bench.open().await;
    for round in 0..20 {
        let verdicts = at_once(6, |sender| {
            let (store, reply) = (store.clone(), sender.to_string());
            let draft = said("a", sender, round).id(&format!("c-{round}")).reply(reply.as_bytes());
            async move { store.append(draft).await }
        })
        .await;
        let mut answers = Vec::new();
        let mut committed = 0;
        for verdict in verdicts {
            match verdict {
                Verdict::Committed(answer) => {
                    committed += 1;
                    answers.push(answer);
                }
                Verdict::Repeated(answer) => answers.push(answer),
                Verdict::Refused(refusal) => panic!("a sender got {refusal:?}"),
            }
        }
        assert_eq!(committed, 1, "in round {round}");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "in round {round}: {answers:?}");
    }
    assert_eq!(store.events(&stream("a")).await.len(), 40);
}

/// Follows the log from its start to the given count of events, in small pages, as subscribers do.
async fn follow(store: Probe, count: usize, limit: usize) -> Vec<RecordedEvent> {
    let (mut seen, mut last): (Vec<RecordedEvent>, Option<Position>) = (Vec::new(), None);
    while seen.len() < count {
        let head = ok(store.wait_for_head(last).await, "waiting for the head");
        let read = store.log_pages(last, &Filter::all(), limit).await;
        let reached = read.last().map(|event| event.position);
        assert!(reached >= Some(head), "the head was said to be {head}, the log showed events up to {reached:?}");
        seen.extend(read);
        last = reached;
    }
    seen
}

/// Followers of the log see every event once, in order: nothing appears behind what they have seen, nothing before the head (I3).
pub(super) async fn nothing_appears_behind_what_was_seen(bench: Bench) {
    let store = bench.open().await;
    let followers: Vec<_> = [1, 7, 100].map(|limit| tokio::spawn(follow(store.clone(), 480, limit))).into();
    ended(write(&store, 6, 40, 5)).await;
    let log = store.log().await;
    assert_eq!(log.len(), 480);
    for follower in followers {
        assert_eq!(ended(follower).await, log);
    }
}

/// A reader of a stream sees each commit whole or not at all, and never a gap (I1, I2).
pub(super) async fn readers_see_commits_whole(bench: Bench) {
    let store = bench.open().await;
    let writing = write(&store, 4, 40, 1);
    let mut seen = 0;
    while seen < 320 {
        let events = store.events(&stream("s-0")).await;
        assert!(events.len() >= seen, "a reader saw {seen} events and then {}", events.len());
        assert!(events.len().is_multiple_of(2), "a reader saw half a commit: {} events", events.len());
        assert_eq!(revisions(&events), (1..=events.len() as u64).collect::<Vec<_>>());
        seen = events.len();
        tokio::task::yield_now().await;
    }
    ended(writing).await;
}

/// The head of the log never goes back, and everything up to it can be read.
pub(super) async fn the_head_never_goes_back(bench: Bench) {
    let store = bench.open().await;
    let writing = write(&store, 4, 40, 3);
    let mut last = None;
    while !writing.is_finished() {
        let head = store.last().await;
        assert!(head >= last, "the head was {last:?} and then {head:?}");
        let shown = store.log().await.last().map(|event| event.position);
        assert!(shown >= head, "the head is {head:?}, the log showed events up to {shown:?}");
        last = head;
        tokio::task::yield_now().await;
    }
    ended(writing).await;
}

/// A consumer that deletes what it has finished, while others write, misses nothing.
pub(super) async fn deleting_what_was_finished_hides_nothing(bench: Bench) {
    let store = bench.open().await;
    let writing = write(&store, 4, 20, 1);
    let (mut seen, mut last) = (Vec::new(), None);
    ok(store.save_checkpoint("view", None).await, "saving a checkpoint");
    while seen.len() < 160 {
        ok(store.wait_for_head(last).await, "waiting for the head");
        let read = store.log_pages(last, &Filter::all(), 10).await;
        let Some(end) = read.last().cloned() else { panic!("the head has moved, the log shows nothing new") };
        seen.extend(read);
        last = Some(end.position);
        ok(store.save_checkpoint("view", last).await, "saving a checkpoint");
        ok(store.delete_up_to(&end.stream, end.revision).await, "deleting events");
    }
    ended(writing).await;
    assert_eq!(revisions(&seen), (1..=160).collect::<Vec<u64>>());
    assert_eq!(store.log().await, []);
}

/// A stream that is erased while others write to it is erased for each of them, and nothing of it is left.
pub(super) async fn erasing_amid_appends_leaves_nothing(bench: Bench) {
    let store = bench.open().await;
    let last_verdicts = at_once(5, |task| {
        let store = store.clone();
        async move {
            if task == 0 {
                while store.events(&stream("a")).await.is_empty() {
                    tokio::task::yield_now().await;
                }
                ok(store.erase(&stream("a")).await, "erasing");
                assert_eq!(store.events(&stream("a")).await, []);
            }
            for round in 0..2000 {
                let verdict = store.append(said("a", task, round)).await;
                if !matches!(verdict, Verdict::Committed(_)) {
                    return Some(verdict);
                }
                tokio::task::yield_now().await;
            }
            None
        }
    });
    assert_eq!(last_verdicts.await, [const { Some(Verdict::Refused(Refusal::Erased)) }; 5]);
    assert_eq!((store.events(&stream("a")).await, store.log().await), (Vec::new(), Vec::new()));
}

/// An append whose future is dropped is whole or absent, the command id tells which, and the store works on.
pub(super) async fn a_dropped_append_is_whole_or_absent(bench: Bench) {
    let store = bench.open().await;
    let drafts: Vec<_> = (0..40).map(|round| said("a", 0, round).event("Thought", b"")).collect();
    for (round, draft) in drafts.iter().enumerate() {
        if round % 2 == 0 {
            // Polled once, then dropped.
            let _ = store.append(draft.clone()).now_or_never();
        } else {
            let (store, draft) = (store.clone(), draft.clone());
            let task = tokio::spawn(async move { store.append(draft).await });
            tokio::task::yield_now().await;
            task.abort();
        }
        store.commit(commit("b").events(1)).await;
    }
    for draft in drafts {
        let answer = match store.append(draft.clone()).await {
            Verdict::Committed(answer) | Verdict::Repeated(answer) => answer,
            Verdict::Refused(refusal) => panic!("after a dropped append: {refusal:?}"),
        };
        assert_eq!(store.find(&draft).await, Some(answer));
    }
    let events = store.events(&stream("a")).await;
    assert_eq!(revisions(&events), (1..=120).collect::<Vec<u64>>());
    for commit in events.chunks(3) {
        assert!(commit.iter().all(|event| event.metadata == commit[0].metadata), "a commit was torn");
    }
    assert_eq!(store.events(&stream("b")).await.len(), 40);
}

/// Reads whose futures are dropped harm nobody.
pub(super) async fn a_dropped_read_is_harmless(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(100)).await;
    for _ in 0..50 {
        let _ = store.log().now_or_never();
        let _ = store.events(&stream("a")).now_or_never();
        let _ = store.streams(None, 10).now_or_never();
    }
    assert_eq!(store.log().await.len(), 100);
    store.commit(commit("a").events(1)).await;
}
