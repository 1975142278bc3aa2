use ego::prelude::*;

enum AccountEvent {
    Deposited { amount: u64 },
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account {
    balance: u64,
}

fn main() {}
