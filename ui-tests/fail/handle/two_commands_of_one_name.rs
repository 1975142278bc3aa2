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

#[derive(Command, Serialize, Deserialize)]
#[command(name = "Deposit")]
struct PayIn;

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
    #[handle]
    fn pay_in(&self, _: PayIn) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
