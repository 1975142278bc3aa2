//! What operators do: pause, rebuild beside the running one, reset, look.

use super::*;
use ego::consumer::{ConsumerKind, Policy, State};
use ego::message::Position;
use ego::projection::{OpError, ProjectionOptions, Rebuild};
use ego::store::{MemoryStore, RowChange, Step, Store};
use std::time::Duration;

async fn rows(store: &impl Store, table: &str) -> usize {
    store.list_rows(table, &[], None, 100_000).await.unwrap().items.len()
}

/// What somebody did to a view behind the projection's back.
async fn tamper(store: &impl Store, table: &'static str, key: &'static str) {
    let row = RowChange::put(table, key.as_bytes().to_vec(), b"\x04json{\"positions\":[],\"sum\":7}".to_vec());
    store.step(Step { advance: None, rows: vec![row] }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_beside_the_running_one_takes_its_place_when_it_has_caught_up_and_commands_go_on() {
    let store = MemoryStore::new();
    let engine = start(store.clone(), &Knobs::open()).await;
    for number in 0..3000 {
        place(&engine, &format!("o-{}", number % 50), "ann", 1).await;
    }
    let projection = engine.projection::<ByOrder>().unwrap();
    let busy = tokio::spawn({
        let engine = engine.clone();
        async move {
            let mut last = 0;
            for number in 0.. {
                let at = pay(&engine, &format!("o-{}", number % 50), 1).await;
                let seen = engine.view::<ByOrder>(format!("o-{}", number % 50)).after(at).await.unwrap().unwrap();
                assert!(seen.0.positions.contains(&at.get()), "a view fell back");
                last = at.get();
                if number > 200 && engine.projection::<ByOrder>().unwrap().rebuilding().await.unwrap().is_none() {
                    break;
                }
            }
            last
        }
    });
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let hurry = [0, 1].map(|client| {
        let (engine, stop) = (engine.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                pay(&engine, &format!("o-{client}"), 1).await;
            }
        })
    });
    for round in 2..6 {
        let rebuilt = projection.rebuild(Rebuild::beside()).await.unwrap();
        assert_eq!((rebuilt.same, rebuilt.swapped, rebuilt.views, rebuilt.before), (true, true, 50, 50));
        eventually(async || (rows(&store, &format!("view/by-order/{}", round - 1)).await == 0).then_some(())).await;
        assert_eq!(rows(&store, &format!("view/by-order/{round}")).await, 50);
    }
    let last = busy.await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    for hurry in hurry {
        hurry.await.unwrap();
    }
    let last = store.head().await.unwrap().unwrap().get().max(last);
    let mut positions = 0;
    for order in 0..50 {
        let view = engine.view::<ByOrder>(format!("o-{order}")).after(Position::new(last)).await.unwrap().unwrap();
        assert!(view.0.positions.is_sorted_by(|a, b| a < b));
        positions += view.0.positions.len();
    }
    assert_eq!(positions as u64, last);
    let checkpoints = store.list_checkpoints().await.unwrap();
    assert_eq!(checkpoints.iter().filter(|(name, _)| name.starts_with("projection/by-order/")).count(), 1);
}

#[tokio::test]
async fn a_rebuild_says_whether_the_views_were_what_the_log_says() {
    let store = MemoryStore::new();
    let engine = start(store.clone(), &Knobs::open()).await;
    let last = place(&engine, "a", "ann", 1).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    let projection = engine.projection::<ByOrder>().unwrap();
    tamper(&store, "view/by-order/1", "b").await;
    let rebuilt = projection.rebuild(Rebuild::beside().only_if_same()).await.unwrap();
    assert_eq!((rebuilt.same, rebuilt.swapped, rebuilt.views, rebuilt.before), (false, false, 1, 2));
    assert_eq!(engine.view::<ByOrder>("b").await.unwrap().unwrap().0.sum, 7);
    eventually(async || (rows(&store, "view/by-order/2").await == 0).then_some(())).await;
    let rebuilt = projection.rebuild(Rebuild::beside()).await.unwrap();
    assert_eq!((rebuilt.same, rebuilt.swapped, rebuilt.views, rebuilt.before), (false, true, 1, 2));
    assert_eq!(engine.view::<ByOrder>("b").await.unwrap(), None);
    assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0.positions, [1]);
}

