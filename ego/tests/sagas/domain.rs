//! Accounts, requests to move money between them, and the saga that does it.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    Deposited { amount: u64 },
    Withdrawn { amount: u64 },
}

#[derive(Command, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deposit {
    pub amount: u64,
}

#[derive(Command, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withdraw {
    pub amount: u64,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AccountError {
    #[error("the balance is {balance}")]
    InsufficientFunds { balance: u64 },
    #[error("the account is closed")]
    Closed,
}

#[derive(Aggregate, Clone, Default, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account {
    pub balance: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    async fn deposit(&self, cmd: Deposit, cx: &Context, house: &House) -> Result<AccountEvent, AccountError> {
        house.enters(cx.id()).await?;
        Ok(AccountEvent::Deposited { amount: cmd.amount })
    }
    #[handle]
    async fn withdraw(&self, cmd: Withdraw, cx: &Context, house: &House) -> Result<AccountEvent, AccountError> {
        house.enters(cx.id()).await?;
        if cmd.amount > self.balance {
            return Err(AccountError::InsufficientFunds { balance: self.balance });
        }
        Ok(AccountEvent::Withdrawn { amount: cmd.amount })
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Withdrawn { amount } => self.balance -= amount,
        }
    }
}

/// Accounts that do not answer, or are closed.
#[derive(Default)]
pub struct House {
    doors: Mutex<HashMap<String, Door>>,
    opened: Notify,
    /// How often each was entered.
    entered: Mutex<HashMap<String, u32>>,
    /// Of the saga `picky`.
    mood: Mutex<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Door {
    Stuck,
    Closed,
}

impl House {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
    pub fn set(&self, account: &str, door: Option<Door>) {
        match door {
            Some(door) => drop(self.doors.lock().unwrap().insert(account.to_owned(), door)),
            None => drop(self.doors.lock().unwrap().remove(account)),
        }
        self.opened.notify_waiters();
    }
    pub fn entered(&self, account: &str) -> u32 {
        self.entered.lock().unwrap().get(account).copied().unwrap_or(0)
    }
    pub fn be(&self, mood: &'static str) {
        *self.mood.lock().unwrap() = mood;
    }
    pub fn mood(&self) -> &'static str {
        *self.mood.lock().unwrap()
    }
    pub async fn waits(&self, door: &str) {
        // One that is closed refuses nobody here.
        let _ = self.enters(door).await;
    }
    async fn enters(&self, account: &str) -> Result<(), AccountError> {
        *self.entered.lock().unwrap().entry(account.to_owned()).or_default() += 1;
        loop {
            let opened = self.opened.notified();
            let door = self.doors.lock().unwrap().get(account).copied();
            match door {
                None => return Ok(()),
                Some(Door::Closed) => return Err(AccountError::Closed),
                Some(Door::Stuck) => opened.await,
            }
        }
    }
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RequestEvent {
    Requested { from: String, to: String, amount: u64 },
    Noted,
}

#[derive(Command, Serialize, Deserialize)]
pub struct Ask {
    pub from: String,
    pub to: String,
    pub amount: u64,
}

#[derive(Command, Serialize, Deserialize)]
pub struct Note {}

#[derive(Aggregate, Default)]
#[aggregate(name = "request", event = RequestEvent)]
pub struct Request;

#[ego::handlers]
impl Request {
    #[handle]
    fn ask(&self, cmd: Ask) -> Result<RequestEvent, String> {
        Ok(RequestEvent::Requested { from: cmd.from, to: cmd.to, amount: cmd.amount })
    }
    #[handle]
    fn note(&self, _: Note) -> Result<RequestEvent, String> {
        Ok(RequestEvent::Noted)
    }
    #[apply]
    fn apply(&mut self, _: &RequestEvent) {}
}

#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    pub from: String,
    pub to: String,
    pub amount: u64,
    pub withdrawn: bool,
}

pub const LATE: Duration = Duration::from_secs(60);

#[ego::saga(name = "transfer")]
impl Transfer {
    #[start(Request)]
    fn requested(&mut self, event: &RequestEvent, cx: &mut SagaContext<Self>) {
        let RequestEvent::Requested { from, to, amount } = event else { return };
        *self = Self { from: from.clone(), to: to.clone(), amount: *amount, withdrawn: false };
        cx.send::<Account>(from, Withdraw { amount: *amount });
        cx.timeout(LATE, "late");
    }

    #[on(Account)]
    fn account(&mut self, event: &AccountEvent, cx: &mut SagaContext<Self>, delivery: &Delivery) {
        match event {
            AccountEvent::Withdrawn { .. } => {
                self.withdrawn = true;
                cx.send::<Account>(&self.to, Deposit { amount: self.amount });
            }
            AccountEvent::Deposited { .. } if delivery.id() == self.to => cx.complete(),
            AccountEvent::Deposited { .. } => {}
        }
    }

    #[rejected]
    fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>) {
        if self.withdrawn {
            cx.compensate::<Account>(&self.from, Deposit { amount: self.amount });
        }
        cx.fail(&rejection.reason);
    }

    #[timeout]
    fn late(&mut self, name: &str, cx: &mut SagaContext<Self>) {
        assert_eq!(name, "late");
        cx.recall();
    }
}
