//! The domain of these tests: accounts whose events have a past, and orders beside them.

#![allow(clippy::needless_pass_by_value, reason = "an upcaster takes the old shape")]

use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    Opened {
        owner: String,
    },
    Deposited {
        amount: u64,
    },
    /// In its first version, what was moved was several amounts.
    #[event(version = 2, upcast(1 => split))]
    Moved {
        amount: u64,
    },
    /// In its first version, it said nothing that anybody wants to know today.
    #[event(version = 2, upcast(1 => retire))]
    Noted {
        text: String,
    },
}

#[derive(Deserialize)]
struct MovedMany {
    amounts: Vec<u64>,
}

fn split(old: MovedMany) -> Vec<AccountEvent> {
    old.amounts.into_iter().map(|amount| AccountEvent::Moved { amount }).collect()
}

fn retire(_: serde_json::Value) -> Option<AccountEvent> {
    None
}

#[derive(Command, Serialize, Deserialize)]
pub struct Open {
    pub owner: String,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Deposit {
    pub amount: u64,
}

#[derive(Aggregate, Default, Debug, PartialEq)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account {
    pub sum: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, cmd: Open) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Opened { owner: cmd.owner })
    }
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: cmd.amount })
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { amount } | AccountEvent::Moved { amount } => self.sum += amount,
            AccountEvent::Opened { .. } | AccountEvent::Noted { .. } => {}
        }
    }
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderEvent {
    Placed { total: u64 },
}

#[derive(Command, Serialize, Deserialize)]
pub struct Place {
    pub total: u64,
}

#[derive(Aggregate, Default, Debug, PartialEq)]
#[aggregate(name = "order", event = OrderEvent)]
pub struct Order {
    pub total: u64,
}

#[ego::handlers]
impl Order {
    #[handle]
    fn place(&self, cmd: Place) -> Result<OrderEvent, String> {
        Ok(OrderEvent::Placed { total: cmd.total })
    }
    #[apply]
    fn apply(&mut self, event: &OrderEvent) {
        let OrderEvent::Placed { total } = event;
        self.total += total;
    }
}

/// What the reactor that is linked in follows, and nobody else.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VisitEvent {
    Came,
}

#[derive(Command, Serialize, Deserialize)]
pub struct Come;

#[derive(Aggregate, Default, Debug, PartialEq)]
#[aggregate(name = "visit", event = VisitEvent)]
pub struct Visit {}

#[ego::handlers]
impl Visit {
    #[handle]
    fn come(&self, _: Come) -> Result<VisitEvent, String> {
        Ok(VisitEvent::Came)
    }
    #[apply]
    fn apply(&mut self, _: &VisitEvent) {}
}
