//! What becomes of an event that could not be folded.

use super::*;
use ego::consumer::{Backoff, Policy, State, Status};
use ego::projection::{Cause, OpError, ProjectionOptions};
use ego::store::MemoryStore;
use std::time::Duration;

fn quickly(policy: Policy) -> Policy {
    policy.backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(2)))
}

async fn with_policy(knobs: &Arc<Knobs>, policy: Policy, workers: usize) -> Engine {
    let options = ProjectionOptions::new().policy(quickly(policy)).workers(workers);
    let builder = Engine::builder().store(MemoryStore::new()).service::<Knobs>(Arc::clone(knobs));
    builder.projection::<ByOrder>(options).start().await.unwrap()
}

async fn in_state(engine: &Engine, state: State) -> Status {
    let projection = engine.projection::<ByOrder>().unwrap();
    eventually(async || Some(projection.status().await.unwrap()).filter(|status| status.state == state)).await
}

#[tokio::test]
async fn an_event_that_fails_is_tried_again_on_the_view_as_it_was_before() {
    let knobs = Knobs::open();
    knobs.fail.lock().insert(2, 3);
    knobs.panic.lock().insert(3, 1);
    let engine = with_policy(&knobs, Policy::fail().retries(3), 1).await;
    place(&engine, "a", "ann", 1).await;
    pay(&engine, "a", 10).await;
    let last = pay(&engine, "a", 100).await;
    let view = engine.view::<ByOrder>("a").after(last).await.unwrap().unwrap();
    // The method changes the view before it fails.
    assert_eq!(view.0, Seen { positions: vec![1, 2, 3], sum: 111 });
    let status = engine.projection::<ByOrder>().unwrap().status().await.unwrap();
    assert_eq!((status.failures, status.skipped, status.state), (4, 0, State::Running));
    assert!(engine.health().is_ok());
}

#[tokio::test]
async fn the_wait_before_another_attempt_can_be_interrupted() {
    let knobs = Knobs::open();
    knobs.fail.lock().insert(1, u64::MAX);
    let policy = Policy::fail().backoff(Backoff::new(Duration::from_secs(1000), Duration::from_secs(1000)));
    let builder = Engine::builder().service::<Knobs>(Arc::clone(&knobs));
    let engine = builder.projection::<ByOrder>(ProjectionOptions::new().policy(policy)).start().await.unwrap();
    place(&engine, "a", "ann", 1).await;
    in_state(&engine, State::Retrying).await;
    assert_eq!(engine.health().retrying[0].name, "by-order");
    engine.projection::<ByOrder>().unwrap().pause();
    in_state(&engine, State::Paused).await;
    knobs.fail.lock().clear();
    engine.projection::<ByOrder>().unwrap().resume();
    assert_eq!(in_state(&engine, State::Running).await.last_error.unwrap().attempts, 1);
    let view = engine.view::<ByOrder>("a").after(ego::message::Position::FIRST).await.unwrap().unwrap();
    assert_eq!(view.0.positions, [1]);
}

