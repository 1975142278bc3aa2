//! A library with two aggregates. The program names it.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::marker::PhantomData;

/// What can happen to an account.
#[derive(Event, Debug, Serialize, Deserialize)]
pub enum AccountEvent {
    /// Money came in.
    #[event(version = 2, upcast(1 => in_cents))]
    Deposited {
        /// How much.
        cents: u64,
    },
}

fn in_cents(euros: u64) -> AccountEvent {
    AccountEvent::Deposited { cents: euros * 100 }
}

/// Brings money.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Deposit {
    /// How much.
    pub cents: u64,
}

/// An account.
#[derive(Aggregate, Debug, Default)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account {
    /// How much it holds.
    pub cents: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<Decision<AccountEvent, u64>, Infallible> {
        Ok(emit(AccountEvent::Deposited { cents: cmd.cents }).reply(self.cents + cmd.cents))
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { cents } = event;
        self.cents += cents;
    }
}

/// A currency.
pub trait Currency: Default + Send + Sync + 'static {
    /// The kind of its wallets.
    const WALLET: &'static str;
}

/// Dollars; their wallet is registered here.
#[derive(Debug, Default)]
pub struct Usd;

/// Euros; their wallet is registered by another crate, `unnamed`.
#[derive(Debug, Default)]
pub struct Eur;

impl Currency for Usd {
    const WALLET: &'static str = "wallet.usd";
}

impl Currency for Eur {
    const WALLET: &'static str = "wallet.eur";
}

/// A wallet of a currency.
#[derive(Aggregate, Debug, Default)]
#[aggregate(name = C::WALLET, event = AccountEvent)]
pub struct Wallet<C: Currency> {
    cents: u64,
    currency: PhantomData<C>,
}

#[ego::handlers]
impl<C: Currency> Wallet<C> {
    #[handle]
    fn fill(&self, cmd: &Deposit) -> Result<AccountEvent, Infallible> {
        Ok(AccountEvent::Deposited { cents: cmd.cents })
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { cents } = event;
        self.cents += cents;
    }
}

ego::register!(Wallet<Usd>);
