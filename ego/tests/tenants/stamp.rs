use crate::shop::*;
use crate::*;
use ego::engine::{CommandError, StartError, StartProblem};
use ego::layer::{Denial, Log};
use ego::message::{Expected, InvalidText, MetadataDraft};
use ego::prelude::*;
use ego::store::{Direction, Filter, MemoryStore};

#[derive(Event, Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Nothing {
    Happened,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "an-aggregate-whose-name-is-longer-than-others-are", event = Nothing)]
pub struct Long;

#[ego::handlers]
impl Long {
    #[apply]
    fn apply(&mut self, _: &Nothing) {}
}

/// With layers and without.
async fn both(store: &MemoryStore) -> [Engine; 2] {
    let told = Told::default();
    let plain = shops(&told).tenant(part(&any(store), "acme")).start().await.unwrap();
    let layered = shops(&told).layer(Log::new()).tenant(part(&any(store), "acme")).start().await.unwrap();
    [plain, layered]
}

#[tokio::test]
async fn commands_of_a_tenants_engine_are_of_that_tenant() {
    let store = MemoryStore::new();
    for (number, engine) in both(&store).await.into_iter().enumerate() {
        let id = format!("s-{number}");
        engine.send::<Shop>(&id, Open { owner: "ann".into() }).await.unwrap();
        let draft = MetadataDraft::new().actor("ann").tenant("acme");
        engine.send::<Shop>(&id, Sell { amount: 1 }).metadata(draft).await.unwrap();
        assert_eq!(engine.send::<Shop>(&id, WhoseIsIt).await.unwrap().reply, "acme");
        engine.stop(Duration::from_secs(60)).await.unwrap();
    }
    let log = store.read_log(None, &Filter::all(), 10).await.unwrap().items;
    assert_eq!(log.len(), 4);
    for event in log {
        assert_eq!((event.stream.kind(), event.metadata.tenant.as_ref()), ("acme.shop", Some(&tenant("acme"))));
    }
}

#[tokio::test]
async fn a_command_of_another_tenant_is_refused() {
    let store = MemoryStore::new();
    for engine in both(&store).await {
        let sending = || engine.send::<Shop>("s", Open { owner: "ann".into() }).metadata(MetadataDraft::new().tenant("globex"));
        let CommandError::Denied(denied) = sending().await.unwrap_err() else { panic!("another error") };
        let reason = "it is of the tenant globex, not of acme";
        assert_eq!((denied.layer, denied.reason), ("tenant", Denial::Unauthorised(reason.into())));
        let mut failures = engine.failures();
        sending().and_forget().unwrap();
        assert!(failures.next().await.unwrap().unwrap().reason.contains(reason));
        let json = serde_json::json!({ "owner": "ann" });
        let named = engine.dispatch("shop", "s", "Open", json).metadata(MetadataDraft::new().tenant("globex"));
        assert!(matches!(named.await.unwrap_err(), CommandError::Denied(_)));
        engine.stop(Duration::from_secs(60)).await.unwrap();
    }
    assert_eq!(store.head().await.unwrap(), None);
}

/// The store looks, too: an engine that is not the tenant's own cannot write into its part for others.
#[tokio::test]
async fn a_commit_of_another_tenant_is_not_recorded() {
    let store = MemoryStore::new();
    let told = Told::default();
    let engine = shops(&told).store(part(&any(&store), "acme")).start().await.unwrap();
    let globex = MetadataDraft::new().tenant("globex");
    let error = engine.send::<Shop>("s", Open { owner: "ann".into() }).metadata(globex).await.unwrap_err();
    assert!(matches!(error, CommandError::Store(_)), "{error}");
    assert_eq!(store.head().await.unwrap(), None);
    engine.stop(Duration::from_secs(60)).await.unwrap();
}

/// An engine's end is not that of the others.
#[tokio::test]
async fn closing_a_tenants_part_leaves_the_store_open() {
    let whole = AnyStore::new(MemoryStore::new());
    let (one, same, other) = (part(&whole, "a"), part(&whole, "a"), part(&whole, "b"));
    let waiting = tokio::spawn(async move { one.wait_for_head(None).await.map(|_| one) });
    tokio::task::yield_now().await;
    same.close().await.unwrap();
    assert!(matches!(same.head().await, Err(ego::store::StoreError::Closed)));
    other.save_checkpoint("c", None).await.unwrap();
    assert_eq!(whole.list_checkpoints().await.unwrap(), [("@b/c".to_owned(), None)]);
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_kind_that_has_no_room_behind_the_name_keeps_the_engine_from_starting() {
    let name = "a-tenant-whose-name-takes-all-the-room-that-there-is-51";
    let whole = AnyStore::new(MemoryStore::new());
    let Err(StartError::Problems(problems)) = shops(&Told::default()).tenant(part(&whole, name)).start().await else {
        panic!("it started")
    };
    let limit = 100 - name.len() - 1;
    let [StartProblem::InvalidKind { aggregate, reason }] = &*problems else { panic!("{problems:?}") };
    assert!(aggregate.name.ends_with("::Long"));
    assert_eq!(*reason, InvalidText::TooLong { what: "a kind", length: 49, limit });
}

/// What keeps a tenant's retention waiting is never another tenant's consumer.
#[tokio::test]
async fn a_tenants_retention_waits_for_its_own_consumers() {
    let whole = AnyStore::new(MemoryStore::new());
    let stream = ego::message::StreamId::new("shop", "s").unwrap();
    for name in ["acme", "globex"] {
        let engine = shops(&Told::default()).tenant(part(&whole, name)).start().await.unwrap();
        engine.send::<Shop>("s", Open { owner: "ann".into() }).expect(Expected::NoStream).await.unwrap();
        engine.stop(Duration::from_secs(60)).await.unwrap();
    }
    let (acme, globex) = (part(&whole, "acme"), part(&whole, "globex"));
    for (consumer, _) in acme.list_checkpoints().await.unwrap() {
        acme.save_checkpoint(&consumer, acme.head().await.unwrap()).await.unwrap();
    }
    globex.save_checkpoint("late", None).await.unwrap();
    acme.delete_up_to(&stream, ego::message::Revision::FIRST).await.unwrap();
    assert_eq!(acme.read_stream(&stream, None, Direction::Forwards, 9).await.unwrap().items, []);
    let held = globex.delete_up_to(&stream, ego::message::Revision::FIRST).await.unwrap_err();
    assert!(held.to_string().starts_with("\"late\""), "{held}");
    // Somebody who follows the whole store holds up all of it, and is not named.
    whole.save_checkpoint("billing", None).await.unwrap();
    globex.delete_checkpoint("late").await.unwrap();
    for (consumer, _) in globex.list_checkpoints().await.unwrap() {
        globex.delete_checkpoint(&consumer).await.unwrap();
    }
    let held = globex.delete_up_to(&stream, ego::message::Revision::FIRST).await.unwrap_err();
    assert!(held.to_string().starts_with("\"a consumer of the whole store\""), "{held}");
}
