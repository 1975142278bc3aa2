//! Stores of format 1, which knows no steps: they open, become format 2 before anything is written that format 1 does not know, and a
//! crash at any point of that leaves one or the other.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::message::Expected;
use ego::store::{Advance, Direction, RowChange, Step, Stepped, Store, StoreError};
use ego_sled::SledStore;
use std::fs;
use std::path::Path;

const STORE: u64 = 0x0123_4567_89AB_CDEF;
const SEGMENT: usize = 4096;

fn sum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

fn sealed(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    bytes.resize(len - 4, 0);
    let sum = sum(&bytes);
    bytes.extend(sum);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&[text.len() as u8][..], text.as_bytes()].concat()
}

fn entry(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_le_bytes()[..], &sum(content), content].concat()
}

/// A commit of one event to account/a, byte by byte; `room` is what stands behind it in its entry.
fn commit_entry(revision: u64, id: &str, payload: &str, room: usize) -> Vec<u8> {
    let mut content = vec![1];
    content.extend(revision.to_le_bytes());
    content.extend(revision.to_le_bytes());
    for part in ["account", "a", id, "deposit"] {
        content.extend(text(part));
    }
    // No correlation, causation, actor or tenant; second 1, nanosecond 2; one entry; codec, reply.
    content.extend([0, 0, 0, 0, 2, 4, 1]);
    content.extend([text("key"), text("value"), text("json"), text("reply")].concat());
    // Events, one: name, version, a tag, payload.
    content.extend([0, 1]);
    content.extend([text("deposited"), vec![1, 1], text("t"), text(payload)].concat());
    content.resize(content.len() + room, 0);
    entry(&content)
}

fn group(sequence: u64, position: u64, positions: u32, entries: &[Vec<u8>]) -> Vec<u8> {
    let body = entries.concat();
    let mut bytes = b"egoG".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    for number in [STORE, sequence, sequence - 1, position] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(positions.to_le_bytes());
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(sum(&body));
    let mut bytes = sealed(bytes, 56);
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn format(number: u32) -> Vec<u8> {
    let mut bytes = b"ego-sled".to_vec();
    bytes.extend(number.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(STORE.to_le_bytes());
    sealed(bytes, 28)
}

/// A store as the first release wrote it, killed: three commits, one of which a compaction made shorter, and a checkpoint.
fn format_one(folder: &Path) {
    fs::create_dir_all(folder.join("log")).unwrap();
    fs::write(folder.join("LOCK"), "").unwrap();
    fs::write(folder.join("FORMAT"), format(1)).unwrap();
    let mut segment = b"ego-segm".to_vec();
    segment.extend(1_u32.to_le_bytes());
    segment.extend(1_u32.to_le_bytes());
    segment.extend(STORE.to_le_bytes());
    segment.extend((SEGMENT as u64).to_le_bytes());
    let mut segment = sealed(segment, 64);
    let checkpoint = entry(&[&[2][..], &text("reader"), &[2]].concat());
    segment.extend(group(1, 0, 2, &[commit_entry(1, "c1", "one", 0), commit_entry(2, "c2", "", 40)]));
    segment.extend(group(2, 2, 1, &[checkpoint, commit_entry(3, "c3", "three", 0)]));
    segment.resize(SEGMENT, 0);
    fs::write(folder.join("log/0000000001.seg"), segment).unwrap();
}

fn format_of(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("FORMAT")).unwrap()
}

async fn is_read_and_goes_on(folder: &Path) {
    let store = small(folder).open().unwrap();
    assert_eq!(format_of(folder), format(2));
    assert!(!folder.join("FORMAT.new").exists());
    let log = whole_log(&store).await.unwrap();
    let payloads: Vec<_> = log.iter().map(|event| String::from_utf8_lossy(&event.payload).into_owned()).collect();
    assert_eq!(payloads, ["one", "", "three"]);
    assert_eq!(log[0].metadata.entries["key"], "value");
    assert_eq!(whole_stream(&store, &stream("a"), Direction::Forwards).await.unwrap(), log);
    assert_eq!(store.find_command(&stream("a"), &command("c2")).await.unwrap().unwrap().reply, "reply");
    assert_eq!(store.load_checkpoint("reader").await.unwrap(), Some(position(2)));
    for table in TABLES {
        assert_eq!(whole_table(&store, table).await.unwrap(), []);
    }
    let advance = Some(Advance { consumer: "reader".into(), from: Some(position(2)), to: position(3) });
    let rows = vec![RowChange::put("a", "key", "content"), RowChange::put("b", "large", vec![7; 2000])];
    assert_eq!(store.step(Step { advance, rows }).await.unwrap(), Stepped::Done);
    let mut with_rows = commit("a", "c4", Expected::Exact(revision(3)), vec![event("four")]);
    with_rows.rows = vec![RowChange::put("ab", "key", "of a commit")];
    store.append(vec![with_rows]).await.unwrap();
    let before = everything(&store, &[stream("a")], &["c4".to_owned()]).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(SledStore::verify(folder).unwrap().damage, Vec::<String>::new());
    for _ in 0..2 {
        let store = small(folder).open().unwrap();
        assert_eq!(everything(&store, &[stream("a")], &["c4".to_owned()]).await.unwrap(), before);
        assert_eq!(store.compact().await.unwrap().commits, 0);
        drop(store);
        fs::remove_dir_all(folder.join("index")).unwrap();
    }
}

#[test]
fn a_store_of_format_1_opens_and_becomes_format_2() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        format_one(folder.path());
        is_read_and_goes_on(folder.path()).await;
    });
}

