//! What a review with fresh eyes found: corners where several promises meet.

use crate::rigged::Rigged;
use crate::tally::*;
use crate::writers::count_behind_the_engines_back;
use crate::{a_while, engine_on, limits, start, until};
use ego::engine::CommandError;
use ego::message::Expected;
use ego::prelude::*;
use ego::store::MemoryStore;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

#[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
pub enum FragileEvent {
    Touched {
        bomb: Bomb,
    },
    Armed,
    /// With a field that is never written.
    Shrunk {
        #[serde(skip)]
        by: u64,
    },
    Labelled {
        labels: HashMap<String, u64>,
        names: HashSet<String>,
    },
}

/// Panics when it is dropped, if it was told to.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bomb {
    armed: bool,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.armed || std::thread::panicking(), "dropped");
    }
}

#[derive(Command, Serialize, Deserialize)]
pub struct Touch {
    pub armed: bool,
}
/// The state panics from now on when it is dropped.
#[derive(Command, Serialize, Deserialize)]
pub struct Arm;
/// Records nothing, and is counted.
#[derive(Command, Serialize, Deserialize)]
pub struct Look;
#[derive(Command, Serialize, Deserialize)]
pub struct Shrink {
    pub by: u64,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Label {
    pub labels: HashMap<String, u64>,
    pub names: HashSet<String>,
}
/// With a field that is never written.
#[derive(Command, Serialize, Deserialize)]
pub struct Whisper {
    #[serde(skip)]
    pub loud: bool,
}
/// Replies a number that JSON texts can hold, and JSON values cannot.
#[derive(Command, Serialize, Deserialize)]
pub struct Boast;
#[derive(Command, Serialize)]
pub struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("while reading")
    }
}

static LOOKS: AtomicUsize = AtomicUsize::new(0);

#[derive(Aggregate, Debug, Default, PartialEq)]
#[aggregate(name = "fragile", event = FragileEvent)]
pub struct Fragile {
    bomb: Bomb,
    shrunk: u64,
}

#[ego::handlers]
impl Fragile {
    #[handle]
    fn touch(&self, cmd: Touch) -> Result<FragileEvent, String> {
        Ok(FragileEvent::Touched { bomb: Bomb { armed: cmd.armed } })
    }
    #[handle]
    fn arm(&self, _: Arm) -> Result<FragileEvent, String> {
        Ok(FragileEvent::Armed)
    }
    #[handle]
    fn look(&self, _: Look) -> Result<(), String> {
        LOOKS.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    #[handle]
    fn shrink(&self, cmd: Shrink) -> Result<FragileEvent, String> {
        Ok(FragileEvent::Shrunk { by: cmd.by })
    }
    #[handle]
    fn label(&self, cmd: Label) -> Result<FragileEvent, String> {
        Ok(FragileEvent::Labelled { labels: cmd.labels, names: cmd.names })
    }
    #[handle]
    fn whisper(&self, cmd: Whisper) -> Result<(), String> {
        if cmd.loud { Ok(()) } else { Err("too low".to_owned()) }
    }
    #[handle]
    fn boast(&self, _: Boast) -> Result<Decision<FragileEvent, u128>, String> {
        Ok(emit(FragileEvent::Touched { bomb: Bomb::default() }).reply(u128::MAX))
    }
    #[handle]
    fn unreadable(&self, _: Unreadable) -> Result<(), String> {
        Ok(())
    }
    #[apply]
    fn apply(&mut self, event: &FragileEvent) {
        match event {
            FragileEvent::Armed => self.bomb.armed = true,
            FragileEvent::Shrunk { by } => self.shrunk += by,
            FragileEvent::Touched { .. } | FragileEvent::Labelled { .. } => {}
        }
    }
}

#[tokio::test]
async fn a_command_whose_expectation_still_holds_decides_again() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    for (n, expected) in [Expected::Exists, Expected::Any].into_iter().enumerate() {
        count_behind_the_engines_back(&store, &format!("other-{n}")).await;
        let receipt = engine.send::<Tally>("a", Count { by: 1 }).expect(expected).await.unwrap();
        assert_eq!(receipt.revision.map(u64::from), Some(3 + 2 * n as u64));
    }
}

