//! Which processes are recorded, which cuts are tried, and what is said of it all.
//!
//! A round is, with one seed: a life – a few sessions of engine and store – cut at any of its operations; two of those cuts opened by a
//! process that is recorded and cut in turn, so that recovery is cut, too; short lives that are killed at an operation and opened again,
//! so that a process begins with what the system has in memory and the disk may not have; and a life in the buffered mode.

use crate::Result;
use crate::check::{Found, check};
use crate::disk::Disk;
use crate::fate::Fate;
use crate::image::Image;
use crate::random::Random;
use crate::record::{Kill, Recorder, Recording};
use crate::said::{Does, Said};
use crate::trace::Op;
use crate::work::Work;
use crate::world::World;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many images a round aims at.
const ROUND: u64 = 480;
/// After so many failures nothing more is looked for.
const ENOUGH: usize = 20;
/// How many folders are opened at a time: opening one is mostly waiting, for threads that start and end.
const WORKERS: usize = 4;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    program: PathBuf,
    images: u64,
    seed: u64,
}

impl Plan {
    /// So many images, with this seed, that of `EGO_POWERCUT_SEED`, or any. The program is this package's.
    #[must_use]
    pub fn new(program: PathBuf, images: u64, seed: Option<u64>) -> Self {
        let told = || std::env::var("EGO_POWERCUT_SEED").ok()?.parse().ok();
        let seed = seed.or_else(told).unwrap_or_else(|| RandomState::new().hash_one(0) >> 32);
        Self { program, images, seed }
    }
}

/// What was done, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// On which everything random depended.
    pub seed: u64,
    /// Processes that were recorded.
    pub traces: u64,
    /// What they did to files.
    pub operations: u64,
    /// Syncs among that.
    pub syncs: u64,
    /// Folders that were opened and compared; no two are the same at the same moment.
    pub images: u64,
    /// Of these, in the durable mode.
    pub durable: u64,
    /// Acknowledgements that were compared, over all images.
    pub acknowledged: u64,
    /// Events that were read.
    pub events: u64,
    /// Rows of views and of commits that were compared.
    pub rows: u64,
    /// Of the images in the buffered mode, those that lack something that was acknowledged.
    pub lossy: u64,
    /// What they lack.
    pub lost: u64,
    /// Images of which the index was useless and rebuilt from the log.
    pub rebuilt: u64,
    /// Images that were closed and opened once more, and those of them of which the index was useless then.
    pub again: (u64, u64),
    /// What was done how often.
    pub done: BTreeMap<String, u64>,
    /// What is not as it should be.
    pub failures: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, traces, operations, syncs, images, durable, acknowledged, events, rows, .. } = self;
        let Self { lossy, lost, rebuilt, again: (twice, useless), done, failures, time, .. } = self;
        writeln!(f, "EGO_POWERCUT_SEED={seed}")?;
        writeln!(f, "{traces} traces: {operations} operations, {syncs} syncs; done: {done:?}")?;
        writeln!(
            f,
            "{images} images opened ({durable} durable): {acknowledged} acknowledgements and {rows} rows compared, {events} events read"
        )?;
        writeln!(f, "buffered: {lost} losses in {lossy} of {} images", images - durable)?;
        writeln!(f, "index: rebuilt in {rebuilt} images; again in {useless} of {twice} that were closed and opened once more")?;
        write!(f, "{} failures, {:.1} s", failures.len(), time.as_secs_f64())?;
        failures.iter().try_for_each(|failure| write!(f, "\n- {failure}"))
    }
}

impl Report {
    /// An error when something is not as it should be, or when the harness saw too little to say so.
    ///
    /// # Errors
    /// Says what.
    pub fn verdict(&self) -> Result<()> {
        if !self.failures.is_empty() {
            return Err(format!("{} failures", self.failures.len()).into());
        }
        if self.lost == 0 {
            return Err("nothing was lost in the buffered mode: the harness sees nothing".into());
        }
        for sort in
            ["Add", "Look", "Append", "Save", "Checkpoint", "Forget", "Step", "Snapshot", "Delete", "Erase", "Compact", "Close"]
        {
            if self.done.get(sort).is_none_or(|count| *count == 0) {
                return Err(format!("no {sort} was acknowledged: the processes do too little").into());
            }
        }
        Ok(())
    }
}

