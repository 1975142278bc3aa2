//! Whoever fires timers: one task of each engine. It sleeps until the first is due, sends the commands of those that are, and keeps in
//! memory only those that are under way or did not get through.

use super::firing::{Firing, From};
use super::record::{DUE, TIMERS, Timer, due_from, due_of, read};
use super::told::Told;
use super::told::error;
use crate::consumer::{Backoff, with_causes};
use crate::engine::{AnyRejection, CommandError, Engine, RecoveryError, Shared, Unaltered, WeakEngine, panic_message};
use crate::message::StreamId;
use crate::store::{Refusal, Row, RowChange, Step, Store, StoreError};
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// So long after another engine on the same store scheduled a timer, or the clock was moved, that is noticed.
pub(super) const LOOKS: Duration = Duration::from_secs(5);

/// How long a timer waits whose command did not get through.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(60));

/// How many timers are looked at together.
const PAGE: usize = 256;

/// How many timers that did not get through are remembered (I12); more than that wait until some have.
const MOST: usize = 10_000;

/// The metadata entries that a timer's command comes with.
pub(super) const KEY_ENTRY: &str = "ego.timer";
pub(super) const DUE_ENTRY: &str = "ego.timer.due";

pub(super) struct Runner {
    pub(super) shared: Arc<Shared>,
    pub(super) engine: WeakEngine,
    pub(super) told: Arc<Told>,
    under_way: JoinSet<(StreamId, Vec<(Bytes, Fired)>)>,
    /// Aggregates with timers under way: one after the other, in the order of time.
    busy: HashSet<StreamId>,
    /// By their places in the order of time.
    known: HashMap<Bytes, Standing>,
    /// Some that are due were left for later.
    left: bool,
    /// How often in a row the store could not be read.
    failures: u32,
}

/// A timer that is due and known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    UnderWay {
        attempts: u32,
    },
    /// It did not get through, so often.
    Waits {
        attempts: u32,
        until: Instant,
    },
    /// Nothing in this program takes its command.
    Unknown,
}

/// What became of a timer.
enum Fired {
    /// It had its effect, now or before, or was refused, or is not there any more.
    Ended,
    Again(String),
    Unknown(String),
    Stopped,
}

/// A timer that is due.
struct Due {
    key: Bytes,
    timer: Timer,
    attempts: u32,
}

