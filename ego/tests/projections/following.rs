//! Views follow the log: each event once, in the order of its key, also across restarts and with several engines.

use super::*;
use ego::consumer::State;
use ego::message::Position;
use ego::projection::{OnNewVersion, ProjectionOptions};
use ego::store::{Filter, MemoryStore, Store};
use std::collections::BTreeMap;
use std::time::Duration;

/// The views that the log says there are, folded by hand.
async fn expected(store: &impl Store) -> (BTreeMap<String, Seen>, BTreeMap<String, Seen>) {
    let (mut orders, mut customers) = (BTreeMap::<String, Seen>::new(), BTreeMap::<String, Seen>::new());
    let log = store.read_log(None, &Filter::all(), usize::MAX).await.unwrap();
    assert_eq!(log.next, None);
    for event in log.items {
        let json: serde_json::Value = serde_json::from_slice(&event.payload).unwrap();
        let (position, amount) = (event.position.get(), json["amount"].as_u64().unwrap_or(0));
        let note = |views: &mut BTreeMap<String, Seen>, key: &str| {
            let view = views.entry(key.to_owned()).or_default();
            view.positions.push(position);
            view.sum += amount;
        };
        match &*event.name {
            "Placed" => {
                note(&mut orders, event.stream.id());
                note(&mut customers, json["customer"].as_str().unwrap());
                note(&mut customers, "all");
            }
            "Paid" | "Cancelled" => note(&mut orders, event.stream.id()),
            _ => {
                let customer = json["customer"].as_str().unwrap();
                let view = customers.entry(customer.to_owned()).or_default();
                view.positions.push(position);
                view.sum = view.sum.saturating_sub(amount);
                if view.sum == 0 {
                    customers.remove(customer);
                }
            }
        }
    }
    (orders, customers)
}

async fn all<P: ego::model::Projection + ego::projection::Sources>(
    engine: &Engine,
    seen: impl Fn(P) -> Seen,
) -> BTreeMap<String, Seen> {
    let page = engine.views::<P>().limit(100_000).page().await.unwrap();
    assert!(page.next.is_none());
    page.items.into_iter().map(|(key, view)| (key, seen(view))).collect()
}

async fn check(engine: &Engine, store: &impl Store) {
    let head = store.head().await.unwrap();
    let (orders, customers) = expected(store).await;
    engine.view::<ByOrder>("-").after(head).await.unwrap();
    engine.view::<ByCustomer>("-").after(head).await.unwrap();
    assert_eq!(all(engine, |view: ByOrder| view.0).await, orders);
    assert_eq!(all(engine, |view: ByCustomer| view.0).await, customers);
    let index = store.list_rows("index/by-customer/1", &[], None, 100_000).await.unwrap().items;
    assert_eq!(index.len(), customers.len(), "an index keeps what is gone");
    let mut sums: Vec<_> = customers.iter().map(|(key, view)| (view.sum, key.clone())).collect();
    sums.sort();
    let by_sum = engine.views::<ByCustomer>().between("sum", 0_u64..).limit(100_000).page().await.unwrap();
    assert_eq!(by_sum.items.into_iter().map(|(key, view)| (view.0.sum, key)).collect::<Vec<_>>(), sums);
}

