//! The two ends of a consumer: whoever runs it, and whoever asks how it stands or tells it what to do.

use super::status::{Ailment, ConsumerKind, LastError, State};
use crate::clock::Clock;
use crate::message::Position;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a consumer is told to do. The number tells a second order from the first: a failed consumer tries again at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    wanted: Wanted,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Run,
    Pause,
    /// Until somebody wants it to run again.
    Stop,
    /// For good: the engine stops.
    End,
}

pub(crate) struct Control {
    pub(crate) kind: ConsumerKind,
    pub(crate) name: String,
    clock: Arc<dyn Clock>,
    order: watch::Sender<Order>,
    said: watch::Sender<Said>,
    counts: Mutex<Counts>,
}

/// What others wait for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) state: State,
    /// Up to where everything is finished and visible.
    pub(crate) position: Option<Position>,
}

#[derive(Clone, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) skipped: u64,
    pub(crate) failures: u64,
    pub(crate) last_error: Option<LastError>,
    seconds: Seconds,
}

impl Control {
    pub(crate) fn new(kind: ConsumerKind, name: impl Into<String>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            name: name.into(),
            clock,
            order: watch::Sender::new(Order { wanted: Wanted::Run, number: 0 }),
            said: watch::Sender::new(Said { state: State::Running, position: None }),
            counts: Mutex::default(),
        })
    }

    /// Tells it what to do. After [`Wanted::End`] nothing else is listened to.
    pub(crate) fn tell(&self, wanted: Wanted) {
        self.order.send_modify(|order| {
            if order.wanted != Wanted::End {
                *order = Order { wanted, number: order.number + 1 };
            }
        });
        if wanted == Wanted::Run {
            // Whoever asks from now on is not told of the failure before.
            self.said.send_if_modified(|said| {
                let had_failed = said.state == State::Failed;
                if had_failed {
                    said.state = State::Running;
                }
                had_failed
            });
        }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        self.order.borrow().wanted
    }

    /// Waits until it is told anything else than to run. Cancel safe.
    pub(crate) async fn interrupted(&self) {
        // The sender is ours, so this cannot fail.
        let _ = self.order.subscribe().wait_for(|order| order.wanted != Wanted::Run).await;
    }

    /// Waits until it may run; `false` when it is to end. One that `failed` waits until it is told to run once more.
    pub(crate) async fn resumed(&self, failed: bool) -> bool {
        let mut orders = self.order.subscribe();
        let first = *orders.borrow();
        loop {
            let order = *orders.borrow_and_update();
            self.say(match order.wanted {
                Wanted::Run if !failed || order.number != first.number => return true,
                Wanted::Run => State::Failed,
                Wanted::Pause => State::Paused,
                Wanted::Stop | Wanted::End => State::Stopped,
            });
            // The sender is ours, so it is not gone.
            if order.wanted == Wanted::End || orders.changed().await.is_err() {
                return false;
            }
        }
    }

    pub(crate) fn say(&self, state: State) {
        self.said.send_if_modified(|said| std::mem::replace(&mut said.state, state) != state);
    }

    /// Everything up to here is finished and visible, with so many events more.
    pub(crate) fn reached(&self, position: Option<Position>, events: u64) {
        if events > 0 {
            let mut counts = self.counts.lock();
            counts.events += events;
            counts.seconds.add(Instant::now(), events);
        }
        self.said.send_if_modified(|said| std::mem::replace(&mut said.position, position) != position);
    }

    /// An event was left out.
    pub(crate) fn skipped(&self) {
        self.counts.lock().skipped += 1;
        metrics::counter!("ego_events_skipped_total", "kind" => self.kind.to_string(), "name" => self.name.clone()).increment(1);
    }

    /// An attempt failed.
    pub(crate) fn failed(&self, error: &dyn fmt::Display, position: Option<Position>, attempts: u32) {
        let mut counts = self.counts.lock();
        counts.failures += 1;
        counts.last_error = Some(LastError { message: error.to_string(), position, attempts, time: self.clock.now() });
    }

    /// Waits before another attempt; `false` when it is told not to run any more.
    pub(crate) async fn wait_to_retry(&self, wait: Duration) -> bool {
        self.say(State::Retrying);
        tokio::select! {
            biased;
            () = self.interrupted() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    pub(crate) fn said(&self) -> Said {
        self.said.borrow().clone()
    }

    pub(crate) fn listen(&self) -> watch::Receiver<Said> {
        self.said.subscribe()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().clone()
    }

    pub(crate) fn ailment(&self) -> Ailment {
        Ailment { kind: self.kind, name: self.name.clone(), error: self.counts.lock().last_error.clone() }
    }
}

impl Counts {
    /// Events per second.
    pub(crate) fn rate(&self) -> f64 {
        self.seconds.rate(Instant::now())
    }
}

/// How many events were finished in each of the last seconds.
#[derive(Clone, Default)]
struct Seconds {
    began: Option<Instant>,
    /// The second since `began` that was last counted in.
    last: u64,
    counts: [u64; Self::KEPT as usize],
}

impl Seconds {
    const KEPT: u64 = 10;

    fn second(&self, now: Instant) -> u64 {
        self.began.map_or(0, |began| now.saturating_duration_since(began).as_secs())
    }

    fn add(&mut self, now: Instant, events: u64) {
        self.began.get_or_insert(now);
        let second = self.second(now);
        for gone in (self.last + 1..=second).take(Self::KEPT as usize) {
            self.counts[(gone % Self::KEPT) as usize] = 0;
        }
        self.last = second;
        self.counts[(second % Self::KEPT) as usize] += events;
    }

    fn rate(&self, now: Instant) -> f64 {
        let second = self.second(now);
        let oldest = (second + 1).saturating_sub(Self::KEPT);
        let sum: u64 = (oldest..=self.last.min(second)).map(|second| self.counts[(second % Self::KEPT) as usize]).sum();
        sum as f64 / (second + 1).min(Self::KEPT) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn control() -> Arc<Control> {
        Control::new(ConsumerKind::Projection, "p", Arc::new(SystemClock))
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_ten_seconds() {
        let control = control();
        for _ in 0..5 {
            control.reached(None, 100);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!((control.counts().rate() - 500.0 / 6.0).abs() < 1e-9);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!((control.counts().rate() - 30.0).abs() < 1e-9, "{}", control.counts().rate());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(control.counts().rate().abs() < 1e-9);
        control.reached(None, 7);
        assert!((control.counts().rate() - 0.7).abs() < 1e-9);
    }

    #[tokio::test]
    async fn a_failed_consumer_goes_on_when_it_is_told_again() {
        let control = control();
        assert!(control.resumed(false).await);
        let waiting = {
            let control = Arc::clone(&control);
            tokio::spawn(async move { control.resumed(true).await })
        };
        control.listen().wait_for(|said| said.state == State::Failed).await.unwrap();
        assert!(!waiting.is_finished());
        control.tell(Wanted::Run);
        assert_eq!(control.said().state, State::Running, "nobody is told of the failure any more");
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn one_that_ended_stays_so() {
        let control = control();
        control.tell(Wanted::End);
        control.tell(Wanted::Run);
        assert!(!control.resumed(false).await);
        assert_eq!(control.said().state, State::Stopped);
    }
}
