//! The load alone: a counter for each account, no actor, no engine. What the harness costs is in every other figure, too.

use benches::Result;
use benches::load::{Bank, Client, Ledger, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters.
#[derive(Clone)]
pub struct Nobody(Arc<[AtomicU64]>);

impl Client for Nobody {
    async fn send(&self, turn: Turn) {
        self.0[turn.account].fetch_add(1, Ordering::Relaxed);
        // What tokio asks of every future that is always ready: let others run now and then.
        tokio::task::consume_budget().await;
    }
}

impl Bank for Nobody {
    async fn open(accounts: usize) -> Result<Self> {
        Ok(Self((0..accounts).map(|_| AtomicU64::new(0)).collect()))
    }

    async fn balances(&self) -> Result<Ledger> {
        Ok(Ledger::of(self.0.iter().map(|balance| balance.load(Ordering::Relaxed))))
    }

    async fn close(self) -> Result<()> {
        Ok(())
    }
}
