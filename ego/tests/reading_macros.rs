//! What `#[ego::projection]` and `#[ego::reactor]` write does the right thing, without an engine.
#![deny(warnings, missing_docs, clippy::pedantic, unreachable_pub, unused_qualifications)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use ego::__private::{ProjectionDescriptor, ReactorDescriptor, ReactorSources, Sources, inventory};
use ego::message::{CommandId, Metadata, Position, Revision, StreamId};
use ego::model::{Audience, Delivery, Failure, Fold, IndexValue, Mode, On, Projection, Reactor, Reacts, Services};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, Waker};

#[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { amount: u64 },
    Closed,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account;

#[derive(Command, Serialize, Deserialize)]
struct Open {
    owner: String,
    amount: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, Open { owner, amount }: Open) -> Result<[AccountEvent; 2], Infallible> {
        Ok([AccountEvent::Opened { owner }, AccountEvent::Deposited { amount }])
    }
    #[apply]
    fn apply(&mut self, _: &AccountEvent) {}
}

#[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
enum CardEvent {
    Issued { account: String, holders: Vec<String> },
}

#[derive(Aggregate, Default)]
#[aggregate(name = "card", event = CardEvent)]
struct Card;

#[derive(Command, Serialize, Deserialize)]
struct Issue {
    account: String,
}

#[ego::handlers]
impl Card {
    #[handle]
    fn issue(&self, Issue { account }: Issue) -> Result<CardEvent, Infallible> {
        Ok(CardEvent::Issued { account, holders: vec!["Ann".to_owned()] })
    }
    #[apply]
    fn apply(&mut self, _: &CardEvent) {}
}

trait Rates: Send + Sync {
    fn rate(&self) -> u64;
}

struct Fixed(u64);

