// Projections and reactors in the accepted forms, and the same by hand.
use ego::__private::inventory;
use ego::engine::{Location, TypeRef};
use ego::message::Metadata;
use ego::model::{Audience, Delivery, Failure, Fold, FoldOutput, IndexOutput, IndexValue, IntoKeys, Keys, Mode};
use ego::model::{On, Projection, Reactor, Reacts};
use ego::prelude::*;
use ego::projection::{ProjectionDescriptor, Source, Sources};
use ego::reactor::{ReactorDescriptor, ReactorSource, ReactorSources};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
pub enum AccountEvent {
    Deposited { owner: String, amount: u64 },
}
#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
pub struct Account;
#[ego::handlers]
impl Account {
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

pub trait Mail: Send + Sync {
    fn send(&self, to: &str);
}

fn owner_of(event: &AccountEvent) -> &str {
    let AccountEvent::Deposited { owner, .. } = event;
    owner
}

#[derive(Default, Serialize, Deserialize)]
pub struct Balance {
    amount: u64,
}

#[ego::projection(name = "balances", version = 2, mode = async)]
impl Balance {
    #[on(Account, key = owner_of)]
    pub async fn account(
        &mut self,
        event: &AccountEvent,
        meta: &Metadata,
        delivery: &Delivery,
        mail: &(dyn Mail + 'static),
    ) -> Result<Fold, String> {
        let AccountEvent::Deposited { owner, amount } = event;
        self.amount += amount;
        mail.send(owner);
        if meta.time < delivery.time() { Err("in no order".to_owned()) } else { Ok(Fold::Keep) }
    }
    #[index]
    fn amount(&self) -> u64 {
        self.amount
    }
    fn whatever(&self) {}
}

#[derive(Default)]
pub struct Greeter;

#[ego::reactor(name = "greeter", audience = observer)]
impl Greeter {
    #[on(Account)]
    fn account(&self, event: &AccountEvent, mail: &dyn Mail) {
        mail.send(owner_of(event));
    }
}

#[derive(Default, Serialize, Deserialize)]
pub struct ByHand {
    amount: u64,
}

impl Projection for ByHand {
    const NAME: &'static str = "by.hand";
    const VERSION: u32 = 2;
    const MODE: Mode = Mode::Async;
    const INDEXES: &'static [&'static str] = &["amount"];
    fn indexed(&self, index: usize, values: &mut Vec<IndexValue>) {
        if index == 0 {
            self.amount.values(values);
        }
    }
}

impl On<Account> for ByHand {
    fn keys(event: &AccountEvent, _: &Delivery) -> Keys {
        owner_of(event).into_keys()
    }
    async fn on(&mut self, event: &AccountEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        let mail = delivery.service::<dyn Mail>().map_err(Failure::new)?;
        let AccountEvent::Deposited { owner, amount } = event;
        self.amount += amount;
        mail.send(owner);
        Fold::Keep.outcome()
    }
}

impl Sources for ByHand {
    const SOURCES: &'static [Source<Self>] =
        &[Source::of::<Account>(Location::new(file!(), line!()), &[TypeRef::of::<dyn Mail>()])];
}

inventory::submit! { ProjectionDescriptor::of::<ByHand>(Location::new(file!(), line!())) }

#[derive(Default)]
pub struct GreeterByHand;

impl Reactor for GreeterByHand {
    const NAME: &'static str = "greeter.by.hand";
    const AUDIENCE: Audience = Audience::Observer;
}

impl Reacts<Account> for GreeterByHand {
    async fn react(&self, event: &AccountEvent, delivery: &Delivery) -> Result<(), Failure> {
        delivery.service::<dyn Mail>().map_err(Failure::new)?.send(owner_of(event));
        Ok(())
    }
}

impl ReactorSources for GreeterByHand {
    const SOURCES: &'static [ReactorSource<Self>] =
        &[ReactorSource::of::<Account>(Location::new(file!(), line!()), &[TypeRef::of::<dyn Mail>()])];
}

inventory::submit! { ReactorDescriptor::of::<GreeterByHand>(Location::new(file!(), line!())) }

fn main() {
    Balance::default().whatever();
    assert_eq!((Balance::NAME, Balance::VERSION, Balance::INDEXES), ("balances", ByHand::VERSION, ByHand::INDEXES));
    assert_eq!(Greeter::AUDIENCE, GreeterByHand::AUDIENCE);
    let descriptors: Vec<_> = inventory::iter::<ProjectionDescriptor>.into_iter().map(|one| format!("{one:?}")).collect();
    assert_eq!(descriptors.len(), 2, "{descriptors:?}");
}
