//! Comparing the index with the log: every head, every place, checkpoints, shapes, marks, and whether snapshots check. sled writes also
//! when it only reads, so this looks at a copy.

use crate::engine::Engine;
use crate::entry::{Entry, Texts, read_entry};
use crate::error;
use crate::folder::Folder;
use crate::index::{Index, NOT_WHOLE};
use crate::key::{self, Chunk, CommitRef, Head, Meta, StreamEntry};
use crate::log::{Log, Place, Spot};
use crate::row::Row;
use crate::verify::{Model, Rows, line};
use ego::message::StreamId;
use ego::store::StoreError;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A copy of a store's index, removed when it is dropped.
pub(crate) struct IndexCopy {
    // Dropped before its folder.
    index: Index,
    whole: bool,
    _folder: TempDir,
}

impl IndexCopy {
    /// Copies the index; the inner error says why it cannot be used. One that is missing is as one that holds nothing.
    pub(crate) fn of(folder: &Folder) -> Result<Result<Self, String>, StoreError> {
        let path = folder.index();
        let copying = || error::io("copying for a look", &path);
        let copy = tempfile::tempdir().map_err(copying())?;
        if path.exists() {
            copy_folder(&path, copy.path()).map_err(copying())?;
        }
        let opened = Engine::open(copy.path(), 16 << 20).and_then(|engine| Index::look(engine, folder.store));
        Ok(opened.map(|(index, whole)| Self { index, whole, _folder: copy }))
    }

    pub(crate) fn meta(&self) -> Meta {
        self.index.meta()
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Tells in which the index differs from what the log says. Some rows may be as they are `ahead`.
pub(crate) fn compare(copy: &IndexCopy, log: &Log, model: &Model, ahead: &Rows, tell: &mut dyn FnMut(&str)) {
    if !copy.whole {
        tell(&format!("{NOT_WHOLE}; it is rebuilt when the store is opened"));
    }
    let mut compare = Compare { index: &copy.index, log, model, ahead, tell };
    let parts = [
        Compare::streams,
        Compare::saves,
        Compare::checkpoints,
        Compare::types,
        Compare::rows,
        Compare::marks,
        Compare::snapshots,
    ];
    for part in parts {
        if let Err(error) = part(&mut compare) {
            (compare.tell)(&line(&error));
        }
    }
}

struct Compare<'a> {
    index: &'a Index,
    log: &'a Log,
    model: &'a Model,
    ahead: &'a Rows,
    tell: &'a mut dyn FnMut(&str),
}

impl Compare<'_> {
    fn place(&self, Place { segment, offset, .. }: Place) -> String {
        format!("{} at byte {offset}", self.log.path(segment).display())
    }

    /// Every key of a table's part with what its value says; what cannot be read is told.
    fn each<T: serde::de::DeserializeOwned>(
        &mut self,
        prefix: &[u8],
        mut visit: impl FnMut(&mut Self, &[u8], T),
    ) -> Result<(), StoreError> {
        let index = self.index;
        index.table().scan(prefix, key::behind(prefix).as_deref(), false, |key, value| {
            match postcard::from_bytes(value) {
                Ok(value) => visit(self, key, value),
                Err(_) => (self.tell)(&format!("the value of {:?} cannot be read", String::from_utf8_lossy(key))),
            }
            Ok(true)
        })
    }

