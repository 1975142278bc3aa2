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

#[derive(Aggregate, Default)]
#[aggregate(name = "wallet", event = AccountEvent)]
struct Wallet<C: Default + Send + Sync + 'static> {
    currency: C,
}

#[ego::handlers]
impl<C: Default + Send + Sync + 'static> Wallet<C> {
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

#[ego::handlers(register(Wallet<u8>), register(Wallet<u16>))]
impl<C: Default + Send + Sync + 'static> Wallet<C> {
    #[handle]
    fn deposit(&self, command: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: command.amount })
    }
}

fn main() {}
