//! Who may open a store, what a folder must look like, and what is left untouched.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::store::{Snapshot, Store, StoreError};
use ego_sled::{Durability, SledStore};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every file of a folder with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.display().to_string(), Vec::new());
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn reopening_keeps_everything() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (streams, ids) = ([stream("a"), stream("b"), stream("c")], ["a-1".to_owned(), "s-1".to_owned()]);
        let snapshot = Snapshot {
            revision: revision(2),
            position: position(2),
            version: 1,
            codec: "json".into(),
            payload: vec![5; 9000].into(),
        };
        let before = {
            let store = small(folder.path()).open().unwrap();
            fill(&store, "a", 40).await;
            fill(&store, "b", 3).await;
            store.append(vec![state("c", "s-1", ego::message::Expected::NoStream, b"state")]).await.unwrap();
            store.save_checkpoint("reader", Some(position(41))).await.unwrap();
            store.delete_up_to(&stream("a"), revision(7)).await.unwrap();
            store.erase(&stream("b")).await.unwrap();
            store.save_snapshot(&stream("a"), snapshot.clone()).await.unwrap();
            let before = everything(&store, &streams, &ids).await.unwrap();
            store.close().await.unwrap();
            assert!(matches!(store.head().await, Err(StoreError::Closed)));
            assert!(matches!(add(&store, "a", "late").await, Err(StoreError::Closed)));
            store.close().await.unwrap();
            before
        };
        let store = small(folder.path()).open().unwrap();
        assert_eq!(everything(&store, &streams, &ids).await.unwrap(), before);
        assert_eq!(store.load_snapshot(&stream("a")).await.unwrap(), Some(snapshot));
        assert!(store.recovery().clean, "{:?}", store.recovery());
    });
}

#[test]
fn a_second_opening_in_this_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = small(folder.path()).open().unwrap();
    for _ in 0..3 {
        assert!(matches!(small(folder.path()).open(), Err(StoreError::InUse { .. })));
    }
    drop(store.clone());
    assert!(matches!(small(folder.path()).open(), Err(StoreError::InUse { .. })));
    drop(store);
    small(folder.path()).open().unwrap();
}

#[test]
fn a_second_opening_in_another_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ask = || {
        let test = std::env::current_exe().unwrap();
        let child = Command::new(test)
            .args(["--exact", "opened_by_another_process", "--nocapture", "--ignored"])
            .env("EGO_SLED_FOLDER", folder.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&child.stdout).into_owned()
    };
    let store = small(folder.path()).open().unwrap();
    assert!(ask().contains("answer: in use"));
    drop(store);
    assert!(ask().contains("answer: opened"));
}

#[test]
#[ignore = "a child process: `cargo test -p ego-sled --test opening a_second_opening_in_another_process_is_refused` runs it"]
fn opened_by_another_process() {
    let folder = std::env::var("EGO_SLED_FOLDER").unwrap();
    match small(Path::new(&folder)).open() {
        Ok(_) => println!("answer: opened"),
        Err(StoreError::InUse { .. }) => println!("answer: in use"),
        Err(other) => println!("answer: {other}"),
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(small(folder.path()).open().unwrap());
    let path = folder.path().join("FORMAT");
    let mut format = fs::read(&path).unwrap();
    format[8] = 3;
    let sum = crc32fast::hash(&format[..24]);
    format[24..].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, format).unwrap();
    let before = files(folder.path());
    assert!(matches!(small(folder.path()).open(), Err(StoreError::NewerFormat { found: 3, supported: 2 })));
    assert_eq!(files(folder.path()), before);
}

