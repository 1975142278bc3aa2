//! The n-th operation on the disk fails, for every n: of a workload that does everything a store does, and of an opening that has a crash
//! to put in order. Whoever waits is told with an error that says what happened, nothing panics, a write or sync that failed ends writing,
//! and on a disk that works again everything that was acknowledged is there, every commit whole, and the store goes on.

use crate::SledStore;
use crate::faulty::{Fault, FaultyDisk, Kind, Lasts};
use crate::record::{FORMAT, StoreHeader};
use bytes::Bytes;
use ego::message::{CommandId, Expected, Metadata, Position, Revision, StreamId};
use ego::store::{
    Advance, Body, Commit, Direction, Filter, NewEvent, NewState, RowChange, Snapshot, Step, Stepped, Store, StoreError, Verdict,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const KINDS: [Kind; 4] = [Kind::Read, Kind::Write, Kind::Sync, Kind::Name];
const LASTS: [Lasts; 2] = [Lasts::Once, Lasts::ForGood];

fn stream(id: &str) -> StreamId {
    StreamId::new("account", id).unwrap()
}

fn commit(to: &str, id: &str, body: Body) -> Commit {
    let metadata = Metadata::new(CommandId::new(id).unwrap(), "deposit", jiff::Timestamp::UNIX_EPOCH);
    let (expected, reply) = (Expected::Any, Bytes::new());
    Commit { stream: stream(to), expected, metadata: Arc::new(metadata), codec: "json".into(), body, reply, rows: vec![] }
}

/// Three events, so that half a commit is seen.
fn three() -> Body {
    let event = NewEvent { name: "deposited".into(), version: 1, payload: Bytes::from(vec![1; 150]), tags: vec![] };
    Body::Events(vec![event; 3])
}

/// What a step leaves of a view: the last one before it is removed.
fn left(number: u64) -> Vec<RowChange> {
    let put = |key: String, len| RowChange::put("view", key, vec![number as u8; len]);
    vec![put("large".to_owned(), 1500), put(format!("only-{number}"), 0), put("small".to_owned(), 30)]
}

fn rows(number: u64) -> Vec<RowChange> {
    left(number).into_iter().chain([RowChange::remove("view", format!("only-{}", number - 1))]).collect()
}

/// What a workload was told.
#[derive(Default)]
struct Told {
    acknowledged: Vec<(String, String)>,
    erased: bool,
    checkpoint: Option<Position>,
    errors: Vec<StoreError>,
    /// Something that writes failed because the disk did.
    broken: bool,
    /// The last step that was acknowledged, and the last one that may have been made.
    stepped: u64,
    tried: u64,
}

impl Told {
    fn hear<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        answer.inspect_err(|error| self.errors.push(error.clone())).ok()
    }

    async fn append(&mut self, store: &SledStore, to: &str, id: &str, body: Body) {
        let answer = store.append(vec![commit(to, id, body)]).await;
        self.wrote(&answer);
        if let Some(verdicts) = self.hear(answer) {
            assert!(matches!(verdicts[..], [Verdict::Committed(_)]), "{verdicts:?}");
            self.acknowledged.push((to.to_owned(), id.to_owned()));
        }
    }

    /// A step of a view: its rows say which one it was, as its checkpoint does.
    async fn step(&mut self, store: &SledStore, number: u64) {
        let advance =
            Advance { consumer: "view".to_owned(), from: Position::new(number - 1), to: Position::new(number).unwrap() };
        self.tried = if self.broken { self.tried } else { number };
        let stepped = store.step(Step { advance: Some(advance), rows: rows(number) }).await;
        self.wrote(&stepped);
        if let Some(stepped) = self.hear(stepped) {
            assert_eq!(stepped, Stepped::Done);
            self.stepped = number;
        }
    }

    /// After a write that failed, there is no other.
    fn wrote<T>(&mut self, answer: &Result<T, StoreError>) {
        let halted = matches!(answer, Err(StoreError::Halted { .. }));
        assert!(halted || !self.broken, "a write was taken after one that failed");
        self.broken |= halted;
    }
}