/// Does it.
///
/// # Errors
/// When the harness itself fails; what it finds is in the report.
pub fn run(plan: &Plan) -> Result<Report> {
    println!("EGO_POWERCUT_SEED={}", plan.seed);
    let started = Instant::now();
    // In memory, where there is such a folder: nothing here has to survive a cut.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("powercut-").tempdir_in(place)?;
    let folder_path = folder.path().canonicalize()?;
    let recorder = Recorder::build(&folder_path, &plan.program)?;
    let mut campaign =
        Campaign { recorder, folder: folder_path, random: Random::new(plan.seed), report: Report::default(), number: 0 };
    while campaign.report.images < plan.images && campaign.report.failures.len() < ENOUGH {
        campaign.round()?;
    }
    let mut report = campaign.report;
    (report.seed, report.time) = (plan.seed, started.elapsed());
    if !report.failures.is_empty() {
        // The images and traces of what failed are there, for whoever looks into it.
        println!("kept: {}", folder.keep().display());
    }
    Ok(report)
}

struct Campaign {
    recorder: Recorder,
    folder: PathBuf,
    random: Random,
    report: Report,
    number: u64,
}

/// A folder to open, and what was said until the cut.
struct Job {
    image: Image,
    said: usize,
    /// Says which, to whoever reads a failure.
    place: String,
    verify: bool,
}

impl Campaign {
    fn round(&mut self) -> Result<()> {
        let life = self.life(false)?;
        let life = self.record(|recorder, root, work| recorder.record("a life", work, root, &[]), life)?;
        self.cut(&life, ROUND * 30 / 100)?;
        for _ in 0..2 {
            self.reopened(&life, ROUND * 10 / 100)?;
        }
        self.killed(ROUND * 35 / 100)?;
        let buffered = self.life(true)?;
        let buffered = self.record(|recorder, root, work| recorder.record("a buffered life", work, root, &[]), buffered)?;
        self.cut(&buffered, ROUND * 15 / 100)
    }

    /// A new place, and work for it.
    fn life(&mut self, buffered: bool) -> Result<(PathBuf, Work)> {
        self.number += 1;
        let root = self.folder.join(format!("root-{}", self.number));
        std::fs::create_dir(&root)?;
        let work = Work {
            folder: root.join("in").join("store"),
            marks: root.with_extension("marks"),
            name: format!("t{}", self.number),
            seed: self.random.number(),
            sessions: 3,
            clients: 4,
            commands: 12,
            segment_bytes: [4 << 10, 12 << 10, 64 << 10][usize::try_from(self.random.below(3))?],
            buffered,
            linger: true,
        };
        Ok((root, work))
    }

