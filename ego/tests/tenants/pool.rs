use crate::shop::*;
use crate::*;
use ego::engine::{CommandError, StopError};
use ego::prelude::*;
use ego::store::MemoryStore;
use ego::tenant::{TenantError, Tenants, TenantsBuilder};
use futures_util::future::join_all;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often each tenant's engine was made.
type Made = Arc<Mutex<BTreeMap<String, u32>>>;

fn tenants(store: &MemoryStore) -> (TenantsBuilder, Made) {
    let made = Made::default();
    let count = Arc::clone(&made);
    let make = move |tenant: &Tenant| {
        *count.lock().entry(tenant.to_string()).or_default() += 1;
        shops(&Told::default())
    };
    (Tenants::builder(store.clone()).engine(make), made)
}

fn names(tenants: &Tenants) -> Vec<String> {
    tenants.running().iter().map(ToString::to_string).collect()
}

async fn open_shop(engine: &Engine) {
    engine.send::<Shop>("s", Open { owner: "ann".into() }).await.unwrap();
}

#[tokio::test]
async fn an_engine_is_started_once_when_it_is_wanted() {
    let store = MemoryStore::new();
    let (builder, made) = tenants(&store);
    let tenants = builder.open();
    assert!(tenants.running().is_empty());
    let engines = join_all((0..50).map(|_| tenants.engine("acme"))).await;
    assert!(engines.iter().all(|engine| engine.as_ref().unwrap().tenant().as_str() == "acme"));
    open_shop(engines[0].as_ref().unwrap()).await;
    assert_eq!(engines[1].as_ref().unwrap().load::<Shop>("s").await.unwrap().revision.unwrap().get(), 1);
    assert_eq!(made.lock().get("acme"), Some(&1));
    assert_eq!(tenants.engine("globex").await.unwrap().load::<Shop>("s").await.unwrap().revision, None);
    tenants.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn the_one_that_was_used_longest_ago_makes_room() {
    let store = MemoryStore::new();
    let (builder, made) = tenants(&store);
    let tenants = builder.limit(2).open();
    for name in ["a", "b"] {
        open_shop(&tenants.engine(name).await.unwrap()).await;
    }
    let held = tenants.engine("a").await.unwrap();
    let other = tenants.engine("c").await.unwrap();
    assert_eq!(names(&tenants), ["c", "a"]);
    let Err(TenantError::Full { limit: 2 }) = tenants.engine("b").await else { panic!("there is no room") };
    assert_eq!(names(&tenants), ["c", "a"]);
    // The one that is held goes on.
    held.send::<Shop>("s", Sell { amount: 1 }).await.unwrap();
    drop(other);
    // It comes back with what it had.
    let back = tenants.engine("b").await.unwrap();
    assert_eq!(back.load::<Shop>("s").await.unwrap().revision.unwrap().get(), 1);
    assert_eq!(*made.lock(), BTreeMap::from([("a".into(), 1), ("b".into(), 2), ("c".into(), 1)]));
    tenants.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_nobody_uses_is_stopped() {
    let store = MemoryStore::new();
    let (builder, _) = tenants(&store);
    let tenants = builder.idle(Duration::from_secs(60)).open();
    let held = tenants.engine("held").await.unwrap();
    let idle = Engine::clone(&*tenants.engine("idle").await.unwrap());
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(names(&tenants), ["idle", "held"]);
    drop(tenants.engine("idle").await.unwrap());
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(names(&tenants), ["idle", "held"], "it was used meanwhile");
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(names(&tenants), ["held"]);
    let error = idle.send::<Shop>("s", WhoseIsIt).await.unwrap_err();
    assert!(matches!(error, CommandError::Stopped), "{error}");
    open_shop(&held).await;
    open_shop(&tenants.engine("idle").await.unwrap()).await;
    tenants.stop(Duration::from_secs(60)).await.unwrap();
}

/// Tenants come and go at random, more than there is room for: each finds what it recorded.
#[tokio::test]
async fn many_tenants_share_a_few_places() {
    let store = MemoryStore::new();
    let (builder, _) = tenants(&store);
    let tenants = builder.limit(3).open();
    let sell = |number: usize| {
        let tenants = tenants.clone();
        async move {
            let name = format!("t-{}", number % 10);
            let engine = loop {
                match tenants.engine(&name).await {
                    Ok(engine) => break engine,
                    Err(TenantError::Full { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                    Err(error) => panic!("{error}"),
                }
            };
            // Opened by whoever comes first.
            let _ = engine.send::<Shop>("s", Open { owner: name }).await;
            engine.send::<Shop>("s", Sell { amount: 1 }).await.unwrap();
        }
    };
    join_all((0..100).map(sell)).await;
    assert!(tenants.running().len() <= 3);
    for number in 0..10 {
        let engine = tenants.engine(format!("t-{number}")).await.unwrap();
        assert_eq!(engine.load::<Shop>("s").await.unwrap().state.sold, 10);
    }
    let mut listed: Vec<_> = (0..10).map(|number| tenant(&format!("t-{number}"))).collect();
    listed.sort();
    assert_eq!(tenants.list(None, 100).await.unwrap(), listed);
    assert_eq!(tenants.list(Some(&listed[3]), 4).await.unwrap(), listed[4..8]);
    tenants.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn an_erased_tenant_leaves_nothing_but_closed_streams() {
    let store = MemoryStore::new();
    let (builder, _) = tenants(&store);
    let tenants = builder.open();
    for name in ["acme", "acme2", "b"] {
        let engine = tenants.engine(name).await.unwrap();
        open_shop(&engine).await;
        for amount in [5, BAD_LUCK, 6] {
            engine.send::<Shop>("s", Sell { amount }).await.unwrap();
        }
        let letters = async || engine.projection::<Takings>().unwrap().dead_letters(None, 9).await.unwrap().items.len();
        until(async || letters().await == 2).await;
    }
    let held = tenants.engine("acme").await.unwrap();
    let Err(TenantError::InUse { .. }) = tenants.erase("acme").await else { panic!("it is in use") };
    held.send::<Shop>("s", Sell { amount: 1 }).await.unwrap();
    drop(held);
    let whole = any(&store);
    let tables = part(&whole, "acme").list_tables().await.unwrap();
    assert!(tables.len() >= 4, "views, an index, dead letters, records: {tables:?}");

    tenants.erase("acme").await.unwrap();
    tenants.erase("acme").await.unwrap();
    assert_eq!(tenants.list(None, 9).await.unwrap(), [tenant("acme2"), tenant("b")]);
    for table in tables {
        let left = whole.list_rows(&format!("acme.{table}"), &[], None, 100).await.unwrap().items;
        assert!(left.is_empty(), "{table}: {left:?}");
        let other = whole.list_rows(&format!("acme2.{table}"), &[], None, 100).await.unwrap().items;
        assert!(!other.is_empty(), "{table}");
    }
    assert!(whole.list_tables().await.unwrap().iter().all(|table| !table.contains("acme.") && !table.starts_with("@acme/")));
    assert!(whole.list_checkpoints().await.unwrap().iter().all(|(consumer, _)| !consumer.starts_with("@acme/")));
    let log = whole.read_log(None, &ego::store::Filter::all(), 100).await.unwrap().items;
    assert_eq!(log.iter().filter(|event| event.stream.kind() == "acme.shop").count(), 0);
    assert_eq!(log.len(), 8);
    // The name may be used again; the id may not.
    let back = tenants.engine("acme").await.unwrap();
    let error = back.send::<Shop>("s", Open { owner: "ann".into() }).await.unwrap_err();
    assert!(error.to_string().contains("could not be loaded"), "{error}");
    back.send::<Shop>("another", Open { owner: "ann".into() }).await.unwrap();
    drop(back);
    tenants.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn stopped_tenants_stay_so_and_close_the_store() {
    let store = MemoryStore::new();
    let (builder, _) = tenants(&store);
    let tenants = builder.open();
    let held = tenants.engine("acme").await.unwrap();
    open_shop(&held).await;
    tenants.stop(Duration::from_secs(60)).await.unwrap();
    assert!(matches!(held.send::<Shop>("s", WhoseIsIt).await.unwrap_err(), CommandError::Stopped));
    assert!(matches!(tenants.engine("acme").await, Err(TenantError::Stopped)));
    assert!(matches!(tenants.erase("acme").await, Err(TenantError::Stopped)));
    let again: Result<(), StopError> = tenants.stop(Duration::from_secs(60)).await;
    again.unwrap();
    // Another connection still finds it all.
    let engine = shops(&Told::default()).tenant(part(&any(&store), "acme")).start().await.unwrap();
    assert_eq!(engine.load::<Shop>("s").await.unwrap().revision.unwrap().get(), 1);
    engine.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn what_does_not_start_takes_no_place() {
    let store = MemoryStore::new();
    let tenants = Tenants::builder(store).engine(|_| Engine::builder().event_source("")).limit(1).open();
    for name in ["a", "b", "a"] {
        let Err(TenantError::Start { tenant: told, .. }) = tenants.engine(name).await else { panic!("it started") };
        assert_eq!(told, tenant(name));
        assert!(tenants.running().is_empty());
    }
    assert!(matches!(tenants.engine("").await, Err(TenantError::Invalid(_))));
    assert!(matches!(tenants.engine("é".repeat(20)).await, Err(TenantError::Invalid(_))));
    tenants.stop(Duration::from_secs(60)).await.unwrap();
}