    fn streams(&mut self) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        self.each(&key::streams_of(None), |this, key, StreamEntry { head, recent }| {
            let Some(stream) = key::stream_of(key) else {
                return (this.tell)(&format!("the key {:?} names no stream", String::from_utf8_lossy(key)));
            };
            let mut commits = Vec::new();
            let chunked = this.each(&key::chunks(&stream), |_, _, chunk: Chunk| commits.extend(chunk.commits));
            if let Err(error) = chunked {
                (this.tell)(&line(&error));
            }
            commits.extend(recent);
            this.stream(&stream, &head, &commits);
            seen.insert(stream);
        })?;
        let model = self.model;
        let mut lacks: Vec<_> = model.streams.iter().filter(|(stream, _)| !seen.contains(stream)).collect();
        lacks.sort_by_key(|(stream, _)| *stream);
        for (stream, (_, commits)) in lacks {
            let first = commits.first().map(|commit| format!(", first in {}", self.place(commit.place)));
            (self.tell)(&format!("it lacks {stream}, which is in the log{}", first.unwrap_or_default()));
        }
        Ok(())
    }

    fn stream(&mut self, stream: &StreamId, head: &Head, commits: &[CommitRef]) {
        if self.model.gaps {
            return self.commits_alone(stream, commits);
        }
        let Some((known, all)) = self.model.streams.get(stream) else {
            return (self.tell)(&format!("it knows {stream}, which the log does not have"));
        };
        if head != known {
            (self.tell)(&format!("the head of {stream} is {} instead of {}", shown(head), shown(known)));
        }
        let differs = (0..commits.len().max(all.len())).find(|at| commits.get(*at) != all.get(*at));
        let Some(at) = differs else { return };
        let (number, place) = (at + 1, |commit: &CommitRef| self.place(commit.place));
        let what = match (commits.get(at), all.get(at)) {
            (Some(index), Some(log)) => format!(
                "commit {number} of {stream} is said to be in {} with revision {}, and is in {} with revision {}",
                place(index),
                index.revision,
                place(log),
                log.revision
            ),
            (None, Some(log)) => format!("it lacks commit {number} of {stream}, which is in {}", place(log)),
            (Some(index), None) => {
                format!("commit {number} of {stream} is said to be in {}, and is not in the log", place(index))
            }
            (None, None) => return,
        };
        (self.tell)(&what);
    }

    /// Where the log is not known as a whole: what can be read where the index points to must be what it says.
    fn commits_alone(&mut self, stream: &StreamId, commits: &[CommitRef]) {
        for commit in commits {
            // What does not check there was told when the log was read.
            let Ok(content) = self.log.read(commit.place) else { continue };
            let fits = match read_entry(&content, &mut Texts::default()) {
                Ok(Entry::Commit(found)) => found.stream == *stream && found.revision == commit.revision,
                Ok(Entry::Blank { .. }) | Err(_) => true,
                Ok(_) => false,
            };
            if !fits {
                let place = self.place(commit.place);
                (self.tell)(&format!("{stream} is said to be in {place}, where something else is"));
            }
        }
    }

    /// As rows: nothing can be said where the log is not known as a whole.
    fn saves(&mut self) -> Result<(), StoreError> {
        if self.model.gaps {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        self.each(b"s", |_, key, stream: (String, String)| {
            found.insert(key::position_of(key).unwrap_or_default().to_string().into_bytes(), stream);
        })?;
        let all = self.model.streams.iter();
        let known = all.filter_map(|(stream, (head, _))| {
            let stream = (stream.kind().to_owned(), stream.id().to_owned());
            Some((head.save()?.to_string().into_bytes(), stream))
        });
        self.differences("the state saved at", &found, &known.collect());
        Ok(())
    }

    fn checkpoints(&mut self) -> Result<(), StoreError> {
        let mut found = BTreeMap::new();
        self.each(b"k", |_, key, position: u64| {
            found.insert(key.get(1..).unwrap_or_default().to_vec(), position);
        })?;
        let known = &self.model.checkpoints;
        let known = known.iter().map(|(consumer, position)| (consumer.clone().into_bytes(), *position));
        self.differences("the checkpoint of", &found, &known.collect());
        Ok(())
    }

    fn types(&mut self) -> Result<(), StoreError> {
        let mut found = BTreeMap::new();
        let index = self.index;
        index.table().scan(b"t", Some(b"u"), false, |key, _| Ok(found.insert(key.to_vec(), ()).is_none()))?;
        let known = self.model.types.iter().map(|one| (key::event_type(one), ()));
        self.differences("the shape", &found, &known.collect());
        Ok(())
    }

    /// Nothing can be said where the log is not known as a whole: a later change may stand in what is lost.
    fn rows(&mut self) -> Result<(), StoreError> {
        if self.model.gaps {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        let index = self.index;
        index.table().scan(b"w", Some(b"x"), false, |key, value| {
            let seen = Row::decode(value).map(|row| row.seen());
            found.insert(key.get(1..).unwrap_or_default().to_vec(), seen.unwrap_or((Spot::first(0), 0, 0)));
            Ok(true)
        })?;
        let Meta { sequence, ahead, .. } = self.index.meta();
        if ahead == sequence {
            self.differences("the row", &found, &self.model.rows);
            return Ok(());
        }
        let mut known = self.model.rows.clone();
        known.retain(|name, _| found.contains_key(name) || self.ahead.contains_key(name));
        let applied = found.iter().filter(|(name, row)| self.ahead.get(*name) == Some(row));
        known.extend(applied.map(|(name, row)| (name.clone(), *row)));
        self.differences("the row", &found, &known);
        Ok(())
    }

    fn differences<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        found: &BTreeMap<Vec<u8>, T>,
        known: &BTreeMap<Vec<u8>, T>,
    ) {
        let named = |key: &[u8]| format!("{what} {:?}", String::from_utf8_lossy(key));
        for (key, value) in known {
            match found.get(key) {
                None => (self.tell)(&format!("it lacks {}", named(key))),
                Some(found) if found != value && !self.model.gaps => {
                    (self.tell)(&format!("{} is {found:?} instead of {value:?}", named(key)));
                }
                Some(_) => {}
            }
        }
        for key in found.keys().filter(|key| !self.model.gaps && !known.contains_key(*key)) {
            (self.tell)(&format!("it knows {}, which the log does not have", named(key)));
        }
    }

    fn marks(&mut self) -> Result<(), StoreError> {
        self.each(b"p", |this, key, spot: Spot| {
            let position = key::position_of(key).unwrap_or_default();
            let known = this.model.spots.get(&position);
            if known == Some(&spot) || known.is_none() && this.model.gaps {
                return;
            }
            let said = this.place(Place { segment: spot.segment, offset: spot.offset, len: 0 });
            (this.tell)(&format!("position {position} is said to begin in {said}, where it does not"));
        })
    }

    fn snapshots(&mut self) -> Result<(), StoreError> {
        let (index, model) = (self.index, self.model);
        index.check_snapshots(|stream, found| {
            let revision = match found {
                Ok(revision) => revision.get(),
                Err(reason) => return (self.tell)(&format!("the snapshot of {stream} is none: {reason}")),
            };
            let head = model.streams.get(stream).map(|(head, _)| head).filter(|head| !head.erased);
            if !model.gaps && head.is_none_or(|head| head.revision < revision) {
                (self.tell)(&format!("the snapshot of {stream} at revision {revision} is ahead of the log, and counts as none"));
            }
        })
    }
}

