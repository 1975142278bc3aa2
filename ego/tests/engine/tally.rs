//! The domain of these tests: something that counts, and everything that can go wrong with it.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TallyEvent {
    Counted { by: u64 },
    Stamped { id: String, time: String },
    Poisoned,
    Written { text: Fussy },
}

/// A text that cannot always be written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Fussy(pub String);

impl Serialize for Fussy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            "fail" => Err(serde::ser::Error::custom("it cannot be written")),
            "panic" => panic!("while writing"),
            text => serializer.serialize_str(text),
        }
    }
}

#[derive(Command, Serialize, Deserialize)]
pub struct Count {
    pub by: u64,
}
#[derive(Command, Serialize, Deserialize)]
pub struct CountMany {
    pub times: u64,
}
/// Only while the total is below the limit.
#[derive(Command, Serialize, Deserialize)]
pub struct CountBelow {
    pub limit: u64,
}
/// Replies the total and records nothing.
#[derive(Command, Serialize, Deserialize)]
pub struct Peek;
#[derive(Command, Serialize, Deserialize)]
pub struct Stamp;
#[derive(Command, Serialize, Deserialize)]
pub struct Panic;
/// Records an event that the applier cannot take, behind one that it can.
#[derive(Command, Serialize, Deserialize)]
pub struct Poison;
/// Records a text that cannot always be written.
#[derive(Command, Serialize, Deserialize)]
pub struct Write {
    pub text: String,
}
/// Counts once a permit is there.
#[derive(Command, Serialize, Deserialize)]
pub struct CountWhenLet;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the total is {total} already")]
pub struct TooMany {
    pub total: u64,
}

/// What [`CountWhenLet`] waits for.
pub struct Signal {
    pub permits: Semaphore,
    pub waiting: AtomicUsize,
}

impl Signal {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { permits: Semaphore::new(0), waiting: AtomicUsize::new(0) })
    }

    pub async fn wait_until_waiting(&self, handlers: usize) {
        crate::until(|| self.waiting.load(Ordering::SeqCst) >= handlers).await;
    }
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "tally", event = TallyEvent)]
pub struct Tally {
    pub total: u64,
    pub events: u64,
    /// What a handler should not have: a way to change the state.
    pub leak: AtomicU64,
}

impl PartialEq<(u64, u64)> for Tally {
    fn eq(&self, (total, events): &(u64, u64)) -> bool {
        (self.total, self.events) == (*total, *events)
    }
}

#[ego::handlers]
impl Tally {
    #[handle]
    fn count(&self, cmd: Count) -> Result<Decision<TallyEvent, u64>, std::convert::Infallible> {
        Ok(emit(TallyEvent::Counted { by: cmd.by }).reply(self.total + cmd.by))
    }
    #[handle]
    fn count_many(&self, cmd: &CountMany) -> Result<Vec<TallyEvent>, String> {
        Ok((0..cmd.times).map(|_| TallyEvent::Counted { by: 1 }).collect())
    }
    #[handle]
    fn count_below(&self, cmd: CountBelow) -> Result<TallyEvent, TooMany> {
        if self.total < cmd.limit { Ok(TallyEvent::Counted { by: 1 }) } else { Err(TooMany { total: self.total }) }
    }
    #[handle]
    fn peek(&self, _: Peek) -> Result<Decision<TallyEvent, u64>, String> {
        Ok(Decision::nothing().reply(self.total + self.leak.load(Ordering::SeqCst)))
    }
    #[handle]
    fn stamp(&self, _: Stamp, context: &Context) -> Result<TallyEvent, String> {
        Ok(TallyEvent::Stamped { id: context.id().to_owned(), time: context.time().to_string() })
    }
    #[handle]
    fn panic(&self, _: Panic) -> Result<(), String> {
        self.leak.fetch_add(1000, Ordering::SeqCst);
        panic!("as told")
    }
    #[handle]
    fn poison(&self, _: Poison) -> Result<[TallyEvent; 2], String> {
        Ok([TallyEvent::Counted { by: 1 }, TallyEvent::Poisoned])
    }
    #[handle]
    fn write(&self, cmd: Write) -> Result<TallyEvent, String> {
        Ok(TallyEvent::Written { text: Fussy(cmd.text) })
    }
    #[handle]
    async fn count_when_let(&self, _: CountWhenLet, signal: &Signal) -> Result<TallyEvent, String> {
        signal.waiting.fetch_add(1, Ordering::SeqCst);
        signal.permits.acquire().await.map_err(|error| error.to_string())?.forget();
        Ok(TallyEvent::Counted { by: 1 })
    }
    #[apply]
    fn apply(&mut self, event: &TallyEvent) {
        self.events += 1;
        match event {
            TallyEvent::Counted { by } => self.total += by,
            TallyEvent::Stamped { .. } | TallyEvent::Written { .. } => {}
            TallyEvent::Poisoned => panic!("poison"),
        }
    }
}
