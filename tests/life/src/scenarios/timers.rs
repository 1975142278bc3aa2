//! Timers: each one that was acknowledged takes effect exactly once, whenever its engine is killed; one that was cancelled or replaced never
//! does, from the acknowledgement on. Tasks are done when their timers are due; a pulse ticks every hour, each tick once.
//!
//! Each process lives a day later than the one before, by a clock that runs fast while it works, so a check finds everything due.

use crate::outcome::{Outcome, hold};
use crate::scene::{PATIENCE, Scenario, Scene};
use ego::Timestamp;
use ego::clock::{Clock, ManualClock};
use ego::engine::Limits;
use ego::message::Revision;
use ego::prelude::*;
use ego::timer::{Cron, Missed};
use ego_sled::SledStore;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "timers", work: |scene| Box::pin(work(scene)), check: |scene| Box::pin(check(scene)) };

#[derive(Event, Clone, Serialize, Deserialize)]
enum TaskEvent {
    Planned,
    Dropped,
    Done { name: String },
    Beat { due: Timestamp },
}

/// Has the task done later; without an event, if it is done quietly.
#[derive(Command, Serialize, Deserialize)]
struct Plan {
    key: String,
    name: String,
    seconds: u64,
    quietly: bool,
}

#[derive(Command, Serialize, Deserialize)]
struct Drop {
    key: String,
    quietly: bool,
}

#[derive(Command, Serialize, Deserialize)]
struct Do {
    name: String,
}

#[derive(Command, Serialize, Deserialize)]
struct Pulse {}

#[derive(Command, Serialize, Deserialize)]
struct Beat {}

#[derive(Aggregate, Default)]
#[aggregate(name = "task", event = TaskEvent)]
struct Tasks;

#[ego::handlers]
impl Tasks {
    #[handle]
    fn plan(&self, command: Plan, context: &Context) -> Result<Option<TaskEvent>, String> {
        context.schedule::<Tasks>(&command.key, Duration::from_secs(command.seconds), Do { name: command.name });
        Ok((!command.quietly).then_some(TaskEvent::Planned))
    }
    #[handle]
    fn drop_it(&self, command: Drop, context: &Context) -> Result<Option<TaskEvent>, String> {
        context.cancel(&command.key);
        Ok((!command.quietly).then_some(TaskEvent::Dropped))
    }
    #[handle]
    fn do_it(&self, command: Do) -> Result<TaskEvent, String> {
        if command.name.ends_with(REFUSED) { Err("no".to_owned()) } else { Ok(TaskEvent::Done { name: command.name }) }
    }
    #[handle]
    fn pulse(&self, _: Pulse, context: &Context) -> Result<TaskEvent, String> {
        let every_tick = Missed::Each { at_most: 1_000_000 };
        context.schedule::<Tasks>("pulse", Cron::new("0 * * * *").missed(every_tick), Beat {});
        Ok(TaskEvent::Planned)
    }
    #[handle]
    fn beat(&self, _: Beat, context: &Context) -> Result<TaskEvent, String> {
        let due = context.metadata().entries.get("ego.timer.due").ok_or("no timer")?;
        Ok(TaskEvent::Beat { due: due.parse().map_err(|_| "no time")? })
    }
    #[apply]
    fn apply(&mut self, _: &TaskEvent) {}
}

/// What is refused when its time comes ends like this.
const REFUSED: &str = "refused";
const TASKS: u32 = 4;
const PULSE: &str = "pulse";
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Step {
    task: String,
    key: String,
    /// What is to be done from then on; `None` when it is dropped.
    name: Option<String>,
}

/// The attempt before its acknowledgement. The steps of a key come one after the other.
#[derive(Serialize, Deserialize)]
enum Said {
    Tried(Step),
    /// With the task's revision then: what is behind it came after it.
    Took(Step, Option<u64>),
}

fn day(process: u64) -> Outcome<Timestamp> {
    let days = u32::try_from(process)?;
    Ok("2026-01-01T00:00:00Z".parse::<Timestamp>()? + DAY * days)
}

async fn engine(store: SledStore, clock: &ManualClock) -> Outcome<Engine> {
    let limits = Limits { active_aggregates: 2, timeout: PATIENCE, ..Limits::default() };
    Ok(Engine::builder().store(store).clock(clock.clone()).limits(limits).start().await?)
}

async fn work(mut scene: Scene) -> Outcome {
    let clock = ManualClock::at(day(scene.process)?);
    let store = scene.open()?;
    // What one engine changes without an event, another may not know of in time: then they do nothing quietly.
    let rivals = scene.random.u32(..3) == 0;
    let mut engines = vec![engine(store.clone(), &clock).await?];
    if rivals {
        engines.push(engine(store, &clock).await?);
    }
    if scene.process == 0 {
        engines[0].send::<Tasks>(PULSE, Pulse {}).await?;
    }
    let mut all = JoinSet::new();
    for client in 0..3 {
        let (engine, scene, random) = (engines[client % engines.len()].clone(), scene.clone(), scene.random.fork());
        all.spawn(client_works(engine, scene, random, client, rivals));
    }
    let mut random = scene.random.fork();
    all.spawn(async move {
        loop {
            clock.advance(Duration::from_millis(random.u64(..20_000)));
            tokio::time::sleep(Duration::from_micros(random.u64(..3_000))).await;
        }
    });
    while let Some(ended) = all.join_next().await {
        ended??;
    }
    Ok(())
}