fn shown(head: &Head) -> String {
    let Head { revision, position, deleted, commits, state, erased } = head;
    let mut text = format!("revision {revision}, position {position}, {commits} commits");
    if *deleted > 0 {
        text += &format!(", deleted up to {deleted}");
    }
    if let Some(place) = state {
        text += &format!(", its state in segment {} at byte {}", place.segment, place.offset);
    }
    text + if *erased { ", erased" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SledStore;
    use crate::index::encode;
    use crate::row::Kept;
    use crate::tail::{Layer, LayerStream, Reach};
    use ego::message::{CommandId, Expected, Metadata, Position, Revision};
    use ego::store::{Body, Commit, EventType, NewEvent, NewState, RowChange, Snapshot, Step, Store};
    use std::sync::Arc;

    fn stream(id: &str) -> StreamId {
        StreamId::new("account", id).unwrap()
    }

    fn commit(to: &str, id: &str, body: Body) -> Commit {
        let metadata = Metadata::new(CommandId::new(id).unwrap(), "deposit", jiff::Timestamp::UNIX_EPOCH);
        let (expected, reply) = (Expected::Any, "".into());
        Commit { stream: stream(to), expected, metadata: Arc::new(metadata), codec: "json".into(), body, reply, rows: vec![] }
    }

    async fn fill(store: &SledStore) {
        for number in 0..5 {
            let event = NewEvent { name: "deposited".into(), version: 1, payload: "x".into(), tags: vec![] };
            store.append(vec![commit("a", &number.to_string(), Body::Events(vec![event]))]).await.unwrap();
        }
        let state = Body::State(NewState { version: 1, payload: "s".into() });
        store.append(vec![commit("s", "s", state)]).await.unwrap();
        store.save_checkpoint("reader", Position::new(3)).await.unwrap();
        let rows =
            vec![RowChange::put("t", "here", "x"), RowChange::put("t", "large", vec![7; 2000]), RowChange::put("t", "gone", "x")];
        store.step(Step { advance: None, rows }).await.unwrap();
        store.step(Step { advance: None, rows: vec![RowChange::remove("t", "gone")] }).await.unwrap();
        let (revision, position) = (Revision::new(2).unwrap(), Position::new(2).unwrap());
        let snapshot = Snapshot { revision, position, version: 1, codec: "json".into(), payload: vec![7; 5000].into() };
        store.save_snapshot(&stream("a"), snapshot).await.unwrap();
        store.close().await.unwrap();
    }

    fn of_row(key: &str) -> Vec<u8> {
        key::row(&crate::row::name("t", key.as_bytes()).unwrap())
    }

    fn index_of(folder: &Path) -> Engine {
        Engine::open(&folder.join("index"), 1 << 20).unwrap()
    }

    fn damage(folder: &Path) -> Vec<String> {
        SledStore::verify(folder).unwrap().damage
    }

    /// Changes a value of the index.
    fn changed<T: serde::Serialize + serde::de::DeserializeOwned>(engine: &Engine, key: &[u8], change: impl FnOnce(&mut T)) {
        let mut value: T = postcard::from_bytes(&engine.index.get(key).unwrap().unwrap()).unwrap();
        change(&mut value);
        engine.index.apply(vec![(key.to_vec(), Some(encode(&value).unwrap()))]).unwrap();
    }

    #[tokio::test]
    async fn everything_that_the_index_may_be_wrong_about_is_told() {
        type Wrong = (&'static str, fn(&Engine));
        let wrong: [Wrong; 20] = [
            ("it lacks the row \"\\u{1}there\"", |index| {
                index.index.apply(vec![(of_row("here"), None)]).unwrap();
            }),
            ("the row \"\\u{1}there\" is", |index| {
                let row = Row::decode(&index.index.get(&of_row("here")).unwrap().unwrap()).unwrap();
                let other = Row { kept: Kept::Here("y".into()), ..row };
                index.index.apply(vec![(of_row("here"), Some(other.encode().unwrap()))]).unwrap();
            }),
            ("the row \"\\u{1}tlarge\" is", |index| {
                let mut row = Row::decode(&index.index.get(&of_row("large")).unwrap().unwrap()).unwrap();
                assert!(matches!(row.kept, Kept::Logged { len: 2000, .. }));
                row.spot.offset += 8;
                index.index.apply(vec![(of_row("large"), Some(row.encode().unwrap()))]).unwrap();
            }),
            ("it knows the row \"\\u{1}tgone\"", |index| {
                let row = index.index.get(&of_row("here")).unwrap();
                index.index.apply(vec![(of_row("gone"), row)]).unwrap();
            }),
            ("commit 2 of account/a is said to be in", |index| {
                changed(index, &key::stream(&stream("a")), |entry: &mut StreamEntry| entry.recent[1].place.offset += 8);
            }),
            ("it lacks commit 5 of account/a, which is in", |index| {
                changed(index, &key::stream(&stream("a")), |entry: &mut StreamEntry| entry.recent.truncate(4));
            }),
            ("commit 6 of account/a is said to be in", |index| {
                changed(index, &key::stream(&stream("a")), |entry: &mut StreamEntry| entry.recent.push(entry.recent[4]));
            }),
            ("the head of account/a is revision 6", |index| {
                changed(index, &key::stream(&stream("a")), |entry: &mut StreamEntry| entry.head.revision += 1);
            }),
            ("the head of account/s is", |index| {
                changed(index, &key::stream(&stream("s")), |entry: &mut StreamEntry| entry.head.state = None);
            }),
            ("it lacks the state saved at \"6\"", |index| {
                index.index.apply(vec![(key::save(6), None)]).unwrap();
            }),
            ("it knows the state saved at \"5\"", |index| {
                index.index.apply(vec![(key::save(5), Some(encode(&("account", "s")).unwrap()))]).unwrap();
            }),
            ("it lacks account/a, which is in the log, first in", |index| {
                index.index.apply(vec![(key::stream(&stream("a")), None)]).unwrap();
            }),
            ("it knows account/b", |index| {
                let entry = encode(&StreamEntry::default()).unwrap();
                index.index.apply(vec![(key::stream(&stream("b")), Some(entry))]).unwrap();
            }),
            ("cannot be read", |index| {
                index.index.apply(vec![(key::stream(&stream("s")), Some(vec![255; 3]))]).unwrap();
            }),
            ("the checkpoint of \"reader\" is 4 instead of 3", |index| {
                changed(index, &key::consumer("reader"), |position: &mut u64| *position += 1);
            }),
            ("it lacks the checkpoint of \"reader\"", |index| {
                index.index.apply(vec![(key::consumer("reader"), None)]).unwrap();
            }),
            ("position 1 is said to begin in", |index| {
                changed(index, &key::mark(1), |spot: &mut Spot| spot.offset += 8);
            }),
            ("it knows the shape", |index| {
                let shape = EventType { kind: "account".into(), name: "other".into(), version: 1 };
                index.index.apply(vec![(key::event_type(&shape), Some(Vec::new()))]).unwrap();
            }),
            ("the index knows the log up to group", |index| {
                changed(index, key::META, |meta: &mut Meta| meta.ahead += 5);
            }),
            ("the snapshot of account/a is none", |index| {
                let mut key = key::stream(&stream("a"));
                key.extend_from_slice(&[0, 0, 0, 0, 2]);
                assert!(index.snapshots.get(&key).unwrap().is_some());
                index.snapshots.apply(vec![(key, Some(vec![8; 1000]))]).unwrap();
            }),
        ];
        for (about, break_it) in wrong {
            let folder = tempfile::tempdir().unwrap();
            fill(&SledStore::options(folder.path()).segment_bytes(4096).open().unwrap()).await;
            assert_eq!(damage(folder.path()), Vec::<String>::new());
            break_it(&index_of(folder.path()));
            let damage = damage(folder.path());
            assert!(damage.iter().any(|damage| damage.contains(about)), "{about}: {damage:#?}");
            let place = folder.path().display().to_string();
            assert!(damage.iter().all(|damage| damage.starts_with(&place)), "{damage:#?}");
            // The snapshot is gone, which changes no answer; everything else the next opening makes right.
            let store = SledStore::options(folder.path()).segment_bytes(4096).open();
            if about.contains("snapshot") {
                assert_eq!(store.unwrap().load_snapshot(&stream("a")).await.unwrap(), None);
            } else if about.contains("up to group") {
                assert!(matches!(store, Err(StoreError::Damaged { .. })), "{store:?}");
            } else {
                drop(store.unwrap());
                assert_eq!(self::damage(folder.path()), Vec::<String>::new(), "{about}");
            }
        }
    }

    #[test]
    fn an_index_that_is_whole_and_wrong_is_found() {
        let folder = tempfile::tempdir().unwrap();
        drop(SledStore::options(folder.path()).segment_bytes(4096).open().unwrap());
        assert_eq!(damage(folder.path()), Vec::<String>::new());
        let reach = Reach { sequence: 0, position: 0, spot: Spot::first(1) };
        let store = Folder::look(folder.path()).unwrap().number(&crate::io::RealDisk).unwrap();
        let mut wrong = [Layer::default(), Layer::default(), Layer::default()];
        let head = Head { revision: 4, position: 4, ..Head::default() };
        wrong[0].streams.insert(StreamId::new("a", "b").unwrap(), LayerStream { head, ..LayerStream::default() });
        wrong[1].checkpoints.insert("c".to_owned(), Some(0));
        wrong[2].marks.push((9, Spot::first(2)));
        for (layer, about) in wrong.iter_mut().zip(["a/b", "the checkpoint", "position 9"]) {
            layer.reach = Some(reach);
            let engine = index_of(folder.path());
            Index::open(engine, store).unwrap().apply(layer).unwrap();
            let damage = damage(folder.path());
            assert!(damage.iter().any(|damage| damage.contains(about)), "{damage:?}");
        }
    }
}