async fn everything(store: &SledStore, told: &mut Told) {
    for round in 0..4 {
        told.append(store, "a", &format!("a-{round}"), three()).await;
        told.append(store, "gone", &format!("g-{round}"), three()).await;
        let state = Body::State(NewState { version: 1, payload: "state".into() });
        told.append(store, "s", &format!("s-{round}"), state).await;
        told.step(store, round + 1).await;
    }
    let saved = store.save_checkpoint("reader", Position::new(4)).await;
    told.wrote(&saved);
    if told.hear(saved).is_some() {
        told.checkpoint = Position::new(4);
    }
    let (revision, position) = (Revision::new(2).unwrap(), Position::new(2).unwrap());
    let snapshot = Snapshot { revision, position, version: 1, codec: "json".into(), payload: "snapshot".into() };
    let saved = store.save_snapshot(&stream("a"), snapshot).await;
    if !told.broken {
        told.hear(saved);
    }
    let erased = store.erase(&stream("gone")).await;
    told.wrote(&erased);
    // Whether it was recorded is not known when it was refused by the disk.
    told.erased = erased.is_ok() || matches!(erased, Err(StoreError::Io { .. }));
    told.hear(erased);
    let compacted = store.compact().await;
    told.hear(compacted);
    told.append(store, "a", "a-last", three()).await;
    let read = store.read_log(None, &Filter::all(), 1000).await;
    if let Some(page) = told.hear(read) {
        assert!(page.next.is_some() || page.items.iter().filter(|event| event.stream == stream("a")).count() % 3 == 0);
    }
    for direction in [Direction::Forwards, Direction::Backwards] {
        told.hear(store.read_stream(&stream("a"), None, direction, 1000).await);
    }
    told.hear(store.load_state(&stream("s")).await);
    told.hear(store.find_command(&stream("a"), &CommandId::new("a-1").unwrap()).await);
    told.hear(store.load_rows("view", &["large".into()]).await);
    told.hear(store.list_rows("view", b"", None, 10).await);
    told.hear(store.close().await);
}

/// What was acknowledged is there, all is whole, and the store goes on.
async fn is_whole(folder: &Path, told: &Told, what: &str) {
    let found = SledStore::verify(folder);
    match &found {
        // A write of DURABLE that failed half way is no damage to the log.
        Ok(found) => assert!(found.damage.iter().all(|damage| damage.contains("/DURABLE: ")), "{what}: {:?}", found.damage),
        Err(error) => assert!(told.acknowledged.is_empty(), "{what}: {error}"),
    }
    let good = FaultyDisk::new();
    let store = good.options(folder).open().unwrap_or_else(|error| panic!("{what}: {error:?}"));
    for (to, id) in told.acknowledged.iter().filter(|(to, _)| !told.erased || to != "gone") {
        let known = store.find_command(&stream(to), &CommandId::new(id.as_str()).unwrap()).await.unwrap();
        assert!(known.is_some(), "{what}: {to} lost {id}");
    }
    assert!(store.load_checkpoint("reader").await.unwrap() >= told.checkpoint, "{what}");
    let at = store.load_checkpoint("view").await.unwrap().map_or(0, Position::get);
    assert!(at == told.stepped || at == told.tried, "{what}: the view is at {at}, told {} of {}", told.stepped, told.tried);
    let view = store.list_rows("view", b"", None, 100).await.unwrap().items;
    let view: Vec<_> = view.into_iter().map(|row| RowChange::put("view", row.key, row.value)).collect();
    assert!(view == if at == 0 { vec![] } else { left(at) }, "{what}: the view is not that of step {at}");
    let log = store.read_log(None, &Filter::all(), 1000).await.unwrap();
    assert_eq!(log.next, None);
    let mut of_stream: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in log.items {
        of_stream.entry(event.stream.clone()).or_default().push(event);
    }
    for (of, events) in &of_stream {
        let revisions: Vec<_> = events.iter().map(|event| event.revision.get()).collect();
        assert_eq!(revisions, (1..=events.len() as u64).collect::<Vec<_>>(), "{what}: {of}");
        let whole =
            |one: &[_]| one.len() == 3 && one.iter().all(|event: &ego::store::RecordedEvent| event.metadata == one[0].metadata);
        assert!(events.chunks(3).all(whole), "{what}: half a commit of {of}");
        let read = store.read_stream(of, None, Direction::Forwards, 1000).await.unwrap();
        assert_eq!(read.items, *events, "{what}");
    }
    let verdicts = store.append(vec![commit("a", "again", three())]).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Committed(_)]), "{what}");
    store.close().await.unwrap();
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// Runs `work` on a disk of which the n-th operation of each kind fails, until none does; says how many that were.
fn at_every_operation(prepare: impl Fn(&Path), work: impl AsyncFn(&Path, &Arc<FaultyDisk>, &mut Told)) -> usize {
    let mut faults = 0;
    for (kind, lasts) in KINDS.iter().flat_map(|kind| LASTS.map(|lasts| (*kind, lasts))) {
        // Reads are many and alike, and what begins to fail for good begins with one that fails.
        let step = if kind == Kind::Read { 11 } else { 1 } * if lasts == Lasts::ForGood { 3 } else { 1 };
        for after in (0..).step_by(step) {
            let (folder, disk, mut told) = (tempfile::tempdir().unwrap(), FaultyDisk::new(), Told::default());
            let what = format!("{kind:?} {after} {lasts:?}");
            prepare(folder.path());
            let failed = run(async {
                disk.next(Fault::After(kind, after, lasts));
                work(folder.path(), &disk, &mut told).await;
                for error in &told.errors {
                    assert!(matches!(error, StoreError::Io { .. } | StoreError::Halted { .. }), "{what}: {error}");
                }
                disk.next(Fault::None);
                if disk.failed() > 0 {
                    is_whole(folder.path(), &told, &what).await;
                }
                disk.failed()
            });
            if failed == 0 {
                assert!(told.errors.is_empty(), "{what}: {:?}", told.errors);
                break;
            }
            if matches!(kind, Kind::Write | Kind::Sync) && lasts == Lasts::ForGood && disk.must_be_told() {
                assert!(!told.errors.is_empty(), "{what}: nobody was told");
            }
            faults += 1;
        }
    }
    faults
}

