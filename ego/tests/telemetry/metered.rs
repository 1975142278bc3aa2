use crate::contested::Contested;
use crate::domain::*;
use crate::until;
use ego::consumer::{Backoff, Policy};
use ego::engine::{EngineBuilder, Limits};
use ego::layer::{Answered, CommandCall, CommandLayer, Denied, Next};
use ego::prelude::*;
use ego::projection::ProjectionOptions;
use ego::store::MemoryStore;
use ego::telemetry::SAMPLED;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use std::collections::BTreeMap;
use std::time::Duration;

/// A recorder for this thread. What it holds is given once: counters and histograms begin anew.
struct Metrics {
    snapshotter: Snapshotter,
    sums: parking_lot::Mutex<BTreeMap<String, Vec<f64>>>,
}

fn listen() -> (Metrics, metrics::LocalRecorderGuard<'static>) {
    let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
    let snapshotter = recorder.snapshotter();
    (Metrics { snapshotter, sums: parking_lot::Mutex::default() }, metrics::set_default_local_recorder(recorder))
}

impl Metrics {
    /// The counter's sum, the gauge's last value, or all that the histogram was given; `name{label=value,…}`.
    fn get(&self, key: &str) -> Vec<f64> {
        let mut sums = self.sums.lock();
        for (found, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let (_, found) = found.into_parts();
            let labels: Vec<_> = found.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let name =
                if labels.is_empty() { found.name().to_owned() } else { format!("{}{{{}}}", found.name(), labels.join(",")) };
            let values = sums.entry(name).or_default();
            match value {
                DebugValue::Counter(count) => {
                    let before = values.pop().unwrap_or_default();
                    values.push(before + count as f64);
                }
                DebugValue::Gauge(value) => *values = vec![value.into_inner()],
                DebugValue::Histogram(more) => values.extend(more.into_iter().map(|value| value.into_inner())),
            }
        }
        sums.get(key).cloned().unwrap_or_default()
    }

    fn count(&self, key: &str) -> f64 {
        self.get(key).first().copied().unwrap_or_default()
    }

    /// The same, as of the last question: a recorder gives a gauge's value once, too.
    fn still(&self, key: &str) -> f64 {
        self.sums.lock().get(key).and_then(|values| values.first()).copied().unwrap_or_default()
    }

    fn commands(&self, command: &str, outcome: &str) -> f64 {
        self.count(&format!("ego_commands_total{{kind=lamp,command={command},outcome={outcome}}}"))
    }
}

struct NoLamps;

#[async_trait::async_trait]
impl CommandLayer for NoLamps {
    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        if command.id() == "none" { Err(Denied::other("none").into()) } else { next.run(command).await }
    }
}

async fn start(builder: EngineBuilder, gate: usize) -> Engine {
    builder.service::<Gate>(Gate::new(gate)).start().await.unwrap()
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(60)).await.unwrap();
}

/// Every command once, by its outcome, however it was sent.
#[tokio::test]
async fn commands_are_counted_by_their_outcome() {
    for layered in [false, true] {
        let (metrics, _listening) = listen();
        let builder = Engine::builder();
        let engine = start(if layered { builder.layer(NoLamps) } else { builder }, 1).await;
        for id in ["a", "a", "b"] {
            engine.send::<Lamp>("l", Light { watts: 1 }).command_id(id).await.unwrap();
        }
        engine.send::<Lamp>("l", LightLater { watts: 1 }).await.unwrap();
        engine.send::<Lamp>("l", Light { watts: 101 }).await.unwrap_err();
        engine.send::<Lamp>("l", Light { watts: 1 }).expect_revision(9).await.unwrap_err();
        engine.send::<Lamp>("l", LightLater { watts: 1 }).timeout(Duration::from_millis(5)).await.unwrap_err();
        engine.send::<Lamp>("", Light { watts: 1 }).await.unwrap_err();
        engine.dispatch("lamp", "l", "Light", serde_json::json!({ "watts": 2 })).await.unwrap();
        engine.send::<Lamp>("l", Light { watts: 3 }).and_forget().unwrap();
        until(|| metrics.commands("Light", "done") >= 4.0).await;
        let counted =
            ["done", "repeated", "rejected", "conflict", "denied", "timeout", "failed"].map(|one| metrics.commands("Light", one));
        assert_eq!(counted, [4.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0], "layered: {layered}");
        assert_eq!((metrics.commands("LightLater", "done"), metrics.commands("LightLater", "timeout")), (1.0, 1.0));
        if layered {
            engine.send::<Lamp>("none", Light { watts: 1 }).await.unwrap_err();
            assert_eq!(metrics.commands("Light", "denied"), 1.0);
        }
        stop(engine).await;
    }
}

