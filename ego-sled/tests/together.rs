//! Many tasks at once: what they see is always a whole beginning of the log (I1, I3).

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::message::{Expected, Position, StreamId};
use ego::store::{Direction, Filter, MemoryStore, Store, StoreError, Verdict};
use std::collections::HashMap;

#[test]
fn a_follower_sees_every_event_once_and_in_order() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).segment_bytes(32 << 10).open().unwrap();
        let (writers, each) = (8_u64, 400_u64);
        let follower = tokio::spawn({
            let store = store.clone();
            async move {
                let (mut after, mut seen) = (None, HashMap::<StreamId, u64>::new());
                while after.map_or(0, Position::get) < writers * each {
                    let head = store.wait_for_head(after).await.unwrap();
                    let page = store.read_log(after, &Filter::all(), 37).await.unwrap();
                    assert!(!page.items.is_empty(), "the head {head} was told of before it could be read");
                    for event in page.items {
                        assert_eq!(event.position.get(), after.map_or(0, Position::get) + 1, "head {head}");
                        after = Some(event.position);
                        let last = seen.entry(event.stream).or_default();
                        *last += 1;
                        assert_eq!(event.revision.get(), *last);
                    }
                }
            }
        });
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    // Two writers to each stream, so that the expected revision decides (I5).
                    let to = format!("s{}", writer / 2);
                    for number in 0..each {
                        loop {
                            let head = store.stream_head(&stream(&to)).await.unwrap();
                            let expected = Expected::last(head.and_then(|head| head.revision));
                            let one = commit(&to, &format!("{writer}-{number}"), expected, vec![event("x")]);
                            match store.append(vec![one]).await.unwrap().remove(0) {
                                Verdict::Committed(done) => {
                                    // Read your own write, wherever the indexer is.
                                    let page = store.read_stream(&stream(&to), done.revision, Direction::Forwards, 1).await;
                                    assert_eq!(page.unwrap().items[0].position, done.position.unwrap());
                                    break;
                                }
                                Verdict::Refused(_) => {}
                                Verdict::Repeated(_) => panic!("{writer}-{number} was recorded twice"),
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        follower.await.unwrap();
    });
}

#[test]
fn whoever_waits_for_the_head_learns_that_the_store_was_closed() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.wait_for_head(None).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        store.close().await.unwrap();
        assert!(matches!(waiting.await.unwrap(), Err(StoreError::Closed)));
        // Another may open it, though this one is still held.
        small(folder.path()).open().unwrap();
    });
}

#[test]
fn streams_that_were_not_used_for_long_are_decided_as_if_they_had_been() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (sled, memory) = (small(folder.path()).segment_bytes(1 << 20).open().unwrap(), MemoryStore::new());
        // More than the writer keeps in memory.
        for round in [1_u64, 2, 1] {
            for part in 0..8 {
                let batch: Vec<_> = (0..700)
                    .map(|number| {
                        let expected = Expected::last((round > 1).then(|| revision(round - 1)));
                        commit(&format!("s{part}-{number}"), &format!("c{round}"), expected, vec![event("x")])
                    })
                    .collect();
                let (ours, theirs) = (sled.append(batch.clone()).await.unwrap(), memory.append(batch).await.unwrap());
                assert_eq!(ours, theirs, "round {round}");
            }
        }
    });
}

#[test]
fn a_store_works_without_a_runtime() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    fn wait<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return done;
            }
            std::thread::yield_now();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = small(folder.path()).open().unwrap();
    wait(fill(&store, "a", 3));
    assert_eq!(wait(whole_log(&store)).unwrap().len(), 3);
    wait(store.close()).unwrap();
}
