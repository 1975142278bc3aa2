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

    #[handle]
    unsafe extern "C" fn deposit(&self, _: Deposit, _: ...) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: 1 })
    }
}

fn main() {}