#[tokio::test]
async fn a_rebuild_that_fails_leaves_the_views_that_are_read() {
    let (store, knobs) = (MemoryStore::new(), Knobs::open());
    let builder = Engine::builder().store(store.clone()).service::<Knobs>(Arc::clone(&knobs));
    let engine = builder.projection::<ByOrder>(ProjectionOptions::new().policy(Policy::fail().retries(0))).start().await.unwrap();
    place(&engine, "a", "ann", 1).await;
    let last = pay(&engine, "a", 10).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    knobs.fail.lock().insert(2, u64::MAX);
    let projection = engine.projection::<ByOrder>().unwrap();
    let failed = projection.rebuild(Rebuild::beside()).await;
    assert!(matches!(&failed, Err(OpError::NotBuilt { error }) if error == "as told"), "{failed:?}");
    let last = pay(&engine, "a", 100).await;
    assert_eq!(engine.view::<ByOrder>("a").after(last).await.unwrap().unwrap().0.sum, 111);
    assert!(engine.health().is_ok());
    eventually(async || (rows(&store, "view/by-order/2").await == 0).then_some(())).await;
    knobs.fail.lock().clear();
    assert!(projection.rebuild(Rebuild::beside()).await.unwrap().same);
}

/// It goes on where it was, and then takes the place of the old one.
#[tokio::test]
async fn a_rebuild_goes_on_after_a_restart() {
    let (store, knobs) = (MemoryStore::new(), Knobs::with(10));
    let options = ProjectionOptions::new().workers(1).batch(1);
    let begin = async |knobs: &Arc<Knobs>| {
        let builder = Engine::builder().store(store.clone()).service::<Knobs>(Arc::clone(knobs));
        builder.projection::<Slow>(options.clone()).start().await.unwrap()
    };
    let engine = begin(&knobs).await;
    let mut last = place(&engine, "a", "ann", 1).await;
    for _ in 1..10 {
        last = pay(&engine, "a", 1).await;
    }
    engine.view::<Slow>("a").after(last).await.unwrap();
    let projection = engine.projection::<Slow>().unwrap();
    let rebuild = tokio::spawn(async move { projection.rebuild(Rebuild::beside()).await });
    knobs.gate.add_permits(4);
    let projection = engine.projection::<Slow>().unwrap();
    eventually(async || projection.rebuilding().await.unwrap().filter(|built| *built == (Position::new(4), Position::new(10))))
        .await;
    assert_eq!(projection.status().await.unwrap().state, State::Rebuilding);
    assert_eq!(engine.view::<Slow>("a").await.unwrap().unwrap().0.positions.len(), 10);
    engine.stop(Duration::from_secs(20)).await.unwrap();
    assert!(matches!(rebuild.await.unwrap(), Err(OpError::Stopped)));
    let knobs = Knobs::with(6);
    let engine = begin(&knobs).await;
    let projection = engine.projection::<Slow>().unwrap();
    eventually(async || projection.rebuilding().await.unwrap().is_none().then_some(())).await;
    assert_eq!(engine.view::<Slow>("a").await.unwrap().unwrap().0.positions, (1..=10).collect::<Vec<_>>());
    assert_eq!((rows(&store, "view/slow/2").await, knobs.gate.available_permits()), (1, 0));
}

