//! What is read: views that are folded from the events as they come.

use crate::account::{Account, AccountEvent};
use crate::money::Money;
use crate::order::{Order, OrderEvent};
use ego::prelude::*;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One line of the list of balances: one view for each account, under its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    pub balance: Money,
    /// Deposits and withdrawals, with the refused ones.
    pub transactions: u64,
    pub refused: u64,
}

#[ego::projection(name = "balances")]
impl Balance {
    #[on(Account)]
    fn account(&mut self, event: &AccountEvent) -> Result<(), String> {
        let balance = match event {
            AccountEvent::Deposited { amount, .. } => self.balance.plus(*amount),
            AccountEvent::Withdrawn { amount, .. } => self.balance.minus(*amount),
            AccountEvent::Declined { .. } => {
                self.refused += 1;
                Some(self.balance)
            }
            AccountEvent::Opened { .. } | AccountEvent::Frozen { .. } | AccountEvent::Unfrozen | AccountEvent::Closed => {
                return Ok(());
            }
        };
        self.transactions += 1;
        self.balance = balance.ok_or("the balance cannot be counted")?;
        Ok(())
    }

    /// Finds the rich ones without reading all.
    #[index]
    fn hundredths(&self) -> u64 {
        self.balance.hundredths()
    }
}

/// What happened to an account in a month: from two kinds, under a key that is taken from the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    pub deposited: Money,
    pub withdrawn: Money,
    pub declined: u64,
    pub orders_agreed: u64,
    pub orders_ended: u64,
}

#[ego::projection(name = "months")]
impl Month {
    #[on(Account, key = month_of_movement)]
    fn account(&mut self, event: &AccountEvent) -> Result<(), &'static str> {
        const TOO_MUCH: &str = "the sum cannot be counted";
        match event {
            AccountEvent::Deposited { amount, .. } => self.deposited = self.deposited.plus(*amount).ok_or(TOO_MUCH)?,
            AccountEvent::Withdrawn { amount, .. } => self.withdrawn = self.withdrawn.plus(*amount).ok_or(TOO_MUCH)?,
            AccountEvent::Declined { .. } => self.declined += 1,
            _ => {}
        }
        Ok(())
    }

    #[on(Order, key = month_of_agreement)]
    fn order(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Agreed { .. } => self.orders_agreed += 1,
            OrderEvent::Ended { .. } => self.orders_ended += 1,
        }
    }
}

/// Only movements belong to a month.
fn month_of_movement(event: &AccountEvent, delivery: &Delivery) -> Option<String> {
    match event {
        AccountEvent::Deposited { details, .. }
        | AccountEvent::Withdrawn { details, .. }
        | AccountEvent::Declined { details, .. } => Some(month(delivery.id(), details.date)),
        _ => None,
    }
}

fn month_of_agreement(event: &OrderEvent) -> String {
    let (OrderEvent::Agreed { account, on, .. } | OrderEvent::Ended { account, on }) = event;
    month(&account.to_string(), *on)
}

/// `25/1994-01`
fn month(account: &str, day: Date) -> String {
    format!("{account}/{:04}-{:02}", day.year(), day.month())
}
