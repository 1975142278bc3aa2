//! Live views: folded when they are read.

use crate::bank::{Account, AccountEvent, Balance, Close, Deposit, Dispute, Open};
use crate::rigged::Rigged;
use crate::till::{Empty, Note, Take, TakeMany, Till, TillEvent};
use ego::engine::{Limits, Location, RecoveryError, TypeRef};
use ego::message::{Position, Revision, StreamId};
use ego::model::{Delivery, Failure, Fold, Mode, On, Projection};
use ego::prelude::*;
use ego::projection::{ProjectionDescriptor, ReadViews, Source, Sources, ViewError};
use ego::store::{MemoryStore, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happened at an account and at the till of the same name, in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Statement {
    lines: Vec<(u64, String)>,
}

impl Projection for Statement {
    const NAME: &'static str = "statements";
    const MODE: Mode = Mode::Live;
}

impl Statement {
    fn line(&mut self, delivery: &Delivery, line: impl ToString) {
        self.lines.push((delivery.position().get(), line.to_string()));
    }
}

impl On<Account> for Statement {
    const BY_ID: bool = true;

    /// It waits: a live view may.
    async fn on(&mut self, event: &AccountEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        tokio::task::yield_now().await;
        match event {
            AccountEvent::Deposited { amount } => self.line(delivery, amount),
            AccountEvent::Closed => return Ok(Fold::Remove),
            AccountEvent::Disputed => return Err(Failure::new("disputed")),
            AccountEvent::Opened { .. } | AccountEvent::Tagged { .. } => {}
        }
        Ok(Fold::Keep)
    }
}

impl On<Till> for Statement {
    const WAITS: bool = false;
    const BY_ID: bool = true;

    async fn on(&mut self, event: &TillEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        match event {
            TillEvent::Taken { amount } => self.line(delivery, -(*amount as i64)),
            TillEvent::Noted { text } if text == "panic" => panic!("as noted"),
            _ => {}
        }
        Ok(Fold::Keep)
    }
}

impl Sources for Statement {
    const SOURCES: &'static [Source<Self>] = &[
        Source::of::<Account>(Location::new(file!(), line!()), &[] as &[TypeRef]),
        Source::of::<Till>(Location::new(file!(), line!()), &[] as &[TypeRef]),
    ];
}

ego::__private::inventory::submit! { ProjectionDescriptor::of::<Statement>(Location::new(file!(), line!())) }

/// How often something was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Times(u64);

impl Projection for Times {
    const NAME: &'static str = "times";
    const MODE: Mode = Mode::Live;
}

impl On<Till> for Times {
    const WAITS: bool = false;
    const BY_ID: bool = true;

    async fn on(&mut self, event: &TillEvent, _: &Delivery) -> Result<Fold, Failure> {
        match event {
            TillEvent::Taken { .. } => self.0 += 1,
            TillEvent::Emptied => return Ok(Fold::Remove),
            _ => {}
        }
        Ok(Fold::Keep)
    }
}

impl Sources for Times {
    const SOURCES: &'static [Source<Self>] = &[Source::of::<Till>(Location::new(file!(), line!()), &[] as &[TypeRef])];
}

ego::__private::inventory::submit! { ProjectionDescriptor::of::<Times>(Location::new(file!(), line!())) }

async fn small_pages(store: impl Store) -> Engine {
    Engine::builder().store(store).limits(Limits { page: 3, ..Limits::default() }).start().await.unwrap()
}

#[tokio::test]
async fn a_view_over_several_kinds_is_folded_in_the_order_of_the_log() {
    let engine = small_pages(MemoryStore::new()).await;
    assert_eq!(engine.view::<Statement>("x").await.unwrap(), None);
    let mut expected = Vec::new();
    for number in 0..40_i64 {
        let position = if number % 3 == 0 {
            engine.send::<Account>("x", Deposit { amount: number }).await.unwrap().position
        } else {
            engine.send::<Till>("x", Take { amount: number as u64 }).await.unwrap().position
        };
        engine.send::<Till>("another", Take { amount: 1 }).await.unwrap();
        let amount = if number % 3 == 0 { number } else { -number };
        expected.push((position.unwrap().get(), amount.to_string()));
        let view = engine.view::<Statement>("x").after(position).await.unwrap();
        assert_eq!(view, Some(Statement { lines: expected.clone() }));
    }
    engine.send::<Account>("x", Close).await.unwrap();
    assert_eq!(engine.view::<Statement>("x").await.unwrap(), None);
    let last = engine.send::<Till>("x", Take { amount: 7 }).await.unwrap().position.unwrap();
    assert_eq!(engine.view::<Statement>("x").await.unwrap(), Some(Statement { lines: vec![(last.get(), "-7".to_owned())] }));
}

#[tokio::test]
async fn nothing_is_seen_without_what_came_before_it() {
    let store = Rigged::open();
    let reader = small_pages(store.clone()).await;
    let writer = Engine::builder().store(store.inner.clone()).start().await.unwrap();
    for amount in 1..=2 {
        writer.send::<Account>("x", Deposit { amount }).await.unwrap();
        writer.send::<Till>("x", Take { amount: amount as u64 }).await.unwrap();
    }
    store.steps.hold();
    let reading = tokio::spawn(reader.view::<Statement>("x").into_future());
    // The whole account is read, the till is not. Then both go on, the account first.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.steps.let_one();
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    writer.send::<Account>("x", Deposit { amount: 3 }).await.unwrap();
    writer.send::<Till>("x", Take { amount: 3 }).await.unwrap();
    store.steps.free();
    let lines = reading.await.unwrap().unwrap().unwrap().lines;
    assert_eq!(lines.iter().map(|(_, line)| &**line).collect::<Vec<_>>(), ["1", "-1", "2", "-2"]);
}

