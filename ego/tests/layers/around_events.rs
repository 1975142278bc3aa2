use crate::watching::{Lines, Watch, does_to_events};
use crate::*;
use ego::consumer::{Backoff, ConsumerKind, Policy};
use ego::layer::{EventCall, Log, Trace};
use ego::model::Failure;
use ego::prelude::*;
use ego::projection::{ProjectionOptions, Rebuild};
use ego::reactor::ReactorOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn of_projection(event: &EventCall<'_>) -> bool {
    event.consumer() == ConsumerKind::Projection
}

async fn total(engine: &Engine, id: &str) -> Option<u64> {
    let after = engine.send::<Counter>("marker", Add { by: 0 }).await.unwrap();
    engine.view::<Total>(id).after(&after).await.unwrap().map(|total| total.sum)
}

/// Around projections and reactors, in the order in which they were added.
#[tokio::test]
async fn event_layers_stand_around_every_handler() {
    let (seen, rung) = (Lines::default(), Rung::default());
    let builder = Engine::builder()
        .event_layer(Watch("a", Arc::clone(&seen)))
        .event_layer(Log::new())
        .event_layer(Trace)
        .event_layer(Watch("b", Arc::clone(&seen)))
        .reactor(Bell { rung: Arc::clone(&rung) }, ReactorOptions::new());
    let engine = start(builder).await;
    engine.send::<Counter>("1", Add { by: 4 }).await.unwrap();
    until(|| seen.lock().len() == 8 && rung.lock().len() == 1).await;
    let seen = seen.lock().clone();
    for (handler, key) in [("totals", "1"), ("bell", "-")] {
        let first = seen.iter().position(|line| *line == format!("a {handler} {key} Added 1")).unwrap();
        let second = seen.iter().position(|line| *line == format!("b {handler} {key} Added 1")).unwrap();
        assert!(first < second, "{seen:?}");
    }
    assert_eq!(total(&engine, "1").await, Some(4));
    stop(engine).await;
}

/// The event comes with its type; left out, the view stays as it is, and no view is made.
#[tokio::test]
async fn a_layer_may_leave_an_event_out() {
    let layer = does_to_events(|event, next| {
        let CounterEvent::Added { by } = event.event::<CounterEvent>().unwrap();
        if of_projection(&event) && *by % 2 == 1 { Box::pin(async { Ok(()) }) } else { next.run(event) }
    });
    let rung = Rung::default();
    let reactor = Bell { rung: Arc::clone(&rung) };
    let engine = start(Engine::builder().event_layer(layer).reactor(reactor, ReactorOptions::new())).await;
    for by in [1, 2, 3, 4] {
        engine.send::<Counter>("both", Add { by }).await.unwrap();
    }
    engine.send::<Counter>("odd", Add { by: 5 }).await.unwrap();
    assert_eq!(total(&engine, "both").await, Some(6));
    assert_eq!(total(&engine, "odd").await, None);
    until(|| rung.lock().len() == 7).await;
    // Built anew, it comes to the same.
    engine.projection::<Total>().unwrap().rebuild(Rebuild::beside()).await.unwrap();
    assert_eq!(total(&engine, "both").await, Some(6));
    stop(engine).await;
}

/// A layer's error, and its panic, are failures like the handler's: tried again, then the policy decides.
#[tokio::test]
async fn what_a_layer_fails_is_tried_again() {
    let failures = Arc::new(AtomicU32::new(2));
    let layer = {
        let failures = Arc::clone(&failures);
        does_to_events(move |event, next| {
            let failures = Arc::clone(&failures);
            Box::pin(async move {
                let left = failures.load(Ordering::SeqCst);
                if of_projection(&event) && event.key() == Some("1") && left > 0 {
                    // Behind the handler: what it has changed is taken back.
                    next.run(event).await?;
                    failures.fetch_sub(1, Ordering::SeqCst);
                    assert!(left > 1, "a layer's mistake");
                    return Err(Failure::new("not yet"));
                }
                next.run(event).await
            })
        })
    };
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    let options = ProjectionOptions::new().policy(Policy::fail().backoff(backoff));
    let engine = start(Engine::builder().event_layer(layer).projection::<Total>(options)).await;
    engine.send::<Counter>("1", Add { by: 7 }).await.unwrap();
    assert_eq!(total(&engine, "1").await, Some(7), "once, although it was folded three times");
    let status = engine.projection::<Total>().unwrap().status().await.unwrap();
    assert_eq!((failures.load(Ordering::SeqCst), status.failures), (0, 2));
    let message = status.last_error.unwrap().message;
    assert_eq!(message, "it panicked: a layer's mistake");
    stop(engine).await;
}

/// What comes before a failed event on its page is folded again, through the layers: what they left out stays out.
#[tokio::test]
async fn a_view_that_is_taken_back_is_folded_through_the_layers() {
    let failed = Arc::new(AtomicU32::new(0));
    let layer = {
        let failed = Arc::clone(&failed);
        does_to_events(move |event, next| {
            let CounterEvent::Added { by } = *event.event::<CounterEvent>().unwrap();
            let failed = Arc::clone(&failed);
            Box::pin(async move {
                match by {
                    _ if !of_projection(&event) => next.run(event).await,
                    1 => Ok(()),
                    9 if failed.fetch_add(1, Ordering::SeqCst) == 0 => Err(Failure::new("not yet")),
                    _ => next.run(event).await,
                }
            })
        })
    };
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    let options = ProjectionOptions::new().paused().policy(Policy::fail().backoff(backoff));
    let engine = start(Engine::builder().event_layer(layer).projection::<Total>(options)).await;
    for by in [2, 1, 9] {
        engine.send::<Counter>("1", Add { by }).await.unwrap();
    }
    engine.projection::<Total>().unwrap().resume();
    assert_eq!(total(&engine, "1").await, Some(11));
    assert_eq!(failed.load(Ordering::SeqCst), 2);
    stop(engine).await;
}
