use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { amount: u64 },
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account;

#[ego::handlers]
impl Account {
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Balance {
    amount: u64,
}

#[ego::projection(nam = "balances", version = 0)]
impl Balance {
    #[on(Account)]
    fn account(&self, event: AccountEvent, mode: u8) {
        let _ = (event, mode);
    }

    #[index]
    fn amount(&mut self) -> u64 {
        self.amount
    }
}

fn main() {}
