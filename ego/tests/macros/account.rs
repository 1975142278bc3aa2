//! The program of the README: the enum as its own events, one applier, a service, a typed reply.

use crate::support::{context, record};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { amount: u64 },
    Withdrawn { amount: u64 },
}

#[derive(Command, Debug, Serialize, Deserialize)]
struct Open {
    owner: String,
}
#[derive(Command, Debug, Serialize, Deserialize)]
struct Deposit {
    amount: u64,
}
#[derive(Command, Debug, Serialize, Deserialize)]
struct Withdraw {
    amount: u64,
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum AccountError {
    #[error("the account is already open")]
    AlreadyOpen,
    #[error("insufficient funds: the balance is {balance}")]
    InsufficientFunds { balance: u64 },
}

#[async_trait::async_trait]
trait Fraud: Send + Sync {
    async fn allows(&self, amount: u64) -> bool;
}

struct Allowing;

#[async_trait::async_trait]
impl Fraud for Allowing {
    async fn allows(&self, _: u64) -> bool {
        true
    }
}

#[derive(Aggregate, Default, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account {
    owner: Option<String>,
    balance: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, cmd: Open) -> Result<AccountEvent, AccountError> {
        if self.owner.is_some() {
            return Err(AccountError::AlreadyOpen);
        }
        Ok(AccountEvent::Opened { owner: cmd.owner })
    }
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, AccountError> {
        Ok(AccountEvent::Deposited { amount: cmd.amount })
    }
    /// Async, with a service by its type and a typed reply.
    #[handle]
    async fn withdraw(&self, cmd: Withdraw, fraud: &dyn Fraud) -> Result<Decision<AccountEvent, u64>, AccountError> {
        if cmd.amount > self.balance || !fraud.allows(cmd.amount).await {
            return Err(AccountError::InsufficientFunds { balance: self.balance });
        }
        Ok(emit(AccountEvent::Withdrawn { amount: cmd.amount }).reply(self.balance - cmd.amount))
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Withdrawn { amount } => self.balance -= amount,
        }
    }
}

#[tokio::test]
async fn handlers_decide_and_the_applier_folds() {
    let mut account = Account::default();
    let context = context::<Account, dyn Fraud>(Arc::new(Allowing));
    let opened = record(Open { owner: "Ann".into() }, &account, &context).await;
    assert_eq!(opened, Ok((vec![AccountEvent::Opened { owner: "Ann".into() }], ())));

    for event in [AccountEvent::Opened { owner: "Ann".into() }, AccountEvent::Deposited { amount: 7 }] {
        Aggregate::apply(&mut account, &event);
    }
    assert_eq!(account, Account { owner: Some("Ann".into()), balance: 7 });
    assert_eq!(record(Open { owner: "Bob".into() }, &account, &context).await, Err(AccountError::AlreadyOpen));

    let withdrawn = record(Withdraw { amount: 5 }, &account, &context).await;
    assert_eq!(withdrawn, Ok((vec![AccountEvent::Withdrawn { amount: 5 }], 2)));
    let refused = record(Withdraw { amount: 8 }, &account, &context).await;
    assert_eq!(refused, Err(AccountError::InsufficientFunds { balance: 7 }));
}

#[test]
fn a_name_is_the_type_or_the_variant() {
    assert_eq!(Account::KIND, "account");
    assert_eq!(<Withdraw as Command>::NAME, "Withdraw");
    let names: Vec<_> = AccountEvent::SCHEMAS.iter().map(|schema| (schema.name, schema.version)).collect();
    assert_eq!(names, [("Opened", 1), ("Deposited", 1), ("Withdrawn", 1)]);
    assert_eq!(AccountEvent::Deposited { amount: 1 }.schema(), &AccountEvent::SCHEMAS[1]);
}

#[tokio::test]
#[should_panic(expected = "the service `dyn macros::account::Fraud` was not given")]
async fn a_missing_service_says_which() {
    let none = context::<Account, u8>(Arc::new(0));
    let _ = record(Withdraw { amount: 0 }, &Account::default(), &none).await;
}