#[tokio::test]
async fn what_comes_after_a_panic_stands_behind_what_has_to_decide_again() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let mut first = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut first).now_or_never().is_none());
    assert!(matches!(engine.send::<Tally>("a", Panic).await, Err(CommandError::Panicked { .. })));
    let mut second = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut second).now_or_never().is_none());
    count_behind_the_engines_back(&store.inner, "other").await;
    store.let_through(10);
    assert_eq!((first.await.unwrap().reply, second.await.unwrap().reply), (1001, 1002));
}

#[tokio::test]
async fn a_revision_that_another_engine_recorded_is_not_refused() {
    let store = MemoryStore::new();
    let (one, _) = engine_on(store.clone()).await;
    let (two, _) = engine_on(store).await;
    one.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    let seen = two.send::<Tally>("a", Count { by: 1 }).await.unwrap().revision.unwrap();
    let receipt = one.send::<Tally>("a", Count { by: 1 }).expect_revision(seen).await.unwrap();
    assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (3, Some(3)));
    let error = two.send::<Tally>("a", Count { by: 1 }).expect_revision(9).await.unwrap_err();
    assert!(matches!(error, CommandError::Conflict { actual: Some(actual), .. } if actual == 3), "{error}");
}

#[tokio::test]
async fn i11_the_id_that_a_timeout_told_finds_out_while_the_commit_is_under_way() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    let error = engine.send::<Tally>("a", CountBelow { limit: 1 }).timeout(Duration::from_millis(30)).await.unwrap_err();
    let CommandError::Timeout { command_id, recorded_unknown: true, .. } = error else { panic!("{error}") };
    let mut again = pin!(engine.send::<Tally>("a", CountBelow { limit: 1 }).command_id(command_id).into_future());
    assert!((&mut again).now_or_never().is_none());
    store.let_through(5);
    assert!(again.await.unwrap().repeated, "not refused for a total of 1");
}

#[tokio::test]
async fn a_repeat_that_ends_before_it_was_looked_up_does_not_say_that_nothing_was_recorded() {
    let store = Rigged::closed();
    let (engine, _) = engine_on(store.clone()).await;
    for _ in 0..2 {
        let sending = engine.send::<Tally>("a", Count { by: 1 }).command_id("c").timeout(Duration::from_millis(30));
        let error = sending.await.unwrap_err();
        assert!(matches!(error, CommandError::Timeout { recorded_unknown: true, .. }), "{error}");
    }
    store.let_through(5);
    until(|| store.inner.stream_is_at("a", 1)).await;
}

trait StreamIsAt {
    fn stream_is_at(&self, id: &str, revision: u64) -> bool;
}

impl StreamIsAt for MemoryStore {
    fn stream_is_at(&self, id: &str, revision: u64) -> bool {
        let stream = ego::message::StreamId::new("tally", id).unwrap();
        let head = ego::store::Store::stream_head(self, &stream).now_or_never().unwrap().unwrap();
        head.and_then(|head| head.revision).map(u64::from) == Some(revision)
    }
}

#[tokio::test]
async fn i12_busy_aggregates_do_not_keep_the_idle_ones_in_memory() {
    let (engine, signal) = start(Engine::builder().limits(limits(|limits| limits.active_aggregates = 4))).await;
    let mut busy: Vec<_> = (0..10).map(|n| engine.send::<Tally>(format!("busy-{n}"), CountWhenLet).into_future()).collect();
    for sending in &mut busy {
        assert!(sending.now_or_never().is_none());
    }
    for n in 0..200 {
        engine.send::<Tally>(format!("idle-{n}"), Count { by: 1 }).await.unwrap();
    }
    let active = engine.active_aggregates();
    assert!(active <= 4 + 10, "{active} are in memory");
    signal.permits.add_permits(10);
    for sending in busy {
        sending.await.unwrap();
    }
    engine.send::<Tally>("last", Peek).await.unwrap();
    engine.send::<Tally>("very last", Peek).await.unwrap();
    assert_eq!(engine.active_aggregates(), 4);
}

#[tokio::test]
async fn a_state_that_panics_when_it_is_dropped_does_not_stop_passivation() {
    let (engine, _) = start(Engine::builder().limits(limits(|limits| limits.idle = Duration::from_millis(40)))).await;
    engine.send::<Fragile>("a", Arm).await.unwrap();
    until(|| engine.active_aggregates() == 0).await;
    engine.send::<Tally>("a", Count { by: 1 }).await.unwrap();
    until(|| engine.active_aggregates() == 0).await;
}

