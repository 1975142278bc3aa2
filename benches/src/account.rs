//! The workload "account" on ego.

use crate::Result;
use crate::load::{self, Ledger};
use ego::prelude::*;
use ego::store::Store;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What can happen to an account.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    /// Somebody owns it from now on.
    Created {
        /// Who.
        owner: String,
    },
    /// It holds more.
    Credited {
        /// So much.
        amount: u64,
    },
    /// Somebody wrote something on it: an event of any size.
    Noted {
        /// What.
        text: String,
    },
}

/// Opens an account.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Create {
    /// Whose it is.
    pub owner: String,
}

/// Adds to an account, and answers with the balance.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Credit {
    /// How much.
    pub amount: u64,
}

/// Adds to an account in ten steps, an event each, and answers with the balance.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct CreditTen {
    /// How much in each step.
    pub amount: u64,
}

/// Writes something on an account.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Note {
    /// What.
    pub text: String,
}

/// Asks for the balance: records nothing.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Look;

/// An account: the state of the workload.
#[derive(Aggregate, Clone, Default, Debug, PartialEq)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account {
    /// Whose it is.
    pub owner: String,
    /// What it holds.
    pub balance: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn create(&self, command: Create) -> std::result::Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Created { owner: command.owner })
    }

    #[handle]
    fn credit(&self, command: &Credit) -> std::result::Result<Decision<AccountEvent, u64>, Infallible> {
        let amount = command.amount;
        Ok(emit(AccountEvent::Credited { amount }).reply(self.balance + amount))
    }

    #[handle]
    fn credit_ten(&self, command: &CreditTen) -> std::result::Result<Decision<AccountEvent, u64>, Infallible> {
        let amount = command.amount;
        Ok(emit([(); 10].map(|()| AccountEvent::Credited { amount })).reply(self.balance + 10 * amount))
    }

    #[handle]
    fn note(&self, command: Note) -> std::result::Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Noted { text: command.text })
    }

    #[handle]
    fn look(&self, _: &Look) -> std::result::Result<Decision<AccountEvent, u64>, Infallible> {
        Ok(Decision::nothing().reply(self.balance))
    }

    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Created { owner } => self.owner.clone_from(owner),
            AccountEvent::Credited { amount } => self.balance += amount,
            AccountEvent::Noted { .. } => {}
        }
    }
}

/// The ids of so many accounts.
#[must_use]
pub fn ids(accounts: usize) -> Arc<[String]> {
    (0..accounts).map(|account| format!("account-{account}")).collect()
}

/// Whose every account is.
pub const OWNER: &str = "Ann Example";

/// Opens all of them.
///
/// # Errors
/// A command failed.
pub async fn create(engine: &Engine, ids: &Arc<[String]>) -> Result<()> {
    let (engine, all) = (engine.clone(), Arc::clone(ids));
    load::each(ids.len(), 1024.min(ids.len()), move |account| {
        let (engine, ids) = (engine.clone(), Arc::clone(&all));
        async move {
            engine.send::<Account>(&ids[account], Create { owner: OWNER.into() }).await.expect("created");
        }
    })
    .await
}

/// The balances of all of them, as they are recorded: replayed from the store.
///
/// # Errors
/// One cannot be read.
pub async fn recorded(engine: &Engine, ids: &Arc<[String]>) -> Result<Ledger> {
    let balances: Arc<[AtomicU64]> = ids.iter().map(|_| AtomicU64::new(0)).collect();
    let (engine, all, found) = (engine.clone(), Arc::clone(ids), Arc::clone(&balances));
    load::each(ids.len(), 64.min(ids.len()), move |account| {
        let (engine, ids, found) = (engine.clone(), Arc::clone(&all), Arc::clone(&found));
        async move {
            let account_state = engine.load::<Account>(&ids[account]).await.expect("replayed").state;
            assert_eq!(account_state.owner, OWNER, "{} is somebody's", ids[account]);
            found[account].store(account_state.balance, Ordering::Relaxed);
        }
    })
    .await?;
    Ok(Ledger::of(balances.iter().map(|balance| balance.load(Ordering::Relaxed))))
}

/// An engine on this store, with room for so many accounts in memory.
///
/// # Errors
/// It does not start.
pub async fn engine(store: impl Store, active_aggregates: usize) -> Result<Engine> {
    let limits = ego::engine::Limits { active_aggregates, ..Default::default() };
    Ok(Engine::builder().store(store).limits(limits).start().await?)
}

/// Stops the engine and closes its store.
///
/// # Errors
/// It does not end well.
pub async fn stop(engine: Engine) -> Result<()> {
    Ok(engine.stop(std::time::Duration::from_secs(60)).await?)
}
