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

#[ego::projection(name = "balances")]
impl Balance {
    #[on(Account)]
    fn account(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { amount } = event;
        self.amount += amount;
    }

    #[index]
    fn amount<T: From<u64>>(&self) -> T {
        self.amount.into()
    }
}

fn main() {}