#[tokio::test]
async fn a_view_that_cannot_be_folded_says_where() {
    let engine = small_pages(MemoryStore::new()).await;
    engine.send::<Account>("x", Deposit { amount: 1 }).await.unwrap();
    let disputed = engine.send::<Account>("x", Dispute).await.unwrap().position;
    let error = engine.view::<Statement>("x").await.unwrap_err();
    let ViewError::Unfoldable { projection: "statements", key, position, failure } = &error else { panic!("{error}") };
    assert_eq!((key.as_str(), Some(*position), failure.to_string()), ("x", disputed, "disputed".to_owned()));
    engine.send::<Till>("y", Note { text: "panic".into() }).await.unwrap();
    let error = engine.view::<Statement>("y").await.unwrap_err();
    let ViewError::Unfoldable { failure, .. } = &error else { panic!("{error}") };
    assert_eq!(failure.to_string(), "it panicked: as noted");
    let error = engine.view::<Statement>("no\nid").await.unwrap_err();
    assert!(matches!(error, ViewError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_view_is_not_folded_from_a_part_of_its_events() {
    let engine = small_pages(MemoryStore::new()).await;
    engine.send::<Till>("t", TakeMany { times: 10 }).await.unwrap();
    // Balances have finished what is to be deleted.
    let receipt = engine.send::<Account>("t", Deposit { amount: 1 }).await.unwrap();
    engine.view::<Balance>("t").after(&receipt).await.unwrap();
    let stream = StreamId::new("till", "t").unwrap();
    engine.store().delete_up_to(&stream, Revision::new(4).unwrap()).await.unwrap();
    let error = engine.view::<Times>("t").await.unwrap_err();
    let ViewError::Events { source: RecoveryError::Store(StoreError::HistoryDeleted { first }), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(first.get(), 5);
    engine.store().delete_up_to(&stream, Revision::new(10).unwrap()).await.unwrap();
    assert!(matches!(engine.view::<Times>("t").await, Err(ViewError::Events { .. })));
}

#[tokio::test]
async fn a_live_view_is_never_behind() {
    let engine = small_pages(MemoryStore::new()).await;
    let nowhere = Position::new(1_000_000).unwrap();
    let view = engine.view::<Times>("t").after(nowhere).within(Duration::from_secs(60)).await.unwrap();
    assert_eq!(view, None);
    engine.send::<Till>("t", TakeMany { times: 10 }).await.unwrap();
    assert_eq!(engine.view::<Times>("t").await.unwrap(), Some(Times(10)));
    assert_eq!(engine.view_by_name("times", "t").await.unwrap(), Some(10.into()));
}

#[tokio::test]
async fn views_of_one_kind_are_listed_by_page() {
    let engine = small_pages(MemoryStore::new()).await;
    let mut expected = Vec::new();
    for number in 0..23_u64 {
        let id = format!("{}{:02}", ["a", "b"][number as usize % 2], number * 5 % 23);
        engine.send::<Till>(&*id, TakeMany { times: number + 1 }).await.unwrap();
        engine.send::<Account>(&*id, Open { owner: "ann".into() }).await.unwrap();
        if number % 6 == 0 {
            engine.send::<Till>(&*id, Empty).await.unwrap();
        } else {
            expected.push((id, Times(number + 1)));
        }
    }
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    let all = async |list: &dyn Fn() -> ReadViews<Times>| {
        let mut page = list().page().await.unwrap();
        let mut found = Vec::new();
        loop {
            found.append(&mut page.items);
            let Some(next) = page.next else { return found };
            page = list().at(next.to_string().parse().unwrap()).page().await.unwrap();
        }
    };
    let wanted = |so: &dyn Fn(&str) -> bool| expected.iter().filter(|(key, _)| so(key)).cloned().collect::<Vec<_>>();
    for limit in [1, 2, 7, 100] {
        assert_eq!(all(&|| engine.views::<Times>().limit(limit)).await, expected, "{limit}");
        assert_eq!(
            all(&|| engine.views::<Times>().prefix("a").limit(limit)).await,
            wanted(&|key| key.starts_with('a')),
            "{limit}"
        );
        assert_eq!(
            all(&|| engine.views::<Times>().prefix("b").limit(limit)).await,
            wanted(&|key| key.starts_with('b')),
            "{limit}"
        );
        // Also where no id can be.
        for from in [format!("a{}", "9".repeat(600)), "a0\u{85}x".to_owned(), "a05\n".to_owned(), "\n".to_owned()] {
            let found = all(&|| engine.views::<Times>().from_key(&from).limit(limit)).await;
            assert_eq!(found, wanted(&|key| key >= from.as_str()), "{limit} from {from:?}");
        }
        let (from, _) = &expected[9];
        assert_eq!(
            all(&|| engine.views::<Times>().from_key(from).limit(limit)).await,
            wanted(&|key| key >= from.as_str()),
            "{limit}"
        );
    }
}

#[tokio::test]
async fn what_no_list_is_kept_of_is_refused() {
    let engine = small_pages(MemoryStore::new()).await;
    let error = engine.views::<Statement>().page().await.unwrap_err();
    assert!(matches!(error, ViewError::Unlistable { projection: "statements", .. }), "{error}");
    let error = engine.views::<Times>().by("owner", "ann").page().await.unwrap_err();
    assert!(matches!(error, ViewError::UnknownIndex { projection: "times", known: &[], .. }), "{error}");
}
