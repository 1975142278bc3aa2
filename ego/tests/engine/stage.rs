//! Where a caller is driven by hand: the store goes one step at a time, and at every step the caller can be dropped.

use crate::rigged::Rigged;
use crate::tally::*;
use crate::{limits, start, until};
use ego::Engine;
use ego::engine::{CommandError, Limits, Sending};
use ego::message::Position;
use ego::prelude::*;
use ego::store::{Filter, Store};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

/// In paused time, so nobody really waits: it is over at once when nothing goes on any more.
const SOON: Duration = Duration::from_secs(20);
/// Longer than a command has.
pub const LONG: Duration = Duration::from_secs(3600);
const MAILBOX: usize = 2;

/// Whether a command was a repeat, or why it failed.
pub type Answer = Result<bool, Failed>;
pub type Answered = BoxFuture<'static, Answer>;

#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    Timeout { recorded_unknown: bool },
    Otherwise(String),
}

/// A command on its way. Nothing has happened yet.
pub fn answered<R: Send + 'static, E: Send + std::fmt::Display + 'static>(sending: Sending<'_, R, E>) -> Answered {
    let sending = sending.into_future();
    let answer = async {
        sending.await.map(|receipt| receipt.repeated).map_err(|error| match error {
            CommandError::Timeout { recorded_unknown, .. } => Failed::Timeout { recorded_unknown },
            error => Failed::Otherwise(error.to_string()),
        })
    };
    answer.boxed()
}

/// An engine with small limits, on a store that goes step by step.
pub struct Stage {
    pub engine: Engine,
    pub signal: Arc<Signal>,
    pub store: Rigged,
}

impl Stage {
    pub async fn new(change: fn(&mut Limits)) -> Self {
        let store = Rigged::open();
        let limits = limits(|limits| {
            (limits.mailbox, limits.recoveries, limits.page, limits.commit_bytes) = (MAILBOX, 1, 2, 0);
            change(limits);
        });
        let (engine, signal) = start(Engine::builder().store(store.clone()).limits(limits)).await;
        Self { engine, signal, store }
    }

    pub fn hold(&self) {
        self.signal.permits.forget_permits(usize::MAX);
        self.store.steps.hold();
    }

    /// Lets the handler or the call of the store that waits longest go one step on, and everything else as far as it gets.
    pub async fn step(&self) {
        self.signal.permits.forget_permits(usize::MAX);
        self.signal.permits.add_permits(1);
        self.store.steps.let_one();
        self.settle().await;
    }

    /// Lets every task run until it waits.
    pub async fn settle(&self) {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }

    pub fn free(&self) {
        self.store.steps.free();
        self.signal.permits.add_permits(1000);
    }

    /// A command that counts, as somebody else sends it.
    pub async fn count(&self, id: &str) {
        self.engine.send::<Tally>(id, Count { by: 1 }).await.unwrap();
    }

    /// Begins what somebody else waits for meanwhile.
    pub async fn begin(&self, mut other: Answered) -> Answered {
        assert!(Driven::new(&mut other).poll().is_none(), "it is over already");
        self.settle().await;
        other
    }

    /// How many events this command recorded.
    pub async fn recorded(&self, command: &str) -> usize {
        let events = self.store.inner.read_log(None::<Position>, &Filter::default(), 10_000).await.unwrap();
        assert!(events.next.is_none());
        events.items.iter().filter(|event| &*event.metadata.command == command).count()
    }

    /// Everybody else is answered, the aggregate answers, and its state is the recorded one; at the latest with the next commit when
    /// this engine is not `alone` on its store.
    pub async fn goes_on(&self, others: Vec<Answered>, alone: bool) {
        self.free();
        let mut others: FuturesUnordered<_> = others.into_iter().collect();
        while let Some(answer) = soon(others.next()).await {
            assert!(answer.is_ok(), "somebody else has {answer:?}");
        }
        let seen = soon(self.engine.send::<Tally>("a", Peek).into_future()).await.unwrap().reply;
        let total = soon(self.engine.load::<Tally>("a")).await.unwrap().state.total;
        assert!(seen == total || !alone, "{seen} is in memory, {total} is recorded");
        assert_eq!(soon(self.engine.send::<Tally>("a", Count { by: 1 }).into_future()).await.unwrap().reply, total + 1);
        assert_eq!(self.engine.queued_commands(), 0);
    }

    /// I12: no place in a queue, no room and no permit was lost or won; the engine ends in order, and nothing of it is left.
    pub async fn nothing_leaked(self) {
        // The mailbox holds as many as ever.
        self.signal.permits.forget_permits(usize::MAX);
        let running = self.begin(answered(self.engine.send::<Tally>("a", CountWhenLet))).await;
        let mut waiting = vec![running];
        for _ in 0..MAILBOX + 2 {
            waiting.push(self.begin(answered(self.engine.send::<Tally>("a", Count { by: 1 }))).await);
        }
        assert_eq!(self.engine.queued_commands(), MAILBOX, "places in the mailbox");
        self.free();
        for answer in soon(futures_util::future::join_all(waiting)).await {
            assert_eq!(answer, Ok(false));
        }
        // Larger than all the room in the pipeline, so it needs all of it.
        soon(self.engine.send::<Tally>("large", Write { text: "x".repeat(100_000) }).into_future()).await.unwrap();
        // The only permit to replay.
        soon(self.engine.load::<Tally>("large")).await.unwrap();
        soon(self.engine.stop(SOON)).await.expect("a command counts as under way");
        let Self { engine, signal, store: _ } = self;
        drop(engine);
        until(|| Arc::strong_count(&signal) == 1).await;
    }
}

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it hangs")
}

/// A future that is polled by hand.
pub struct Driven<'f, T> {
    future: Pin<&'f mut (dyn Future<Output = T> + Send)>,
    woken: Arc<Woken>,
    seen: Option<usize>,
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'f, T> Driven<'f, T> {
    pub fn new<F: Future<Output = T> + Send + Unpin>(future: &'f mut F) -> Self {
        let future: Pin<&'f mut F> = Pin::new(future);
        Self { future, woken: Arc::default(), seen: None }
    }

    /// Polls once. Who is ready after it had to wait must have been woken: a runtime would not have polled it.
    pub fn poll(&mut self) -> Option<T> {
        let woken = self.woken.0.load(Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(done) => {
                assert_ne!(self.seen, Some(woken), "it is ready, and nobody woke it");
                Some(done)
            }
            Poll::Pending => {
                self.seen = Some(woken);
                None
            }
        }
    }
}
