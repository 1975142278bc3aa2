use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Opened;
#[derive(Serialize, Deserialize)]
struct Deposited {
    amount: u64,
}
#[derive(Event)]
enum AccountEvent {
    Opened(Opened),
    Deposited(Deposited),
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account {
    balance: u64,
}

#[ego::handlers]
impl Account {
    #[apply]
    fn opened(&mut self, _: &Opened) {}

    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

fn main() {}
