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

struct Foreign;

#[ego::handlers]
impl Account {
    #[apply]
    fn opened(&mut self, _: &Opened) {}

    #[apply]
    fn deposited(&mut self, event: &Deposited) {
        self.balance += event.amount;
    }

    #[apply]
    fn foreign(&mut self, _: &Foreign) {}
}

fn main() {}