#[tokio::test]
async fn batches_and_lost_races_are_counted() {
    let (metrics, _listening) = listen();
    let store = Contested::losing(2);
    let engine = start(Engine::builder().store(store.clone()), 0).await;
    engine.send::<Lamp>("l", Light { watts: 1 }).await.unwrap();
    assert_eq!(metrics.count("ego_conflicts_total{kind=lamp}"), 2.0);
    assert_eq!(metrics.get("ego_commit_batch_size"), [1.0, 1.0, 1.0]);
    let took = metrics.get("ego_commit_seconds");
    assert!(took.len() == 3 && took.iter().all(|seconds| (0.0..60.0).contains(seconds)), "{took:?}");
    let sent = (0..20).map(|number| engine.send::<Lamp>(format!("l-{number}"), Light { watts: 1 }).into_future());
    futures_util::future::try_join_all(sent).await.unwrap();
    let sizes = metrics.get("ego_commit_batch_size");
    assert_eq!(sizes.iter().sum::<f64>(), 23.0);
    store.fail();
    engine.send::<Lamp>("l", Light { watts: 1 }).await.unwrap_err();
    assert_eq!((metrics.count("ego_commits_failed_total"), metrics.commands("Light", "failed")), (1.0, 1.0));
    stop(engine).await;
}

/// On a store that answers in the call, too.
#[tokio::test]
async fn a_commit_in_the_call_is_a_batch_of_one() {
    let (metrics, _listening) = listen();
    let engine = start(Engine::builder().store(MemoryStore::new()), 1).await;
    engine.send::<Lamp>("l", Light { watts: 1 }).await.unwrap();
    engine.send::<Lamp>("l", LightLater { watts: 1 }).await.unwrap();
    engine.send::<Lamp>("l", Light { watts: 101 }).await.unwrap_err();
    assert_eq!(metrics.get("ego_commit_batch_size"), [1.0, 1.0]);
    assert_eq!(metrics.get("ego_commit_seconds").len(), 2);
    stop(engine).await;
}

#[tokio::test(start_paused = true)]
async fn coming_and_going_is_counted() {
    let (metrics, _listening) = listen();
    let mut limits = Limits::default();
    (limits.active_aggregates, limits.idle) = (2, Duration::from_secs(60));
    let engine = start(Engine::builder().limits(limits), 0).await;
    for id in ["a", "b", "c", "a"] {
        engine.send::<Lamp>(id, Light { watts: 1 }).await.unwrap();
    }
    assert_eq!(metrics.count("ego_activations_total{kind=lamp}"), 4.0);
    assert_eq!(metrics.get("ego_recovery_seconds{kind=lamp}").len(), 4);
    assert_eq!(metrics.count("ego_passivations_total{kind=lamp}"), 2.0);
    tokio::time::sleep(SAMPLED).await;
    assert_eq!(metrics.count("ego_active_aggregates{kind=lamp}"), 2.0);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(metrics.count("ego_passivations_total{kind=lamp}"), 4.0, "those that were idle");
    assert_eq!(metrics.count("ego_active_aggregates{kind=lamp}"), 0.0);
    stop(engine).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_commands_and_late_consumers_are_measured() {
    let (metrics, _listening) = listen();
    let options = ProjectionOptions::new().paused();
    let engine = start(Engine::builder().projection::<Brightness>(options), 0).await;
    for _ in 0..3 {
        engine.send::<Lamp>("l", Light { watts: 1 }).await.unwrap();
    }
    let waiting: Vec<_> = (0..4)
        .map(|_| tokio::spawn(engine.send::<Lamp>("slow", LightLater { watts: 1 }).timeout(SAMPLED * 9).into_future()))
        .collect();
    tokio::time::sleep(SAMPLED * 2).await;
    assert_eq!(metrics.count("ego_mailbox_depth{kind=lamp}"), 3.0, "one runs, three wait");
    assert_eq!(metrics.still("ego_consumer_lag_events{kind=projection,name=brightness}"), 3.0);
    assert_eq!(metrics.still("ego_consumer_lag_events{kind=reactor,name=moth}"), 0.0);
    assert!(metrics.still("ego_consumer_lag_seconds{kind=projection,name=brightness}") > 0.0);
    engine.projection::<Brightness>().unwrap().resume();
    tokio::time::sleep(SAMPLED * 2).await;
    assert_eq!(metrics.count("ego_consumer_lag_events{kind=projection,name=brightness}"), 0.0);
    assert_eq!(metrics.still("ego_mailbox_depth{kind=lamp}"), 3.0);
    waiting.iter().for_each(|task| task.abort());
    stop(engine).await;
}

#[tokio::test]
async fn what_consumers_could_not_do_is_counted() {
    let (metrics, _listening) = listen();
    let policy = |policy: Policy| policy.retries(1).backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(1)));
    let builder = Engine::builder()
        .projection::<Brightness>(ProjectionOptions::new().policy(policy(Policy::dead_letter())))
        .reactor(Moth, ego::reactor::ReactorOptions::new().policy(policy(Policy::fail())));
    let engine = start(builder, 0).await;
    engine.send::<Lamp>("l", Light { watts: FUSE }).await.unwrap();
    until(|| metrics.count("ego_dead_letters_total{kind=projection,name=brightness}") >= 1.0).await;
    until(|| metrics.count("ego_consumer_stopped_total{kind=reactor,name=moth}") >= 1.0).await;
    stop(engine).await;
}

/// Without a recorder there is nothing to count with, and everything works.
#[tokio::test]
async fn an_engine_that_was_started_without_a_recorder_counts_nothing() {
    let engine = start(Engine::builder(), 0).await;
    let (metrics, _listening) = listen();
    engine.send::<Lamp>("l", Light { watts: 1 }).await.unwrap();
    assert_eq!(metrics.commands("Light", "done"), 0.0);
    assert!(metrics.get("ego_commit_batch_size").is_empty());
    stop(engine).await;
}
