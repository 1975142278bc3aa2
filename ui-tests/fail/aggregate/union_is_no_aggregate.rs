use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { amount: u64 },
}

#[derive(Aggregate)]
#[aggregate(name = "account", event = AccountEvent)]
union Account {
    balance: u64,
    count: u32,
}

impl Default for Account {
    fn default() -> Self {
        Self { balance: 0 }
    }
}

fn main() {}
