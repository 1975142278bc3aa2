//! The crate comes through another one.

use facade::es::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// What can happen to an account.
#[derive(Event, Serialize, Deserialize)]
#[ego(crate = ::facade::es)]
pub enum Change {
    /// With a field.
    Opened {
        /// Whose it is.
        owner: String,
    },
    /// With a payload.
    #[event(version = 2, upcast(1 => in_cents))]
    Deposited(Deposited),
}

/// Money came in.
#[derive(Serialize, Deserialize)]
pub struct Deposited(pub u64);

fn in_cents(euros: u64) -> Deposited {
    Deposited(euros * 100)
}

/// Opens.
#[derive(Command, Serialize, Deserialize)]
#[ego(crate = ::facade::es)]
#[command(name = "open")]
pub struct Open;

/// Brings money.
#[derive(Command, Serialize, Deserialize)]
#[command(name = "bring")]
#[ego(crate = ::facade::es)]
pub struct Deposit(pub u64);

/// A service.
#[derive(Debug)]
pub struct Limit(pub u64);

/// An account.
#[derive(Aggregate, Default)]
#[ego(crate = ::facade::es)]
#[aggregate(name = "renamed.facade", event = Change)]
pub struct Account {
    /// How much it holds.
    pub cents: u64,
}

#[facade::es::handlers(crate = ::facade::es)]
impl Account {
    #[es::handle]
    fn open(&self, _: Open, context: &Context) -> Result<Change, Infallible> {
        Ok(Change::Opened { owner: context.id().to_owned() })
    }
    #[handle]
    async fn deposit(&self, command: &Deposit, limit: &Limit) -> Result<Decision<Change, u64>, String> {
        std::future::ready(()).await;
        if command.0 > limit.0 {
            return Err("too much".to_owned());
        }
        Ok(emit(Deposited(command.0)).reply(self.cents + command.0))
    }
    #[es::apply]
    fn apply(&mut self, event: &Change) {
        match event {
            Change::Opened { .. } => self.cents = 0,
            Change::Deposited(deposited) => self.cents += deposited.0,
        }
    }
}

/// What can happen to a purse.
#[derive(Event)]
#[ego(crate = ::facade::es)]
pub enum Filling {
    /// The only one.
    Filled(Deposited),
}

/// A purse that holds at most so much.
#[derive(Aggregate, Default)]
#[aggregate(name = Self::PURSE, event = Filling)]
#[ego(crate = ::facade::es)]
pub struct Purse<const MAX: u64> {
    /// How much it holds.
    pub cents: u64,
}

impl<const MAX: u64> Purse<MAX> {
    const PURSE: &'static str = "renamed.facade.purse";
}

#[facade::es::handlers(crate = ::facade::es)]
impl<const MAX: u64> Purse<MAX> {
    #[apply]
    fn filled(&mut self, event: &Deposited) {
        self.cents = MAX.min(self.cents + event.0);
    }
    #[handle]
    fn fill(&self, command: Deposit) -> Result<Deposited, Infallible> {
        Ok(Deposited(command.0))
    }
}

#[facade::es::handlers(register(Purse<7>), crate = ::facade::es)]
impl<const MAX: u64> Purse<MAX> {
    #[handle]
    fn fill_up(&self, _: Open) -> Result<Deposited, Infallible> {
        Ok(Deposited(MAX))
    }
}

facade::es::register!(Purse<7>);

/// A view.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// How much it holds.
    pub cents: u64,
}

#[facade::es::projection(crate = ::facade::es, name = "renamed.facade.view")]
impl View {
    #[es::on(Account)]
    async fn account(&mut self, event: &Change, limit: &Limit, delivery: &Delivery) {
        std::future::ready(()).await;
        let _ = delivery.id();
        if let Change::Deposited(by) = event {
            self.cents += by.0.min(limit.0);
        }
    }
    #[on(Purse<7>, key = |event: &Filling| event.key())]
    fn purse(&mut self, _: &Filling) {}
    #[es::index]
    fn cents(&self) -> u64 {
        self.cents
    }
}

impl Filling {
    fn key(&self) -> String {
        let Self::Filled(by) = self;
        by.0.to_string()
    }
}

/// A reactor.
#[derive(Default)]
pub struct Reactor;

#[facade::es::reactor(name = "renamed.facade.reactor", crate = ::facade::es)]
impl Reactor {
    #[on(Account)]
    fn account(&self, _: &Change, _: &Limit) {}
}