#[tokio::test]
async fn a_reset_throws_all_away_and_begins_again() {
    let (store, knobs) = (MemoryStore::new(), Knobs::with(2));
    let engine = start(store.clone(), &knobs).await;
    place(&engine, "a", "ann", 1).await;
    let last = pay(&engine, "a", 1).await;
    engine.view::<Slow>("a").after(last).await.unwrap();
    let projection = engine.projection::<Slow>().unwrap();
    projection.reset().await.unwrap();
    assert_eq!(engine.view::<Slow>("a").await.unwrap(), None);
    assert_eq!(projection.status().await.unwrap().position, None);
    knobs.gate.add_permits(2);
    assert_eq!(engine.view::<Slow>("a").after(last).await.unwrap().unwrap().0.positions, [1, 2]);
}

#[tokio::test]
async fn a_rebuild_makes_dead_letters_of_its_own() {
    let (store, knobs) = (MemoryStore::new(), Knobs::open());
    knobs.fail.lock().insert(2, u64::MAX);
    let builder = Engine::builder().store(store.clone()).service::<Knobs>(Arc::clone(&knobs));
    let options = ProjectionOptions::new().policy(Policy::dead_letter().retries(0));
    let engine = builder.projection::<ByOrder>(options).start().await.unwrap();
    place(&engine, "a", "ann", 1).await;
    pay(&engine, "a", 10).await;
    let last = pay(&engine, "a", 100).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    let projection = engine.projection::<ByOrder>().unwrap();
    assert!(projection.rebuild(Rebuild::beside()).await.unwrap().same);
    assert_eq!(projection.dead_letters(None, 9).await.unwrap().items.len(), 2);
    knobs.fail.lock().clear();
    assert!(!projection.rebuild(Rebuild::beside()).await.unwrap().same);
    assert_eq!(projection.dead_letters(None, 9).await.unwrap().items.len(), 0);
    assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0.positions, [1, 2, 3]);
    eventually(async || (rows(&store, "dead/by-order/1").await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_projection_that_is_paused_stands_still_and_says_so() {
    let engine = start(MemoryStore::new(), &Knobs::open()).await;
    let projection = engine.projection::<ByOrder>().unwrap();
    let first = place(&engine, "a", "ann", 1).await;
    engine.view::<ByOrder>("a").after(first).await.unwrap();
    projection.pause();
    eventually(async || (projection.status().await.unwrap().state == State::Paused).then_some(())).await;
    let last = pay(&engine, "a", 1).await;
    engine.view::<ByCustomer>("ann").after(last).await.unwrap();
    assert_eq!(projection.status().await.unwrap().position, Some(first));
    assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0.positions, [1]);
    assert!(engine.health().is_ok());
    projection.resume();
    assert_eq!(engine.view::<ByOrder>("a").after(last).await.unwrap().unwrap().0.positions, [1, 2]);
}

#[tokio::test]
async fn one_that_only_looks_follows_nothing() {
    let store = MemoryStore::new();
    let engine = start(store.clone(), &Knobs::open()).await;
    let last = place(&engine, "a", "ann", 1).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    let builder = Engine::builder().store(store.clone()).projection::<ByOrder>(ProjectionOptions::new().paused());
    let looks = builder.start().await.unwrap();
    assert_eq!(looks.view::<ByOrder>("a").await.unwrap().unwrap().0.positions, [1]);
    let status = looks.projection::<ByOrder>().unwrap().status().await.unwrap();
    assert_eq!((status.state, status.position), (State::Paused, Some(last)));
}

#[tokio::test]
async fn consumers_are_found_by_kind_and_name() {
    let engine = start(MemoryStore::new(), &Knobs::open()).await;
    let mut names: Vec<_> = engine.consumers().iter().map(|consumer| consumer.name().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["by-customer", "by-order", "slow"]);
    assert!(engine.consumer(ConsumerKind::Publisher, "by-order").is_none());
    assert_eq!(engine.consumer(ConsumerKind::Projection, "by-order").unwrap().kind(), ConsumerKind::Projection);
    assert!(engine.projection_named("by-order").is_some() && engine.projection_named("by-nobody").is_none());
}