#[tokio::test]
async fn a_state_that_panics_when_it_is_dropped_harms_no_sender() {
    let (engine, _) = start(Engine::builder().limits(limits(|limits| limits.active_aggregates = 1))).await;
    engine.send::<Fragile>("a", Arm).await.unwrap();
    engine.send::<Fragile>("b", Look).await.unwrap();
    assert_eq!(engine.active_aggregates(), 1);
}

#[tokio::test]
async fn i12_answers_that_wait_for_a_commit_take_room_in_the_pipeline() {
    let store = Rigged::closed();
    let (engine, _) = start(Engine::builder().store(store.clone()).limits(limits(|limits| limits.commit_bytes = 0))).await;
    let mut touch = pin!(engine.send::<Fragile>("a", Touch { armed: false }).into_future());
    assert!((&mut touch).now_or_never().is_none());
    let looks: Vec<_> = (0..600).map(|_| tokio::spawn(engine.send::<Fragile>("a", Look).into_future())).collect();
    a_while().await;
    let begun = LOOKS.load(Ordering::SeqCst);
    assert!(begun < 260, "{begun} answers wait for one commit");
    store.let_through(10);
    touch.await.unwrap();
    for look in looks {
        look.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn i12_an_event_that_panics_when_it_is_dropped_takes_no_room_for_ever() {
    let (engine, _) = start(Engine::builder().limits(limits(|limits| limits.commit_bytes = 0))).await;
    for _ in 0..300 {
        let error = engine.send::<Fragile>("a", Touch { armed: true }).timeout(SOON).await.unwrap_err();
        assert!(matches!(&error, CommandError::Panicked { message } if &**message == "dropped"), "{error}");
    }
    engine.send::<Fragile>("a", Touch { armed: false }).timeout(SOON).await.unwrap();
}

#[tokio::test]
async fn limits_beyond_all_measure_are_taken() {
    let builder = Engine::builder().limits(limits(|limits| {
        (limits.mailbox, limits.active_aggregates, limits.recoveries) = (usize::MAX, usize::MAX, usize::MAX);
        (limits.page, limits.commit_bytes, limits.batch, limits.forgotten) = (usize::MAX, usize::MAX, usize::MAX, usize::MAX);
        (limits.idle, limits.timeout, limits.conflict_retries) = (Duration::MAX, Duration::MAX, u32::MAX);
    }));
    let (engine, _) = start(builder).await;
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 1);
    engine.send_and_forget::<Tally>("a", Count { by: 1 }).unwrap();
    engine.stop(Duration::MAX).await.unwrap();
}

#[tokio::test]
async fn a_load_that_is_never_polled_again_holds_up_nobody() {
    let store = Rigged::open();
    let (engine, _) = start(Engine::builder().store(store.clone()).limits(limits(|limits| limits.recoveries = 1))).await;
    store.slow_reads.store(true, Ordering::SeqCst);
    let mut kept = pin!(engine.load::<Tally>("a"));
    assert!((&mut kept).now_or_never().is_none());
    let mut waiting = pin!(engine.load::<Tally>("a"));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(engine.send::<Tally>("b", Count { by: 1 }).timeout(SOON).await.unwrap().reply, 1);
    kept.await.unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn stopping_finishes_the_commands_that_nobody_waits_for() {
    let store = MemoryStore::new();
    let (engine, _) = engine_on(store.clone()).await;
    engine.send_and_forget::<Tally>("a", Count { by: 1 }).unwrap();
    engine.stop(SOON).await.unwrap();
    assert!(store.stream_is_at("a", 1), "it was taken, and is not recorded");
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_and_that_panics_is_heard() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    let mut failures = engine.failures();
    engine.dispatch("fragile", "a", "Unreadable", serde_json::json!(null)).and_forget().unwrap();
    let failure = tokio::time::timeout(SOON, failures.next()).await.expect("nothing was heard").unwrap().unwrap();
    assert!(failure.reason.contains("while reading"), "{}", failure.reason);
}

#[test]
fn i12_a_runtime_that_ends_under_the_engine_is_told_to_senders_on_another() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let elsewhere = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Rigged::closed();
    let (engine, _) = runtime.block_on(engine_on(store.clone()));
    elsewhere.block_on(async {
        let mut committing = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
        assert!((&mut committing).now_or_never().is_none());
        let mut peek = pin!(engine.send::<Tally>("a", Peek).into_future());
        assert!((&mut peek).now_or_never().is_none());
        store.wait_until_begun(1).await;
        runtime.shutdown_background();
        let error = tokio::time::timeout(SOON, committing).await.expect("it waits for nobody").unwrap_err();
        assert!(matches!(error, CommandError::Store(_)), "it may have been recorded: {error}");
        assert!(tokio::time::timeout(SOON, peek).await.expect("it waits for nobody").is_err());
        for id in ["a", "b"] {
            let sending = engine.send::<Tally>(id, Count { by: 1 }).into_future();
            assert!(tokio::time::timeout(SOON, sending).await.expect("it waits for nobody").is_err());
        }
        engine.stop(SOON).await.unwrap();
    });
}

#[tokio::test]
#[should_panic(expected = "as they come back from JSON")]
async fn a_test_does_not_pass_for_an_event_that_loses_a_field() {
    ego::test::<Fragile>().when(Shrink { by: 2 }).await.then_events([FragileEvent::Shrunk { by: 2 }]);
}

#[tokio::test]
#[should_panic(expected = "expected the state")]
async fn a_test_does_not_pass_for_a_state_that_the_next_replay_does_not_give() {
    let expected = Fragile { shrunk: 2, ..Fragile::default() };
    ego::test::<Fragile>().when(Shrink { by: 2 }).await.then_state(expected);
}

#[tokio::test]
async fn a_test_sees_a_command_as_it_is_sent_by_name_or_decides_again() {
    ego::test::<Fragile>().when(Whisper { loud: true }).await.then_rejected("too low".to_owned());
}

#[tokio::test]
async fn a_test_does_not_fail_for_the_order_of_a_map_or_a_set() {
    let labels: HashMap<_, _> = (0..20).map(|n| (n.to_string(), n)).collect();
    let names: HashSet<_> = (0..20).map(|n| n.to_string()).collect();
    let event = || FragileEvent::Labelled { labels: labels.clone(), names: names.clone() };
    let label = Label { labels: labels.clone(), names: names.clone() };
    ego::test::<Fragile>().given([event()]).when(label).await.then_events([event()]);
}

#[tokio::test]
async fn a_reply_that_cannot_be_shown_is_not_taken_for_a_command_without_effect() {
    let (engine, _) = engine_on(MemoryStore::new()).await;
    assert_eq!(engine.send::<Fragile>("a", Boast).await.unwrap().reply, u128::MAX);
    let error = engine.dispatch("fragile", "a", "Boast", serde_json::json!(null)).await.unwrap_err();
    assert!(matches!(&error, CommandError::Codec { what, .. } if &**what == "the recorded reply"), "{error}");
    assert_eq!(engine.load::<Fragile>("a").await.unwrap().revision.map(u64::from), Some(2));
}

#[tokio::test]
async fn who_waits_for_an_aggregate_that_was_sent_away_finds_it_anew() {
    let limits = limits(|limits| {
        limits.mailbox = 1;
        limits.idle = Duration::from_millis(30);
    });
    let (engine, signal) = start(Engine::builder().limits(limits)).await;
    let mut running = pin!(engine.send::<Tally>("a", CountWhenLet).into_future());
    assert!((&mut running).now_or_never().is_none());
    let mut queued = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut queued).now_or_never().is_none());
    // Gets the one free slot, and is not polled any more.
    let mut kept = pin!(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    assert!((&mut kept).now_or_never().is_none());
    let waiting = tokio::spawn(engine.send::<Tally>("a", Count { by: 1 }).into_future());
    a_while().await;
    signal.permits.add_permits(1);
    running.await.unwrap();
    queued.await.unwrap();
    let waiting = tokio::time::timeout(SOON, waiting).await.expect("it waits for an aggregate that is gone");
    assert_eq!(waiting.unwrap().unwrap().reply, 3);
    assert_eq!(kept.await.unwrap().reply, 4);
}
