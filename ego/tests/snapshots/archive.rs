//! Events go to the archive before they are deleted, once.

use crate::domain::*;
use crate::policy::{by_events, count, on, stream};
use crate::watched::{Call, Watched};
use ego::archive::{Archive, from_line};
use ego::engine::{DeleteError, Retention};
use ego::message::{Revision, StreamId};
use ego::prelude::*;
use ego::store::{Direction, MemoryStore, RecordedEvent, Store};
use std::io::Write as _;

async fn recorded(engine: &Engine, id: &str) -> Vec<RecordedEvent> {
    engine.store().read_stream(&stream::<ByHand>(id), None, Direction::Forwards, 1000).await.unwrap().items
}

fn archived(archive: &Archive, id: &str) -> Vec<RecordedEvent> {
    archive.read(&stream::<ByHand>(id)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn what_is_deleted_stands_in_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_folder(folder.path().join("not").join("there"));
    let engine = on(MemoryStore::new()).await;
    count::<ByHand>(&engine, "a", 30).await;
    let all = recorded(&engine, "a").await;
    assert_eq!(archived(&archive, "a"), []);
    let mut gone = 0;
    for keep in [30, 20, 20, 3, 0, 0] {
        let deletion = engine.delete_events::<ByHand>("a", Retention::keep(keep).archive(archive.clone())).await.unwrap();
        let now = 30 - usize::try_from(keep).unwrap();
        assert_eq!((deletion.archived, deletion.deleted), ((now - gone) as u64, (now - gone) as u64));
        gone = now;
        assert_eq!(archived(&archive, "a"), all[..gone]);
    }
    count::<ByHand>(&engine, "a", 2).await;
    engine.delete_events::<ByHand>("a", Retention::keep(0).archive(archive.clone())).await.unwrap();
    let lines = std::fs::read(archive.path(&stream::<ByHand>("a"))).unwrap();
    let by_line: Vec<_> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(from_line).collect();
    assert_eq!(by_line.len(), 32);
    assert_eq!(by_line[31].as_ref().unwrap().revision.get(), 32);
    assert_eq!(archived(&archive, "nobody"), []);
}

/// The order of the steps: nothing is deleted before it is in the archive, durably.
#[tokio::test]
async fn what_cannot_be_archived_is_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("by-hand"), "no folder").unwrap();
    let store = Watched::new(MemoryStore::new());
    let engine = on(store.clone()).await;
    count::<ByHand>(&engine, "a", 10).await;
    let to = Retention::keep(0).archive(Archive::in_folder(folder.path()));
    let error = engine.delete_events::<ByHand>("a", to.clone()).await.unwrap_err();
    let DeleteError::Archive { path, .. } = &error else { panic!("{error}") };
    assert!(path.ends_with("by-hand/a.jsonl"), "{error}");
    assert!(!store.take_calls().iter().any(|call| matches!(call, Call::Delete(_))));
    assert_eq!(recorded(&engine, "a").await.len(), 10);
    // Once it can be, everything goes.
    std::fs::remove_file(folder.path().join("by-hand")).unwrap();
    assert_eq!(engine.delete_events::<ByHand>("a", to).await.unwrap().deleted, 10);
}

/// A crash behind the archive and before the deletion, with half a line at the end: done again, no line stands there twice.
#[tokio::test]
async fn what_is_archived_and_not_deleted_is_not_archived_twice() {
    let folder = tempfile::tempdir().unwrap();
    for cut in [None, Some(0), Some(1), Some(2)] {
        let archive = Archive::in_folder(folder.path().join(format!("{cut:?}")));
        let engine = on(MemoryStore::new()).await;
        count::<ByHand>(&engine, "a", 10).await;
        let all = recorded(&engine, "a").await;
        let path = archive.path(&stream::<ByHand>("a"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(&path).unwrap();
        for event in &all[..6] {
            writeln!(file, "{}", ego::archive::to_line(event).unwrap()).unwrap();
        }
        if let Some(cut) = cut {
            let line = ego::archive::to_line(&all[6]).unwrap();
            file.write_all(&line.as_bytes()[..[1, line.len() / 2, line.len()][cut]]).unwrap();
        }
        drop(file);
        // Half a line is no event.
        assert_eq!(archived(&archive, "a"), all[..6]);
        let to = Retention::keep(2).archive(archive.clone());
        let deletion = engine.delete_events::<ByHand>("a", to).await.unwrap();
        assert_eq!((deletion.archived, deletion.deleted), (2, 8));
        assert_eq!(archived(&archive, "a"), all[..8]);
    }
}

/// An archive of another log is not taken for this one's.
#[tokio::test]
async fn an_archive_of_another_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let to = Retention::keep(0).archive(Archive::in_folder(folder.path()));
    let engine = on(MemoryStore::new()).await;
    count::<ByHand>(&engine, "a", 10).await;
    engine.delete_events::<ByHand>("a", to.clone()).await.unwrap();
    let other = on(MemoryStore::new()).await;
    count::<ByHand>(&other, "a", 12).await;
    let before = recorded(&other, "a").await;
    let error = other.delete_events::<ByHand>("a", to).await.unwrap_err();
    let DeleteError::Archive { source, .. } = &error else { panic!("{error}") };
    assert!(source.to_string().contains("revision 10 is not the one that is recorded"), "{source}");
    assert_eq!(recorded(&other, "a").await, before);
    assert_eq!(by_events::<ByHand>(&other, "a").await.events, 12);
}

/// Each stream has a file of its own, whatever its id, on every file system.
#[test]
fn every_id_has_a_file_of_its_own() {
    let archive = Archive::in_folder("folder");
    let path = |id: &str| archive.path(&StreamId::new("Kind.a", id).unwrap()).to_str().unwrap().to_lowercase();
    assert_eq!(path("a-b_9"), "folder/%4bind%2ea/a-b_9.jsonl");
    let long = |last: &str| format!("{}{last}", "x".repeat(400));
    let ids = ["a", "A", "a/b", "a%2fb", ".", "..", "a.jsonl", "ü", "u", &long(""), &long("y"), &long("yy"), &"Ü".repeat(250)];
    let mut paths: Vec<_> = ids.iter().map(|id| path(id)).collect();
    assert!(paths.iter().all(|path| path.split('/').all(|part| part.len() <= 210 && part != "..")), "{paths:?}");
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), ids.len());
}

/// One stream's file is not another's, also where the archive is asked for the wrong one.
#[tokio::test]
async fn a_file_with_events_of_another_stream_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_folder(folder.path());
    let engine = on(MemoryStore::new()).await;
    count::<ByHand>(&engine, "a", 3).await;
    count::<ByHand>(&engine, "b", 3).await;
    engine.delete_events::<ByHand>("a", Retention::keep(0).archive(archive.clone())).await.unwrap();
    std::fs::copy(archive.path(&stream::<ByHand>("a")), archive.path(&stream::<ByHand>("b"))).unwrap();
    let error = engine.delete_events::<ByHand>("b", Retention::keep(0).archive(archive.clone())).await.unwrap_err();
    let DeleteError::Archive { source, .. } = &error else { panic!("{error}") };
    assert!(source.to_string().contains("it holds events of by-hand/a"), "{source}");
    assert!(archive.read(&stream::<ByHand>("b")).unwrap().next().unwrap().is_err());
    assert_eq!(Revision::new(3), engine.load::<ByHand>("b").await.unwrap().revision);
}