/// Everything before the event is saved, nothing behind it, and whoever looks sees why.
#[tokio::test]
async fn a_projection_that_fails_stops_visibly_before_the_event_and_goes_on_there() {
    for workers in [1, 3] {
        let knobs = Knobs::open();
        let engine = with_policy(&knobs, Policy::fail().retries(1), workers).await;
        let projection = engine.projection::<ByOrder>().unwrap();
        projection.pause();
        in_state(&engine, State::Paused).await;
        for number in 0..200 {
            place(&engine, &format!("o-{}", number % 7), "ann", 1).await;
        }
        for position in [150, 101] {
            knobs.fail.lock().insert(position, u64::MAX);
        }
        projection.resume();
        let status = in_state(&engine, State::Failed).await;
        assert_eq!(status.position, ego::message::Position::new(100));
        assert_eq!(status.lag, 100);
        let error = status.last_error.unwrap();
        assert_eq!((&*error.message, error.position.map(u64::from)), ("as told", Some(101)));
        let health = engine.health();
        assert!(!health.is_ok());
        assert_eq!((&*health.failed[0].name, health.failed[0].error.as_ref()), ("by-order", Some(&error)));
        let sum = |engine: &Engine| {
            let engine = engine.clone();
            async move {
                let mut seen = 0;
                for order in 0..7 {
                    let view = engine.view::<ByOrder>(format!("o-{order}")).await.unwrap();
                    seen += view.map_or(0, |view| view.0.positions.len());
                }
                seen
            }
        };
        assert_eq!(sum(&engine).await, 100);
        // Resumed without a change, it fails there again.
        projection.resume();
        eventually(async || (projection.status().await.unwrap().failures >= 4).then_some(())).await;
        assert_eq!(in_state(&engine, State::Failed).await.position, ego::message::Position::new(100));
        knobs.fail.lock().clear();
        projection.resume();
        eventually(async || (projection.status().await.unwrap().lag == 0).then_some(())).await;
        assert_eq!(sum(&engine).await, 200);
        assert!(engine.health().is_ok());
    }
}

#[tokio::test]
async fn an_event_that_is_skipped_is_counted_and_the_next_ones_are_folded() {
    let knobs = Knobs::open();
    knobs.fail.lock().insert(2, u64::MAX);
    let engine = with_policy(&knobs, Policy::skip().retries(1), 1).await;
    place(&engine, "a", "ann", 1).await;
    pay(&engine, "a", 10).await;
    let last = pay(&engine, "a", 100).await;
    let view = engine.view::<ByOrder>("a").after(last).await.unwrap().unwrap();
    assert_eq!(view.0, Seen { positions: vec![1, 3], sum: 101 });
    let status = engine.projection::<ByOrder>().unwrap().status().await.unwrap();
    assert_eq!((status.skipped, status.failures), (1, 2));
}

/// Later events of the key wait behind the dead letter, others go on, and replaying keeps the order.
#[tokio::test]
async fn events_behind_a_dead_letter_are_parked_and_folded_in_their_order_later() {
    for workers in [1, 2] {
        let knobs = Knobs::open();
        knobs.fail.lock().insert(2, u64::MAX);
        let engine = with_policy(&knobs, Policy::dead_letter().retries(1), workers).await;
        let projection = engine.projection::<ByOrder>().unwrap();
        place(&engine, "a", "ann", 1).await;
        pay(&engine, "a", 10).await;
        for _ in 0..100 {
            pay(&engine, "a", 1).await;
            pay(&engine, "b", 1).await;
        }
        let last = pay(&engine, "b", 1).await;
        assert_eq!(engine.view::<ByOrder>("b").after(last).await.unwrap().unwrap().0.positions.len(), 101);
        assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0.positions, [1]);
        let letters = projection.dead_letters(None, 1000).await.unwrap().items;
        assert_eq!(letters.len(), 101);
        let Cause::Failed { error, attempts, .. } = &letters[0].cause else { panic!("{letters:?}") };
        assert_eq!((&**error, *attempts, u64::from(letters[0].event.position)), ("as told", 2, 2));
        assert!(letters[1..].iter().all(|letter| letter.cause == Cause::Parked && letter.key == "a"));
        assert!(letters.is_sorted_by_key(|letter| letter.event.position));
        let first = projection.dead_letters(None, 60).await.unwrap();
        let second = projection.dead_letters(first.next.as_deref(), 60).await.unwrap();
        assert_eq!([first.items, second.items].concat(), letters);

        // It fails again: nothing changes but the count.
        let replayed = projection.replay("a").await.unwrap();
        assert_eq!((replayed.folded, replayed.left), (0, 101));
        let again = projection.dead_letters(None, 1).await.unwrap().items;
        assert!(matches!(again[0].cause, Cause::Failed { attempts: 3, .. }), "{again:?}");
        // So does one in the middle.
        knobs.fail.lock().clear();
        let middle = u64::from(letters[50].event.position);
        knobs.fail.lock().insert(middle, u64::MAX);
        let replayed = projection.replay("a").await.unwrap();
        assert_eq!((replayed.folded, replayed.left), (50, 51));
        assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0.positions.len(), 51);
        let last = pay(&engine, "a", 1).await;
        engine.view::<ByOrder>("a").after(last).await.unwrap();
        assert_eq!(projection.dead_letters(None, 1000).await.unwrap().items.len(), 52);
        knobs.fail.lock().clear();
        let replayed = projection.replay("a").await.unwrap();
        assert_eq!((replayed.folded, replayed.left), (52, 0));
        let last = pay(&engine, "a", 1).await;
        let view = engine.view::<ByOrder>("a").after(last).await.unwrap().unwrap();
        assert_eq!(view.0.positions.len(), 104);
        assert!(view.0.positions.is_sorted_by(|a, b| a < b));
        assert!(projection.dead_letters(None, 10).await.unwrap().items.is_empty());
        assert!(matches!(projection.replay("a").await, Err(OpError::NoDeadLetter { key }) if key == "a"));
    }
}

