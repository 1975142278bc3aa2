//! Accounts, which know nothing of transfers.

use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Clone, Debug, Serialize, Deserialize)]
pub(crate) enum AccountEvent {
    Deposited { amount: u64 },
    Withdrawn { amount: u64 },
    Became { state: State },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum State {
    #[default]
    Open,
    Closed,
    /// Its bank does not answer.
    Silent,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Deposit {
    pub(crate) amount: u64,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Withdraw {
    pub(crate) amount: u64,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Become {
    pub(crate) state: State,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("insufficient funds: have {balance}, need {amount}")]
    InsufficientFunds { balance: u64, amount: u64 },
    #[error("the account is closed")]
    Closed,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
pub(crate) struct Account {
    pub(crate) balance: u64,
    state: State,
}

#[ego::handlers]
impl Account {
    #[handle]
    async fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, AccountError> {
        match self.state {
            State::Open => Ok(AccountEvent::Deposited { amount: cmd.amount }),
            State::Closed => Err(AccountError::Closed),
            State::Silent => std::future::pending().await,
        }
    }
    #[handle]
    fn withdraw(&self, cmd: Withdraw) -> Result<AccountEvent, AccountError> {
        let Withdraw { amount } = cmd;
        if self.balance < amount {
            return Err(AccountError::InsufficientFunds { balance: self.balance, amount });
        }
        Ok(AccountEvent::Withdrawn { amount })
    }
    #[handle]
    fn become_(&self, cmd: Become) -> Result<AccountEvent, AccountError> {
        Ok(AccountEvent::Became { state: cmd.state })
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Withdrawn { amount } => self.balance -= amount,
            AccountEvent::Became { state } => self.state = *state,
        }
    }
}