#[test]
fn a_workload_survives_the_failure_of_each_of_its_operations() {
    let work = async |folder: &Path, disk: &Arc<FaultyDisk>, told: &mut Told| {
        if let Some(store) = told.hear(disk.options(folder).open()) {
            everything(&store, told).await;
        }
    };
    let faults = at_every_operation(|_| (), work);
    println!("{faults} faults");
    assert!(faults > 120, "{faults}");
}

#[test]
fn an_opening_after_a_crash_survives_the_failure_of_each_of_its_operations() {
    // A killed store of an older format, with a torn write behind its last commit.
    let killed = tempfile::tempdir().unwrap();
    let (alive, mut told) = (tempfile::tempdir().unwrap(), Told::default());
    run(async {
        let store = FaultyDisk::new().options(alive.path()).open().unwrap();
        for round in 0..9 {
            told.append(&store, "a", &format!("a-{round}"), three()).await;
        }
        std::fs::create_dir(killed.path().join("log")).unwrap();
        for name in ["FORMAT", "DURABLE", "log/0000000001.seg", "log/0000000002.seg"] {
            std::fs::copy(alive.path().join(name), killed.path().join(name)).unwrap();
        }
        let path = killed.path().join("log/0000000002.seg");
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 8 * 8 + 8;
        bytes[end..end + 300].fill(b'e');
        std::fs::write(path, bytes).unwrap();
        let format = killed.path().join("FORMAT");
        let header = StoreHeader::decode(&std::fs::read(&format).unwrap()).unwrap();
        std::fs::write(format, StoreHeader { format: 1, ..header }.encode()).unwrap();
    });
    let prepare = |folder: &Path| {
        std::fs::create_dir(folder.join("log")).unwrap();
        for name in ["FORMAT", "DURABLE", "log/0000000001.seg", "log/0000000002.seg"] {
            std::fs::copy(killed.path().join(name), folder.join(name)).unwrap();
        }
    };
    let work = async |folder: &Path, disk: &Arc<FaultyDisk>, heard: &mut Told| {
        heard.acknowledged.clone_from(&told.acknowledged);
        if let Some(store) = heard.hear(disk.options(folder).open()) {
            assert!(store.recovery().bytes_cut > 0);
            let format = StoreHeader::decode(&std::fs::read(folder.join("FORMAT")).unwrap()).unwrap().format;
            assert_eq!(format, FORMAT, "it takes steps, and an older release would open it");
            heard.hear(store.close().await);
        }
    };
    let faults = at_every_operation(prepare, work);
    println!("{faults} faults");
    assert!(faults > 20, "{faults}");
}
