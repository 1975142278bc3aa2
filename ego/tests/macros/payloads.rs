//! The larger form: a payload per event, an applier per payload, handlers that say what they record.

use crate::support::{context, record};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Opened {
    owner: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Paid {
    amount: i64,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flagged;

/// No serde here: the payloads have it.
#[derive(Event, Clone, Debug, PartialEq)]
enum Change {
    Opened(Opened),
    Paid(Paid),
    Flagged(Flagged),
}

#[derive(Command, Serialize, Deserialize)]
struct Pay(i64);
#[derive(Command, Serialize, Deserialize)]
struct Close;

#[derive(Aggregate, Default, Debug, PartialEq)]
#[aggregate(name = "purse", event = Change)]
struct Purse {
    owner: String,
    balance: i64,
    flags: u32,
}

#[ego::handlers]
impl Purse {
    #[apply]
    fn opened(&mut self, event: &Opened) {
        self.owner.clone_from(&event.owner);
    }
    #[apply]
    fn paid(&mut self, event: &Paid) {
        self.balance += event.amount;
    }
    #[apply]
    fn flagged(&mut self, _: &Flagged) {
        self.flags += 1;
    }
    #[handle]
    fn pay(&self, command: &Pay) -> Result<(Paid, Option<Flagged>), Infallible> {
        Ok((Paid { amount: command.0 }, (command.0 < 0).then_some(Flagged)))
    }
}

/// A large aggregate is spread over several blocks.
#[ego::handlers]
impl Purse {
    #[handle]
    fn close(&self, _: Close) -> Result<[Paid; 1], Infallible> {
        Ok([Paid { amount: -self.balance }])
    }
}

#[test]
fn each_payload_finds_its_applier() {
    let mut purse = Purse::default();
    for event in
        [Opened { owner: "Ann".into() }.into(), Change::Paid(Paid { amount: 3 }), Flagged.into(), Paid { amount: 4 }.into()]
    {
        purse.apply(&event);
    }
    assert_eq!(purse, Purse { owner: "Ann".into(), balance: 7, flags: 1 });
}

#[tokio::test]
async fn a_handler_returns_payloads() {
    let (purse, context) = (Purse { balance: 9, ..Purse::default() }, context::<Purse, ()>(Arc::new(())));
    let paid = |amount| Change::Paid(Paid { amount });
    assert_eq!(record(Pay(2), &purse, &context).await, Ok((vec![paid(2)], ())));
    assert_eq!(record(Pay(-2), &purse, &context).await, Ok((vec![paid(-2), Change::Flagged(Flagged)], ())));
    assert_eq!(record(Close, &purse, &context).await, Ok((vec![paid(-9)], ())));
}

#[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
enum Shared {
    Credited(u64),
    Debited(u64),
    Reset,
}

/// Two variants with one payload type: handlers return the enum, and one applier takes it.
#[derive(Aggregate, Default)]
#[aggregate(name = "shared", event = Shared)]
struct Till(u64);

#[ego::handlers]
impl Till {
    #[apply]
    fn all(&mut self, event: &Shared) {
        match event {
            Shared::Credited(by) => self.0 += by,
            Shared::Debited(by) => self.0 -= by,
            Shared::Reset => self.0 = 0,
        }
    }
}

#[test]
fn one_payload_type_may_serve_two_events() {
    let mut till = Till(1);
    for event in [Shared::Credited(5), Shared::Debited(2)] {
        till.apply(&event);
    }
    assert_eq!(till.0, 4);
    till.apply(&Shared::Reset);
    assert_eq!(till.0, 0);
}
