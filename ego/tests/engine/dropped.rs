//! A caller is dropped, or its time is over, at every single step of what it waits for. Whatever the moment: everybody else is
//! answered, what it asked for is recorded whole or not at all, sending it again has one effect, and nothing is lost of what is bounded.

use crate::stage::{Answered, Driven, Failed, LONG, Stage, answered, soon};
use crate::tally::*;
use crate::writers::count_behind_the_engines_back;
use ego::Engine;
use ego::engine::{ForgetError, Limits, Sending};
use ego::message::Expected;
use ego::prelude::*;
use futures_util::FutureExt;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How a sender gives up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// Polled at every step, then dropped.
    Dropped,
    /// Polled once, then dropped some steps later, and everybody hears of it before anything else happens.
    Neglected,
    /// Polled at every step, then never again, and dropped when everybody else is done.
    Kept,
    /// Its time is over.
    OutOfTime,
}

/// What is sent.
#[derive(Clone, Copy)]
struct Scene {
    command: &'static str,
    /// How many events it records when nobody gives it up.
    events: usize,
    /// At least so many steps have to be seen, or the scene shows nothing.
    steps: usize,
    limits: fn(&mut Limits),
    /// Nobody else writes to the store.
    alone: bool,
    /// Stands in the line of a full mailbox: who is kept there holds up those behind, see `Limits::mailbox`.
    in_line: bool,
    /// Without an id, it has not been decided after so many steps: giving it up undoes it.
    undecided: usize,
    /// Somebody else sends the same under the same id, right after it.
    repeated: bool,
}

const COUNT_MANY: Scene = Scene {
    command: "CountMany",
    events: 3,
    steps: 3,
    limits: |_| {},
    alone: true,
    in_line: false,
    undecided: 0,
    repeated: false,
};
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a command that counts three times.
fn count_many(engine: &Engine) -> Sending<'_, (), String> {
    engine.send::<Tally>("a", CountMany { times: 3 })
}

/// Plays the scene again and again, one step further each time; under an id of the sender, and without.
async fn given_up_at_every_step<R: Send + 'static, E: Send + std::fmt::Display + 'static>(
    scene: Scene,
    arrange: impl AsyncFn(&Stage) -> Vec<Answered>,
    send: impl for<'e> Fn(&'e Engine) -> Sending<'e, R, E>,
) {
    let with_id = |engine: &Engine, patience| answered(send(engine).command_id("c").timeout(patience));
    play(scene, true, &arrange, &with_id).await;
    if !scene.repeated {
        play(scene, false, &arrange, &|engine, patience| answered(send(engine).timeout(patience))).await;
    }
}

async fn play(
    scene: Scene,
    with_id: bool,
    arrange: &impl AsyncFn(&Stage) -> Vec<Answered>,
    send: &impl Fn(&Engine, Duration) -> Answered,
) {
    // Until it is ready before it is given up.
    let mut all = 0;
    while !given_up(scene, with_id, arrange, send, End::Dropped, all).await {
        all += 1;
    }
    println!("{all} steps, under an id: {with_id}");
    assert!(all >= scene.steps, "only {all} steps were seen");
    for steps in 1..=all {
        given_up(scene, with_id, arrange, send, End::Neglected, steps).await;
        given_up(scene, with_id, arrange, send, End::OutOfTime, steps).await;
        if !scene.in_line {
            given_up(scene, with_id, arrange, send, End::Kept, steps).await;
        }
    }
}

/// Whether it was answered before it was given up.
async fn given_up(
    scene: Scene,
    with_id: bool,
    arrange: &impl AsyncFn(&Stage) -> Vec<Answered>,
    send: &impl Fn(&Engine, Duration) -> Answered,
    end: End,
    steps: usize,
) -> bool {
    println!("{end:?} after {steps} steps, under an id: {with_id}");
    let stage = Stage::new(scene.limits).await;
    let mut others = arrange(&stage).await;
    stage.hold();
    let mut answer = send(&stage.engine, PATIENCE);
    let mut driven = Driven::new(&mut answer);
    let mut ready = None;
    for step in 0..steps {
        if step > 0 {
            stage.step().await;
        }
        if step == 0 || end != End::Neglected {
            ready = driven.poll();
        }
        if ready.is_some() {
            break;
        }
        if step == 0 && scene.repeated {
            others.push(stage.begin(send(&stage.engine, LONG)).await);
        }
    }
    if end == End::OutOfTime && ready.is_none() {
        // Also while the store does not answer.
        tokio::time::advance(PATIENCE).await;
        stage.settle().await;
        ready = driven.poll();
        assert!(ready.is_some(), "it waits longer than its time");
    }
    if end == End::Kept {
        stage.goes_on(others, scene.alone).await;
        drop(answer);
    } else {
        drop(answer);
        if end == End::Neglected {
            stage.settle().await;
        }
        stage.goes_on(others, scene.alone).await;
    }

    let recorded = stage.recorded(scene.command).await;
    assert!(recorded == 0 || recorded == scene.events, "{recorded} of {} events were recorded", scene.events);
    assert!(
        recorded == 0 || with_id || end != End::Neglected || steps > scene.undecided,
        "it was given up before it was decided"
    );
    match &ready {
        Some(Ok(_)) => assert_eq!(recorded, scene.events, "it was answered"),
        Some(Err(Failed::Timeout { recorded_unknown: true })) | None => {}
        // What a repeat recorded is not its own.
        Some(Err(error)) => assert!(recorded == 0 || scene.repeated, "{error:?}, and it is recorded"),
    }
    if with_id {
        let again = soon(send(&stage.engine, PATIENCE)).await;
        assert!(scene.events == 0 || again == Ok(recorded > 0), "sent again: {again:?}");
        assert_eq!(stage.recorded(scene.command).await, scene.events, "sent again, it has one effect");
    }
    stage.nothing_leaked().await;
    ready.is_some()
}

