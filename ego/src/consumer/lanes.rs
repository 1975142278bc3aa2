//! Following the log in lanes: what belongs to one key is done in the order of the log, what belongs to others beside it. One that takes
//! long holds up only its own key, until so much is open that nothing more is read.
//!
//! I6, I12: the checkpoint stands before the first event that has something open. What is open when it ends is done again.

use super::follow::{Halt, Travels, Way, with_causes};
use super::progress::Progress;
use super::status::{Parked, State};
use crate::engine::Shared;
use crate::message::Position;
use crate::model::{DecodeError, Failure};
use crate::store::{RecordedEvent, StoreError};
use crate::subscription::{Tail, Tailed};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What is done with the events.
pub(crate) trait Work: Send + Sync + 'static {
    /// A part of it that belongs to one key.
    type Job: Send + 'static;

    /// Adds what is to be done for an event, each with its key.
    fn read(&self, shared: &Shared, event: &RecordedEvent, jobs: &mut Vec<(String, Self::Job)>) -> Result<(), DecodeError>;

    /// Does it, as often as that takes. It may be given up at any time and done again.
    fn work(&self, job: Self::Job) -> BoxFuture<'_, Result<(), Undone>>;

    /// What cannot go on.
    fn parked(&self) -> Vec<Parked> {
        Vec::new()
    }

    /// Gets ready, each time that it begins to follow.
    fn begin(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Why something was not done.
pub(crate) enum Undone {
    /// The engine stops.
    Stopped,
    /// It cannot be done, nor kept for later.
    Failed(Failure),
}

/// Gives the events of the log to some work, so many keys at a time.
pub(crate) struct Lanes<W> {
    pub(crate) way: Way,
    pub(crate) workers: usize,
    pub(crate) work: W,
}

/// How many jobs may be open until nothing more is read.
const OPEN: usize = 1024;
/// How many events are read at once.
const PAGE: usize = 256;
/// How long the checkpoint may stay behind while there is always something open.
const PAUSE: Duration = Duration::from_millis(100);

impl<W: Work> Travels for Lanes<W> {
    fn way(&self) -> &Way {
        &self.way
    }

    fn go_on<'f>(&'f self, progress: &'f mut Progress) -> BoxFuture<'f, Result<Infallible, Halt>> {
        Box::pin(Following::of(self, progress.reached()).go_on(progress))
    }

    fn parked(&self) -> Vec<Parked> {
        self.work.parked()
    }
}

type Reading = BoxFuture<'static, (Tail, Result<Tailed, StoreError>)>;
type Done = (String, Position, Result<(), Undone>);

/// One way along the log.
struct Following<'l, W: Work> {
    lanes: &'l Lanes<W>,
    /// What waits of each key; a key is there as long as something of it is open.
    queues: HashMap<String, VecDeque<(Position, W::Job)>>,
    /// Keys that could be worked on.
    ready: VecDeque<String>,
    working: FuturesUnordered<BoxFuture<'l, Done>>,
    /// What is open of each event that was read, and of how much.
    open: BTreeMap<Position, (usize, usize)>,
    jobs: usize,
    tail: Option<Tail>,
    reading: Option<Reading>,
    attempts: u32,
    kept: Instant,
}

impl<'l, W: Work> Following<'l, W> {
    fn of(lanes: &'l Lanes<W>, after: Option<Position>) -> Self {
        let way = &lanes.way;
        Self {
            tail: Some(Tail::new(Arc::clone(&way.shared), way.course.follows.clone(), after)),
            lanes,
            queues: HashMap::new(),
            ready: VecDeque::new(),
            working: FuturesUnordered::new(),
            open: BTreeMap::new(),
            jobs: 0,
            reading: None,
            attempts: 0,
            kept: Instant::now(),
        }
    }

