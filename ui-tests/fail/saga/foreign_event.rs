use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { amount: u64 },
}

#[derive(Event, Serialize, Deserialize)]
enum CardEvent {
    Issued,
}

#[derive(Command, Serialize, Deserialize)]
struct Deposit {
    amount: u64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account;

#[ego::handlers]
impl Account {
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: cmd.amount })
    }
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Transfer;

#[ego::saga(name = "transfer")]
impl Transfer {
    #[start(Account)]
    fn begun(&mut self, _: &CardEvent) {}
}

fn main() {}
