//! Following the log event by event, at least once each: what publishers and reactors have in common.
//!
//! I6, I12: 1. read what is durable  2. handle it, in order  3. only then let the checkpoint follow. What cannot be handled is tried again,
//! and then the policy decides about this one event; nothing behind it is handled before, and nothing before it is handled again for it.

use super::control::{Control, Wanted};
use super::ground::{Consumer, StoppedBy};
use super::policy::{Policy, Then};
use super::progress::{Begin, Progress};
use super::status::{Parked, State};
use crate::engine::{Shared, panic_message};
use crate::model::{DecodeError, Failure};
use crate::store::{RecordedEvent, StoreError};
use crate::subscription::{Follows, Tail, Tailed};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// What is done with the events.
pub(crate) trait Handler: Send + Sync + 'static {
    /// What a recorded event means today.
    type Item: Send + Sync;

    /// Whether it takes several at once.
    const TOGETHER: bool;

    /// Adds what the event means: usually one, of a split one several, of a retired one nothing.
    fn read(&self, shared: &Shared, event: &RecordedEvent, items: &mut Vec<Self::Item>) -> Result<(), DecodeError>;

    /// Handles these, in order. This is the so manieth attempt at them.
    fn handle<'h>(&'h self, items: &'h [Self::Item], attempt: u32) -> BoxFuture<'h, Result<(), Failure>>;
}

/// What is followed, and how.
pub(crate) struct Course {
    pub(crate) follows: Follows,
    pub(crate) begin: Begin,
    /// The name that a checkpoint is kept under, if one is.
    pub(crate) checkpoint: Option<String>,
    pub(crate) policy: Policy,
    /// How many recorded events are read at once.
    pub(crate) batch: usize,
}

/// Gives the events of the log to a handler.
pub(crate) struct Follower<H> {
    pub(crate) way: Way,
    pub(crate) handler: H,
}

/// Whoever follows, and what.
pub(crate) struct Way {
    pub(crate) shared: Arc<Shared>,
    pub(crate) control: Arc<Control>,
    pub(crate) course: Course,
}

/// Why it does not go on.
pub(super) enum Halt {
    /// It was told not to run.
    Told,
    /// It cannot, and has said so.
    Failed,
    /// Somebody else moved its checkpoint: it goes on from there.
    Moved,
}

/// What goes on along its way, until something keeps it from that.
pub(super) trait Travels: Send + Sync + 'static {
    fn way(&self) -> &Way;

    /// Follows from where it stands.
    fn go_on<'f>(&'f self, progress: &'f mut Progress) -> BoxFuture<'f, Result<Infallible, Halt>>;

    /// What cannot go on, although this does.
    fn parked(&self) -> Vec<Parked> {
        Vec::new()
    }
}

impl<F: Travels> Consumer for F {
    fn control(&self) -> &Arc<Control> {
        &self.way().control
    }

    fn follows(&self) -> Follows {
        self.way().course.follows.clone()
    }

    fn entry(&self) -> Option<(&str, Begin)> {
        let course = &self.way().course;
        course.checkpoint.as_deref().map(|name| (name, course.begin))
    }

    fn parked(&self) -> Vec<Parked> {
        Travels::parked(self)
    }

    fn follow(&self) -> BoxFuture<'_, Result<(), StoppedBy>> {
        Box::pin(async {
            match run(self).await {
                Halt::Failed => Err(StoppedBy),
                Halt::Told | Halt::Moved => Ok(()),
            }
        })
    }
}

async fn run(who: &impl Travels) -> Halt {
    let way = who.way();
    let mut progress = match way.progress().await {
        Ok(progress) => progress,
        Err(halt) => return halt,
    };
    let halt = loop {
        match who.go_on(&mut progress).await {
            Ok(never) => match never {},
            Err(Halt::Moved) => {}
            Err(halt) => break halt,
        }
    };
    if let Err(error) = progress.keep(&way.shared).await {
        let name = &way.control.name;
        tracing::warn!(name, %error, "a checkpoint was not kept at the end: some events will be handled once more");
    }
    halt
}

impl<H: Handler> Travels for Follower<H> {
    fn way(&self) -> &Way {
        &self.way
    }

    fn go_on<'f>(&'f self, progress: &'f mut Progress) -> BoxFuture<'f, Result<Infallible, Halt>> {
        Box::pin(self.follow_on(progress))
    }
}

impl Way {
    async fn progress(&self) -> Result<Progress, Halt> {
        let Some(consumer) = &self.course.checkpoint else {
            return Ok(Progress::unkept(self.control.said().position.max(self.shared.head_at_start)));
        };
        let mut attempts = 0;
        loop {
            match Progress::of(consumer, &self.shared).await {
                Ok(progress) => return Ok(progress),
                Err(error) => self.store_failed(error, &mut attempts).await?,
            }
        }
    }

    pub(super) async fn keep(&self, progress: &mut Progress) -> Result<(), Halt> {
        let mut attempts = 0;
        loop {
            match progress.keep(&self.shared).await {
                Ok(ours) => return if ours { Ok(()) } else { Err(Halt::Moved) },
                Err(error) => self.store_failed(error, &mut attempts).await?,
            }
        }
    }

    /// The last attempt failed.
    pub(super) fn give_up(&self, event: &RecordedEvent) -> Result<(), Halt> {
        match self.course.policy.then {
            Then::Skip => {
                let (kind, name) = (self.control.kind, &*self.control.name);
                let error = self.control.ailment().error.map(|error| error.message).unwrap_or_default();
                tracing::error!(%kind, name, stream = %event.stream, position = %event.position, error, "an event was left out");
                self.control.skipped();
                self.control.say(State::Running);
                Ok(())
            }
            // No engine starts with a follower that has dead letters.
            Then::Fail | Then::DeadLetter => Err(Halt::Failed),
        }
    }

