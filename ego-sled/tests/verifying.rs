//! Checking a store finds all that is wrong, says where, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
#[allow(dead_code, reason = "it has a main")]
#[path = "../examples/verify.rs"]
mod example;

use common::*;
use ego::store::{Store, StoreError};
use ego_sled::SledStore;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

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

/// Every file and folder with its content, its length and when it was changed.
fn files(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>, SystemTime)> {
    let mut found = vec![(folder.to_owned(), None, fs::metadata(folder).unwrap().modified().unwrap())];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), Some(fs::read(&path).unwrap()), fs::metadata(&path).unwrap().modified().unwrap()));
        }
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
        let damage = damage(folder.path());
        for number in 1..=3 {
            let name = format!("{number:010}.seg");
            assert!(damage.iter().any(|damage| damage.contains(&name)), "{damage:#?}");
        }
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

fn damage(folder: &Path) -> Vec<String> {
    let before = files(folder);
    let found = SledStore::verify(folder).unwrap();
    assert_eq!(files(folder), before, "verify changed something");
    found.damage
}

#[test]
fn a_store_that_was_killed_is_not_damaged_and_the_torn_end_is_told() {
    run(async {
        let (alive, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = small(alive.path()).open().unwrap();
        fill(&store, "a", 20).await;
        let killed = Files::of(alive.path());
        killed.put(folder.path());
        let before = files(folder.path());
        let found = SledStore::verify(folder.path()).unwrap();
        assert_eq!((found.damage, found.sealed, found.torn_bytes, found.events), (vec![], false, 0, 20));
        assert_eq!(files(folder.path()), before);
        // Behind the last group, what a kill in the middle of a write leaves.
        let name = killed.last_segment();
        let mut torn = killed.get(&name).clone();
        let end = groups(&torn).last().unwrap().1;
        torn[end..end + 70].fill(b'e');
        killed.clone().without("index").with(&name, torn).put(folder.path());
        let found = SledStore::verify(folder.path()).unwrap();
        assert_eq!((found.damage, found.sealed, found.torn_bytes, found.events), (vec![], false, 70, 20));
        let store = small(folder.path()).open().unwrap();
        assert_eq!(store.recovery().bytes_cut, 70);
        // What was closed and opened again may be torn, too.
        drop(store);
        assert!(SledStore::verify(folder.path()).unwrap().sealed);
    });
}

#[test]
fn all_damage_is_told_the_first_of_the_log_first() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        let path = |number: u32| folder.path().join(format!("log/{number:010}.seg"));
        let change = |path: &Path, at: usize| {
            let mut bytes = fs::read(path).unwrap();
            bytes[at] ^= 4;
            fs::write(path, bytes).unwrap();
        };
        // FORMAT, the header of one segment, a group of another, one that is missing, the witness, a whole index that is not there.
        change(&folder.path().join("FORMAT"), 9);
        change(&path(1), 20);
        change(&path(3), groups(&fs::read(path(3)).unwrap())[2].0 + 60);
        fs::remove_file(path(2)).unwrap();
        change(&folder.path().join("DURABLE"), 17);
        fs::write(folder.path().join("index/db"), vec![7; 100]).unwrap();
        let damage = damage(folder.path());
        for about in
            ["/FORMAT: ", "/DURABLE: ", "0000000001.seg at byte 0: ", "0000000002.seg: this segment is missing", "/index: "]
        {
            assert!(damage.iter().any(|damage| damage.contains(about)), "{about}: {damage:#?}");
        }
        let group = format!("0000000003.seg at byte {}: ", groups(&fs::read(path(3)).unwrap())[2].0);
        assert!(damage.iter().any(|damage| damage.contains(&group)), "{group}: {damage:#?}");
        let places: Vec<_> = ["/FORMAT", "/DURABLE", "1.seg", "2.seg", "3.seg", "4.seg", "/index"].into();
        let order = damage.iter().map(|damage| places.iter().position(|place| damage.contains(*place)).unwrap());
        assert!(order.is_sorted(), "{damage:#?}");
    });
}

/// Group `group` of a segment with its content changed, and all its sums right.
fn rewritten(segment: &Path, group: usize, change: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(segment).unwrap();
    let (start, _) = groups(&bytes)[group];
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (body, len) = (start + 56, number(&bytes, start + 44));
    let content = body + 8..body + 8 + number(&bytes, body);
    change(&mut bytes[content.clone()]);
    let sum = crc32fast::hash(&bytes[content]).to_le_bytes();
    bytes[body + 4..body + 8].copy_from_slice(&sum);
    let sum = crc32fast::hash(&bytes[body..body + len]).to_le_bytes();
    bytes[start + 48..start + 52].copy_from_slice(&sum);
    let sum = crc32fast::hash(&bytes[start..start + 52]).to_le_bytes();
    bytes[start + 52..start + 56].copy_from_slice(&sum);
    fs::write(segment, bytes).unwrap();
}

