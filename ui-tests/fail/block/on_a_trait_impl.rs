use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { amount: u64 },
}

#[derive(Command, Serialize, Deserialize)]
struct Deposit {
    amount: u64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account {
    balance: u64,
}

#[ego::handlers]
impl Account {
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { amount } => self.balance += amount,
        }
    }
}

trait Deposits {
    fn deposit(&self, command: Deposit) -> Result<AccountEvent, String>;
}

#[ego::handlers]
impl Deposits for Account {
    #[handle]
    fn deposit(&self, command: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: command.amount })
    }
}

fn main() {}
