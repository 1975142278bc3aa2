//! Generic aggregates, events and commands; their instances are registered by hand.

use crate::support::{context, record};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

trait Currency: Default + Send + Sync + 'static {
    const WALLET: &'static str;
}
#[derive(Default)]
struct Usd;
#[derive(Default)]
struct Eur;
impl Currency for Usd {
    const WALLET: &'static str = "wallet.usd";
}
impl Currency for Eur {
    const WALLET: &'static str = "wallet.eur";
}

#[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
enum WalletEvent<const MAX: usize> {
    Filled { by: usize },
}

#[derive(Command, Serialize, Deserialize)]
struct Fill<T> {
    by: T,
}
#[derive(Command, Serialize, Deserialize)]
struct Drain;

#[derive(Aggregate, Default)]
#[aggregate(name = C::WALLET, event = WalletEvent<MAX>)]
struct Wallet<C, const MAX: usize>
where
    C: Currency,
{
    amount: usize,
    currency: PhantomData<C>,
}

#[ego::handlers]
impl<C, const MAX: usize> Wallet<C, MAX>
where
    C: Currency,
{
    #[apply]
    fn apply(&mut self, event: &WalletEvent<MAX>) {
        match event {
            WalletEvent::Filled { by } => self.amount = MAX.min(self.amount + by),
        }
    }
    #[handle]
    fn fill(&self, command: Fill<usize>) -> Result<WalletEvent<MAX>, Infallible> {
        Ok(WalletEvent::Filled { by: command.by })
    }
}

#[ego::handlers(register(Wallet<Usd, 3>, Wallet<Eur, 3>))]
impl<C: Currency, const MAX: usize> Wallet<C, MAX> {
    #[handle]
    fn drain(&self, _: Drain) -> Result<(), Infallible> {
        Ok(())
    }
}

ego::register!(Wallet<Usd, 3>, Wallet<Eur, 3>);

#[tokio::test]
async fn an_instance_works_like_any_other_aggregate() {
    let mut wallet = Wallet::<Usd, 3>::default();
    let context = context::<Wallet<Usd, 3>, ()>(Arc::new(()));
    let filled = record(Fill { by: 9 }, &wallet, &context).await;
    assert_eq!(filled, Ok((vec![WalletEvent::Filled { by: 9 }], ())));
    assert_eq!(record(Drain, &wallet, &context).await, Ok((vec![], ())));
    Aggregate::apply(&mut wallet, &WalletEvent::Filled { by: 9 });
    assert_eq!(wallet.amount, 3);
    assert_eq!(context.stream().kind(), "wallet.usd");
}

#[derive(Event, Debug, PartialEq)]
enum Logged<T> {
    Entry(Entry<T>),
    Raw(T),
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry<T>(T);

#[test]
fn generic_events_hold_what_can_be_stored() {
    let codec = ego::codec::AnyCodec::default();
    let event = Logged::Entry(Entry(5));
    assert_eq!(event.encode(&codec), Ok(b"5".to_vec()));
    assert_eq!(Logged::from(Entry(5)), event);
    assert_eq!(Logged::Raw(true).encode(&codec), Ok(b"true".to_vec()));
}
