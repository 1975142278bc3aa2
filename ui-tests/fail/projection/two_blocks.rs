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

#[derive(Event, Serialize, Deserialize)]
enum CardEvent {
    Issued { account: String },
}

#[derive(Aggregate, Default)]
#[aggregate(name = "card", event = CardEvent)]
struct Card;

#[ego::handlers]
impl Card {
    #[apply]
    fn apply(&mut self, _: &CardEvent) {}
}

#[ego::projection(name = "more")]
impl Balance {
    #[on(Card)]
    fn card(&mut self, _: &CardEvent) {}
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