#[test]
fn a_wrong_revision_or_position_under_sums_that_hold_is_found() {
    run(async {
        for (at, about) in [(1, "account/a is at revision 9 and position 8"), (9, "account/a is at revision 8 and position 9")] {
            let folder = tempfile::tempdir().unwrap();
            store(folder.path()).await;
            let path = folder.path().join("log/0000000001.seg");
            let (start, _) = groups(&fs::read(&path).unwrap())[7];
            rewritten(&path, 7, |content| content[at] += 1);
            let damage = damage(folder.path());
            let place = format!("0000000001.seg at byte {}: ", start + 56);
            assert!(damage[0].contains(&place) && damage[0].contains(about), "{damage:#?}");
        }
    });
}

#[test]
fn a_log_that_is_shorter_than_its_witness_or_its_index_says_is_found() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        let whole = Files::of(folder.path());
        let last = whole.last_segment();
        let mut bytes = whole.get(&last).clone();
        let from = groups(&bytes).iter().nth_back(1).unwrap().0;
        bytes[from..].fill(0);
        let shortened = whole.with(&last, bytes);
        for (files, about) in [
            (shortened.clone(), "the index knows the log up to group"),
            (shortened.clone().without("DURABLE"), "the index knows the log up to group"),
            (shortened.without("index"), "DURABLE says that the log was durable up to group"),
        ] {
            files.put(folder.path());
            let damage = damage(folder.path());
            let place = format!("{last} at byte {from}: ");
            assert!(damage.iter().any(|damage| damage.contains(&place) && damage.contains(about)), "{about}: {damage:#?}");
        }
    });
}

#[test]
fn a_folder_that_may_only_be_read_is_checked() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        fs::remove_file(folder.path().join("LOCK")).unwrap();
        let all = files(folder.path());
        let permit = |folders: u32, others: u32| {
            for (path, content, _) in all.iter().rev() {
                let mode = if content.is_some() { others } else { folders };
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
        };
        permit(0o555, 0o444);
        let found = SledStore::verify(folder.path());
        permit(0o755, 0o644);
        assert_eq!(found.unwrap().damage, Vec::<String>::new());
        assert_eq!(files(folder.path()), all, "no LOCK was made either");
    });
}

#[test]
fn what_cannot_be_checked_is_an_error_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(SledStore::verify(&nowhere), Err(StoreError::Io { .. })));
    assert!(matches!(SledStore::verify(folder.path()), Err(StoreError::Io { .. })));
    assert!(!nowhere.exists() && fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn a_store_that_another_process_has_open_is_not_checked() {
    let folder = tempfile::tempdir().unwrap();
    let ask = || {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "checked_by_another_process", "--nocapture", "--ignored"])
            .env("EGO_SLED_FOLDER", folder.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&child.stdout).into_owned()
    };
    let store = small(folder.path()).open().unwrap();
    assert!(ask().contains("answer: in use"));
    drop(store);
    assert!(ask().contains("answer: whole"));
}

#[test]
#[ignore = "a child process: `cargo test -p ego-sled --test verifying a_store_that_another_process_has_open_is_not_checked` runs it"]
fn checked_by_another_process() {
    match SledStore::verify(std::env::var("EGO_SLED_FOLDER").unwrap()) {
        Ok(found) if found.damage.is_empty() => println!("answer: whole"),
        Err(StoreError::InUse { .. }) => println!("answer: in use"),
        other => println!("answer: {other:?}"),
    }
}

#[test]
fn the_example_says_by_its_exit_code_what_it_found() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).await;
        let check = |folder: Option<&str>| {
            let mut out = Vec::new();
            let code = example::report(folder, &mut out).unwrap();
            (code, String::from_utf8(out).unwrap())
        };
        let path = folder.path().to_str().unwrap();
        let (code, said) = check(Some(path));
        assert!(
            code == 0 && said.contains("84 commits, 83 events, head 84\nclosed\n") && !said.contains("DAMAGE"),
            "{code} {said}"
        );
        assert_eq!(check(None).0, 2);
        assert_eq!(check(Some("not/a/store")).0, 2);
        let log = folder.path().join("log/0000000001.seg");
        let mut bytes = fs::read(&log).unwrap();
        bytes[100] ^= 1;
        fs::write(&log, bytes).unwrap();
        let (code, said) = check(Some(path));
        assert!(code == 1 && said.contains(&format!("DAMAGE {path}/log/0000000001.seg at byte 64: ")), "{code} {said}");
    });
}