    fn record(
        &mut self,
        record: impl FnOnce(&Recorder, &Path, &Work) -> Result<Recording>,
        (root, work): (PathBuf, Work),
    ) -> Result<Recording> {
        let recording = record(&self.recorder, &root, &work)?;
        std::fs::remove_dir_all(&root)?;
        self.report.traces += 1;
        self.report.operations += recording.ops.len() as u64;
        self.report.syncs += recording.syncs() as u64;
        let tried: BTreeMap<&str, &Does> = recording
            .said
            .iter()
            .filter_map(|said| match said {
                Said::Tried { id, does } => Some((id.as_str(), does)),
                _ => None,
            })
            .collect();
        for said in &recording.said[recording.before..] {
            if let Said::Done { id, .. } = said
                && let Some(does) = tried.get(id.as_str())
            {
                let sort = format!("{does:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect();
                *self.report.done.entry(sort).or_default() += 1;
            }
        }
        Ok(recording)
    }

    /// A cut of a life is opened by a process that is recorded and cut in turn.
    fn reopened(&mut self, life: &Recording, images: u64) -> Result<()> {
        let at = self.random.below(life.ops.len() as u64);
        let (mut disk, mut said) = (life.disk.clone(), 0);
        for op in life.ops.iter().take(usize::try_from(at)?) {
            disk.apply(op)?;
            said += usize::from(matches!(op, Op::Mark(_)));
        }
        let fate = Fate::nth(self.random.below(Fate::SORTS), &disk.pending(), self.random.number());
        let (root, work) = self.life(false)?;
        disk.image(&mut fate.clone()).lay_down(&root)?;
        let work = Work { sessions: 1, clients: 2, commands: 4, segment_bytes: life.work.segment_bytes, linger: false, ..work };
        let name = format!("{}, cut at {at} ({fate:?}), opened again", life.name);
        let before = life.said[..said].to_vec();
        let again = self.record(|recorder, root, work| recorder.record(&name, work, root, &before), (root, work));
        self.cut_if_recorded(&name, again, images)
    }

    /// Short lives that are killed: at every operation on names, while the log is sealed, and anywhere.
    fn killed(&mut self, images: u64) -> Result<()> {
        let short = |work: Work| Work { sessions: 1, clients: 1, commands: 4, segment_bytes: 4096, linger: false, ..work };
        let (root, work) = self.life(false)?;
        let first = short(work);
        let whole =
            self.record(|recorder, root, work| recorder.record("a short life", work, root, &[]), (root, first.clone()))?;
        let count = |is: fn(&Op) -> bool| whole.ops.iter().filter(|op| is(op)).count();
        let mut kills = vec![Kill::Seal, Kill::SealSync];
        kills.extend((1..=count(|op| matches!(op, Op::Rename { .. }))).map(Kill::Rename));
        kills.extend((1..=count(|op| matches!(op, Op::CreateFolder { .. }))).map(Kill::CreateFolder));
        for _ in 0..4 {
            kills.push(Kill::Any(1 + usize::try_from(self.random.below(whole.ops.len() as u64))?));
        }
        let each = images / (kills.len() as u64 + 6) + 1;
        for kill in kills {
            let (root, next) = self.life(false)?;
            let next = short(next);
            let killed = Work { folder: next.folder.clone(), marks: next.marks.clone(), ..first.clone() };
            let name = format!("a short life, killed after {kill:?} and opened again");
            let recording =
                self.record(|recorder, root, next| recorder.record_killed(&name, &killed, kill, next, root), (root, next));
            // Of a seal, what counts is over with the next process's first sync.
            let sealing = matches!(kill, Kill::Seal | Kill::SealSync);
            self.cut_if_recorded(&name, recording, if sealing { 4 * each } else { each })?;
        }
        Ok(())
    }

    /// That a process fails on what a cut or a kill left is a finding, too.
    fn cut_if_recorded(&mut self, name: &str, recording: Result<Recording>, images: u64) -> Result<()> {
        match recording {
            Ok(recording) => self.cut(&recording, images),
            Err(failure) => {
                self.report.failures.push(format!("{name}: {failure}"));
                Ok(())
            }
        }
    }

    /// Opens about so many of the folders that cuts of a recording can leave.
    fn cut(&mut self, recording: &Recording, images: u64) -> Result<()> {
        if self.report.failures.len() >= ENOUGH {
            return Ok(());
        }
        let failures = self.report.failures.len();
        let (jobs, waiting) = sync_channel(4);
        let waiting = Mutex::new(waiting);
        let results = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for worker in 0..WORKERS {
                let (waiting, results, folder) =
                    (&waiting, &results, self.folder.join(format!("image-{}-{worker}", self.number)));
                scope.spawn(move || works(recording, &folder, waiting, results));
            }
            let laid = self.lay_out(recording, images, |job| jobs.send(job).is_ok());
            drop(jobs);
            laid
        })?;
        for (place, found) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.report.images += 1;
            self.report.durable += u64::from(!recording.work.buffered);
            match found {
                Ok(Found { acknowledged, lost, events, rows, rebuilt, again }) => {
                    self.report.rows += rows;
                    self.report.rebuilt += u64::from(rebuilt);
                    self.report.again.0 += u64::from(again.is_some());
                    self.report.again.1 += u64::from(again == Some(true));
                    self.report.acknowledged += acknowledged;
                    self.report.events += events;
                    self.report.lost += lost;
                    self.report.lossy += u64::from(lost > 0);
                }
                Err(failure) => self.report.failures.push(format!(
                    "{}, {place}: {failure} (trace: {})",
                    recording.name,
                    recording.file.display()
                )),
            }
        }
        if self.report.failures.len() == failures {
            std::fs::remove_file(&recording.file)?;
        }
        Ok(())
    }

    fn lay_out(&mut self, recording: &Recording, images: u64, mut send: impl FnMut(Job) -> bool) -> Result<()> {
        let mut all = 0;
        moments(recording, |moment| {
            all += moment.ends();
            Ok(true)
        })?;
        let (mut seen, mut wanted) = (HashSet::new(), 0.0);
        let random = &mut self.random;
        moments(recording, |moment| {
            let mut fates = Vec::new();
            // A name may reach the disk before all that was done before it.
            if matches!(moment.op, Op::Rename { .. } | Op::CreateFolder { .. }) {
                fates.push(Fate::Alone(moment.index as u64));
            }
            wanted += images as f64 * moment.ends() as f64 / all as f64;
            while wanted >= 1.0 {
                wanted -= 1.0;
                let sort = match (moment.op, random.below(3)) {
                    // What was acknowledged a moment ago.
                    (Op::Mark(_), 0) => 0,
                    (Op::Mark(_), 1) => 2,
                    _ => random.below(Fate::SORTS),
                };
                fates.push(Fate::nth(sort, &moment.pending, random.number()));
            }
            for fate in fates {
                let (image, said) = (moment.disk.image(&mut fate.clone()), moment.said);
                if seen.insert((image.sum(), said)) {
                    let verify = random.below(6) == 0;
                    let place = format!("cut after operation {} of {}, {fate:?}", moment.index, recording.ops.len());
                    if !send(Job { image, said, place, verify }) {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        })
    }
}

/// A moment at which the power may be cut.
struct Moment<'a> {
    /// After so many operations, of which this is the last.
    index: usize,
    op: &'a Op,
    disk: &'a Disk,
    pending: Vec<u64>,
    /// How much was said until then.
    said: usize,
}

impl Moment<'_> {
    /// How much there is to see: more where much may become of what was done, and where something was acknowledged.
    fn ends(&self) -> u64 {
        let mark = if matches!(self.op, Op::Mark(_)) { 2 } else { 1 };
        if self.pending.is_empty() { mark } else { mark * Fate::SORTS }
    }
}

