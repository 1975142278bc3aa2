//! What was erased or deleted is read by nobody, and gone from the disk after a compaction.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::message::Expected;
use ego::store::{Snapshot, Store};
use ego_sled::SledStore;
use std::fs;
use std::path::Path;

fn on_disk(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return on_disk(&path, text);
        }
        fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn an_erased_stream_is_closed_and_read_by_nobody() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 3).await;
        let snapshot = Snapshot {
            revision: revision(2),
            position: position(2),
            version: 1,
            codec: "json".into(),
            payload: vec![5; 90].into(),
        };
        store.save_snapshot(&stream("a"), snapshot.clone()).await.unwrap();
        store.erase(&stream("a")).await.unwrap();
        for _ in 0..2 {
            assert!(whole_log(&store).await.unwrap().is_empty());
            assert!(whole_stream(&store, &stream("a"), ego::store::Direction::Forwards).await.unwrap().is_empty());
            assert_eq!(store.find_command(&stream("a"), &command("a-1")).await.unwrap(), None);
            assert_eq!(store.load_snapshot(&stream("a")).await.unwrap(), None);
            assert!(store.save_snapshot(&stream("a"), snapshot.clone()).await.is_err());
            assert_eq!(store.load_snapshot(&stream("a")).await.unwrap(), None);
            assert_eq!(store.list_streams(None, None, 10).await.unwrap().items, []);
            // The indexer takes over.
            tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
        }
    });
}

#[test]
fn a_compaction_takes_what_is_gone_off_the_disk_and_changes_nothing_else() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        let secret = |id: &str, text: &str| commit("secret", id, Expected::Any, vec![event(text.to_owned()), event("x")]);
        for round in 0..8 {
            store.append(vec![secret(&format!("hidden-command-{round}"), "hidden-payload")]).await.unwrap();
            fill(&store, "a", 4).await;
            store.append(vec![state("b", &format!("b{round}"), Expected::Any, b"state")]).await.unwrap();
        }
        store.erase(&stream("secret")).await.unwrap();
        store.delete_up_to(&stream("a"), revision(9)).await.unwrap();
        let (streams, ids) = ([stream("a"), stream("b"), stream("secret")], ["a-3".to_owned(), "a-30".to_owned()]);
        let before = everything(&store, &streams, &ids).await.unwrap();
        assert!(on_disk(folder.path(), "hidden-payload") && on_disk(folder.path(), "payload of a-9"));
        let done = store.compact().await.unwrap();
        assert_eq!((done.commits, done.events), (8, 9), "{done:?}");
        for gone in ["hidden-payload", "hidden-command", "payload of a-9"] {
            assert!(!on_disk(&folder.path().join("log"), gone), "{gone}");
        }
        assert!(on_disk(folder.path(), "payload of a-10"));
        assert_eq!(everything(&store, &streams, &ids).await.unwrap(), before);
        assert_eq!(store.compact().await.unwrap().segments, 0);
        fill(&store, "a", 2).await;
        let before = everything(&store, &streams, &ids).await.unwrap();
        drop(store);
        for index_too in [false, true] {
            if index_too {
                fs::remove_dir_all(folder.path().join("index")).unwrap();
            }
            let store = small(folder.path()).open().unwrap();
            assert_eq!(everything(&store, &streams, &ids).await.unwrap(), before);
            assert!(store.recovery().clean);
        }
    });
}

#[test]
fn a_compaction_that_was_cut_short_after_any_segment_is_harmless() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "secret", 50).await;
        fill(&store, "a", 10).await;
        store.erase(&stream("secret")).await.unwrap();
        let before = everything(&store, &[stream("a"), stream("secret")], &[]).await.unwrap();
        let names: Vec<_> = fs::read_dir(folder.path().join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let full: Vec<_> = names.iter().map(|path| fs::read(path).unwrap()).collect();
        let done = store.compact().await.unwrap();
        assert!(done.segments >= 3, "{done:?}");
        drop(store);
        // As a crash leaves it that came before the oldest segments were rewritten.
        for oldest in 1..=done.segments {
            for (path, bytes) in names.iter().zip(&full) {
                if *path <= folder.path().join(format!("log/{oldest:010}.seg")) {
                    fs::write(path, bytes).unwrap();
                }
            }
            fs::remove_dir_all(folder.path().join("index")).unwrap();
            let store = small(folder.path()).open().unwrap();
            assert_eq!(everything(&store, &[stream("a"), stream("secret")], &[]).await.unwrap(), before);
        }
    });
}

#[test]
fn a_commit_that_is_too_large_for_the_segment_that_a_compaction_began_leaves_no_hole() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 3).await;
        store.compact().await.unwrap();
        let large = commit("b", "large", Expected::Any, vec![event(vec![b'x'; 3 * SMALL_SEGMENT as usize])]);
        store.append(vec![large]).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new());
        let _ = fs::remove_dir_all(folder.path().join("index"));
        let store = small(folder.path()).open().unwrap();
        assert_eq!(whole_log(&store).await.unwrap().len(), 4);
        store.close().await.unwrap();
    });
}

#[test]
fn a_stream_that_was_deleted_in_part_and_then_erased_is_whole_after_a_compaction() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 3).await;
        store.delete_up_to(&stream("a"), revision(2)).await.unwrap();
        store.erase(&stream("a")).await.unwrap();
        assert_eq!(store.compact().await.unwrap().commits, 3);
        store.close().await.unwrap();
        assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new());
    });
}
