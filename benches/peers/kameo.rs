//! kameo: a bare ask – no id, no event, no encoding, nothing kept. The sender has the actor at hand.

use ::kameo::Actor;
use ::kameo::actor::{ActorRef, Spawn};
use ::kameo::message::{Context, Message};
use benches::Result;
use benches::account::OWNER;
use benches::load::{Bank, Client, Ledger, Turn};
use std::sync::Arc;

#[derive(Actor)]
struct Account {
    owner: String,
    balance: u64,
}

struct Create {
    owner: String,
}

struct Credit {
    amount: u64,
}

struct Look;

impl Message<Create> for Account {
    type Reply = ();

    async fn handle(&mut self, command: Create, _: &mut Context<Self, ()>) {
        self.owner = command.owner;
    }
}

impl Message<Credit> for Account {
    type Reply = u64;

    async fn handle(&mut self, command: Credit, _: &mut Context<Self, u64>) -> u64 {
        self.balance += command.amount;
        self.balance
    }
}

impl Message<Look> for Account {
    type Reply = (String, u64);

    async fn handle(&mut self, _: Look, _: &mut Context<Self, (String, u64)>) -> (String, u64) {
        (self.owner.clone(), self.balance)
    }
}

/// An actor for each account.
#[derive(Clone)]
pub struct Kameo {
    accounts: Arc<[ActorRef<Account>]>,
}

impl Client for Kameo {
    async fn send(&self, turn: Turn) {
        let balance = self.accounts[turn.account].ask(Credit { amount: 1 }).await.expect("credited");
        assert!(balance > 0);
    }
}

impl Bank for Kameo {
    async fn open(accounts: usize) -> Result<Self> {
        let accounts: Arc<[_]> = (0..accounts).map(|_| Account::spawn(Account { owner: String::new(), balance: 0 })).collect();
        for account in &*accounts {
            account.ask(Create { owner: OWNER.into() }).await?;
        }
        Ok(Self { accounts })
    }

    async fn balances(&self) -> Result<Ledger> {
        let mut balances = Vec::new();
        for account in &*self.accounts {
            let (owner, balance) = account.ask(Look).await?;
            assert_eq!(owner, OWNER);
            balances.push(balance);
        }
        Ok(Ledger::of(balances))
    }

    async fn close(self) -> Result<()> {
        for account in &*self.accounts {
            account.stop_gracefully().await?;
            account.wait_for_shutdown().await;
        }
        Ok(())
    }
}