#[tokio::test]
async fn a_dead_letter_that_is_given_up_lets_those_behind_it_go_on() {
    let knobs = Knobs::open();
    knobs.panic.lock().insert(2, u64::MAX);
    let engine = with_policy(&knobs, Policy::dead_letter().retries(0), 1).await;
    let projection = engine.projection::<ByOrder>().unwrap();
    place(&engine, "a", "ann", 1).await;
    pay(&engine, "a", 10).await;
    let last = pay(&engine, "a", 100).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    let letters = projection.dead_letters(None, 9).await.unwrap().items;
    assert!(matches!(&letters[0].cause, Cause::Failed { error, attempts: 1, .. } if error.contains("as told")), "{letters:?}");
    let replayed = projection.discard("a").await.unwrap();
    assert_eq!((replayed.folded, replayed.left), (1, 0));
    assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0, Seen { positions: vec![1, 3], sum: 101 });
    assert!(projection.dead_letters(None, 9).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn dead_letters_and_what_is_parked_outlive_the_engine() {
    let (knobs, store) = (Knobs::open(), MemoryStore::new());
    knobs.fail.lock().insert(2, u64::MAX);
    let begin = async |knobs: &Arc<Knobs>| {
        let options = ProjectionOptions::new().policy(quickly(Policy::dead_letter().retries(0)));
        let builder = Engine::builder().store(store.clone()).service::<Knobs>(Arc::clone(knobs));
        builder.projection::<ByOrder>(options).start().await.unwrap()
    };
    let engine = begin(&knobs).await;
    place(&engine, "a", "ann", 1).await;
    let last = pay(&engine, "a", 10).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    engine.stop(Duration::from_secs(5)).await.unwrap();
    knobs.fail.lock().clear();
    let engine = begin(&knobs).await;
    let last = pay(&engine, "a", 100).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    let projection = engine.projection::<ByOrder>().unwrap();
    assert_eq!(projection.dead_letters(None, 9).await.unwrap().items.len(), 2);
    assert_eq!(projection.replay("a").await.unwrap().folded, 2);
    assert_eq!(engine.view::<ByOrder>("a").await.unwrap().unwrap().0.positions, [1, 2, 3]);
}

#[tokio::test]
async fn a_projection_that_does_not_run_does_nothing_that_it_is_asked() {
    let engine = with_policy(&Knobs::open(), Policy::fail(), 1).await;
    let projection = engine.projection::<ByOrder>().unwrap();
    projection.stop();
    in_state(&engine, State::Stopped).await;
    assert!(matches!(projection.replay("a").await, Err(OpError::NotRunning { state: State::Stopped })));
    assert!(matches!(projection.rebuild(Default::default()).await, Err(OpError::NotRunning { .. })));
    projection.resume();
    in_state(&engine, State::Running).await;
    assert!(matches!(projection.replay("a").await, Err(OpError::NoDeadLetter { .. })));
}