/// With the index that the first release made of it, too: it is the same.
#[test]
fn a_store_of_format_1_with_its_index_opens_and_becomes_format_2() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        format_one(folder.path());
        small(folder.path()).open().unwrap().close().await.unwrap();
        fs::write(folder.path().join("FORMAT"), format(1)).unwrap();
        let store = small(folder.path()).open().unwrap();
        assert_eq!((&store.recovery().index_rebuilt, store.recovery().clean), (&None, true));
        drop(store);
        fs::write(folder.path().join("FORMAT"), format(1)).unwrap();
        is_read_and_goes_on(folder.path()).await;
    });
}

#[test]
fn what_a_crash_left_of_becoming_format_2_is_done_again() {
    run(async {
        for left in [vec![], format(2)[..9].to_vec(), format(2), vec![7; 28]] {
            let folder = tempfile::tempdir().unwrap();
            format_one(folder.path());
            fs::write(folder.path().join("FORMAT.new"), left).unwrap();
            assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new());
            is_read_and_goes_on(folder.path()).await;
        }
    });
}

#[test]
fn a_store_of_format_1_that_is_damaged_or_only_looked_at_stays_format_1() {
    let folder = tempfile::tempdir().unwrap();
    format_one(folder.path());
    let before = Files::of(folder.path());
    let looked = SledStore::verify(folder.path()).unwrap();
    assert_eq!((looked.commits, looked.head, looked.damage.len()), (3, 3, 0), "{looked:?}");
    assert_eq!(Files::of(folder.path()), before);
    let path = folder.path().join("log/0000000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 56 + 20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let refused = small(folder.path()).open();
    assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
    assert_eq!((format_of(folder.path()), fs::read(path).unwrap()), (format(1), bytes));
}

/// What a release knows that was made before steps: it looks at FORMAT alone, and at a number that it does not know it stops.
#[test]
fn a_store_says_that_it_is_of_format_2_before_it_holds_anything() {
    let folder = tempfile::tempdir().unwrap();
    drop(small(folder.path()).open().unwrap());
    let found = format_of(folder.path());
    assert_eq!((&found[..8], found[8], found.len()), (&b"ego-sled"[..], 2, 28));
    assert_eq!(found[24..], sum(&found[..24]));
}
