//! The domain: what can be asked of an account, what can happen to it, and the rules. Read this first.
//!
//! Nothing here knows a store, a runtime or a clock. A handler decides on the state and changes nothing; the applier changes the
//! state and decides nothing. So the state can always be folded again from the events.

#[cfg(test)]
mod tests;

use crate::money::Money;
use ego::prelude::*;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What can happen to an account. The names and fields are stored: they stay readable for as long as the events are kept.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    /// The bank took it up.
    Opened { on: Date },
    /// Money came in.
    Deposited { amount: Money, details: Details },
    /// Money went out.
    Withdrawn { amount: Money, details: Details },
    /// A withdrawal was larger than the balance. An event, not an error: an import that is repeated must decide as before.
    Declined { amount: Money, details: Details },
    /// The bank lets no money out for now.
    Frozen { reason: String },
    /// The bank lets money out again.
    Unfrozen,
    /// Nothing more will happen.
    Closed,
}

/// What is known about a movement besides its amount. No rule depends on it; a statement shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    pub date: Date,
    /// How the money moved: in cash, by card, to another bank.
    pub operation: Option<String>,
    /// What it was for: insurance, rent, interest.
    pub symbol: Option<String>,
    /// The bank and the account on the other side.
    pub partner_bank: Option<String>,
    pub partner_account: Option<String>,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Open {
    pub on: Date,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Deposit {
    pub amount: Money,
    pub details: Details,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Withdraw {
    pub amount: Money,
    pub details: Details,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Freeze {
    pub reason: String,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Unfreeze {}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Close {}

/// How a deposit or a withdrawal is answered. It is stored with the events, so that the same command gets the same answer again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The money moved; this is the balance now.
    Done { balance: Money },
    /// The money did not move: the balance is too small.
    Declined { balance: Money },
}

/// Why an account refuses. Nothing is recorded then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("the account is not open")]
    NotOpen,
    #[error("the account was opened before")]
    OpenedBefore,
    #[error("the account is frozen")]
    Frozen,
    #[error("the account is closed")]
    Closed,
    #[error("the account still holds {balance}")]
    NotEmpty { balance: Money },
    #[error("the balance would be more than can be counted")]
    TooMuch,
}

/// An account: only what the rules need, and what the bank counts.
#[derive(Aggregate, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account {
    pub status: Status,
    pub balance: Money,
    /// Deposits and withdrawals, with the refused ones.
    pub transactions: u64,
    pub refused: u64,
}

/// Where an account stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    Unopened,
    Open,
    Frozen,
    Closed,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, cmd: Open) -> Result<AccountEvent, AccountError> {
        match self.status {
            Status::Unopened => Ok(AccountEvent::Opened { on: cmd.on }),
            _ => Err(AccountError::OpenedBefore),
        }
    }

    /// A frozen account still takes money in.
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<Decision<AccountEvent, Answer>, AccountError> {
        self.must_be_in_use()?;
        let balance = self.balance.plus(cmd.amount).ok_or(AccountError::TooMuch)?;
        Ok(emit(AccountEvent::Deposited { amount: cmd.amount, details: cmd.details }).reply(Answer::Done { balance }))
    }

    #[handle]
    fn withdraw(&self, cmd: Withdraw) -> Result<Decision<AccountEvent, Answer>, AccountError> {
        self.must_be_free()?;
        let Withdraw { amount, details } = cmd;
        Ok(match self.balance.minus(amount) {
            Some(balance) => emit(AccountEvent::Withdrawn { amount, details }).reply(Answer::Done { balance }),
            None => emit(AccountEvent::Declined { amount, details }).reply(Answer::Declined { balance: self.balance }),
        })
    }

    /// Freezing twice is no error, and nothing happens the second time.
    #[handle]
    fn freeze(&self, cmd: Freeze) -> Result<Option<AccountEvent>, AccountError> {
        self.must_be_in_use()?;
        Ok((self.status == Status::Open).then_some(AccountEvent::Frozen { reason: cmd.reason }))
    }

    #[handle]
    fn unfreeze(&self, _: Unfreeze) -> Result<Option<AccountEvent>, AccountError> {
        self.must_be_in_use()?;
        Ok((self.status == Status::Frozen).then_some(AccountEvent::Unfrozen))
    }

    #[handle]
    fn close(&self, _: Close) -> Result<AccountEvent, AccountError> {
        self.must_be_free()?;
        if self.balance == Money::ZERO { Ok(AccountEvent::Closed) } else { Err(AccountError::NotEmpty { balance: self.balance }) }
    }

    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } | AccountEvent::Unfrozen => self.status = Status::Open,
            AccountEvent::Deposited { amount, .. } => self.moved(self.balance.plus(*amount)),
            AccountEvent::Withdrawn { amount, .. } => self.moved(self.balance.minus(*amount)),
            AccountEvent::Declined { .. } => (self.transactions, self.refused) = (self.transactions + 1, self.refused + 1),
            AccountEvent::Frozen { .. } => self.status = Status::Frozen,
            AccountEvent::Closed => self.status = Status::Closed,
        }
    }
}

impl Account {
    fn must_be_in_use(&self) -> Result<(), AccountError> {
        match self.status {
            Status::Unopened => Err(AccountError::NotOpen),
            Status::Closed => Err(AccountError::Closed),
            Status::Open | Status::Frozen => Ok(()),
        }
    }

    fn must_be_free(&self) -> Result<(), AccountError> {
        if self.status == Status::Frozen { Err(AccountError::Frozen) } else { self.must_be_in_use() }
    }

    fn moved(&mut self, balance: Option<Money>) {
        self.transactions += 1;
        // An applier cannot fail. The handler has checked the sum before the event came to be.
        self.balance = balance.unwrap_or(self.balance);
    }
}
