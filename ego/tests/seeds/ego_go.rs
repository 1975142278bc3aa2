//! eGo.

use super::*;
use ego::clock::ManualClock;
use ego::consumer::{Backoff, Policy, State};
use ego::projection::ProjectionOptions;
use ego::store::{MemoryStore, Store, StoreError};
use std::collections::BTreeMap;

/// Its offsets are timestamps: what is recorded later with an earlier time is skipped for ever.
#[tokio::test]
async fn ego_offsets_that_are_timestamps_skip_late_commits() {
    let clock = ManualClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let crew = Arc::default();
    let engine = builder(&crew).clock(clock.clone()).start().await.unwrap();
    let mut events = engine.subscribe().raw().await.unwrap();
    let mut last = None;
    for (number, time) in ["12:00:00", "11:59:59", "12:00:00", "10:00:00", "12:00:01"].into_iter().enumerate() {
        clock.set(format!("2026-01-31T{time}Z").parse().unwrap());
        last = Some(sail(&engine, &format!("s-{number}"), 1).await);
        assert_eq!(take(&mut events, 1).await[0].position, last.unwrap());
    }
    for number in 0..5 {
        assert_eq!(engine.view::<Log>(format!("s-{number}")).after(last).await.unwrap().unwrap().miles, 1);
    }
}

/// All events of a command have one time there; where a batch ends between them, the rest is skipped.
#[tokio::test]
async fn ego_batches_that_are_cut_inside_of_a_command_lose_its_rest() {
    let crew = Arc::default();
    let builder = builder(&crew).projection::<Log>(ProjectionOptions::new().batch(2));
    let engine = builder.start().await.unwrap();
    let mut events = engine.subscribe().buffer(2).events::<Ship>().await.unwrap();
    for _ in 0..3 {
        engine.send::<Ship>("a", Sail { legs: vec![1, 2, 3, 4, 5] }).await.unwrap();
    }
    let seen = take(&mut events, 15).await;
    let miles: Vec<_> = seen.iter().map(|seen| seen.event.clone()).collect();
    assert_eq!(miles, [1, 2, 3, 4, 5].repeat(3).into_iter().map(|miles| ShipEvent::Sailed { miles }).collect::<Vec<_>>());
    let view = engine.view::<Log>("a").after(Position::new(15)).await.unwrap().unwrap();
    assert_eq!((view.miles, view.positions), (45, (1..=15).collect()));
}

/// A start that is given overrides the committed offset there, at each pull.
#[tokio::test]
async fn ego_start_offsets_override_what_was_committed() {
    let store = MemoryStore::new();
    let engine = builder(&Arc::default()).store(store.clone()).start().await.unwrap();
    for _ in 0..6 {
        sail(&engine, "a", 1).await;
    }
    let mut events = engine.subscribe().from_checkpoint("billing").buffer(2).raw().await.unwrap();
    let seen = take(&mut events, 4).await;
    events.save_checkpoint(seen[3].position).await.unwrap();
    drop(events);
    let mut events = engine.subscribe().from_checkpoint("billing").buffer(2).raw().await.unwrap();
    sail(&engine, "a", 1).await;
    let positions: Vec<u64> = take(&mut events, 3).await.iter().map(|event| event.position.get()).collect();
    assert_eq!(positions, [5, 6, 7]);
    assert!(tokio::time::timeout(Duration::from_millis(50), events.next()).await.is_err(), "an event came twice");
}

/// A rebuild from a point in time mixes its units there and replays all.
#[tokio::test]
async fn ego_rebuilds_from_a_point_replay_everything() {
    let engine = start(&Arc::default()).await;
    for _ in 0..6 {
        sail(&engine, "a", 1).await;
    }
    let mut events = engine.subscribe().after(Position::new(4).unwrap()).raw().await.unwrap();
    let positions: Vec<u64> = take(&mut events, 2).await.iter().map(|event| event.position.get()).collect();
    assert_eq!(positions, [5, 6]);
}

