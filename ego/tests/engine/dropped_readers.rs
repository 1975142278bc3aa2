//! Who reads, or stops the engine, is dropped at every single step of it.

use crate::dropped::{five_events, five_events_and_out_of_memory, somebody_runs};
use crate::stage::{Answered, Driven, Failed, LONG, Stage, answered, soon};
use crate::tally::*;
use ego::Engine;
use ego::prelude::*;
use ego::store::Store;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Plays a reader again and again, one step further each time.
async fn read_given_up_at_every_step(
    least: usize,
    arrange: impl AsyncFn(&Stage) -> Vec<Answered>,
    read: impl Fn(Engine) -> BoxFuture<'static, ()>,
) {
    for kept in [false, true] {
        for steps in 0.. {
            println!("after {steps} steps, kept: {kept}");
            let stage = Stage::new(|limits| limits.active_aggregates = 1).await;
            let others = arrange(&stage).await;
            stage.hold();
            let mut reading = read(stage.engine.clone());
            let mut driven = Driven::new(&mut reading);
            let mut ready = false;
            for step in 0..steps {
                if step > 0 {
                    stage.step().await;
                }
                ready = ready || driven.poll().is_some();
            }
            let kept = kept.then_some(reading);
            stage.goes_on(others, true).await;
            drop(kept);
            stage.nothing_leaked().await;
            if ready {
                assert!(steps >= least, "only {steps} steps were seen");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_loading() {
    let load = |engine: Engine| {
        let load = async move { assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 5) };
        load.boxed()
    };
    read_given_up_at_every_step(6, five_events_and_out_of_memory, load).await;
}

#[tokio::test(start_paused = true)]
async fn while_waiting_to_load() {
    let arrange = async |stage: &Stage| {
        five_events_and_out_of_memory(stage).await;
        stage.count("y").await;
        stage.hold();
        vec![stage.begin(answered(stage.engine.send::<Tally>("z", Count { by: 1 }).timeout(LONG))).await]
    };
    let load = |engine: Engine| {
        let load = async move { assert_eq!(engine.load::<Tally>("a").await.unwrap().state.total, 5) };
        load.boxed()
    };
    read_given_up_at_every_step(8, arrange, load).await;
}

#[tokio::test(start_paused = true)]
async fn while_listing() {
    let list = |engine: Engine| {
        let list = async move { assert_eq!(engine.ids::<Tally>(None, 10).await.unwrap().items, ["a", "z"]) };
        list.boxed()
    };
    read_given_up_at_every_step(2, five_events_and_out_of_memory, list).await;
}

#[tokio::test(start_paused = true)]
async fn while_reading_a_history_and_no_event_is_lost() {
    let read_on = |engine: Engine| {
        let read_on = async move { assert_eq!(engine.history::<Tally>("a").unwrap().collect().await.unwrap().len(), 5) };
        read_on.boxed()
    };
    read_given_up_at_every_step(6, five_events_and_out_of_memory, read_on).await;

    let stage = Stage::new(|_| {}).await;
    five_events(&stage).await;
    stage.hold();
    let mut history = stage.engine.history::<Tally>("a").unwrap();
    let (mut revisions, mut dropped) = (Vec::new(), 0);
    // Each call is dropped a step later than the one before, until one is ready.
    let mut patience = 0;
    loop {
        let mut next = history.next().boxed();
        let mut ready = None;
        for step in 0..=patience {
            if step > 0 {
                stage.step().await;
            }
            ready = Driven::new(&mut next).poll();
            if ready.is_some() {
                break;
            }
        }
        match ready {
            Some(Some(event)) => {
                revisions.push(u64::from(event.unwrap().revision));
                patience = 0;
            }
            Some(None) => break,
            None => {
                dropped += 1;
                patience += 1;
            }
        }
    }
    assert_eq!(revisions, [1, 2, 3, 4, 5]);
    assert!(dropped >= 6, "only {dropped} were dropped");
}

#[tokio::test(start_paused = true)]
async fn while_stopping_and_it_can_be_stopped_again() {
    for steps in 0.. {
        let stage = Stage::new(|_| {}).await;
        let mut others = somebody_runs(&stage).await;
        others.push(stage.begin(answered(stage.engine.send::<Tally>("a", Count { by: 1 }).timeout(LONG))).await);
        others.push(stage.begin(answered(stage.engine.send::<Tally>("b", Count { by: 1 }).timeout(LONG))).await);
        let engine = stage.engine.clone();
        let mut stopping = async move { engine.stop(LONG).await }.boxed();
        let mut driven = Driven::new(&mut stopping);
        let mut ready = None;
        for step in 0..steps {
            if step > 0 {
                stage.step().await;
            }
            ready = driven.poll();
            if ready.is_some() {
                break;
            }
        }
        drop(stopping);
        if steps > 0 {
            let refused = soon(answered(stage.engine.send::<Tally>("c", Peek))).await;
            assert_eq!(refused, Err(Failed::Otherwise("the engine is stopped".into())));
        }
        stage.free();
        for answer in soon(futures_util::future::join_all(others)).await {
            assert_eq!(answer, Ok(false), "it was taken before the engine was stopped");
        }
        soon(stage.engine.stop(LONG)).await.unwrap();
        assert!(stage.engine.store().head().await.is_err(), "the store is closed");
        assert_eq!(stage.recorded("Count").await, 3);
        assert_eq!(stage.recorded("CountWhenLet").await, 1);
        if let Some(stopped) = ready {
            stopped.unwrap();
            assert!(steps >= 4, "only {steps} steps were seen");
            break;
        }
    }
}