impl Runner {
    pub(super) fn new(engine: &Engine, told: Arc<Told>) -> Self {
        Self {
            shared: Arc::clone(engine.shared()),
            engine: engine.downgrade(),
            told,
            under_way: JoinSet::new(),
            busy: HashSet::new(),
            known: HashMap::new(),
            left: false,
            failures: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let (alarm, clock) = (&shared.alarm, &shared.clock);
        loop {
            alarm.clear();
            let next = self.look().await;
            let looks = Instant::now() + if self.failures > 0 { BACKOFF.after(self.failures).min(LOOKS) } else { LOOKS };
            loop {
                let due = alarm.with(next);
                let looks = self.tries_again().map_or(looks, |again| again.min(looks));
                let is_due = async {
                    match due {
                        Some(due) => clock.sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = self.told.ended() => return self.finish().await,
                    Some(done) = self.under_way.join_next() => {
                        let Ok((stream, fired)) = done else { continue };
                        self.note(&stream, fired);
                        // Those that are left come when there is room again.
                        if self.left && self.under_way.len() <= self.shared.limits.timers / 2 {
                            break;
                        }
                    }
                    () = alarm.earlier() => break,
                    () = is_due => break,
                    () = tokio::time::sleep_until(looks) => break,
                }
            }
        }
    }

    /// What was sent is waited for, nothing is sent any more.
    async fn finish(mut self) {
        while self.under_way.join_next().await.is_some() {}
    }

    /// When the first of those has another try that did not get through.
    fn tries_again(&self) -> Option<Instant> {
        let waits = |standing: &Standing| match standing {
            Standing::Waits { until, .. } => Some(*until),
            _ => None,
        };
        self.known.values().filter_map(waits).min()
    }

    /// Sends what is due. Says when the next one is.
    async fn look(&mut self) -> Option<Timestamp> {
        match self.send_due().await {
            Ok(next) => {
                self.failures = 0;
                self.told.reads(None);
                next
            }
            Err(failed) => {
                self.failures = self.failures.saturating_add(1);
                let reason = with_causes(&failed);
                if self.failures == 1 {
                    tracing::warn!(reason, "timers could not be read; this is tried again");
                }
                self.told.reads(Some(error(reason, self.failures, self.shared.clock.now())));
                None
            }
        }
    }

    async fn send_due(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.shared.clock.now();
        let end = due_from(now.checked_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX));
        let (mut start, mut seen) = (Some(Bytes::new()), HashSet::new());
        let mut due: Vec<(StreamId, Vec<Due>)> = Vec::new();
        self.left = false;
        while let Some(from) = start {
            let page = self.shared.store.list_rows(DUE, &from, Some(&end), PAGE).await?;
            start = page.next;
            seen.extend(page.items.iter().map(|row| row.key.clone()));
            let fresh = page.items.into_iter().filter(|row| self.is_fresh(&row.key)).collect();
            for one in self.still_there(fresh).await? {
                if self.busy.contains(&one.timer.stream) {
                    self.left = true;
                    continue;
                }
                match due.iter_mut().find(|(stream, _)| *stream == one.timer.stream) {
                    Some((_, of_stream)) => of_stream.push(one),
                    None => due.push((one.timer.stream.clone(), vec![one])),
                }
            }
            if due.len() + self.under_way.len() >= self.shared.limits.timers || self.known.len() >= MOST {
                self.left = true;
                break;
            }
        }
        if !self.left {
            // Cancelled meanwhile, or fired by another engine.
            self.known.retain(|key, standing| matches!(standing, Standing::UnderWay { .. }) || seen.contains(key));
        }
        let room = self.shared.limits.timers.saturating_sub(self.under_way.len());
        self.left |= due.len() > room;
        for (stream, timers) in due.into_iter().take(room) {
            self.send(stream, timers, now);
        }
        let next = self.shared.store.list_rows(DUE, &end, None, 1).await?;
        Ok(next.items.first().and_then(|row| due_of(&row.key)))
    }

    fn is_fresh(&self, key: &Bytes) -> bool {
        match self.known.get(key) {
            None => true,
            Some(Standing::Waits { until, .. }) => *until <= Instant::now(),
            Some(Standing::UnderWay { .. } | Standing::Unknown) => false,
        }
    }

    /// The timers behind these places in the order of time. A place whose timer was replaced, cancelled or fired is swept.
    async fn still_there(&mut self, places: Vec<Row>) -> Result<Vec<Due>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = places.iter().map(|row| row.value.clone()).collect();
        let rows = self.shared.store.load_rows(TIMERS, &keys).await?;
        let (mut due, mut swept) = (Vec::new(), Vec::new());
        for (Row { key, .. }, row) in places.into_iter().zip(rows) {
            let timer = match row.as_deref().map(read::<Timer>).transpose() {
                Ok(timer) => timer,
                Err(unreadable) => {
                    self.told.unknown("", error(unreadable.to_string(), 1, self.shared.clock.now()));
                    self.known.insert(key, Standing::Unknown);
                    continue;
                }
            };
            match timer.filter(|timer| timer.due_key() == key) {
                Some(timer) => {
                    let attempts = match self.known.get(&key) {
                        Some(Standing::Waits { attempts, .. }) => *attempts,
                        _ => 0,
                    };
                    due.push(Due { key, timer, attempts });
                }
                None => swept.push(RowChange::remove(DUE, key)),
            }
        }
        if !swept.is_empty() {
            self.shared.store.step(Step { advance: None, rows: swept }).await?;
        }
        Ok(due)
    }

    /// Sends the commands of an aggregate's timers, one after the other.
    fn send(&mut self, stream: StreamId, timers: Vec<Due>, now: Timestamp) {
        let Some(engine) = self.engine.upgrade() else { return };
        for Due { key, attempts, .. } in &timers {
            self.known.insert(key.clone(), Standing::UnderWay { attempts: *attempts });
        }
        self.busy.insert(stream.clone());
        let fire_all = async move {
            let mut fired = Vec::with_capacity(timers.len());
            for Due { key, timer, .. } in timers {
                let one = AssertUnwindSafe(fire(&engine, timer, now)).catch_unwind().await;
                fired.push((key, one.unwrap_or_else(|panic| Fired::Again(panic_message(&*panic).to_string()))));
            }
            (stream, fired)
        };
        self.under_way.spawn_on(fire_all, &self.shared.runtime);
    }

    fn note(&mut self, stream: &StreamId, fired: Vec<(Bytes, Fired)>) {
        self.busy.remove(stream);
        for (key, fired) in fired {
            let attempts = match self.known.remove(&key) {
                Some(Standing::UnderWay { attempts }) => attempts.saturating_add(1),
                _ => 1,
            };
            match fired {
                Fired::Ended | Fired::Stopped => {}
                Fired::Again(reason) => {
                    tracing::warn!(%stream, reason, attempts, "a timer's command did not get through; it is tried again");
                    metrics::counter!("ego_timers_retried_total", "kind" => stream.kind().to_owned()).increment(1);
                    self.told.retries(Some(error(reason, attempts, self.shared.clock.now())));
                    self.known.insert(key, Standing::Waits { attempts, until: Instant::now() + BACKOFF.after(attempts) });
                }
                Fired::Unknown(reason) => {
                    self.told.unknown(stream.kind(), error(reason, attempts, self.shared.clock.now()));
                    self.known.insert(key, Standing::Unknown);
                }
            }
        }
        let tries_again = |standing: &Standing| matches!(standing, Standing::Waits { .. } | Standing::UnderWay { attempts: 1.. });
        if !self.known.values().any(tries_again) {
            self.told.retries(None);
        }
    }
}

