//! The domain of these tests: accounts, and the views of their balances.

use ego::engine::{Location, TypeRef};
use ego::model::{Delivery, Failure, Fold, IndexOutput, IndexValue, On, Projection};
use ego::prelude::*;
use ego::projection::{ProjectionDescriptor, Source, Sources};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    Opened {
        owner: String,
    },
    Deposited {
        amount: i64,
    },
    Tagged {
        tags: Vec<String>,
    },
    Closed,
    /// Nobody can fold it into a balance.
    Disputed,
}

#[derive(Command, Serialize, Deserialize)]
pub struct Open {
    pub owner: String,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Deposit {
    pub amount: i64,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Tag {
    pub tags: Vec<String>,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Close;
#[derive(Command, Serialize, Deserialize)]
pub struct Dispute;

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account;

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, cmd: Open) -> Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Opened { owner: cmd.owner })
    }
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Deposited { amount: cmd.amount })
    }
    #[handle]
    fn tag(&self, cmd: Tag) -> Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Tagged { tags: cmd.tags })
    }
    #[handle]
    fn close(&self, _: Close) -> Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Closed)
    }
    #[handle]
    fn dispute(&self, _: Dispute) -> Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Disputed)
    }
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

/// The async view of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    pub owner: String,
    pub balance: i64,
    pub tags: Vec<String>,
}

impl Balance {
    pub fn of(owner: &str, balance: i64) -> Self {
        Self { owner: owner.to_owned(), balance, tags: Vec::new() }
    }

    fn fold(&mut self, event: &AccountEvent) -> Result<Fold, Failure> {
        match event {
            AccountEvent::Opened { owner } => self.owner.clone_from(owner),
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Tagged { tags } => self.tags.clone_from(tags),
            AccountEvent::Closed => return Ok(Fold::Remove),
            AccountEvent::Disputed => return Err(Failure::new("disputed")),
        }
        Ok(Fold::Keep)
    }
}

impl Projection for Balance {
    const NAME: &'static str = "balances";
    const INDEXES: &'static [&'static str] = &["owner", "balance", "tag"];

    fn indexed(&self, index: usize, values: &mut Vec<IndexValue>) {
        match index {
            0 => self.owner.as_str().values(values),
            1 => self.balance.values(values),
            _ => self.tags.clone().values(values),
        }
    }
}

impl On<Account> for Balance {
    async fn on(&mut self, event: &AccountEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        if let Ok(gate) = delivery.service::<Gate>() {
            gate.open().await;
        }
        self.fold(event)
    }
}

impl Sources for Balance {
    const SOURCES: &'static [Source<Self>] = &[Source::of::<Account>(Location::new(file!(), line!()), &[] as &[TypeRef])];
}

ego::__private::inventory::submit! { ProjectionDescriptor::of::<Balance>(Location::new(file!(), line!())) }

/// What balances wait for before each event, in an engine that has it as a service.
pub struct Gate(watch::Sender<bool>);

impl Gate {
    pub fn closed() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(false)))
    }

    pub fn set_open(&self) {
        self.0.send_replace(true);
    }

    async fn open(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}
