//! Views: read, listed and awaited.

use crate::bank::*;
use crate::rigged::Rigged;
use ego::consumer::{Policy, State};
use ego::engine::{EngineBuilder, Limits};
use ego::message::Position;
use ego::prelude::*;
use ego::projection::{Cursor, ProjectionOptions, Rebuild, ViewError};
use ego::store::{MemoryStore, RowChange, Step, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Long enough on any machine.
const LONG: Duration = Duration::from_secs(60);

async fn engine() -> Engine {
    Engine::builder().start().await.unwrap()
}

/// An engine whose balances wait until the gate is opened.
async fn gated() -> (Engine, Arc<Gate>) {
    let gate = Gate::closed();
    let builder: EngineBuilder = Engine::builder().service::<Gate>(Arc::clone(&gate));
    (builder.start().await.unwrap(), gate)
}

async fn open(engine: &Engine, id: &str, owner: &str, amount: i64) -> Position {
    engine.send::<Account>(id, Open { owner: owner.to_owned() }).await.unwrap();
    deposit(engine, id, amount).await
}

async fn deposit(engine: &Engine, id: &str, amount: i64) -> Position {
    engine.send::<Account>(id, Deposit { amount }).await.unwrap().position.unwrap()
}

#[tokio::test]
async fn one_reads_what_one_has_written() {
    let engine = engine().await;
    for amount in 1..=50 {
        let receipt = engine.send::<Account>("acc-1", Deposit { amount }).await.unwrap();
        let view = engine.view::<Balance>("acc-1").after(&receipt).await.unwrap().unwrap();
        assert_eq!(view.balance, (1..=amount).sum::<i64>());
    }
    assert_eq!(engine.view::<Balance>("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn a_reader_waits_until_the_projection_has_come_so_far() {
    let (engine, gate) = gated().await;
    let receipt = engine.send::<Account>("acc-1", Deposit { amount: 5 }).await.unwrap();
    assert_eq!(engine.view::<Balance>("acc-1").await.unwrap(), None, "nobody said that it must be there");
    let view = tokio::spawn(engine.view::<Balance>("acc-1").after(&receipt).within(LONG).into_future());
    let page = tokio::spawn(engine.views::<Balance>().after(&receipt).within(LONG).page());
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(!view.is_finished() && !page.is_finished());
    gate.set_open();
    assert_eq!(view.await.unwrap().unwrap(), Some(Balance::of("", 5)));
    assert_eq!(page.await.unwrap().unwrap().items, [("acc-1".to_owned(), Balance::of("", 5))]);
}

#[tokio::test]
async fn a_reader_who_waited_too_long_is_told_how_far_it_is() {
    let (engine, gate) = gated().await;
    gate.set_open();
    let first = engine.send::<Account>("acc-1", Deposit { amount: 5 }).await.unwrap();
    engine.view::<Balance>("acc-1").after(&first).await.unwrap();
    let nowhere = Position::new(1000).unwrap();
    let within = Duration::from_millis(20);
    let error = engine.view::<Balance>("acc-1").after(nowhere).within(within).await.unwrap_err();
    let ViewError::NotYet { projection: "balances", position, wanted, within: waited, state } = error else { panic!("{error}") };
    assert_eq!((position, wanted, waited, state), (first.position, nowhere, within, State::Running));
    let shown = "\"balances\" is at position 1, and did not reach position 1000 within 20ms; it is running";
    assert_eq!(error.to_string(), shown);
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_as_long_as_a_command_may_take_when_nothing_is_said() {
    let limits = Limits { timeout: Duration::from_secs(7), ..Limits::default() };
    let engine = Engine::builder().limits(limits).start().await.unwrap();
    let began = tokio::time::Instant::now();
    let error = engine.view::<Balance>("acc-1").after(Position::FIRST).await.unwrap_err();
    assert!(matches!(error, ViewError::NotYet { position: None, .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 7);
}

#[tokio::test]
async fn who_waits_for_a_paused_projection_waits_until_it_is_resumed() {
    let engine = engine().await;
    let balances = engine.projection::<Balance>().unwrap();
    balances.pause();
    let position = deposit(&engine, "acc-1", 5).await;
    let error = engine.view::<Balance>("acc-1").after(position).within(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, ViewError::NotYet { state: State::Paused, .. }), "{error}");
    let waiting = tokio::spawn(engine.view::<Balance>("acc-1").after(position).within(LONG).into_future());
    balances.resume();
    assert_eq!(waiting.await.unwrap().unwrap(), Some(Balance::of("", 5)));
}

#[tokio::test]
async fn nobody_waits_for_a_projection_that_has_failed() {
    let options = ProjectionOptions::new().policy(Policy::fail().retries(0));
    let engine = Engine::builder().projection::<Balance>(options).start().await.unwrap();
    let before = deposit(&engine, "acc-1", 5).await;
    engine.view::<Balance>("acc-1").after(before).await.unwrap();
    let receipt = engine.send::<Account>("acc-1", Dispute).await.unwrap();
    let error = tokio::time::timeout(LONG / 2, engine.view::<Balance>("acc-1").after(&receipt).within(LONG).into_future()).await;
    let error = error.expect("the failure is told at once").unwrap_err();
    let ViewError::Failed { position, wanted, state: State::Failed, error: Some(last), .. } = &error else { panic!("{error}") };
    assert_eq!((*position, Some(*wanted), &*last.message), (Some(before), receipt.position, "disputed"));
    // What was reached before can be read all the same.
    let view = engine.view::<Balance>("acc-1").after(before).await.unwrap();
    assert_eq!(view, Some(Balance::of("", 5)));
}

#[tokio::test]
async fn nobody_waits_for_a_projection_that_was_stopped() {
    let engine = engine().await;
    engine.projection::<Balance>().unwrap().stop();
    let position = deposit(&engine, "acc-1", 5).await;
    let waiting = engine.view::<Balance>("acc-1").after(position).within(LONG).into_future();
    let error = tokio::time::timeout(LONG / 2, waiting).await.expect("it is told at once").unwrap_err();
    assert!(matches!(error, ViewError::Failed { state: State::Stopped, error: None, .. }), "{error}");
}

#[tokio::test]
async fn who_waits_behind_a_resume_is_not_told_of_the_stop_before_it() {
    let engine = engine().await;
    let balances = engine.projection::<Balance>().unwrap();
    for _ in 0..20 {
        balances.stop();
        let receipt = engine.send::<Account>("acc-1", Deposit { amount: 1 }).await.unwrap();
        let waiting = engine.view::<Balance>("acc-1").after(&receipt).within(LONG).into_future();
        assert!(matches!(waiting.await, Err(ViewError::Failed { .. })));
        balances.resume();
        engine.view::<Balance>("acc-1").after(&receipt).within(LONG).await.unwrap();
    }
}

#[tokio::test]
async fn a_projection_or_an_index_that_nobody_has_is_named() {
    let engine = engine().await;
    let error = engine.views::<Balance>().by("holder", "ann").page().await.unwrap_err();
    assert_eq!(error.to_string(), "\"balances\" has no index \"holder\"; it has: owner, balance, tag");
    let error = engine.view_by_name("balance", "acc-1").await.unwrap_err();
    let ViewError::UnknownName { name, known } = &error else { panic!("{error}") };
    assert!(name == "balance" && known.contains(&"balances".to_owned()), "{error}");
    let long = "x".repeat(2049);
    let error = engine.view::<Balance>(long).await.unwrap_err();
    assert!(matches!(error, ViewError::KeyTooLong { length: 2049, limit: 2048 }), "{error}");
}

/// All pages of a list, by the text of each cursor.
async fn all(list: impl Fn() -> ego::projection::ReadViews<Balance>) -> Vec<(String, Balance)> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = match &cursor {
            Some(cursor) => list().at(cursor.parse().unwrap()).page().await.unwrap(),
            None => list().page().await.unwrap(),
        };
        found.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next.to_string()),
            None => return found,
        }
    }
}

fn keys(found: &[(String, Balance)]) -> Vec<&str> {
    found.iter().map(|(key, _)| key.as_str()).collect()
}

#[tokio::test]
async fn views_are_listed_page_by_page_each_once_in_the_order_of_their_keys() {
    let engine = engine().await;
    let mut expected = BTreeMap::new();
    let mut last = None;
    for number in 0..137_i64 {
        let id = format!("{}-{}", ["a", "b", "ä"][number as usize % 3], number * 7919 % 1000);
        last = Some(open(&engine, &id, "ann", number).await);
        expected.insert(id, Balance::of("ann", number));
    }
    engine.view::<Balance>("a-0").after(last).await.unwrap();
    let expected: Vec<_> = expected.into_iter().collect();
    for limit in [1, 2, 50, 137, 1000] {
        assert_eq!(all(|| engine.views::<Balance>().limit(limit)).await, expected, "{limit} at once");
    }
    assert_eq!(engine.views::<Balance>().limit(0).page().await.unwrap().items.len(), 1);
    assert_eq!(engine.views::<Balance>().page().await.unwrap().items.len(), 100);
    let of_b: Vec<_> = expected.iter().filter(|(key, _)| key.starts_with("b-")).cloned().collect();
    assert_eq!(all(|| engine.views::<Balance>().prefix("b-").limit(7)).await, of_b);
    let behind: Vec<_> = expected.iter().filter(|(key, _)| key.as_str() >= "b-5").cloned().collect();
    assert_eq!(all(|| engine.views::<Balance>().from_key("b-5").limit(7)).await, behind);
    let both: Vec<_> = behind.iter().filter(|(key, _)| key.starts_with("b-")).cloned().collect();
    assert_eq!(all(|| engine.views::<Balance>().prefix("b-").from_key("b-5").limit(7)).await, both);
    assert_eq!(all(|| engine.views::<Balance>().prefix("b-").from_key("c")).await, []);
    assert_eq!(all(|| engine.views::<Balance>().prefix("b-").from_key("a")).await, of_b);
}

#[tokio::test]
async fn a_list_is_complete_and_without_doubles_while_views_come_and_go() {
    let engine = engine().await;
    let mut last = None;
    for number in (0..200).step_by(2) {
        last = Some(open(&engine, &format!("acc-{number:03}"), "ann", 1).await);
    }
    engine.view::<Balance>("acc-000").after(last).await.unwrap();
    let stays: Vec<String> = (0..200).step_by(4).map(|number| format!("acc-{number:03}")).collect();
    let (mut found, mut cursor, mut round) = (Vec::new(), None::<Cursor>, 0_u32);
    loop {
        let list = engine.views::<Balance>().limit(9);
        let page = if let Some(cursor) = cursor { list.at(cursor).page().await } else { list.page().await }.unwrap();
        found.extend(page.items.into_iter().map(|(key, _)| key));
        let Some(next) = page.next else { break };
        cursor = Some(next);
        // Others leave, come, and change, before the cursor and behind it; also the one that it points to.
        for number in [round * 17 % 50, 49 - round % 50] {
            engine.send::<Account>(format!("acc-{:03}", number * 4 + 2), Close).await.unwrap();
            deposit(&engine, &format!("acc-{:03}", number * 4 + 1), 1).await;
            last = Some(deposit(&engine, &format!("acc-{:03}", number * 4), 1).await);
        }
        engine.view::<Balance>("acc-000").after(last).await.unwrap();
        round += 1;
    }
    assert!(round > 5);
    assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
    let missing: Vec<_> = stays.iter().filter(|key| !found.contains(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn an_index_follows_what_changes_and_what_is_removed() {
    let engine = engine().await;
    let owned = async |owner: &'static str| {
        let found = all(|| engine.views::<Balance>().by("owner", owner).limit(2)).await;
        assert!(found.iter().all(|(_, view)| view.owner == owner));
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    for id in ["c", "a", "b"] {
        open(&engine, id, "ann", 1).await;
    }
    let last = open(&engine, "d", "bob", 1).await;
    engine.view::<Balance>("d").after(last).await.unwrap();
    assert_eq!((owned("ann").await, owned("bob").await), (vec!["a".into(), "b".into(), "c".into()], vec!["d".to_owned()]));
    let receipt = engine.send::<Account>("b", Open { owner: "bob".into() }).await.unwrap();
    engine.view::<Balance>("b").after(&receipt).await.unwrap();
    assert_eq!((owned("ann").await, owned("bob").await), (vec!["a".into(), "c".into()], vec!["b".to_owned(), "d".into()]));
    let receipt = engine.send::<Account>("a", Close).await.unwrap();
    engine.view::<Balance>("a").after(&receipt).await.unwrap();
    assert_eq!(owned("ann").await, ["c"]);
    assert_eq!((owned("an").await.len(), owned("ann\0").await.len(), owned("").await.len()), (0, 0, 0));
    // And no row is left that nobody finds.
    let rows = engine.store().clone();
    let left = rows.list_rows("index/balances/1", &[], None, 1000).await.unwrap().items;
    assert_eq!(left.len(), 6, "an owner and a balance of each of three views");
}

#[tokio::test]
async fn a_view_stands_under_each_of_its_values() {
    let engine = engine().await;
    let tag = async |id: &str, tags: &[&str]| {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let receipt = engine.send::<Account>(id, Tag { tags }).await.unwrap();
        engine.view::<Balance>(id).after(&receipt).await.unwrap();
    };
    let tagged = async |tag: &str| {
        all(|| engine.views::<Balance>().by("tag", tag)).await.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    tag("a", &["red", "blue", "red"]).await;
    tag("b", &["blue"]).await;
    tag("c", &[]).await;
    assert_eq!((tagged("red").await, tagged("blue").await), (vec!["a".to_owned()], vec!["a".to_owned(), "b".into()]));
    let whole = all(|| engine.views::<Balance>().between::<str>("tag", ..).limit(1)).await;
    assert_eq!(keys(&whole), ["a", "b", "a"], "blue, blue, red");
    tag("a", &["green"]).await;
    assert_eq!(
        (tagged("red").await, tagged("blue").await, tagged("green").await),
        (vec![], vec!["b".to_owned()], vec!["a".to_owned()])
    );
}

#[tokio::test]
async fn a_range_of_an_index_has_the_bounds_that_were_said() {
    let engine = engine().await;
    let mut last = None;
    for (id, balance) in [("a", -5), ("b", 0), ("c", 0), ("d", 7), ("e", i64::MAX), ("f", i64::MIN)] {
        last = Some(open(&engine, id, "ann", balance).await);
    }
    engine.view::<Balance>("a").after(last).await.unwrap();
    async fn between(engine: &Engine, range: impl std::ops::RangeBounds<i64> + Clone) -> String {
        all(|| engine.views::<Balance>().between("balance", range.clone()).limit(2))
            .await
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }
    assert_eq!(between(&engine, ..).await, "fabcde");
    assert_eq!(between(&engine, 0..).await, "bcde");
    assert_eq!(between(&engine, ..0).await, "fa");
    assert_eq!(between(&engine, ..=0).await, "fabc");
    assert_eq!(between(&engine, 0..7).await, "bc");
    assert_eq!(between(&engine, 0..=7).await, "bcd");
    assert_eq!(between(&engine, (std::ops::Bound::Excluded(0), std::ops::Bound::Unbounded)).await, "de");
    assert_eq!(between(&engine, (std::ops::Bound::Excluded(i64::MAX), std::ops::Bound::Unbounded)).await, "");
    assert_eq!(between(&engine, (std::ops::Bound::Included(7), std::ops::Bound::Excluded(0))).await, "");
    assert_eq!(between(&engine, 1..1).await, "");
    // Among those of one value, keys are chosen as they are without an index.
    let owned = || engine.views::<Balance>().by("owner", "ann");
    assert_eq!(keys(&all(|| owned().from_key("c").limit(2)).await), ["c", "d", "e", "f"]);
    assert_eq!(keys(&all(|| owned().prefix("c")).await), ["c"]);
    let error = engine.views::<Balance>().between::<i64>("balance", ..).prefix("c").page().await.unwrap_err();
    assert!(matches!(error, ViewError::Unlistable { .. }), "{error}");
}

#[tokio::test]
async fn an_entry_whose_view_is_gone_or_has_another_value_is_left_out() {
    let engine = engine().await;
    let last = open(&engine, "b", "ann", 1).await;
    engine.view::<Balance>("b").after(last).await.unwrap();
    // As another reader finds it who read the index a moment ago.
    let place = |key: &'static str| RowChange::put("index/balances/1", [&b"owner\0\0ann\0\0"[..], key.as_bytes()].concat(), key);
    let last = open(&engine, "c", "bob", 1).await;
    engine.view::<Balance>("c").after(last).await.unwrap();
    engine.store().step(Step { advance: None, rows: vec![place("a"), place("c")] }).await.unwrap();
    let found = all(|| engine.views::<Balance>().by("owner", "ann").limit(1)).await;
    assert_eq!(keys(&found), ["b"]);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let engine = engine().await;
    for id in ["a1", "a2", "b1", "b2"] {
        let last = open(&engine, id, "ann", 1).await;
        engine.view::<Balance>(id).after(last).await.unwrap();
    }
    let views = || engine.views::<Balance>().limit(1);
    let by_key = views().page().await.unwrap().next.unwrap();
    let by_owner = views().by("owner", "ann").page().await.unwrap().next.unwrap();
    let of_b = views().prefix("b").page().await.unwrap().next.unwrap();
    for (list, cursor) in [
        (views().by("owner", "ann"), &by_key),
        (views(), &by_owner),
        (views().by("tag", "ann"), &by_owner),
        (views().by("owner", "bob"), &by_owner),
        (views().prefix("a"), &of_b),
    ] {
        let error = list.at(cursor.clone()).page().await.unwrap_err();
        assert!(matches!(error, ViewError::ForeignCursor { projection: "balances" }), "{error}");
    }
    assert_eq!(views().at(by_key).page().await.unwrap().items[0].0, "a2");
    assert!("0a".parse::<Cursor>().is_err());
}

#[tokio::test]
async fn views_are_read_by_name_as_json() {
    let engine = engine().await;
    let last = open(&engine, "a", "ann", 7).await;
    let view = engine.view_by_name("balances", "a").after(last).await.unwrap().unwrap();
    assert_eq!(view, serde_json::json!({ "owner": "ann", "balance": 7, "tags": [] }));
    let page = engine.views_by_name("balances").between("balance", 5..9_i64).page().await.unwrap();
    assert_eq!(page.items, [("a".to_owned(), view)]);
}

#[tokio::test]
async fn a_view_that_nobody_can_read_is_an_error_and_not_an_empty_one() {
    let engine = engine().await;
    let rows = vec![RowChange::put("view/balances/1", "a", &b"\x04json{}"[..])];
    engine.store().step(Step { advance: None, rows }).await.unwrap();
    let error = engine.view::<Balance>("a").await.unwrap_err();
    assert!(matches!(&error, ViewError::Unreadable { projection: "balances", key, .. } if key == "a"), "{error}");
    assert!(matches!(engine.views::<Balance>().page().await, Err(ViewError::Unreadable { .. })));
}

#[tokio::test]
async fn who_reads_while_others_take_the_place_of_the_views_reads_those() {
    let store = Rigged::open();
    let engine = Engine::builder().store(store.clone()).start().await.unwrap();
    let last = open(&engine, "a", "ann", 7).await;
    engine.view::<Balance>("a").after(last).await.unwrap();
    *store.held_table.lock().unwrap() = Some("view/balances/1");
    let view = tokio::spawn(engine.view::<Balance>("a").into_future());
    let page = tokio::spawn(engine.views::<Balance>().by("owner", "ann").page());
    crate::until(|| store.looking_up.load(Ordering::SeqCst) == 2).await;
    engine.projection::<Balance>().unwrap().rebuild(Rebuild::beside()).await.unwrap();
    while !store.inner.list_rows("view/balances/1", &[], None, 1).await.unwrap().items.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.look_ups.add_permits(2);
    assert_eq!(view.await.unwrap().unwrap(), Some(Balance::of("ann", 7)));
    assert_eq!(page.await.unwrap().unwrap().items, [("a".to_owned(), Balance::of("ann", 7))]);
}

#[tokio::test]
async fn views_that_are_being_built_say_how_far_they_are() {
    let store = MemoryStore::new();
    let first = Engine::builder().store(store.clone()).start().await.unwrap();
    let last = open(&first, "a", "ann", 7).await;
    first.view::<Balance>("a").after(last).await.unwrap();
    first.stop(LONG).await.unwrap();
    let record = serde_json::json!({
        "live": { "generation": 1, "version": 9 }, "building": null, "only_if_same": false, "newest": 1, "swept": 1,
    });
    let rows = vec![RowChange::put("ego/projections", "balances", record.to_string().into_bytes())];
    store.step(Step { advance: None, rows }).await.unwrap();
    let gate = Gate::closed();
    let second = Engine::builder().store(store).service::<Gate>(Arc::clone(&gate)).start().await.unwrap();
    let error = second.view::<Balance>("a").await.unwrap_err();
    let ViewError::Building { projection: "balances", position: None, head } = error else { panic!("{error}") };
    assert_eq!(head, Some(last));
    gate.set_open();
    let waiting = async {
        while let Err(ViewError::Building { .. }) = second.view::<Balance>("a").await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap();
    assert_eq!(second.view::<Balance>("a").await.unwrap(), Some(Balance::of("ann", 7)));
}