async fn work(engine: &Engine, from: u64, count: u64) {
    for number in from..from + count {
        let (order, customer) = (format!("o-{}", number % 13), format!("c-{}", number % 5));
        match number % 4 {
            0 | 1 => drop(place(engine, &order, &customer, number).await),
            2 => {
                let back = Return { customer, amount: number * 3 };
                engine.send::<Parcel>(format!("p-{}", number % 3), back).await.unwrap();
            }
            _ => drop(engine.send::<Order>(&order, Do::PayOften { amount: 1, times: number % 6 }).await.unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_what_the_log_says_for_any_batch_cache_and_number_of_workers() {
    for (workers, batch, cached) in [(1, 4096, 10_000), (1, 1, 0), (2, 7, 1), (5, 100, 3), (3, 1000, 0)] {
        let store = MemoryStore::new();
        let options = ProjectionOptions::new().workers(workers).batch(batch).cached_views(cached);
        let builder = Engine::builder().store(store.clone()).service::<Knobs>(Knobs::open());
        let builder = builder.projection::<ByOrder>(options.clone()).projection::<ByCustomer>(options);
        let engine = builder.start().await.unwrap();
        let both = [work(&engine, 0, 300), work(&engine, 1000, 300)];
        futures_util::future::join_all(both).await;
        check(&engine, &store).await;
        engine.stop(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test]
async fn a_projection_goes_on_behind_its_checkpoint_after_a_restart() {
    let store = MemoryStore::new();
    for round in 0..4 {
        let knobs = Knobs::open();
        let engine = start(store.clone(), &knobs).await;
        work(&engine, round * 100, 100).await;
        check(&engine, &store).await;
        engine.stop(Duration::from_secs(5)).await.unwrap();
        if round == 3 {
            let engine = start(store.clone(), &knobs).await;
            let before = knobs.calls.load(std::sync::atomic::Ordering::SeqCst);
            let last = pay(&engine, "o-1", 1).await;
            engine.view::<ByOrder>("o-1").after(last).await.unwrap();
            assert_eq!(knobs.calls.load(std::sync::atomic::Ordering::SeqCst), before + 1);
        }
    }
}

/// Each of them folds, one step of the two wins, the other begins again behind it (I6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_on_one_store_fold_each_event_once() {
    let store = MemoryStore::new();
    let (one, two) = (start(store.clone(), &Knobs::open()).await, start(store.clone(), &Knobs::open()).await);
    tokio::join!(work(&one, 0, 400), work(&two, 400, 400));
    check(&one, &store).await;
    check(&two, &store).await;
    assert!(one.health().is_ok() && two.health().is_ok());
}

#[tokio::test]
async fn a_slow_method_holds_up_its_own_projection_only() {
    let knobs = Knobs::with(1);
    let builder = Engine::builder().service::<Knobs>(Arc::clone(&knobs));
    let engine = builder.projection::<Slow>(ProjectionOptions::new().workers(1)).start().await.unwrap();
    let slow = engine.projection::<Slow>().unwrap();
    place(&engine, "a", "ann", 1).await;
    let last = place(&engine, "a", "ann", 1).await;
    assert_eq!(engine.view::<ByOrder>("a").after(last).await.unwrap().unwrap().0.positions.len(), 2);
    eventually(async || (slow.status().await.unwrap().position == Some(Position::FIRST)).then_some(())).await;
    assert_eq!(slow.status().await.unwrap().lag, 1);
    knobs.gate.add_permits(1);
    assert_eq!(engine.view::<Slow>("a").after(last).await.unwrap().unwrap().0.positions, [1, 2]);
}

/// What is folded becomes durable and visible about every second, however many events there are.
#[tokio::test(start_paused = true)]
async fn slow_methods_are_given_few_events_at_once() {
    let knobs = Knobs::open();
    knobs.delay.store(300, std::sync::atomic::Ordering::SeqCst);
    let builder = Engine::builder().service::<Knobs>(Arc::clone(&knobs));
    let engine = builder.projection::<Slow>(ProjectionOptions::new().workers(1)).start().await.unwrap();
    let last = engine.send::<Order>("a", Do::PayOften { amount: 1, times: 100 }).await.unwrap().position;
    let slow = engine.projection::<Slow>().unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        seen.push(slow.status().await.unwrap().position);
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}

#[tokio::test]
async fn a_method_that_waits_is_dropped_when_the_engine_stops_and_the_event_comes_again() {
    let (store, knobs) = (MemoryStore::new(), Knobs::with(0));
    let engine = start(store.clone(), &knobs).await;
    let last = place(&engine, "a", "ann", 1).await;
    engine.view::<ByOrder>("a").after(last).await.unwrap();
    engine.stop(Duration::from_secs(20)).await.unwrap();
    knobs.gate.add_permits(10);
    let engine = start(store, &knobs).await;
    assert_eq!(engine.view::<Slow>("a").after(last).await.unwrap().unwrap().0.positions, [1]);
}

/// A store is not written to for every commit that a projection does not follow.
#[tokio::test]
async fn the_checkpoint_moves_lazily_while_nothing_comes_that_is_followed() {
    let store = MemoryStore::new();
    let engine = start(store.clone(), &Knobs::open()).await;
    let back = || Return { customer: "ann".into(), amount: 1 };
    let first = engine.send::<Parcel>("p", back()).await.unwrap().position;
    engine.view::<ByOrder>("-").after(first).await.unwrap();
    assert_eq!(store.load_checkpoint("projection/by-order/1").await.unwrap(), None);
    assert_eq!(engine.projection::<ByOrder>().unwrap().status().await.unwrap().position, first);
    assert_eq!(store.load_checkpoint("projection/by-customer/1").await.unwrap(), first);
    engine.stop(Duration::from_secs(5)).await.unwrap();
    let clone = store.clone();
    assert_eq!(clone.load_checkpoint("projection/by-order/1").await.unwrap(), first);
}

#[tokio::test]
async fn what_a_projection_has_not_folded_is_kept_from_retention() {
    let (store, knobs) = (MemoryStore::new(), Knobs::with(0));
    let engine = start(store.clone(), &knobs).await;
    place(&engine, "a", "ann", 1).await;
    let stream = ego::message::StreamId::new("order", "a").unwrap();
    let held = store.delete_up_to(&stream, ego::message::Revision::FIRST).await;
    assert!(
        matches!(&held, Err(ego::store::StoreError::HeldBack { consumer, .. }) if consumer.starts_with("projection/")),
        "{held:?}"
    );
}

#[tokio::test]
async fn status_tells_the_lag_in_events_and_in_time() {
    let clock = ego::clock::ManualClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let knobs = Knobs::with(1);
    let builder = Engine::builder().clock(clock.clone()).service::<Knobs>(Arc::clone(&knobs));
    let engine = builder.projection::<Slow>(ProjectionOptions::new().workers(1)).start().await.unwrap();
    let slow = engine.projection::<Slow>().unwrap();
    for _ in 0..3 {
        place(&engine, "a", "ann", 1).await;
        clock.advance(Duration::from_secs(60));
    }
    let status = eventually(async || Some(slow.status().await.unwrap()).filter(|status| status.events == 1)).await;
    assert_eq!((status.position, status.lag, status.lag_time), (Some(Position::FIRST), 2, Duration::from_secs(120)));
    knobs.gate.add_permits(10);
    let status = eventually(async || Some(slow.status().await.unwrap()).filter(|status| status.lag == 0)).await;
    assert_eq!((status.lag_time, status.events, status.state), (Duration::ZERO, 3, State::Running));
}

#[tokio::test]
async fn views_of_another_version_are_built_anew_or_refused() {
    let store = MemoryStore::new();
    let engine = start(store.clone(), &Knobs::open()).await;
    work(&engine, 0, 50).await;
    check(&engine, &store).await;
    engine.stop(Duration::from_secs(5)).await.unwrap();
    // As an older program would have left it.
    let record = ego::store::RowChange::put(
        "ego/projections",
        "by-order".to_owned(),
        r#"{"live":{"generation":1,"version":7},"building":null,"only_if_same":false,"newest":1,"swept":1}"#,
    );
    store.step(ego::store::Step { advance: None, rows: vec![record] }).await.unwrap();
    let refused = Engine::builder()
        .store(store.clone())
        .projection::<ByOrder>(ProjectionOptions::new().on_new_version(OnNewVersion::Refuse))
        .start()
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("the views of \"by-order\" have version 7, the program has version 1"), "{refused}");
    let engine = start(store.clone(), &Knobs::open()).await;
    check(&engine, &store).await;
    eventually(async || store.list_rows("view/by-order/1", &[], None, 1).await.unwrap().items.is_empty().then_some(())).await;
}
