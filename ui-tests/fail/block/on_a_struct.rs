use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { amount: u64 },
}

#[ego::handlers]
#[derive(Default)]
struct Account {
    balance: u64,
}

fn main() {}