#[test]
fn an_unreadable_format_is_damage_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(small(folder.path()).open().unwrap());
    let path = folder.path().join("FORMAT");
    let good = fs::read(&path).unwrap();
    let flipped = (0..good.len() * 8).map(|bit| {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let others = [Vec::new(), b"something else".to_vec(), good[..27].to_vec(), [good.clone(), vec![0]].concat()];
    for bytes in flipped.chain(others) {
        fs::write(&path, &bytes).unwrap();
        let before = files(folder.path());
        let refused = small(folder.path()).open();
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
        assert_eq!(files(folder.path()), before);
    }
    fs::write(&path, good).unwrap();
    small(folder.path()).open().unwrap();
}

#[test]
fn a_folder_of_other_things_is_refused_and_left_alone() {
    for name in ["notes.txt", "FORMAT.txt", "db"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), "mine").unwrap();
        let before = files(folder.path());
        let refused = small(folder.path()).open();
        assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
        assert_eq!(files(folder.path()), before);
    }
}

#[test]
fn a_store_that_lost_its_format_is_damage_and_left_alone() {
    run(async {
        for index_too in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let store = small(folder.path()).open().unwrap();
            fill(&store, "a", 1).await;
            drop(store);
            fs::remove_file(folder.path().join("FORMAT")).unwrap();
            if index_too {
                fs::remove_dir_all(folder.path().join("index")).unwrap();
            }
            let before = files(folder.path());
            let refused = small(folder.path()).open();
            assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
            assert_eq!(files(folder.path()), before);
        }
    });
}

#[test]
fn a_creation_that_was_cut_short_is_done_again() {
    // What is there after a crash behind each step of a creation; a file in the making may hold anything.
    let steps: [&[(&str, usize)]; 8] = [
        &[],
        &[("LOCK", 0)],
        &[("LOCK", 0), ("log/", 0)],
        &[("LOCK", 0), ("log/0000000001.seg.new", 0)],
        &[("LOCK", 0), ("log/0000000001.seg.new", 77)],
        &[("LOCK", 0), ("log/0000000001.seg", 4096)],
        &[("LOCK", 0), ("log/0000000001.seg", 4096), ("FORMAT.new", 0)],
        &[("LOCK", 0), ("log/0000000001.seg", 4096), ("FORMAT.new", 28)],
    ];
    run(async {
        for step in steps {
            let folder = tempfile::tempdir().unwrap();
            for (name, len) in step {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                match name.strip_suffix('/') {
                    Some(name) => fs::create_dir_all(folder.path().join(name)).unwrap(),
                    None => fs::write(path, vec![0; *len]).unwrap(),
                }
            }
            let store = small(folder.path()).open().unwrap();
            fill(&store, "a", 2).await;
            drop(store);
            let store = small(folder.path()).open().unwrap();
            assert_eq!(whole_log(&store).await.unwrap().len(), 2, "{step:?}");
        }
    });
}

#[test]
fn a_buffered_store_keeps_what_it_held_when_it_was_closed() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).durability(Durability::Buffered).open().unwrap();
        fill(&store, "a", 60).await;
        let before = everything(&store, &[stream("a")], &[]).await.unwrap();
        drop(store);
        let store = small(folder.path()).durability(Durability::Buffered).open().unwrap();
        assert_eq!(everything(&store, &[stream("a")], &[]).await.unwrap(), before);
        assert!(store.recovery().clean);
    });
}

#[test]
fn a_commit_larger_than_a_segment_gets_one_of_its_own() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 3).await;
        for (id, len) in [("big", 1 << 20), ("largest", SledStore::MAX_COMMIT_BYTES - 100)] {
            let one = commit("b", id, ego::message::Expected::Any, vec![event(vec![9; len])]);
            assert!(matches!(store.append(vec![one]).await.unwrap()[0], ego::store::Verdict::Committed(_)));
        }
        let one = commit("b", "too large", ego::message::Expected::Any, vec![event(vec![9; SledStore::MAX_COMMIT_BYTES + 1])]);
        let refused = store.append(vec![one]).await.unwrap();
        assert!(matches!(refused[0], ego::store::Verdict::Refused(ego::store::Refusal::TooLarge { .. })));
        fill(&store, "a", 3).await;
        let before = everything(&store, &[stream("a"), stream("b")], &[]).await.unwrap();
        drop(store);
        let store = small(folder.path()).open().unwrap();
        assert_eq!(everything(&store, &[stream("a"), stream("b")], &[]).await.unwrap(), before);
    });
}