    /// Waits before the store is asked again.
    pub(super) async fn store_failed(&self, error: StoreError, attempts: &mut u32) -> Result<(), Halt> {
        if self.control.wanted() != Wanted::Run {
            return Err(Halt::Told);
        }
        *attempts += 1;
        self.control.failed(&with_causes(&error), self.control.said().position, *attempts);
        // A store that is closed stays so.
        let again = if matches!(error, StoreError::Closed) { None } else { self.course.policy.wait_after(*attempts) };
        let wait = again.ok_or(Halt::Failed)?;
        if self.control.wait_to_retry(wait).await { Ok(()) } else { Err(Halt::Told) }
    }
}

impl<H: Handler> Follower<H> {
    async fn follow_on(&self, progress: &mut Progress) -> Result<Infallible, Halt> {
        let mut tail = Tail::new(Arc::clone(&self.way.shared), self.way.course.follows.clone(), progress.reached());
        self.way.control.reached(progress.reached(), 0);
        let mut attempts = 0;
        loop {
            self.way.control.say(State::Running);
            let due = progress.due();
            let next = tokio::select! {
                biased;
                () = self.way.control.interrupted() => return Err(Halt::Told),
                next = tail.next(self.way.course.batch) => Some(next),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
            };
            match next {
                Some(Ok(Tailed { events, upto })) => {
                    attempts = 0;
                    self.handle_all(&events, progress).await?;
                    progress.passed(upto);
                    self.way.control.reached(progress.reached(), 0);
                }
                Some(Err(error)) => self.way.store_failed(error, &mut attempts).await?,
                None => {}
            }
            if progress.due().is_some_and(|due| due <= Instant::now()) {
                self.way.keep(progress).await?;
            }
        }
    }

    async fn handle_all(&self, events: &[RecordedEvent], progress: &mut Progress) -> Result<(), Halt> {
        let mut rest = events;
        while !rest.is_empty() {
            let together = if H::TOGETHER { self.handle_together(rest, progress).await? } else { 0 };
            rest = &rest[together..];
            // What is first now was not handled with the others: it is handled alone, as are those that failed with it.
            if let [first, behind @ ..] = rest {
                self.handle_alone(first, progress).await?;
                rest = behind;
            }
        }
        Ok(())
    }

    /// Handles as many as can be read, at once. If that fails, one by one: so it is found out which one it is.
    async fn handle_together(&self, events: &[RecordedEvent], progress: &mut Progress) -> Result<usize, Halt> {
        let mut items = Vec::with_capacity(events.len());
        let count = events.iter().take_while(|event| self.handler.read(&self.way.shared, event, &mut items).is_ok()).count();
        let [first, .., last] = &events[..count] else { return Ok(0) };
        if self.way.control.wanted() != Wanted::Run {
            return Err(Halt::Told);
        }
        let handled = if items.is_empty() { Ok(()) } else { self.attempt(&items, 1).await };
        let Err(failure) = handled else {
            progress.finished(last.position);
            self.way.control.reached(Some(last.position), count as u64);
            return Ok(count);
        };
        drop(items);
        self.way.control.failed(&failure, Some(first.position), 1);
        if let Some(wait) = self.way.course.policy.wait_after(1)
            && !self.way.control.wait_to_retry(wait).await
        {
            return Err(Halt::Told);
        }
        for event in &events[..count] {
            self.handle_alone(event, progress).await?;
        }
        Ok(count)
    }

    async fn handle_alone(&self, event: &RecordedEvent, progress: &mut Progress) -> Result<(), Halt> {
        let mut items = Vec::with_capacity(1);
        if let Err(error) = self.handler.read(&self.way.shared, event, &mut items) {
            // It would not be read any better the next time.
            items.clear();
            self.way.control.failed(&with_causes(&error), Some(event.position), 1);
            self.way.give_up(event)?;
        }
        for item in &items {
            self.try_one(event, item, progress).await?;
        }
        progress.finished(event.position);
        self.way.control.reached(Some(event.position), 1);
        Ok(())
    }

    async fn try_one(&self, event: &RecordedEvent, item: &H::Item, progress: &mut Progress) -> Result<(), Halt> {
        for attempt in 1.. {
            if self.way.control.wanted() != Wanted::Run {
                return Err(Halt::Told);
            }
            let Err(failure) = self.attempt(std::slice::from_ref(item), attempt).await else { break };
            self.way.control.failed(&failure, Some(event.position), attempt);
            let Some(wait) = self.way.course.policy.wait_after(attempt) else { return self.way.give_up(event) };
            // It may take long: what was done before is not done again if the process ends meanwhile.
            self.way.keep(progress).await?;
            if !self.way.control.wait_to_retry(wait).await {
                return Err(Halt::Told);
            }
        }
        self.way.control.say(State::Running);
        Ok(())
    }

    async fn attempt(&self, items: &[H::Item], attempt: u32) -> Result<(), Failure> {
        let handling = AssertUnwindSafe(async { self.handler.handle(items, attempt).await });
        handling
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(Failure::new(format!("it panicked: {}", panic_message(&*panic)))))
    }
}

/// The error with what it came from, for those who see only a text.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The name of a consumer's checkpoint.
pub(crate) fn checkpoint_of(kind: super::ConsumerKind, name: &str) -> String {
    format!("{kind}/{name}")
}