/// Sends the command of a timer that is due.
async fn fire(engine: &Engine, timer: Timer, now: Timestamp) -> Fired {
    let ticks = timer.cron.as_ref().map(|cron| cron.at(timer.due, now)).transpose();
    let (fires, next) = match ticks {
        Ok(None) => (Some(timer.due), None),
        Ok(Some(tick)) => (tick.fires, tick.next),
        Err(error) => return Fired::Unknown(error.to_string()),
    };
    match fires {
        Some(tick) => send(engine, Firing { timer, from: From::Waiting { next } }, tick, now).await,
        None => leave_out(engine, timer, next).await,
    }
}

async fn send(engine: &Engine, firing: Firing, tick: Timestamp, now: Timestamp) -> Fired {
    let firing = Arc::new(firing);
    let timer = &firing.timer;
    let (kind, command) = (timer.stream.kind().to_owned(), timer.command.to_string());
    let count = |name: &'static str| metrics::counter!(name, "kind" => kind.clone(), "command" => command.clone()).increment(1);
    match sending(engine, &firing, tick).await {
        Ok(_) => {
            count("ego_timers_fired_total");
            let late = now.duration_since(tick).as_secs_f64().max(0.0);
            metrics::histogram!("ego_timers_lateness_seconds", "kind" => kind.clone()).record(late);
            Fired::Ended
        }
        Err(CommandError::Rejected(reason)) => {
            tracing::warn!(stream = %timer.stream, key = %timer.key, command, %reason, "a timer's command was refused; it is kept");
            count("ego_timers_refused_total");
            Fired::Ended
        }
        Err(CommandError::Unscheduled { .. }) => Fired::Ended,
        Err(CommandError::Stopped) => Fired::Stopped,
        Err(CommandError::Refused(Refusal::Erased) | CommandError::Unloadable { source: RecoveryError::Erased, .. }) => {
            drop_erased(engine, timer).await
        }
        Err(CommandError::Unknown(target)) => Fired::Unknown(target.to_string()),
        Err(error @ CommandError::Codec { encoding: false, .. }) => Fired::Unknown(with_causes(&error)),
        Err(error) => Fired::Again(with_causes(&error)),
    }
}

/// Sends the command, as that of this tick.
pub(super) async fn sending(engine: &Engine, firing: &Arc<Firing>, tick: Timestamp) -> Result<(), CommandError<AnyRejection>> {
    let timer = &firing.timer;
    let metadata = timer.metadata.clone().entry(KEY_ENTRY, timer.key.as_str()).entry(DUE_ENTRY, tick.to_string());
    engine
        .dispatch(timer.stream.kind(), timer.stream.id(), &timer.command, timer.content.clone())
        .command_id(&timer.command_id)
        .metadata(metadata)
        .firing(Arc::clone(firing))
        .await
        .map(drop)
}

/// Goes on to the next tick without the one that was missed.
async fn leave_out(engine: &Engine, timer: Timer, next: Option<Timestamp>) -> Fired {
    let (stream, key, ids) = (timer.stream.clone(), timer.row_key(), Arc::clone(&engine.shared().ids));
    metrics::counter!("ego_timers_missed_total", "kind" => stream.kind().to_owned()).increment(1);
    tracing::warn!(%stream, key = %timer.key, due = %timer.due, "a tick was missed and is left out");
    let left_out = engine.alter(&stream, (TIMERS, key), move |row| {
        let mut rows = Vec::new();
        let found = row.as_deref().map(read::<Timer>).transpose()?;
        if found.is_some_and(|found| found.command_id == timer.command_id) {
            Firing { timer, from: From::Waiting { next } }.ended(&*ids, &mut rows);
        }
        Ok(rows)
    });
    match left_out.await {
        Ok(_) => Fired::Ended,
        Err(Unaltered::Stopped) => Fired::Stopped,
        Err(Unaltered::Unknown) => Fired::Unknown(format!("the kind {:?} is not registered", stream.kind())),
        Err(Unaltered::Store(error)) => Fired::Again(with_causes(&error)),
    }
}

/// Nothing is sent to an erased stream any more, so nothing else changes its timers.
async fn drop_erased(engine: &Engine, timer: &Timer) -> Fired {
    let mut rows = Vec::new();
    timer.disarm(&mut rows);
    match engine.store().step(Step { advance: None, rows }).await {
        Ok(_) => {
            tracing::info!(stream = %timer.stream, key = %timer.key, "a timer of an erased stream was dropped");
            Fired::Ended
        }
        Err(error) => Fired::Again(with_causes(&error)),
    }
}
