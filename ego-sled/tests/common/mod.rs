//! The one place where the tests touch the store: short ways to build commits, to run a future, and to look at everything there is.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use bytes::Bytes;
use ego::message::{CommandId, Expected, Metadata, Position, Revision, StreamId};
use ego::store::{Body, Commit, Direction, Filter, NewEvent, NewState, RecordedEvent, Row, Store, StoreError, Verdict};
use ego_sled::{Options, SledStore};
use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const SMALL_SEGMENT: u64 = 4096;

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

pub fn small(folder: &Path) -> Options {
    SledStore::options(folder).segment_bytes(SMALL_SEGMENT).cache_bytes(1 << 20)
}

pub fn stream(id: &str) -> StreamId {
    StreamId::new("account", id).unwrap()
}

pub fn command(id: &str) -> CommandId {
    CommandId::new(id).unwrap()
}

pub fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap()
}

pub fn position(number: u64) -> Position {
    Position::new(number).unwrap()
}

pub fn event(payload: impl Into<Bytes>) -> NewEvent {
    NewEvent { name: "deposited".into(), version: 1, payload: payload.into(), tags: vec!["t".into()] }
}

pub fn metadata(id: &str) -> Arc<Metadata> {
    let time = jiff::Timestamp::new(1_700_000_000, 123_456_789).unwrap();
    let mut metadata = Metadata::new(command(id), "deposit", time);
    metadata.entries.insert("key".to_owned(), "value".to_owned());
    Arc::new(metadata)
}

pub fn commit(to: &str, id: &str, expected: Expected, events: Vec<NewEvent>) -> Commit {
    Commit {
        stream: stream(to),
        expected,
        metadata: metadata(id),
        codec: "json".into(),
        body: Body::Events(events),
        reply: Bytes::from(format!("reply to {id}")),
        rows: vec![],
    }
}

pub fn state(to: &str, id: &str, expected: Expected, payload: &[u8]) -> Commit {
    let body = Body::State(NewState { version: 2, payload: Bytes::copy_from_slice(payload) });
    Commit { body, ..commit(to, id, expected, vec![]) }
}

/// One event appended to a stream, whatever is there.
pub async fn add(store: &SledStore, to: &str, id: &str) -> Result<Verdict, StoreError> {
    let payload = format!("payload of {id}");
    Ok(store.append(vec![commit(to, id, Expected::Any, vec![event(payload)])]).await?.remove(0))
}

/// `count` commits of one event each to one stream, one group each.
pub async fn fill(store: &SledStore, to: &str, count: usize) {
    let start = store.stream_head(&stream(to)).await.unwrap().and_then(|head| head.revision).map_or(0, Revision::get);
    for number in start + 1..=start + count as u64 {
        assert!(matches!(add(store, to, &format!("{to}-{number}")).await, Ok(Verdict::Committed(_))));
    }
}

pub async fn whole_log(store: &dyn Store) -> Result<Vec<RecordedEvent>, StoreError> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = store.read_log(after, &Filter::all(), 100).await?;
        events.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(events);
        }
    }
}

pub async fn whole_stream(store: &dyn Store, of: &StreamId, direction: Direction) -> Result<Vec<RecordedEvent>, StoreError> {
    let (mut events, mut from) = (Vec::new(), None);
    loop {
        let page = store.read_stream(of, from, direction, 7).await?;
        events.extend(page.items);
        from = page.next;
        if from.is_none() {
            return Ok(events);
        }
    }
}

/// The tables that tests write to.
pub const TABLES: [&str; 3] = ["a", "ab", "b"];

pub async fn whole_table(store: &dyn Store, table: &str) -> Result<Vec<Row>, StoreError> {
    let (mut rows, mut start) = (Vec::new(), Bytes::new());
    loop {
        let page = store.list_rows(table, &start, None, 5).await?;
        rows.extend(page.items);
        match page.next {
            Some(next) => start = next,
            None => return Ok(rows),
        }
    }
}