/// Its retention deletes events that no projection has seen yet.
#[tokio::test]
async fn ego_retention_deletes_what_was_not_consumed() {
    let (store, crew) = (MemoryStore::new(), Arc::default());
    let engine = builder(&crew).store(store.clone()).start().await.unwrap();
    let paused = engine.projection::<Log>().unwrap();
    paused.pause();
    eventually(async || (paused.status().await.unwrap().state == State::Paused).then_some(())).await;
    let last = sail(&engine, "a", 1).await;
    engine.view::<Crossing>("a").after(last).await.unwrap();
    let stream = ego::message::StreamId::new("ship", "a").unwrap();
    let refused = store.delete_up_to(&stream, ego::message::Revision::FIRST).await;
    assert!(matches!(&refused, Err(StoreError::HeldBack { consumer, .. }) if consumer == "projection/log/1"), "{refused:?}");
    paused.resume();
    engine.view::<Log>("a").after(last).await.unwrap();
    store.delete_up_to(&stream, ego::message::Revision::FIRST).await.unwrap();
}

/// Its stream starts a goroutine for each message and subscriber: 659 inversions in 20,000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ego_streams_are_not_ordered() {
    let engine = start(&Arc::default()).await;
    let mut events = engine.subscribe().from_now().raw().await.unwrap();
    let writers = (0..4).map(|writer| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for number in 0..1000 {
                sail(&engine, &format!("s-{writer}"), number).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let seen = take(&mut events, 4000).await;
    assert!(seen.is_sorted_by(|a, b| a.position < b.position));
    let mut revisions = BTreeMap::<String, u64>::new();
    for event in &seen {
        let last = revisions.entry(event.stream.id().to_owned()).or_default();
        assert_eq!(event.revision.get(), *last + 1);
        *last += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Its queue loses messages, or spins for ever, when many write at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ego_queues_lose_messages_under_many_writers() {
    let engine = start(&Arc::default()).await;
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(engine.subscribe().from_now().buffer(64).raw().await.unwrap());
    }
    let readers: Vec<_> =
        readers.into_iter().map(|mut reader| tokio::spawn(async move { take(&mut reader, 3200).await.len() })).collect();
    let writers = (0..32).map(|writer| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                sail(&engine, &format!("s-{writer}"), number).await;
            }
        })
    });
    futures_util::future::join_all(writers).await;
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 3200);
    }
}

/// Two that subscribe at the same time: one of them is lost there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ego_loses_one_of_two_first_subscribers() {
    for _ in 0..50 {
        let engine = start(&Arc::default()).await;
        let subscribe = || {
            let engine = engine.clone();
            tokio::spawn(async move { engine.subscribe().from_start().raw().await.unwrap() })
        };
        let (one, two) = (subscribe(), subscribe());
        let last = sail(&engine, "a", 1).await;
        for subscriber in [one, two] {
            assert_eq!(take(&mut subscriber.await.unwrap(), 1).await[0].position, last);
        }
    }
}

/// One event that cannot be handled stops the whole projection there, or is lost without a word.
#[tokio::test]
async fn ego_projections_stop_as_a_whole_at_one_event_or_lose_it() {
    let crew: Arc<Crew> = Arc::default();
    crew.poison.lock().unwrap().insert(2);
    let policy = Policy::dead_letter().retries(1).backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(1)));
    let engine = builder(&crew).projection::<Log>(ProjectionOptions::new().policy(policy)).start().await.unwrap();
    for ship in ["a", "b", "b", "a", "b", "c"] {
        sail(&engine, ship, 1).await;
    }
    let last = Position::new(6);
    assert_eq!(engine.view::<Log>("a").after(last).await.unwrap().unwrap().positions, [1, 4]);
    assert_eq!(engine.view::<Log>("c").await.unwrap().unwrap().positions, [6]);
    let projection = engine.projection::<Log>().unwrap();
    let letters = projection.dead_letters(None, 10).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| letter.event.position.get()).collect::<Vec<_>>(), [2, 3, 5]);
    crew.poison.lock().unwrap().clear();
    projection.replay("b").await.unwrap();
    assert_eq!(engine.view::<Log>("b").await.unwrap().unwrap().positions, [2, 3, 5]);
}

