//! What is run: a till (one applier, several events to a command, an async handler) and a hall (an applier for each payload).

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// How many guests a hall takes.
pub(crate) const SEATS: usize = 6;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum TillEvent {
    Added { by: u64, note: String },
    Taken { by: u64 },
}

/// Brings money, several times at once.
#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) by: u64,
    pub(crate) times: u64,
    pub(crate) note: String,
}

/// Takes money, if there is enough.
#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Take {
    pub(crate) by: u64,
}

/// Asks what is there; records nothing but its id and reply.
#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Look;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("there are only {0}")]
pub(crate) struct TooFew(u64);

#[derive(Aggregate, Clone, Debug, Default, PartialEq)]
#[aggregate(name = "till", event = TillEvent)]
pub(crate) struct Till {
    pub(crate) total: u64,
}

#[ego::handlers]
impl Till {
    #[handle]
    fn add(&self, cmd: Add) -> Result<Decision<TillEvent, u64>, Infallible> {
        let events: Vec<_> = (0..cmd.times).map(|_| TillEvent::Added { by: cmd.by, note: cmd.note.clone() }).collect();
        Ok(emit(events).reply(self.total + cmd.by * cmd.times))
    }
    #[handle]
    async fn take(&self, cmd: Take) -> Result<Decision<TillEvent, u64>, TooFew> {
        tokio::task::yield_now().await;
        let left = self.total.checked_sub(cmd.by).ok_or(TooFew(self.total))?;
        Ok(emit(TillEvent::Taken { by: cmd.by }).reply(left))
    }
    #[handle]
    fn look(&self, _: Look) -> Result<Decision<TillEvent, u64>, Infallible> {
        Ok(Decision::nothing().reply(self.total))
    }
    #[apply]
    fn apply(&mut self, event: &TillEvent) {
        match event {
            TillEvent::Added { by, .. } => self.total += by,
            TillEvent::Taken { by } => self.total -= by,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seated {
    guest: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Left {
    guest: u64,
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum HallEvent {
    Seated(Seated),
    Left(Left),
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) guest: u64,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Leave {
    pub(crate) guest: u64,
}

/// Everybody leaves, each an event.
#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Clear;

#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum HallError {
    #[error("the hall is full")]
    Full,
    #[error("the guest sits there already")]
    Seated,
    #[error("the guest is not there")]
    Absent,
}

#[derive(Aggregate, Clone, Debug, Default, PartialEq)]
#[aggregate(name = "hall", event = HallEvent)]
pub(crate) struct Hall {
    pub(crate) guests: BTreeSet<u64>,
}

#[ego::handlers]
impl Hall {
    #[handle]
    async fn seat(&self, cmd: &Seat) -> Result<Decision<HallEvent, u64>, HallError> {
        tokio::task::yield_now().await;
        if self.guests.contains(&cmd.guest) {
            return Err(HallError::Seated);
        }
        if self.guests.len() >= SEATS {
            return Err(HallError::Full);
        }
        Ok(emit(HallEvent::Seated(Seated { guest: cmd.guest })).reply(self.guests.len() as u64 + 1))
    }
    #[handle]
    fn leave(&self, cmd: Leave) -> Result<Decision<HallEvent, u64>, HallError> {
        if !self.guests.contains(&cmd.guest) {
            return Err(HallError::Absent);
        }
        Ok(emit(HallEvent::Left(Left { guest: cmd.guest })).reply(self.guests.len() as u64 - 1))
    }
    #[handle]
    fn clear(&self, _: Clear) -> Result<Decision<HallEvent, u64>, Infallible> {
        let all: Vec<_> = self.guests.iter().map(|guest| HallEvent::Left(Left { guest: *guest })).collect();
        Ok(emit(all).reply(0))
    }
    #[apply]
    fn seated(&mut self, event: &Seated) {
        self.guests.insert(event.guest);
    }
    #[apply]
    fn left(&mut self, event: &Left) {
        self.guests.remove(&event.guest);
    }
}
