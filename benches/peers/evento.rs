//! evento on fjall, in a folder for temporary files and without syncing: the nearest that it has to a store in memory among its
//! embedded ones. The write side as its documentation has it: a projection that is kept in memory, and the write gateway.

use ::evento::metadata::Event;
use ::evento::{Executor, Projection, ProjectionAggregate, WriteError};
use benches::Result;
use benches::account::OWNER;
use benches::load::{Bank, Client, Ledger, Turn};
use fjall::PersistMode;
use std::sync::Arc;

#[::evento::aggregate(name = "bank/Account")]
pub enum Account {
    Created { owner: String },
    Credited { amount: u64 },
}

#[::evento::projection(id = id)]
#[::evento::snapshot(memory)]
pub struct Row {
    id: String,
    owner: String,
    balance: u64,
}

#[::evento::handler]
async fn on_created(event: Event<Created>, row: &mut Row) -> anyhow::Result<()> {
    row.id = event.aggregate_id.to_owned();
    row.owner = event.data.owner.clone();
    Ok(())
}

#[::evento::handler]
async fn on_credited(event: Event<Credited>, row: &mut Row) -> anyhow::Result<()> {
    row.balance += event.data.amount;
    Ok(())
}

fn account<E: Executor>() -> Projection<E, Row> {
    Projection::new::<Account>().handler(on_created()).handler(on_credited()).strict()
}

/// The executor.
#[derive(Clone)]
pub struct Evento {
    executor: Arc<::evento::Fjall>,
    ids: Arc<[String]>,
}

impl Evento {
    async fn credit(&self, id: &str) -> anyhow::Result<u64> {
        let row =
            account().load(id).execute(&*self.executor).await?.ok_or_else(|| anyhow::anyhow!("there is no account {id}"))?;
        row.write()?.event(&Credited { amount: 1 }).commit(&*self.executor).await?;
        Ok(row.balance + 1)
    }
}

impl Client for Evento {
    async fn send(&self, turn: Turn) {
        // Whoever was second decides again.
        loop {
            match self.credit(&self.ids[turn.account]).await {
                Ok(balance) => return assert!(balance > 0),
                Err(error) if matches!(error.downcast_ref(), Some(WriteError::InvalidOriginalVersion)) => {
                    tokio::task::yield_now().await
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

impl Bank for Evento {
    async fn open(accounts: usize) -> Result<Self> {
        let executor = ::evento::Fjall::temporary()?.persist_mode(PersistMode::Buffer);
        let mut ids = Vec::new();
        for _ in 0..accounts {
            ids.push(::evento::create().event(&Created { owner: OWNER.into() }).commit(&executor).await?);
        }
        Ok(Self { executor: Arc::new(executor), ids: ids.into() })
    }

    async fn balances(&self) -> Result<Ledger> {
        let mut balances = Vec::new();
        for id in &*self.ids {
            let row = account().load(id).execute(&*self.executor).await?.ok_or("an account is gone")?;
            assert_eq!(row.owner, OWNER);
            balances.push(row.balance);
        }
        Ok(Ledger::of(balances))
    }

    async fn close(self) -> Result<()> {
        Ok(())
    }
}