/// Visits the moments of a recording.
fn moments(recording: &Recording, mut visit: impl FnMut(&Moment<'_>) -> Result<bool>) -> Result<()> {
    let (mut disk, mut said) = (recording.disk.clone(), recording.before);
    for (index, op) in recording.ops.iter().enumerate() {
        disk.apply(op)?;
        said += usize::from(matches!(op, Op::Mark(_)));
        let moment = Moment { index: index + 1, op, pending: disk.pending(), disk: &disk, said };
        if index >= recording.from && !visit(&moment)? {
            break;
        }
    }
    Ok(())
}

type Results = Mutex<Vec<(String, Result<Found>)>>;

/// Lays down, opens and compares what it is given, until there is no more.
fn works(recording: &Recording, folder: &Path, waiting: &Mutex<Receiver<Job>>, results: &Results) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let found = opened(recording, folder, &job);
        let cleared = std::fs::remove_dir_all(folder);
        let mut place = job.place;
        if found.is_err() {
            // As it was before it was opened.
            let kept = folder.with_file_name(format!("failed-{:x}", job.image.sum()));
            let laid = std::fs::create_dir_all(&kept).map_err(Into::into).and_then(|()| job.image.lay_down(&kept));
            place = format!("{place}, kept as {} ({laid:?})", kept.display());
        }
        let found = found.and_then(|found| cleared.map(|()| found).map_err(Into::into));
        results.lock().unwrap_or_else(PoisonError::into_inner).push((place, found));
    }
}

fn opened(recording: &Recording, root: &Path, job: &Job) -> Result<Found> {
    std::fs::create_dir_all(root)?;
    job.image.lay_down(root)?;
    // The name of a folder above the store may be gone, too.
    let store = root.join("in").join("store");
    let world = World::of(&recording.said[..job.said]);
    let (image, work, verify) = (job.image.clone(), recording.work.clone(), job.verify);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checked = runtime.block_on(async {
        let world = Arc::new(world);
        tokio::spawn(async move { check(&store, &image, &world, &work, verify).await }).await
    });
    match checked {
        Ok(found) => found,
        Err(panicked) => Err(format!("it panicked: {panicked}").into()),
    }
}
