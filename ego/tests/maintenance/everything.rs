//! A store with everything that a store can hold, and all that can be seen of a store.

use bytes::Bytes;
use ego::clock::ManualClock;
use ego::maintenance::Maintenance;
use ego::message::{CommandId, Expected, Metadata, MetadataDraft, Name, Position, Revision, StreamId};
use ego::store::{
    AnyStore, Body, Commit, Committed, Direction, Filter, MemoryStore, NewEvent, NewState, RecordedEvent, Row, RowChange,
    Snapshot, Step, Store, StoredState, StreamHead, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn stream(kind: &str, id: &str) -> StreamId {
    StreamId::new(kind.to_owned(), id).unwrap()
}

pub(crate) fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap()
}

fn metadata(id: &str) -> Arc<Metadata> {
    let draft = MetadataDraft::new().actor("ann").tenant("t").causation_id("c0").correlation_id("c1").entry("k", "v\n");
    Arc::new(draft.complete(CommandId::new(id).unwrap(), "Do", "2026-01-31T12:00:00.000000001Z".parse().unwrap()).unwrap())
}

pub(crate) fn commit(to: &StreamId, id: &str, body: Body) -> Commit {
    Commit {
        stream: to.clone(),
        expected: Expected::Any,
        metadata: metadata(id),
        codec: if id.ends_with('3') { "raw".into() } else { "json".into() },
        body,
        reply: Bytes::copy_from_slice(format!("\"reply to {id}\"").as_bytes()),
        rows: vec![RowChange::put("inline", to.to_string(), id.to_owned())],
    }
}

pub(crate) fn events(names: &[&str]) -> Body {
    let event = |(index, name): (usize, &&str)| NewEvent {
        name: Name::from((*name).to_owned()),
        version: 1 + u32::try_from(index).unwrap(),
        payload: if index == 1 { Bytes::from_static(b"\xff\x00\n") } else { Bytes::from(format!("{{\"of\":\"{name}\"}}")) },
        tags: vec![format!("tag-{index}").into()],
    };
    Body::Events(names.iter().enumerate().map(event).collect())
}

fn state(payload: &str) -> Body {
    Body::State(NewState { version: 2, payload: Bytes::copy_from_slice(payload.as_bytes()) })
}

pub(crate) async fn put(store: &impl Store, commit: Commit) -> Committed {
    match store.append(vec![commit]).await.unwrap().pop() {
        Some(Verdict::Committed(committed)) => committed,
        other => panic!("{other:?}"),
    }
}

/// Fills a store with everything.
pub(crate) async fn fill(store: &impl Store) {
    let (a, b, c, cart) = (stream("account", "a"), stream("account", "b"), stream("account", "c"), stream("cart", "x/y ü"));
    let (gone, late) = (stream("account", "gone"), stream("secret", "late"));
    let none = stream("account", "only-refusals");
    put(store, commit(&none, "n1", events(&[]))).await;
    put(store, commit(&gone, "g1", events(&["Opened", "Deposited"]))).await;
    put(store, commit(&a, "a1", events(&["Opened"]))).await;
    for number in 2..6 {
        put(store, commit(&a, &format!("a{number}"), events(&["Deposited", "Deposited", "Noted"]))).await;
        put(store, commit(&cart, &format!("x{number}"), state(&format!("[{number}]")))).await;
        put(store, commit(&b, &format!("b{number}"), events(&["Deposited"]))).await;
    }
    put(store, commit(&a, "a6", events(&[]))).await;
    put(store, commit(&cart, "x6", events(&[]))).await;
    put(store, commit(&gone, "g2", events(&["Deposited"]))).await;
    put(store, commit(&c, "c1", events(&["Opened", "Deposited"]))).await;
    put(store, commit(&none, "n2", events(&[]))).await;
    put(store, commit(&late, "l1", events(&["Kept"]))).await;
    // In the middle of a commit, and all of a stream.
    store.delete_up_to(&a, revision(6)).await.unwrap();
    store.delete_up_to(&b, revision(4)).await.unwrap();
    store.erase(&gone).await.unwrap();
    store.erase(&late).await.unwrap();
    store.erase(&stream("account", "never")).await.unwrap();
    let payload = Bytes::from_static(b"{}");
    let snapshot =
        Snapshot { revision: revision(10), position: Position::new(19).unwrap(), version: 3, codec: "json".into(), payload };
    store.save_snapshot(&a, snapshot).await.unwrap();
    for table in ["view/balances/1", "timers"] {
        let rows = (0..3_u8).map(|key| RowChange::put(table, vec![key, 0xff], vec![key; 100])).collect();
        store.step(Step { advance: None, rows }).await.unwrap();
    }
    store.save_checkpoint("projection/balances/1", Position::new(5)).await.unwrap();
    store.save_checkpoint("reactor/mail", store.head().await.unwrap()).await.unwrap();
    store.save_checkpoint("new", None).await.unwrap();
}

