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

#[derive(Default)]
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
    fn deposit(&self, command: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: command.amount })
    }
}

fn main() {}