#[tokio::test(start_paused = true)]
async fn by_a_free_aggregate_in_memory() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        Vec::new()
    };
    given_up_at_every_step(COUNT_MANY, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn by_an_aggregate_that_is_replayed() {
    let scene = Scene { steps: 8, limits: |limits| limits.active_aggregates = 1, ..COUNT_MANY };
    given_up_at_every_step(scene, five_events_and_out_of_memory, count_many).await;
}

/// A page is two events, so three pages are read.
pub async fn five_events(stage: &Stage) {
    for _ in 0..5 {
        stage.count("a").await;
    }
}

pub async fn five_events_and_out_of_memory(stage: &Stage) -> Vec<Answered> {
    five_events(stage).await;
    stage.count("z").await;
    assert!(stage.engine.active_streams().iter().all(|stream| stream.id() != "a"));
    Vec::new()
}

#[tokio::test(start_paused = true)]
async fn by_an_aggregate_that_nothing_has_happened_to() {
    given_up_at_every_step(Scene { steps: 6, ..COUNT_MANY }, async |_: &Stage| Vec::new(), count_many).await;
}

#[tokio::test(start_paused = true)]
async fn while_another_aggregate_is_replayed() {
    let scene = Scene { steps: 10, limits: |limits| limits.active_aggregates = 1, ..COUNT_MANY };
    let arrange = async |stage: &Stage| {
        five_events_and_out_of_memory(stage).await;
        stage.count("y").await;
        stage.hold();
        vec![stage.begin(answered(stage.engine.send::<Tally>("z", Count { by: 1 }).timeout(LONG))).await]
    };
    given_up_at_every_step(scene, arrange, count_many).await;
}

/// One whose handler waits.
pub async fn somebody_runs(stage: &Stage) -> Vec<Answered> {
    stage.count("a").await;
    stage.hold();
    vec![stage.begin(answered(stage.engine.send::<Tally>("a", CountWhenLet).timeout(LONG))).await]
}

#[tokio::test(start_paused = true)]
async fn in_the_queue() {
    given_up_at_every_step(Scene { undecided: 1, ..COUNT_MANY }, somebody_runs, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn in_the_line_of_a_full_mailbox() {
    let arrange = async |stage: &Stage| {
        let mut others = somebody_runs(stage).await;
        for _ in 0..3 {
            others.push(stage.begin(answered(stage.engine.send::<Tally>("a", Count { by: 1 }).timeout(LONG))).await);
        }
        assert_eq!(stage.engine.queued_commands(), 2);
        others
    };
    given_up_at_every_step(Scene { in_line: true, undecided: 1, ..COUNT_MANY }, arrange, count_many).await;
}

/// A commit that is with the store.
async fn somebody_commits(stage: &Stage) -> Vec<Answered> {
    stage.count("a").await;
    stage.hold();
    vec![stage.begin(answered(stage.engine.send::<Tally>("a", Count { by: 1 }).timeout(LONG))).await]
}

#[tokio::test(start_paused = true)]
async fn behind_a_commit_that_is_under_way() {
    given_up_at_every_step(Scene { steps: 4, ..COUNT_MANY }, somebody_commits, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn behind_a_commit_that_fails() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        let begun = stage.store.begun.load(Ordering::SeqCst);
        stage.store.gate.forget_permits(usize::MAX);
        let other = stage.begin(answered(stage.engine.send::<Tally>("a", Count { by: 1 }).timeout(LONG))).await;
        assert_eq!(stage.store.begun.load(Ordering::SeqCst), begun + 1);
        stage.hold();
        stage.store.fail.store(1, Ordering::SeqCst);
        stage.store.let_through(1000);
        let fails = async {
            assert!(matches!(other.await, Err(Failed::Otherwise(_))));
            Ok(false)
        };
        vec![fails.boxed()]
    };
    given_up_at_every_step(COUNT_MANY, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn behind_another_writer_on_the_same_store() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        count_behind_the_engines_back(&stage.store, "other").await;
        Vec::new()
    };
    given_up_at_every_step(Scene { steps: 6, alone: false, ..COUNT_MANY }, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn without_room_in_the_pipeline() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        stage.hold();
        let large = stage.engine.send::<Tally>("large", Write { text: "x".repeat(100_000) }).timeout(LONG);
        let mut others = vec![stage.begin(answered(large)).await];
        for _ in 0..4 {
            stage.step().await;
        }
        others.push(stage.begin(answered(stage.engine.send::<Tally>("b", Count { by: 1 }).timeout(LONG))).await);
        others
    };
    given_up_at_every_step(COUNT_MANY, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn in_a_handler_that_waits() {
    let scene = Scene { command: "CountWhenLet", events: 1, undecided: 1, ..COUNT_MANY };
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        Vec::new()
    };
    given_up_at_every_step(scene, arrange, |engine| engine.send::<Tally>("a", CountWhenLet)).await;
}

#[tokio::test(start_paused = true)]
async fn with_the_revision_that_is_expected() {
    given_up_at_every_step(COUNT_MANY, somebody_commits, |engine| count_many(engine).expect(Expected::Exists)).await;
}

#[tokio::test(start_paused = true)]
async fn refused_for_another_revision() {
    let scene = Scene { events: 0, steps: 2, ..COUNT_MANY };
    given_up_at_every_step(scene, somebody_commits, |engine| count_many(engine).expect_revision(77)).await;
}

#[tokio::test(start_paused = true)]
async fn refused_by_its_handler() {
    let scene = Scene { command: "CountBelow", events: 0, steps: 2, ..COUNT_MANY };
    given_up_at_every_step(scene, somebody_commits, |engine| engine.send::<Tally>("a", CountBelow { limit: 0 })).await;
}

#[tokio::test(start_paused = true)]
async fn with_a_handler_that_panics() {
    let scene = Scene { command: "Panic", events: 0, limits: |limits| limits.active_aggregates = 1, ..COUNT_MANY };
    given_up_at_every_step(scene, five_events_and_out_of_memory, |engine| engine.send::<Tally>("a", Panic)).await;
}

#[tokio::test(start_paused = true)]
async fn with_a_handler_that_panics_in_memory() {
    let scene = Scene { command: "Panic", events: 0, steps: 1, ..COUNT_MANY };
    given_up_at_every_step(scene, somebody_commits, |engine| engine.send::<Tally>("a", Panic)).await;
}

#[tokio::test(start_paused = true)]
async fn with_an_applier_that_panics() {
    let scene = Scene { command: "Poison", events: 0, limits: |limits| limits.active_aggregates = 1, ..COUNT_MANY };
    given_up_at_every_step(scene, five_events_and_out_of_memory, |engine| engine.send::<Tally>("a", Poison)).await;
}

#[tokio::test(start_paused = true)]
async fn before_somebody_who_repeats_it() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        Vec::new()
    };
    given_up_at_every_step(Scene { repeated: true, ..COUNT_MANY }, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn before_somebody_who_repeats_what_waits_for_its_turn() {
    given_up_at_every_step(Scene { repeated: true, ..COUNT_MANY }, somebody_runs, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn as_a_repeat_of_what_is_under_way() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        stage.hold();
        let first = answered(count_many(&stage.engine).command_id("c").timeout(LONG));
        let others = vec![stage.begin(first).await];
        stage.step().await;
        stage.step().await;
        others
    };
    given_up_at_every_step(Scene { repeated: true, ..COUNT_MANY }, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn as_a_repeat_of_what_is_recorded() {
    let arrange = async |stage: &Stage| {
        count_many(&stage.engine).command_id("c").await.unwrap();
        Vec::new()
    };
    given_up_at_every_step(Scene { repeated: true, ..COUNT_MANY }, arrange, count_many).await;
}

#[tokio::test(start_paused = true)]
async fn by_name() {
    let arrange = async |stage: &Stage| {
        stage.count("a").await;
        Vec::new()
    };
    let send = |engine: &Engine, patience| {
        let sending = engine.dispatch("tally", "a", "CountMany", serde_json::json!({ "times": 3 }));
        answered(sending.command_id("c").timeout(patience))
    };
    play(COUNT_MANY, true, &arrange, &send).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_and_its_time_is_over() {
    let stage = Stage::new(|limits| limits.forgotten = 2).await;
    stage.hold();
    for round in 0..3 {
        for _ in 0..2 {
            stage.engine.send::<Tally>("a", CountWhenLet).timeout(PATIENCE).and_forget().unwrap();
        }
        stage.settle().await;
        let refused = stage.engine.send_and_forget::<Tally>("b", Peek);
        assert_eq!(refused, Err(ForgetError::Overloaded { limit: 2 }), "round {round}");
        tokio::time::advance(PATIENCE).await;
        stage.settle().await;
    }
    stage.goes_on(Vec::new(), true).await;
    stage.nothing_leaked().await;
}