async fn client_works(engine: Engine, scene: Scene, mut random: Rng, client: usize, rivals: bool) -> Outcome {
    for number in 0..12 {
        let (task, key) = (random.u32(..TASKS).to_string(), format!("{}-{client}-{number}", scene.process));
        for step in 0..random.u32(1..4) {
            let quietly = !rivals && random.bool();
            let name = (step == 0 || random.bool()).then(|| {
                let refused = if random.u32(..8) == 0 { REFUSED } else { "" };
                format!("{key}-{step}{refused}")
            });
            let step = Step { task: task.clone(), key: key.clone(), name };
            scene.say(&Said::Tried(step.clone()))?;
            let revision = match step.name.clone() {
                None => engine.send::<Tasks>(&task, Drop { key: key.clone(), quietly }).await?.revision,
                Some(name) => {
                    let seconds = if random.u32(..4) == 0 { random.u64(..7200) } else { random.u64(..30) };
                    engine.send::<Tasks>(&task, Plan { key: key.clone(), name, seconds, quietly }).await?.revision
                }
            };
            scene.say(&Said::Took(step, revision.map(Revision::get)))?;
            tokio::time::sleep(Duration::from_micros(random.u64(..2_000))).await;
        }
    }
    Ok(())
}

/// What was said of the steps of each key, in order: with whether they were acknowledged, and at which revision.
type Steps = BTreeMap<String, Vec<(Step, Option<Option<u64>>)>>;

fn steps(said: Vec<Said>) -> Outcome<Steps> {
    let mut steps = Steps::new();
    for said in said {
        match said {
            Said::Tried(step) => steps.entry(step.key.clone()).or_default().push((step, None)),
            Said::Took(step, revision) => {
                let last = steps.get_mut(&step.key).and_then(|of_key| of_key.last_mut());
                last.ok_or("took before it was tried")?.1 = Some(revision);
            }
        }
    }
    Ok(steps)
}

async fn check(mut scene: Scene) -> Outcome {
    let clock = ManualClock::at(day(scene.process)?);
    let engine = engine(scene.open()?, &clock).await?;
    let tasks: Vec<_> = (0..TASKS).map(|task| task.to_string()).collect();
    for task in tasks.iter().map(String::as_str).chain([PULSE]) {
        while engine.timers::<Tasks>(task).await?.iter().any(|timer| timer.due <= clock.now()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        hold!(task == PULSE || engine.timers::<Tasks>(task).await?.is_empty(), "a timer of {task} is not due after a day");
    }
    let mut done: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for task in &tasks {
        for recorded in engine.history::<Tasks>(task)?.collect().await? {
            if let [TaskEvent::Done { name }] = &recorded.events[..] {
                done.entry(name.clone()).or_default().push(recorded.revision.get());
            }
        }
    }
    let twice: Vec<_> = done.iter().filter(|(_, times)| times.len() > 1).collect();
    hold!(twice.is_empty(), "done more than once: {twice:?}");
    let failed = engine.failed_timers(None, 1_000_000).await?.items;
    let steps = steps(scene.said()?)?;
    for refused in &failed {
        let is_refused = |(step, _): &&(Step, _)| step.name.as_ref().is_some_and(|name| name.ends_with(REFUSED));
        let most = steps.get(refused.timer.key.as_str()).map_or(0, |of_key| of_key.iter().filter(is_refused).count());
        hold!(usize::try_from(refused.times)? <= most, "{} was refused {} times", refused.timer.key, refused.times);
    }
    let failed = failed.iter().filter_map(|failed| Some(failed.timer.content.get("name")?.as_str()?.to_owned()));
    let failed: BTreeSet<String> = failed.collect();
    let known: BTreeSet<_> = steps.values().flatten().filter_map(|(step, _)| step.name.clone()).collect();
    hold!(done.keys().chain(&failed).all(|name| known.contains(name)), "something was done that nobody planned");
    for of_key in steps.values() {
        for (at, (step, took)) in of_key.iter().enumerate() {
            let Some(name) = &step.name else { continue };
            let times = done.get(name).map_or(0, Vec::len) + usize::from(failed.contains(name));
            match of_key.get(at + 1) {
                // The last of its key.
                None => hold!(took.is_none() || times == 1, "{step:?} was acknowledged and had {times} effects"),
                Some((next, Some(from))) => {
                    let later = done.get(name).is_some_and(|done| done.iter().any(|revision| *revision > from.unwrap_or(0)));
                    hold!(!later, "{step:?} was done at {:?}, behind {next:?} at {from:?}", done.get(name));
                }
                Some((_, None)) => {}
            }
        }
    }
    beats_are_whole(&engine, clock.now()).await?;
    Ok(engine.stop(PATIENCE).await?)
}

/// Each tick from the first on came once, in order.
async fn beats_are_whole(engine: &Engine, now: Timestamp) -> Outcome {
    let mut beats = Vec::new();
    for recorded in engine.history::<Tasks>(PULSE)?.collect().await? {
        beats.extend(recorded.events.iter().filter_map(|event| match event {
            TaskEvent::Beat { due } => Some(*due),
            _ => None,
        }));
    }
    let Some(first) = beats.first().copied() else {
        let waiting = engine.timers::<Tasks>(PULSE).await?;
        hold!(waiting.is_empty(), "no tick came: {waiting:?}");
        return Ok(());
    };
    let every = Duration::from_secs(3600);
    let ticks: Vec<_> = std::iter::successors(Some(first), |tick| Some(*tick + every)).take_while(|tick| *tick <= now).collect();
    hold!(beats == ticks, "of {} ticks from {first} to {now} came {}", ticks.len(), beats.len());
    Ok(())
}