/// Everything that a store says of itself, as text; `commands` are looked up in every stream.
pub async fn everything(store: &dyn Store, streams: &[StreamId], commands: &[String]) -> Result<String, StoreError> {
    use std::fmt::Write;
    let mut text = String::new();
    writeln!(text, "head {:?}", store.head().await?).unwrap();
    writeln!(text, "types {:?}", store.event_types().await?).unwrap();
    writeln!(text, "checkpoints {:?}", store.list_checkpoints().await?).unwrap();
    for table in TABLES {
        for row in whole_table(store, table).await? {
            let again = store.load_rows(table, std::slice::from_ref(&row.key)).await?;
            assert_eq!(again, [Some(row.value.clone())]);
            writeln!(text, "{table} {row:?}").unwrap();
        }
    }
    for event in whole_log(store).await? {
        writeln!(text, "log {event:?}").unwrap();
    }
    let mut after = None;
    loop {
        let page = store.list_streams(None, after.as_ref(), 3).await?;
        for head in page.items {
            writeln!(text, "listed {head:?}").unwrap();
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for of in streams {
        writeln!(text, "head {:?}", store.stream_head(of).await?).unwrap();
        writeln!(text, "state {:?}", store.load_state(of).await?).unwrap();
        for event in whole_stream(store, of, Direction::Forwards).await? {
            writeln!(text, "forwards {event:?}").unwrap();
        }
        for event in whole_stream(store, of, Direction::Backwards).await? {
            writeln!(text, "backwards {event:?}").unwrap();
        }
        for id in commands {
            if let Some(found) = store.find_command(of, &command(id)).await? {
                writeln!(text, "command {found:?}").unwrap();
            }
        }
    }
    Ok(text)
}

/// Every file of a folder, and the folders in it, with their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(pub BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Files {
    pub fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        gather(folder, Path::new(""), &mut files);
        Self(files)
    }

    /// The content of a file.
    pub fn get(&self, name: &str) -> &Vec<u8> {
        self.0[Path::new(name)].as_ref().unwrap()
    }

    /// The newest segment that holds something.
    pub fn last_segment(&self) -> String {
        let used = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| !groups(bytes).is_empty());
        let last = self.0.iter().rfind(|(name, bytes)| name.starts_with("log") && used(bytes));
        last.unwrap().0.to_str().unwrap().to_owned()
    }

    /// Leaves out a file or folder.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|path, _| !path.starts_with(name));
        self
    }

    pub fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.0.insert(name.into(), Some(bytes));
        self
    }

    /// Makes the folder hold these files and no others; what is as it should be is left alone.
    pub fn put(&self, folder: &Path) {
        let before = Self::of(folder);
        for (name, bytes) in before.0.iter().rev().filter(|(name, _)| !self.0.contains_key(*name)) {
            let path = folder.join(name);
            if bytes.is_some() { fs::remove_file(path).unwrap() } else { fs::remove_dir(path).unwrap() }
        }
        for (name, bytes) in self.0.iter().filter(|(name, bytes)| before.0.get(*name) != Some(*bytes)) {
            match bytes {
                Some(bytes) => fs::write(folder.join(name), bytes).unwrap(),
                None => fs::create_dir(folder.join(name)).unwrap(),
            }
        }
    }
}

fn gather(folder: &Path, name: &Path, files: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), name.join(entry.file_name()))).unwrap();
        if path.is_dir() {
            files.insert(name.clone(), None);
            gather(&path, &name, files);
        } else {
            match fs::read(path) {
                Ok(bytes) => drop(files.insert(name, Some(bytes))),
                // sled removes files of its own while the store is open.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.starts_with("index") => {}
                Err(error) => panic!("{}: {error}", name.display()),
            }
        }
    }
}

/// Where the groups of a segment begin and end, by their headers.
pub fn groups(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 64);
    while bytes.get(at..at + 4) == Some(b"egoG") {
        let len = u32::from_le_bytes(bytes[at + 44..at + 48].try_into().unwrap()) as usize;
        let end = at + (56 + len).next_multiple_of(8);
        found.push((at, end));
        at = end;
    }
    found
}
