// Sagas in the accepted forms, and the same by hand.
use ego::__private::inventory;
use ego::engine::{AggregateDescriptor, HandlersDescriptor, Location, TypeRef};
use ego::message::Metadata;
use ego::model::{Continues, Failure, IntoKeys, Keys, Saga, Services, Starts};
use ego::prelude::*;
use ego::projection::ProjectionDescriptor;
use ego::saga::{Instance, SagaDescriptor, SagaSource, SagaSources, SagaView};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Event, Serialize, Deserialize)]
pub enum AccountEvent {
    Deposited { owner: String, amount: u64 },
}
#[derive(Command, Serialize, Deserialize)]
pub struct Deposit {
    amount: u64,
}
#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account;
#[ego::handlers]
impl Account {
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { owner: String::new(), amount: cmd.amount })
    }
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

pub trait Mail: Send + Sync {
    fn send(&self, to: &str);
}

fn owner_of(event: &AccountEvent) -> Option<&str> {
    let AccountEvent::Deposited { owner, .. } = event;
    Some(owner)
}

#[derive(Deserialize)]
struct First(u64);

#[derive(Default, Serialize, Deserialize)]
pub struct Bonus {
    amount: u64,
}

fn first(First(amount): First) -> Bonus {
    Bonus { amount }
}

#[ego::saga(name = "bonus", version = 2, upcast(1 => first))]
impl Bonus {
    #[start(Account, key = owner_of)]
    pub async fn begun(
        &mut self,
        event: &AccountEvent,
        meta: &Metadata,
        cx: &mut SagaContext<Self>,
        delivery: &Delivery,
        mail: &(dyn Mail + 'static),
    ) -> Result<(), String> {
        let AccountEvent::Deposited { owner, amount } = event;
        self.amount += amount;
        mail.send(owner);
        cx.send::<Account>(owner, Deposit { amount: 1 });
        cx.timeout(Duration::from_secs(1), "late");
        if meta.time < delivery.time() { Err("in no order".to_owned()) } else { Ok(()) }
    }
    #[on(Account, key = |event, delivery| [owner_of(event).unwrap_or_default().to_owned(), delivery.id().to_owned()])]
    fn account(&mut self, _: &AccountEvent) {}
    #[ego::rejected]
    async fn refused(&mut self, rejection: &Rejected, mail: &dyn Mail, cx: &mut ego::model::SagaContext<Bonus>) {
        mail.send(rejection.code());
        if rejection.sent::<Account, Deposit>().is_some() {
            cx.compensate::<Account>("bank", Deposit { amount: self.amount });
        }
        cx.fail(rejection);
    }
    #[cfg(any())]
    #[timeout]
    fn never(&mut self, _: &str) {}
    #[timeout]
    fn late(&mut self, _: &str, cx: &mut SagaContext<Self>) -> Result<(), Failure> {
        cx.recall();
        cx.cancel_timeout("other");
        Ok(())
    }
    fn whatever(&self) {}
}

#[derive(Default, Serialize, Deserialize)]
pub struct ByHand;

impl Saga for ByHand {
    const NAME: &'static str = "by-hand";
    const KIND: &'static str = "saga.by-hand";
    async fn rejected(&mut self, _: &Rejected, cx: &mut SagaContext<Self>, _: &Services) -> Result<(), Failure> {
        cx.fail("refused");
        Ok(())
    }
}
impl Starts<Account> for ByHand {
    async fn start(&mut self, _: &AccountEvent, cx: &mut SagaContext<Self>, _: &Delivery) -> Result<(), Failure> {
        cx.complete();
        Ok(())
    }
}
impl Continues<Account> for ByHand {
    const BY_KEY: bool = true;
    fn keys(_: &AccountEvent, delivery: &Delivery) -> Keys {
        delivery.id().into_keys()
    }
    async fn on(&mut self, _: &AccountEvent, _: &mut SagaContext<Self>, _: &Delivery) -> Result<(), Failure> {
        Ok(())
    }
}
impl SagaSources for ByHand {
    const SOURCES: &'static [SagaSource<Self>] = &[
        SagaSource::starts::<Account>(Location::new(file!(), line!()), &[]),
        SagaSource::continues::<Account>(Location::new(file!(), line!()), &[TypeRef::of::<dyn Mail>()]),
    ];
}
inventory::submit! { SagaDescriptor::of::<ByHand>(Location::new(file!(), line!())) }
inventory::submit! { AggregateDescriptor::of::<Instance<ByHand>>(Location::new(file!(), line!())) }
inventory::submit! { HandlersDescriptor::of::<Instance<ByHand>>(<Instance<ByHand> as ego::Registers>::COMMANDS) }
inventory::submit! { ProjectionDescriptor::of::<SagaView<ByHand>>(Location::new(file!(), line!())) }

fn main() {
    Bonus::default().whatever();
    assert_eq!((Bonus::NAME, Bonus::KIND, Bonus::VERSION), ("bonus", "saga.bonus", 2));
    assert_eq!(Bonus::SOURCES.len(), 2);
}
