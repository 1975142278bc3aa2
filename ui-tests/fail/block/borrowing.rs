use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { amount: u64 },
}

#[derive(Command, Serialize, Deserialize)]
struct Deposit {
    amount: u64,
}

struct Account<'a> {
    owner: &'a str,
}

#[ego::handlers]
impl<'a> Account<'a> {
    #[handle]
    fn deposit(&self, command: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: command.amount })
    }
}

fn main() {}