    async fn go_on(mut self, progress: &mut Progress) -> Result<Infallible, Halt> {
        let way = &self.lanes.way;
        way.control.reached(progress.reached(), 0);
        let mut attempts = 0;
        while let Err(error) = self.lanes.work.begin().await {
            way.store_failed(error, &mut attempts).await?;
        }
        way.control.say(State::Running);
        loop {
            self.read_on();
            self.work_on();
            let due = progress.due().map(|due| if self.open.is_empty() { due } else { due.max(self.kept + PAUSE) });
            tokio::select! {
                biased;
                () = way.control.interrupted() => return Err(Halt::Told),
                Some(done) = self.working.next(), if !self.working.is_empty() => self.is_done(done).await?,
                (tail, read) = next(&mut self.reading), if self.reading.is_some() => {
                    (self.tail, self.reading) = (Some(tail), None);
                    self.is_read(read).await?;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            self.sweep(progress);
            if due.is_some_and(|due| due <= Instant::now()) {
                way.keep(progress).await?;
                self.kept = Instant::now();
            }
        }
    }

    /// Asks for the next page, unless too much is open.
    fn read_on(&mut self) {
        if self.jobs < OPEN
            && let Some(mut tail) = self.tail.take()
        {
            let page = self.lanes.way.course.batch.min(PAGE);
            self.reading = Some(Box::pin(async move {
                let read = tail.next(page).await;
                (tail, read)
            }));
        }
    }

    async fn is_read(&mut self, read: Result<Tailed, StoreError>) -> Result<(), Halt> {
        let way = &self.lanes.way;
        let Tailed { events, upto } = match read {
            Ok(tailed) => tailed,
            Err(error) => return way.store_failed(error, &mut self.attempts).await,
        };
        self.attempts = 0;
        way.control.say(State::Running);
        for event in &events {
            let mut jobs = Vec::new();
            if let Err(error) = self.lanes.work.read(&way.shared, event, &mut jobs) {
                jobs.clear();
                way.control.failed(&with_causes(&error), Some(event.position), 1);
                way.give_up(event)?;
            }
            self.open.insert(event.position, (jobs.len(), jobs.len()));
            self.jobs += jobs.len();
            for (key, job) in jobs {
                let ready = &mut self.ready;
                let queue = self.queues.entry(key.clone()).or_insert_with(|| {
                    ready.push_back(key);
                    VecDeque::new()
                });
                queue.push_back((event.position, job));
            }
        }
        self.open.entry(upto).or_default();
        Ok(())
    }

    fn work_on(&mut self) {
        while self.working.len() < self.lanes.workers
            && let Some(key) = self.ready.pop_front()
        {
            let Some((position, job)) = self.queues.get_mut(&key).and_then(VecDeque::pop_front) else { continue };
            let work = &self.lanes.work;
            self.working.push(Box::pin(async move { (key, position, work.work(job).await) }));
        }
    }

    async fn is_done(&mut self, (key, position, done): Done) -> Result<(), Halt> {
        match done {
            Ok(()) => {}
            Err(Undone::Stopped) => {
                // It is about to be told, too.
                self.lanes.way.control.interrupted().await;
                return Err(Halt::Told);
            }
            Err(Undone::Failed(failure)) => {
                self.lanes.way.control.failed(&failure, Some(position), 1);
                return Err(Halt::Failed);
            }
        }
        self.jobs -= 1;
        if let Some((open, _)) = self.open.get_mut(&position) {
            *open -= 1;
        }
        if self.queues.get(&key).is_some_and(VecDeque::is_empty) {
            self.queues.remove(&key);
        } else {
            self.ready.push_back(key);
        }
        Ok(())
    }

    /// Lets go of the events in front that have nothing open.
    fn sweep(&mut self, progress: &mut Progress) {
        let mut finished = 0;
        while let Some(first) = self.open.first_entry()
            && first.get().0 == 0
        {
            let (position, (_, jobs)) = first.remove_entry();
            if jobs == 0 {
                progress.passed(position);
            } else {
                progress.finished(position);
                finished += 1;
            }
        }
        self.lanes.way.control.reached(progress.reached(), finished);
    }
}

async fn next(reading: &mut Option<Reading>) -> (Tail, Result<Tailed, StoreError>) {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}
