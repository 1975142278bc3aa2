// The program of the README, in a crate that denies what it can.
#![deny(warnings, rust_2018_idioms, future_incompatible, let_underscore, nonstandard_style)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types, unused_qualifications, unused_results)]
#![deny(elided_lifetimes_in_paths, explicit_outlives_requirements, redundant_lifetimes, single_use_lifetimes, unused_lifetimes)]
#![deny(absolute_paths_not_starting_with_crate, redundant_imports, trivial_casts, trivial_numeric_casts, unit_bindings)]
#![forbid(unsafe_code)]
//! A bank account.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What can happen to an account.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    /// It has an owner.
    Opened {
        /// Who.
        owner: String,
    },
    /// Money came.
    Deposited {
        /// How much.
        amount: u64,
    },
    /// Money went.
    Withdrawn {
        /// How much.
        amount: u64,
    },
}

/// Opens the account.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Open {
    /// For whom.
    pub owner: String,
}

/// Pays in.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Deposit {
    /// How much.
    pub amount: u64,
}

/// Pays out.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Withdraw {
    /// How much.
    pub amount: u64,
}

/// Why not.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AccountError {
    /// It has an owner already.
    #[error("the account is already open")]
    AlreadyOpen,
    /// There is too little on it.
    #[error("insufficient funds: the balance is {balance}")]
    InsufficientFunds {
        /// How little.
        balance: u64,
    },
}

/// A service.
#[async_trait::async_trait]
pub trait Fraud: Send + Sync {
    /// Whether this much may go.
    async fn allows(&self, amount: u64) -> bool;
}

#[derive(Debug)]
struct Below(u64);

#[async_trait::async_trait]
impl Fraud for Below {
    async fn allows(&self, amount: u64) -> bool {
        amount < self.0
    }
}

/// An account.
#[derive(Aggregate, Default, Debug, Serialize, Deserialize)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account {
    owner: Option<String>,
    balance: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, cmd: Open) -> Result<AccountEvent, AccountError> {
        if self.owner.is_some() {
            return Err(AccountError::AlreadyOpen);
        }
        Ok(AccountEvent::Opened { owner: cmd.owner })
    }
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, AccountError> {
        Ok(AccountEvent::Deposited { amount: cmd.amount })
    }
    /// Async, with a service by its type and a typed reply.
    #[handle]
    async fn withdraw(&self, cmd: Withdraw, fraud: &dyn Fraud) -> Result<Decision<AccountEvent, u64>, AccountError> {
        if cmd.amount > self.balance || !fraud.allows(cmd.amount).await {
            return Err(AccountError::InsufficientFunds { balance: self.balance });
        }
        Ok(emit(AccountEvent::Withdrawn { amount: cmd.amount }).reply(self.balance - cmd.amount))
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Withdrawn { amount } => self.balance -= amount,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let engine = Engine::builder().service::<dyn Fraud>(Arc::new(Below(100))).start().await.unwrap();
    drop(engine.send::<Account>("acc-1", Open { owner: "Ann".into() }).await.unwrap());
    drop(engine.send::<Account>("acc-1", Deposit { amount: 9 }).await.unwrap());
    let left: u64 = engine.send::<Account>("acc-1", Withdraw { amount: 5 }).await.unwrap().reply;
    assert_eq!(left, 4);
    let refused = engine.send::<Account>("acc-1", Withdraw { amount: 5 }).await.unwrap_err();
    assert!(matches!(refused, CommandError::Rejected(AccountError::InsufficientFunds { balance: 4 })), "{refused}");
}
