//! One soak from its beginning to its end.

use crate::alive::{COMMANDS, STATES, alive};
use crate::asked::{Asked, How};
use crate::beside;
use crate::check::{Found, check, check_states};
use crate::client::Client;
use crate::figures::{Figures, Times, histogram};
use crate::ground::Ground;
use crate::growth::{Sample, memory, mib};
use crate::said::{Ledger, Outcome, Said, mark};
use crate::scene::Scene;
use crate::shelf::{BURST, Scale, Trusting};
use ego::engine::{Engine, Limits};
use ego::store::{AnyStore, MemoryStore, Store};
use ego_sled::SledStore;
use futures_util::{StreamExt, stream};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long the clients go on.
    pub time: Duration,
    /// And until so many commands were acknowledged, so that a slow machine shows as much as a fast one.
    pub least: u64,
    /// What they do is the same for the same seed; when they do it is not.
    pub seed: u64,
    /// How many there are.
    pub clients: u64,
    /// How many shelves there are at a time.
    pub shelves: usize,
    /// How often a line is printed.
    pub report: Duration,
    /// Which store.
    pub place: Where,
}

/// Which store.
#[derive(Clone, Debug)]
pub enum Where {
    /// The embedded store, durable, in this folder.
    Folder(PathBuf),
    /// The store in memory.
    Memory,
}

/// How it went.
#[derive(Debug)]
pub struct Report {
    /// What was broken; empty when all is well.
    pub broken: Vec<String>,
    /// What the log holds.
    pub found: Found,
    /// Of the whole time.
    pub times: Times,
    /// Acknowledged commands.
    pub acknowledged: u64,
    /// For so long.
    pub time: Duration,
    /// Everything that was counted.
    pub counts: BTreeMap<&'static str, u64>,
    /// Shelves that somebody gave up on; all of them answered afterwards.
    pub given_up: usize,
    /// How it was now and then.
    pub samples: Vec<Sample>,
}

/// The last tenth of a soak records nothing: what grows then has nothing to do with the store.
const QUIET: u32 = 10;
/// Nobody may wait longer than this, whatever happens.
const HANGS: Duration = Duration::from_secs(60);
const ACTIVE: usize = 500;
const FORGOTTEN: usize = 8;
const SEGMENT: u64 = 1 << 20;

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.active_aggregates, limits.idle) = (ACTIVE, Duration::from_millis(300));
    (limits.mailbox, limits.recoveries, limits.page) = (8, 8, 100);
    (limits.commit_bytes, limits.forgotten) = (1 << 20, FORGOTTEN);
    (limits.timeout, limits.conflict_retries) = (Duration::from_secs(30), 16);
    limits
}

fn open(place: &Where, memory: &MemoryStore) -> Result<AnyStore, Box<dyn Error>> {
    Ok(match place {
        Where::Folder(folder) => {
            AnyStore::new(SledStore::options(folder.join("store")).segment_bytes(SEGMENT).cache_bytes(16 << 20).open()?)
        }
        // A connection of its own: the engine closes its one.
        Where::Memory => AnyStore::new(memory.clone()),
    })
}

async fn engine(store: AnyStore) -> Result<Engine, Box<dyn Error>> {
    Ok(Engine::builder().store(store).limits(limits()).service::<dyn Scale>(Arc::new(Trusting)).start().await?)
}

/// Soaks, and says how it went.
///
/// # Errors
/// What kept it from being a soak at all.
pub async fn soak(plan: &Plan) -> Result<Report, Box<dyn Error>> {
    say_nothing_of_meant_panics();
    let (kept, written) = (MemoryStore::new(), tempfile::tempdir()?);
    let scene = Arc::new(Scene {
        engine: engine(open(&plan.place, &kept)?).await?,
        ledger: Ledger::create(&written.path().join("said"))?,
        ground: Ground::new(plan.shelves),
        figures: Figures::default(),
        quiet: AtomicBool::new(false),
        done: AtomicBool::new(false),
        given_up: parking_lot::Mutex::default(),
    });
    let follower = tokio::spawn(beside::follow(Arc::clone(&scene)));
    let mut others = JoinSet::new();
    others.spawn(beside::keep(Arc::clone(&scene), plan.seed));
    others.spawn(beside::listen(Arc::clone(&scene)));
    for number in 0..plan.clients {
        others.spawn(Client::new(number, plan.seed, Arc::clone(&scene)).run());
    }
    let (mut times, mut samples) = (histogram(), Vec::new());
    watch(plan, &scene, &mut times, &mut samples).await;
    scene.figures.end();
    let (acknowledged, time) = (scene.figures.acknowledgements(), scene.figures.elapsed());

    if tokio::time::timeout(HANGS, async { while others.join_next().await.is_some_and(|ended| ended.is_ok()) {} }).await.is_err()
    {
        scene.figures.broken(format!("{} clients hang", others.len()));
    }
    let given_up = everybody_answers(plan, &scene).await;
    scene.done.store(true, Ordering::Relaxed);
    let followed = tokio::time::timeout(HANGS, follower).await??;
    nothing_is_left(&scene).await;
    if let Err(error) = scene.engine.stop(HANGS).await {
        scene.figures.broken(format!("stopping: {error}"));
    }
    let scene = Arc::into_inner(scene).ok_or("somebody still holds the scene")?;
    let Scene { engine: stopped, ledger, figures, .. } = scene;
    drop(stopped);

    if let Where::Folder(folder) = &plan.place {
        let verified = SledStore::verify(folder.join("store"))?;
        verified.damage.iter().for_each(|damage| figures.broken(format!("the store is damaged: {damage:?}")));
    }
    let store = open(&plan.place, &kept)?;
    let (found, wrong) = check(&store, &ledger).await?;
    wrong.into_iter().for_each(|wrong| figures.broken(wrong));
    if followed != found.events {
        figures.broken(format!("who followed the log saw {followed} events, it holds {}", found.events));
    }
    let again = engine(store.clone()).await?;
    check_states(&again, &store).await?.into_iter().for_each(|wrong| figures.broken(wrong));
    again.stop(HANGS).await?;
    let (broken, counts) = (figures.all_broken(), figures.counts());
    Ok(Report { broken, found, times: Times::of(&times), acknowledged, time, counts, given_up, samples })
}

