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

#[derive(Default)]
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
}

fn main() {}
