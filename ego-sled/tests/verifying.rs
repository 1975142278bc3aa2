//! Checking a store finds all that is wrong, says where, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::store::{Store, StoreError};
use ego_sled::SledStore;
use std::fs;
use std::path::{Path, PathBuf};

async fn store(folder: &Path) {
    let store = small(folder).open().unwrap();
    fill(&store, "a", 60).await;
    fill(&store, "b", 20).await;
    fill(&store, "c", 3).await;
    store.append(vec![state("d", "d-1", ego::message::Expected::NoStream, b"state")]).await.unwrap();
    store.save_checkpoint("reader", Some(position(20))).await.unwrap();
    store.delete_up_to(&stream("a"), revision(5)).await.unwrap();
    store.erase(&stream("c")).await.unwrap();
    store.close().await.unwrap();
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push((path.clone(), fs::read(path).unwrap())) }
    }
    found.sort();
    found
}

#[test]
fn a_whole_store_checks_and_is_left_alone() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        let before = files(folder.path());
        let found = SledStore::verify(folder.path()).unwrap();
        assert_eq!(found.damage, Vec::<String>::new());
        assert_eq!((found.sealed, found.torn_bytes, found.index_behind), (true, 0, 0));
        assert_eq!((found.commits, found.events, found.head), (84, 83, 84));
        assert_eq!(files(folder.path()), before);
        let open = small(folder.path()).open().unwrap();
        assert!(matches!(SledStore::verify(folder.path()), Err(StoreError::InUse { .. })));
        open.compact().await.unwrap();
        drop(open);
        assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new());
    });
}

#[test]
fn every_damage_is_told_with_its_place() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        for (number, at) in [(1, 700), (2, 900), (3, 1500)] {
            let path = folder.path().join(format!("log/{number:010}.seg"));
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
        }
        let before = files(folder.path());
        let found = SledStore::verify(folder.path()).unwrap();
        for number in 1..=3 {
            let name = format!("{number:010}.seg");
            assert!(found.damage.iter().any(|damage| damage.contains(&name)), "{:#?}", found.damage);
        }
        assert_eq!(files(folder.path()), before);
    });
}

#[test]
fn a_flipped_bit_anywhere_in_the_log_is_found() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        let path = folder.path().join("log/0000000002.seg");
        let whole = fs::read(&path).unwrap();
        let mut silent = 0;
        for at in (0..whole.len()).step_by(41) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, bytes).unwrap();
            silent += usize::from(SledStore::verify(folder.path()).unwrap().damage.is_empty());
        }
        // The few zeros between two groups say nothing.
        assert!(silent <= 4, "{silent} were not found");
    });
}

#[test]
fn a_wrong_index_is_found() {
    run(async {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        store(folder.path()).await;
        store(other.path()).await;
        fs::write(folder.path().join("index/db"), vec![7; 100]).unwrap();
        assert!(!SledStore::verify(folder.path()).unwrap().damage.is_empty());
        fs::remove_dir_all(folder.path().join("index")).unwrap();
        assert!(!SledStore::verify(folder.path()).unwrap().damage.is_empty());
    });
}

#[test]
fn an_emptied_segment_is_found_by_the_numbers_behind_it() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        let path = folder.path().join("log/0000000002.seg");
        let mut bytes = fs::read(&path).unwrap();
        bytes[64..].fill(0);
        fs::write(path, bytes).unwrap();
        let damage = SledStore::verify(folder.path()).unwrap().damage;
        assert!(damage.iter().any(|damage| damage.contains("0000000003.seg at byte 64")), "{damage:?}");
    });
}