/// Prints a line now and then until the time is over or something is broken.
async fn watch(plan: &Plan, scene: &Scene, times: &mut Histogram<u64>, samples: &mut Vec<Sample>) {
    let mut before = 0;
    let mut tick = tokio::time::interval(plan.report);
    let going_on = || scene.figures.elapsed() < plan.time || scene.figures.acknowledgements() < plan.least;
    while going_on() && !scene.figures.is_over() {
        tick.tick().await;
        let at = scene.figures.elapsed();
        let quiet = at >= plan.time - plan.time / QUIET && scene.figures.acknowledgements() >= plan.least;
        let events = scene.engine.store().head().await.ok().flatten().map_or(0, ego::message::Position::get);
        let sample = Sample { at, memory: memory(), events, quiet: scene.quiet.swap(quiet, Ordering::Relaxed) };
        samples.push(sample);
        let acknowledged = scene.figures.acknowledgements();
        let (active, states) = (scene.engine.active_aggregates(), alive(STATES));
        println!(
            "{:>5.0}s{} {acknowledged} acknowledged, {:.0}/s, {}; {events} events; {:.1} MiB; {active} active, {states} states, \
             {} queued",
            at.as_secs_f64(),
            if sample.quiet { " quiet" } else { "" },
            per_second(acknowledged - before, plan.report),
            scene.figures.take_times(times),
            mib(sample.memory),
            scene.engine.queued_commands(),
        );
        before = acknowledged;
        if at > plan.time + 5 * HANGS {
            scene.figures.broken(format!("only {acknowledged} of {} commands were acknowledged", plan.least));
        }
        // I12: aggregates with a command under way come on top; and a state more for each replay.
        let most = ACTIVE + usize::try_from(plan.clients).unwrap_or(usize::MAX) * 2 + FORGOTTEN;
        if active > most || states > 2 * isize::try_from(most).unwrap_or(isize::MAX) {
            scene.figures.broken(format!("{active} aggregates are active, and {states} states in memory"));
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "to be read")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Every shelf that somebody gave up on takes another command.
async fn everybody_answers(plan: &Plan, scene: &Arc<Scene>) -> usize {
    let shelves = std::mem::take(&mut *scene.given_up.lock());
    let count = shelves.len();
    let answers = stream::iter(shelves.into_iter().enumerate()).for_each_concurrent(64, |(number, shelf)| async move {
        let (mark, asked) = (mark(plan.clients, number as u64), Asked::Put { units: 1, times: 1 });
        let how = How { own_id: true, ..How::default() };
        let outcome = match asked.send(&scene.engine, shelf, mark, how).await {
            Ok(done) if !done.repeated => done.outcome(),
            other => {
                scene.figures.broken(format!("shelf {shelf}, that somebody gave up on, answers {other:?}"));
                Outcome::Unknown
            }
        };
        scene.say(&Said { mark, shelf, events: asked.events(), own_id: true, outcome });
    });
    answers.await;
    count
}

/// Idle shelves leave memory, and nothing stays behind.
async fn nothing_is_left(scene: &Scene) {
    let left = || (scene.engine.queued_commands(), scene.engine.active_aggregates(), alive(STATES), alive(COMMANDS));
    let gone = async {
        while left() != (0, 0, 0, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(HANGS, gone).await.is_err() {
        let (queued, active, states, commands) = left();
        scene.figures.broken(format!(
            "nobody sends, and {queued} commands are queued, {active} shelves active, {states} states and {commands} commands in memory"
        ));
    }
}

fn say_nothing_of_meant_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&BURST) {
            usual(panic);
        }
    }));
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { broken, found, times, acknowledged, time, counts, given_up, samples } = self;
        writeln!(f, "{acknowledged} acknowledged in {time:.0?}, {:.0}/s, {times}", per_second(*acknowledged, *time))?;
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        writeln!(f, "also: {}", counts.join(", "))?;
        writeln!(f, "the log: {found}")?;
        writeln!(f, "{given_up} shelves that somebody gave up on answered")?;
        if let (Some(first), Some(middle), Some(last)) = (samples.first(), samples.get(samples.len() / 2), samples.last()) {
            let [first, middle, last] = [first, middle, last].map(|sample| mib(sample.memory));
            writeln!(f, "memory: {first:.1} MiB in the beginning, {middle:.1} in the middle, {last:.1} in the end")?;
        }
        broken.iter().try_for_each(|broken| writeln!(f, "BROKEN: {broken}"))
    }
}