/// A projection that stopped freezes there without a word.
#[tokio::test]
async fn ego_projections_freeze_without_a_word() {
    let crew: Arc<Crew> = Arc::default();
    crew.poison.lock().unwrap().insert(1);
    let engine =
        builder(&crew).projection::<Log>(ProjectionOptions::new().policy(Policy::fail().retries(0))).start().await.unwrap();
    let last = sail(&engine, "a", 1).await;
    let unread = engine.view::<Log>("a").after(last).await.unwrap_err();
    assert!(unread.to_string().contains("poisoned"), "{unread}");
    let health = engine.health();
    assert_eq!((health.is_ok(), &*health.failed[0].name), (false, "log"));
    assert_eq!(health.failed[0].error.as_ref().unwrap().message, "poisoned");
    // The others go on.
    engine.view::<Crossing>("a").after(last).await.unwrap();
}

/// A single node has one shard there, so one worker does everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ego_projections_of_one_node_have_one_worker() {
    let crew: Arc<Crew> = Arc::default();
    assert!(crew.together.set(2).is_ok());
    // They are all there before the first one is folded.
    let options = ProjectionOptions::new().workers(16).paused();
    let engine = builder(&crew).projection::<Crossing>(options).start().await.unwrap();
    let ships: Vec<_> = (0..16).map(|ship| format!("s-{ship}")).collect();
    let sailed = ships.iter().map(|ship| sail(&engine, ship, 1));
    let last = futures_util::future::join_all(sailed).await.into_iter().max();
    engine.projection::<Crossing>().unwrap().resume();
    for ship in &ships {
        assert_eq!(engine.view::<Crossing>(ship).after(last).await.unwrap().unwrap().positions.len(), 1);
    }
}

/// Which worker has an aggregate depends on the number of partitions of that moment there: when it changes, order is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ego_partitions_that_change_lose_the_order() {
    let store = MemoryStore::new();
    let mut last = Position::FIRST;
    for workers in [1, 4, 2, 7, 3] {
        let crew = Arc::default();
        let options = ProjectionOptions::new().workers(workers).batch(200);
        let engine = builder(&crew).store(store.clone()).projection::<Log>(options).start().await.unwrap();
        for number in 0..300 {
            last = sail(&engine, &format!("s-{}", number % 11), 1).await;
        }
        engine.view::<Log>("s-0").after(last).await.unwrap();
        engine.stop(Duration::from_secs(10)).await.unwrap();
    }
    let engine = builder(&Arc::default()).store(store).start().await.unwrap();
    let mut folded = 0;
    for (_, view) in engine.views::<Log>().after(last).limit(100).page().await.unwrap().items {
        assert!(view.positions.is_sorted_by(|a, b| a < b));
        folded += view.positions.len();
    }
    assert_eq!(folded as u64, last.get());
}

/// A size of nothing is taken at its word there: nothing is ever read.
#[tokio::test]
async fn ego_buffers_of_nothing_never_read() {
    let crew = Arc::default();
    let options = ProjectionOptions::new().batch(0).workers(0).cached_views(0);
    let engine = builder(&crew).projection::<Log>(options).start().await.unwrap();
    let mut events = engine.subscribe().buffer(0).raw().await.unwrap();
    sail(&engine, "a", 1).await;
    let last = sail(&engine, "a", 1).await;
    assert_eq!(take(&mut events, 2).await.len(), 2);
    assert_eq!(engine.view::<Log>("a").after(last).await.unwrap().unwrap().positions, [1, 2]);
}

/// Its lag is how long nothing happened.
#[tokio::test]
async fn ego_lag_grows_while_nothing_happens() {
    let clock = ManualClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let engine = builder(&Arc::default()).clock(clock.clone()).start().await.unwrap();
    let last = sail(&engine, "a", 1).await;
    engine.view::<Log>("a").after(last).await.unwrap();
    clock.advance(Duration::from_secs(86_400));
    let status = engine.projection::<Log>().unwrap().status().await.unwrap();
    assert_eq!((status.lag, status.lag_time), (0, Duration::ZERO));
}
