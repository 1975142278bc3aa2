//! ractor: a bare call – no id, no event, no encoding, nothing kept. The sender has the actor at hand.

use ::ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call};
use benches::Result;
use benches::account::OWNER;
use benches::load::{Bank, Client, Ledger, Turn};
use std::sync::Arc;

struct AccountActor;

#[derive(Default)]
struct Account {
    owner: String,
    balance: u64,
}

enum Message {
    Create(String, RpcReplyPort<()>),
    Credit(u64, RpcReplyPort<u64>),
    Look(RpcReplyPort<(String, u64)>),
}

impl Actor for AccountActor {
    type Msg = Message;
    type State = Account;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> std::result::Result<Account, ActorProcessingErr> {
        Ok(Account::default())
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        account: &mut Account,
    ) -> std::result::Result<(), ActorProcessingErr> {
        match message {
            Message::Create(owner, reply) => {
                account.owner = owner;
                reply.send(())?;
            }
            Message::Credit(amount, reply) => {
                account.balance += amount;
                reply.send(account.balance)?;
            }
            Message::Look(reply) => reply.send((account.owner.clone(), account.balance))?,
        }
        Ok(())
    }
}

/// An actor for each account.
#[derive(Clone)]
pub struct Ractor {
    accounts: Arc<[ActorRef<Message>]>,
}

impl Client for Ractor {
    async fn send(&self, turn: Turn) {
        let balance: u64 = call!(self.accounts[turn.account], Message::Credit, 1).expect("credited");
        assert!(balance > 0);
    }
}

impl Bank for Ractor {
    async fn open(accounts: usize) -> Result<Self> {
        let mut opened = Vec::new();
        for _ in 0..accounts {
            let (account, _) = Actor::spawn(None, AccountActor, ()).await?;
            call!(account, Message::Create, OWNER.to_owned())?;
            opened.push(account);
        }
        Ok(Self { accounts: opened.into() })
    }

    async fn balances(&self) -> Result<Ledger> {
        let mut balances = Vec::new();
        for account in &*self.accounts {
            let (owner, balance) = call!(account, Message::Look)?;
            assert_eq!(owner, OWNER);
            balances.push(balance);
        }
        Ok(Ledger::of(balances))
    }

    async fn close(self) -> Result<()> {
        for account in &*self.accounts {
            account.stop_and_wait(None, None).await?;
        }
        Ok(())
    }
}