impl Rates for Fixed {
    fn rate(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Balance {
    owner: String,
    cents: u64,
    cards: Vec<String>,
}

#[ego::projection(name = "balances", version = 2)]
impl Balance {
    const NOBODY: &'static str = "nobody";

    #[on(Account)]
    fn account(
        &mut self,
        event: &AccountEvent,
        rates: &(dyn Rates + 'static),
        meta: &Metadata,
        fixed: &Fixed,
    ) -> Result<Fold, String> {
        match event {
            AccountEvent::Opened { owner } if owner == Self::NOBODY => return Err(format!("{} by nobody", meta.command)),
            AccountEvent::Opened { owner } => self.owner.clone_from(owner),
            AccountEvent::Deposited { amount } => self.cents += amount * rates.rate() + fixed.0,
            AccountEvent::Closed => return Ok(Fold::Remove),
        }
        Ok(Fold::Keep)
    }

    #[on(Card, key = account_of)]
    async fn card(&mut self, event: &CardEvent, delivery: &Delivery) {
        std::future::ready(()).await;
        let CardEvent::Issued { holders, .. } = event;
        self.cards.push(format!("{} of {}", delivery.id(), holders.len()));
    }

    #[index]
    fn owner(&self) -> &str {
        &self.owner
    }

    #[index]
    const fn cents(&self) -> Option<u64> {
        if self.cents > 0 { Some(self.cents) } else { None }
    }

    #[index]
    fn cards(&self) -> Vec<&str> {
        self.cards.iter().map(String::as_str).collect()
    }
}

fn account_of(event: &CardEvent) -> &str {
    let CardEvent::Issued { account, .. } = event;
    account
}

#[derive(Default, Serialize, Deserialize)]
struct Entry {
    keys: Vec<String>,
}

/// Every form of a key.
macro_rules! keyed {
    ($($view:ident $name:literal: $key:expr;)*) => { $(
        #[derive(Default, Serialize, Deserialize)]
        struct $view;

        #[ego::projection(name = $name)]
        impl $view {
            #[on(Card, key = $key)]
            fn card(&mut self, _: &CardEvent) {}
        }
    )* };
}
keyed! {
    ByFunction "by.function": account_of;
    ByDelivery "by.delivery": account_and_card;
    ByPath "by.path": Entry::holders;
    ByClosure "by.closure": |event| {
        let CardEvent::Issued { account, .. } = event;
        account.as_str()
    };
    ByTyped "by.typed": |event: &CardEvent| account_of(event).to_owned();
    ByBoth "by.both": |event, delivery| Some(account_and_card(event, delivery));
    ByNothing "by.nothing": |_| None::<String>;
}

impl Entry {
    fn holders(event: &CardEvent) -> Vec<String> {
        let CardEvent::Issued { holders, .. } = event;
        holders.clone()
    }
}

fn account_and_card(event: &CardEvent, delivery: &Delivery) -> [String; 2] {
    [account_of(event).to_owned(), delivery.id().to_owned()]
}

#[ego::projection(name = "entries", mode = inline)]
impl Entry {
    #[on(Account)]
    #[allow(unused_qualifications, reason = "known by the last part of the path")]
    fn account(&mut self, _: &AccountEvent, delivery: &ego::model::Delivery, meta: &ego::message::Metadata) {
        self.keys.push(format!("{} {}", delivery.token(), meta.command));
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Seen(u64);

#[ego::projection(name = "seen", mode = live, version = 7)]
impl Seen {
    #[cfg(any())]
    #[on(Missing)]
    fn hidden(&mut self, event: &Gone, missing: &Missing) -> Missing {
        missing(event)
    }
    #[cfg(not(any()))]
    #[on(Account)]
    fn account(&mut self, _: &AccountEvent) -> Result<(), String> {
        self.0 += 1;
        if self.0 > 1 { Err(format!("{} is too many", self.0)) } else { Ok(()) }
    }
    #[on(Card)]
    fn card(&mut self, _: &CardEvent) -> Fold {
        Fold::Remove
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Found;

#[ego::projection(name = "found")]
impl Found {
    #[ego::on(Account)]
    fn account(&mut self, _: &AccountEvent) {}
    #[cfg(any())]
    #[index]
    fn first(&self) -> Missing {
        missing()
    }
    #[index]
    fn r#type(&self) -> u64 {
        2
    }
    #[cfg(any())]
    #[ego::index]
    fn twice(&self) -> Missing {
        missing()
    }
    #[cfg(not(any()))]
    #[ego::index]
    fn twice(&self) -> [bool; 2] {
        [true, false]
    }
}

#[derive(Default)]
struct Greeter;

#[ego::reactor(name = "greeter")]
impl Greeter {
    #[on(Account)]
    async fn account(&self, event: &AccountEvent, rates: &dyn Rates, delivery: &Delivery) -> Result<(), String> {
        std::future::ready(()).await;
        Err(format!("{event:?} {} {}", delivery.id(), rates.rate()))
    }
    #[on(Card)]
    fn card(&self, _: &CardEvent) {}
}

#[derive(Default)]
struct Watcher;

#[ego::reactor(audience = observer, name = "watcher")]
impl Watcher {
    #[on(Card)]
    fn card(&self, _: &CardEvent, meta: &Metadata) -> Result<(), std::fmt::Error> {
        if &*meta.command == "Test" { Ok(()) } else { Err(std::fmt::Error) }
    }
}

#[derive(Default)]
struct Passer;

#[ego::reactor(name = "passer", audience = ephemeral)]
impl Passer {
    #[on(Card)]
    async fn card(&self, _: &CardEvent) {}
}

fn delivery(id: &str, services: Services) -> Delivery {
    let time = "2026-03-01T00:00:00Z".parse().unwrap();
    let metadata = Metadata::new(CommandId::new("test").unwrap(), "Test", time);
    let stream = StreamId::new("kind", id).unwrap();
    Delivery::new(stream, Revision::FIRST, Position::new(7).unwrap(), Arc::new(metadata), Arc::new(services))
}

fn plain(id: &str) -> Delivery {
    delivery(id, Services::new())
}

fn with_rates() -> Delivery {
    let mut services = Services::new();
    services.insert::<dyn Rates>(Arc::new(Fixed(10)));
    services.insert(Arc::new(Fixed(1)));
    delivery("a", services)
}

/// What the future gives without waiting.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Polling::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn fold<P: On<A>, A: Aggregate>(view: &mut P, event: &A::Event, delivery: &Delivery) -> Result<Fold, Failure> {
    now(view.on(event, delivery))
}

fn opened(owner: &str) -> AccountEvent {
    AccountEvent::Opened { owner: owner.to_owned() }
}

fn issued(account: &str, holders: &[&str]) -> CardEvent {
    CardEvent::Issued { account: account.to_owned(), holders: holders.iter().map(ToString::to_string).collect() }
}

fn registered<D: Debug + inventory::Collect>(name: &str) -> Vec<String> {
    let name = format!("name: {name:?}");
    inventory::iter::<D>.into_iter().map(|descriptor| format!("{descriptor:?}")).filter(|text| text.contains(&name)).collect()
}

/// The line on which this stands, which is there once.
fn line_of(text: &str) -> usize {
    let lines: Vec<_> = include_str!("reading_macros.rs").lines().collect();
    let mut found = (1..=lines.len()).filter(|line| lines[line - 1].trim() == text);
    let line = found.next().unwrap();
    assert_eq!(found.next(), None, "{text} stands there again");
    line
}

#[test]
fn a_projection_says_what_it_is() {
    assert_eq!((Balance::NAME, Balance::VERSION, Balance::MODE), ("balances", 2, Mode::Async));
    assert_eq!((Entry::NAME, Entry::VERSION, Entry::MODE), ("entries", 1, Mode::Inline));
    assert_eq!((Seen::NAME, Seen::VERSION, Seen::MODE), ("seen", 7, Mode::Live));
    assert_eq!(Entry::INDEXES, [""; 0]);
}

#[test]
fn a_reactor_says_what_it_is() {
    assert_eq!((Greeter::NAME, Greeter::AUDIENCE), ("greeter", Audience::Group));
    assert_eq!((Watcher::NAME, Watcher::AUDIENCE), ("watcher", Audience::Observer));
    assert_eq!((Passer::NAME, Passer::AUDIENCE), ("passer", Audience::Ephemeral));
}

#[test]
fn only_an_async_method_waits_and_only_without_a_key_it_is_by_id() {
    assert_eq!((<Balance as On<Account>>::WAITS, <Balance as On<Account>>::BY_ID), (false, true));
    assert_eq!((<Balance as On<Card>>::WAITS, <Balance as On<Card>>::BY_ID), (true, false));
}

#[test]
fn every_parameter_arrives() {
    let mut balance = Balance::default();
    fold::<_, Account>(&mut balance, &AccountEvent::Deposited { amount: 4 }, &with_rates()).unwrap();
    fold::<_, Account>(&mut balance, &opened("Ann"), &with_rates()).unwrap();
    fold::<_, Card>(&mut balance, &issued("a", &["Ann", "Bob"]), &plain("c-1")).unwrap();
    assert_eq!(balance, Balance { owner: "Ann".into(), cents: 41, cards: vec!["c-1 of 2".into()] });

    let mut entry = Entry::default();
    fold::<_, Account>(&mut entry, &AccountEvent::Closed, &plain("a").with_ordinal(3)).unwrap();
    assert_eq!(entry.keys, ["7.3 Test"]);
}

#[test]
fn what_a_method_returns_becomes_of_the_view() {
    let mut balance = Balance::default();
    let mut of = |event| fold::<_, Account>(&mut balance, &event, &with_rates());
    assert_eq!(of(opened("Ann")), Ok(Fold::Keep));
    assert_eq!(of(AccountEvent::Closed), Ok(Fold::Remove));
    assert_eq!(of(opened("nobody")), Err(Failure::new("Test by nobody")));

    let mut seen = Seen::default();
    assert_eq!(fold::<_, Card>(&mut seen, &issued("a", &[]), &plain("c")), Ok(Fold::Remove));
    assert_eq!(fold::<_, Account>(&mut seen, &AccountEvent::Closed, &plain("c")), Ok(Fold::Keep));
    assert_eq!(fold::<_, Account>(&mut seen, &AccountEvent::Closed, &plain("c")), Err(Failure::new("2 is too many")));
}

#[test]
#[should_panic(expected = "the service `dyn reading_macros::Rates` was not given")]
fn a_service_that_is_missing_is_named() {
    let _ = fold::<_, Account>(&mut Balance::default(), &AccountEvent::Closed, &plain("a"));
}

#[test]
fn keys_are_the_id_or_what_the_function_says() {
    fn of<P: On<Card>>() -> Vec<String> {
        P::keys(&issued("a-1", &["Ann", "Bob"]), &plain("c-1")).to_vec()
    }
    assert_eq!(of::<Seen>(), ["c-1"]);
    assert_eq!(of::<Balance>(), ["a-1"]);
    assert_eq!(of::<ByFunction>(), ["a-1"]);
    assert_eq!(of::<ByDelivery>(), ["a-1", "c-1"]);
    assert_eq!(of::<ByPath>(), ["Ann", "Bob"]);
    assert_eq!(of::<ByClosure>(), ["a-1"]);
    assert_eq!(of::<ByTyped>(), ["a-1"]);
    assert_eq!(of::<ByBoth>(), ["a-1", "c-1"]);
    assert_eq!(of::<ByNothing>(), [""; 0]);
}

#[test]
fn an_index_is_named_as_its_method_and_gives_its_values() {
    fn of<P: Projection>(view: &P) -> Vec<(&'static str, Vec<IndexValue>)> {
        let values = |index| {
            let mut values = Vec::new();
            view.indexed(index, &mut values);
            values
        };
        P::INDEXES.iter().enumerate().map(|(index, name)| (*name, values(index))).collect()
    }
    let value = IndexValue::of;
    let balance = Balance { owner: "Ann".into(), cents: 0, cards: vec!["x".into(), "y".into()] };
    let expected = [("owner", vec![value("Ann")]), ("cents", vec![]), ("cards", vec![value("x"), value("y")])];
    assert_eq!(of(&balance), expected);
    assert_eq!(
        of(&Found),
        [("type", vec![IndexValue::of(&2_u64)]), ("twice", vec![IndexValue::of(&true), IndexValue::of(&false)])]
    );

    let mut beyond = Vec::new();
    Found.indexed(2, &mut beyond);
    assert_eq!(beyond, []);
}

#[test]
fn a_reactor_reacts() {
    let reacted = now(<Greeter as Reacts<Account>>::react(&Greeter, &AccountEvent::Closed, &with_rates()));
    assert_eq!(reacted, Err(Failure::new("Closed a 10")));
    assert_eq!(now(<Greeter as Reacts<Card>>::react(&Greeter, &issued("a", &[]), &plain("c"))), Ok(()));
    assert_eq!(now(<Watcher as Reacts<Card>>::react(&Watcher, &issued("a", &[]), &plain("c"))), Ok(()));
    assert_eq!(now(<Passer as Reacts<Card>>::react(&Passer, &issued("a", &[]), &plain("c"))), Ok(()));
}

#[test]
fn each_kind_is_a_source_with_the_place_of_its_method() {
    fn of<S: Debug>(sources: &[S]) -> Vec<String> {
        sources.iter().map(|source| format!("{source:?}")).collect()
    }
    let balance = of(Balance::SOURCES);
    assert_eq!(balance.len(), 2, "{balance:?}");
    let line = line_of("async fn card(&mut self, event: &CardEvent, delivery: &Delivery) {");
    assert!(balance[0].contains("\"account\""), "{balance:?}");
    assert!(balance[1].contains("\"card\"") && balance[1].contains(&format!("line: {line}")), "{balance:?}");
    // What `#[cfg]` takes away is no source.
    assert_eq!((Seen::SOURCES.len(), Greeter::SOURCES.len(), Passer::SOURCES.len()), (2, 2, 1));
}

#[test]
fn each_is_registered_once_with_the_place_of_its_block() {
    let line = format!("line: {}", line_of("impl Balance {"));
    let found = registered::<ProjectionDescriptor>("balances");
    assert!(found.len() == 1 && found[0].contains(&line) && found[0].contains("reading_macros.rs"), "{found:?}");

    let line = format!("line: {}", line_of("impl Greeter {"));
    let found = registered::<ReactorDescriptor>("greeter");
    assert!(found.len() == 1 && found[0].contains(&line) && found[0].contains("reading_macros.rs"), "{found:?}");
}

#[tokio::test]
async fn an_engine_finds_them_and_folds() {
    let missing = Engine::builder().service(Arc::new(Fixed(1))).start().await.unwrap_err().to_string();
    let asks = |name: &str| missing.lines().any(|line| line.contains(name) && line.contains("dyn reading_macros::Rates"));
    assert!(asks("reading_macros::Balance"), "{missing}");

    let builder = Engine::builder().service::<dyn Rates>(Arc::new(Fixed(10))).service(Arc::new(Fixed(1))).node("n-1");
    let engine = builder.start().await.unwrap();
    engine.send::<Account>("a-1", Open { owner: "Ann".to_owned(), amount: 4 }).await.unwrap();
    let issued = engine.send::<Card>("c-1", Issue { account: "a-1".to_owned() }).await.unwrap();
    let balance = Balance { owner: "Ann".into(), cents: 41, cards: vec!["c-1 of 1".into()] };
    assert_eq!(engine.view::<Balance>("a-1").after(&issued).await.unwrap(), Some(balance.clone()));
    let of_ann = engine.views::<Balance>().by("owner", "Ann").page().await.unwrap();
    assert_eq!(of_ann.items, [("a-1".to_owned(), balance)]);
    assert_eq!(engine.views::<Balance>().by("owner", "Bob").page().await.unwrap().items, []);
}
