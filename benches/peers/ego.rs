//! ego on its store in memory.

use ::ego::prelude::*;
use ::ego::store::MemoryStore;
use benches::Result;
use benches::account::{self, Account, Credit, CreditTen};
use benches::load::{Bank, Client, Ledger, Turn};
use std::sync::Arc;

/// The engine. `IDS`: every command has its sender's id, so a repeat of it would have no second effect. `TEN`: every command records
/// ten events.
#[derive(Clone)]
pub struct Ego<const IDS: bool, const TEN: bool> {
    engine: Engine,
    ids: Arc<[String]>,
}

impl<const IDS: bool, const TEN: bool> Client for Ego<IDS, TEN> {
    const AMOUNT: u64 = if TEN { 10 } else { 1 };

    async fn send(&self, turn: Turn) {
        let id = &self.ids[turn.account];
        let balance = if TEN {
            let sending = self.engine.send::<Account>(id, CreditTen { amount: 1 });
            if IDS { sending.command_id(turn.command_id()).await } else { sending.await }
        } else {
            let sending = self.engine.send::<Account>(id, Credit { amount: 1 });
            if IDS { sending.command_id(turn.command_id()).await } else { sending.await }
        };
        assert!(balance.expect("credited").reply > 0);
    }
}

impl<const IDS: bool, const TEN: bool> Bank for Ego<IDS, TEN> {
    async fn open(accounts: usize) -> Result<Self> {
        let ids = account::ids(accounts);
        let engine = account::engine(MemoryStore::new(), 2 * accounts.max(10_000)).await?;
        account::create(&engine, &ids).await?;
        Ok(Self { engine, ids })
    }

    async fn balances(&self) -> Result<Ledger> {
        account::recorded(&self.engine, &self.ids).await
    }

    async fn close(self) -> Result<()> {
        account::stop(self.engine).await
    }
}