/// All that can be seen of a store, but for what stood in for something while it was filled.
#[derive(Debug, PartialEq)]
pub(crate) struct Sight {
    pub(crate) head: Option<Position>,
    pub(crate) log: Vec<RecordedEvent>,
    pub(crate) streams: Vec<StreamHead>,
    pub(crate) commands: BTreeMap<StreamId, Vec<Committed>>,
    pub(crate) states: Vec<Option<StoredState>>,
    pub(crate) snapshots: Vec<Option<Snapshot>>,
    pub(crate) erased: Vec<StreamHead>,
    pub(crate) rows: BTreeMap<String, Vec<Row>>,
    pub(crate) checkpoints: Vec<(String, Option<Position>)>,
}

pub(crate) async fn sight(store: &impl Store) -> Sight {
    let streams = store.list_streams(None, None, 1000).await.unwrap().items;
    let (mut commands, mut states, mut snapshots, mut rows) = (BTreeMap::new(), Vec::new(), Vec::new(), BTreeMap::new());
    for head in &streams {
        commands.insert(head.stream.clone(), store.list_commands(&head.stream, 0, 1000).await.unwrap().items);
        states.push(store.load_state(&head.stream).await.unwrap());
        snapshots.push(store.load_snapshot(&head.stream).await.unwrap());
    }
    for table in store.list_tables().await.unwrap().into_iter().filter(|table| &**table != "ego/maintenance") {
        rows.insert(table.to_string(), store.list_rows(&table, b"", None, 1000).await.unwrap().items);
    }
    let mut erased = store.list_erased(None, 1000).await.unwrap().items;
    erased.retain(|head| head.stream.kind() != "ego.blank");
    // What an erased stream held is not kept in a copy, only that it is erased.
    erased.iter_mut().for_each(|head| (head.revision, head.position) = (None, None));
    Sight {
        head: store.head().await.unwrap(),
        log: store.read_log(None, &Filter::all(), 1000).await.unwrap().items,
        streams,
        commands,
        states,
        snapshots,
        erased,
        rows,
        checkpoints: store.list_checkpoints().await.unwrap(),
    }
}

pub(crate) async fn full() -> MemoryStore {
    let store = MemoryStore::new();
    fill(&store).await;
    store
}

/// With a clock that stands still, so that what is entered into two stores is the same.
pub(crate) fn maintain(store: impl Store) -> Maintenance {
    let noon = ManualClock::at("2026-02-01T12:00:00Z".parse().unwrap());
    Maintenance::of(store, "ann", "a test").unwrap().clock(noon)
}

pub(crate) fn any(store: &(impl Store + Clone)) -> AnyStore {
    AnyStore::new(store.clone())
}

pub(crate) async fn event_of(store: &impl Store, of: &StreamId, at: u64) -> RecordedEvent {
    store.read_stream(of, Some(revision(at)), Direction::Forwards, 1).await.unwrap().items.remove(0)
}
