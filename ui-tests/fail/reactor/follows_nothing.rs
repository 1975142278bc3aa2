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
struct Greeter;

#[ego::reactor(name = "greeter")]
impl Greeter {
    fn greet(&self) {}
}

fn main() {}
