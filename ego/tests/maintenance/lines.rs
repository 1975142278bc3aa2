//! An export comes back whole, and what was changed in it is found, with the number of its line.

use crate::dying::Dying;
use crate::everything::{any, full, maintain, sight};
use ego::maintenance::audit::{self, Operation, Outcome};
use ego::maintenance::{LineFault, MaintenanceError, digest};
use ego::store::{MemoryStore, Store};
use std::path::{Path, PathBuf};

async fn exported(folder: &Path) -> (MemoryStore, PathBuf) {
    let (store, path) = (full().await, folder.join("store.jsonl"));
    maintain(store.clone()).export_to(&path, |_| {}).await.unwrap();
    (store, path)
}

#[tokio::test]
async fn what_is_imported_is_what_was_exported() {
    let folder = tempfile::tempdir().unwrap();
    let (source, path) = (full().await, folder.path().join("store.jsonl"));
    let before = sight(&source).await;
    let exported = maintain(source.clone()).export_to(&path, |_| {}).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let target = MemoryStore::new();
    let imported = maintain(target.clone()).import_from(&path, |_| {}).await.unwrap();
    assert_eq!(imported, exported);
    let mut found = sight(&target).await;
    let mut wanted = before;
    for sight in [&mut found, &mut wanted] {
        sight.head = None;
        sight.log.retain(|event| event.stream.kind() != audit::KIND);
        sight.streams.retain(|head| head.stream.kind() != audit::KIND);
        sight.commands.retain(|stream, _| stream.kind() != audit::KIND);
        sight.states.retain(Option::is_some);
        sight.snapshots.retain(Option::is_some);
    }
    assert_eq!(found, wanted);
    // The export's beginning came with it; its end did not.
    let entries = audit::entries(&any(&target)).await.unwrap();
    assert!(matches!(&entries[0].operation, Operation::Export { .. }) && entries[0].ended.is_none(), "{entries:?}");
    assert!(matches!(&entries[1].operation, Operation::Import { .. }), "{entries:?}");
    assert_eq!(entries[1].ended.as_ref().map(|(_, ended)| ended.clone()), Some(Outcome::Done { digest: Some(exported.digest) }));
    // Again into the same store: it is there.
    maintain(target.clone()).import_from(&path, |_| {}).await.unwrap();
    assert_eq!(audit::entries(&any(&target)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn each_line_that_is_missing_twice_cut_or_changed_is_found_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = exported(folder.path()).await;
    let text = std::fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let broken = folder.path().join("broken.jsonl");
    let import = async |lines: &[&[u8]]| {
        std::fs::write(&broken, lines.concat()).unwrap();
        let target = MemoryStore::new();
        let imported = maintain(target.clone()).import_from(&broken, |_| {}).await;
        assert!(target.list_tables().await.unwrap().is_empty(), "something was written");
        assert_eq!(target.head().await.unwrap(), None, "something was written");
        match imported {
            Err(MaintenanceError::Line { line, fault, path }) => {
                assert_eq!(path, broken);
                (line, fault)
            }
            other => panic!("{other:?}"),
        }
    };
    let last = lines.len() as u64;
    for at in 0..lines.len() {
        let number = at as u64 + 1;
        let without = [&lines[..at], &lines[at + 1..]].concat();
        let (found, fault) = import(&without).await;
        assert!(found >= number.min(last - 1) && found <= last, "line {number} is missing, found at {found}: {fault}");
        let twice = [&lines[..=at], &lines[at..]].concat();
        let (found, fault) = import(&twice).await;
        assert!(found > number && !matches!(fault, LineFault::Cut), "line {number} is there twice, found at {found}: {fault}");
        let half = &lines[at][..lines[at].len() / 2];
        let (found, fault) = import(&[&lines[..at], &[half]].concat()).await;
        assert_eq!((found, fault), (number, LineFault::Cut));
        let mut damaged = lines[at].to_vec();
        damaged[0] = b'x';
        let (found, fault) = import(&[&lines[..at], &[&damaged[..]], &lines[at + 1..]].concat()).await;
        assert_eq!(found, number, "{fault}");
        // Still JSON, and still in order.
        let changed =
            String::from_utf8(lines[at].to_vec()).unwrap().replacen("\"Do\"", "\"Du\"", 1).replacen("\"of\":\"", "\"of\":\"X", 1);
        if changed.as_bytes() != lines[at] {
            let (found, fault) = import(&[&lines[..at], &[changed.as_bytes()], &lines[at + 1..]].concat()).await;
            assert_eq!((found, fault), (last, LineFault::Sum));
        }
    }
    // A commit with its events twice is found where it stands again.
    for at in 0..lines.len() {
        let json: serde_json::Value = serde_json::from_slice(lines[at]).unwrap();
        let (Some(left), Some(1..)) = (json["commit"]["left"].as_u64(), json["commit"]["events"].as_u64()) else { continue };
        let behind = at + 1 + usize::try_from(left).unwrap();
        let (found, fault) = import(&[&lines[..behind], &lines[at..]].concat()).await;
        assert!(found == behind as u64 + 1 && matches!(fault, LineFault::OutOfOrder { .. }), "line {found}: {fault}");
    }
    let (found, fault) = import(&lines[..lines.len() - 1]).await;
    assert_eq!((found, fault), (last - 1, LineFault::Cut));
    let (found, fault) = import(&[]).await;
    assert_eq!((found, fault), (0, LineFault::Cut));
    let newer = String::from_utf8(lines[0].to_vec()).unwrap().replace("\"ego_export\":1", "\"ego_export\":9");
    let (_, fault) = import(&[&[newer.as_bytes()], &lines[1..]].concat()).await;
    assert_eq!(fault, LineFault::NewerFormat { found: 9, supported: 1 });
}

#[tokio::test]
async fn an_import_that_is_interrupted_anywhere_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (source, path) = exported(folder.path()).await;
    let mut finished = false;
    for writes in 0..400 {
        let target = MemoryStore::new();
        finished = maintain(Dying::after(writes, target.clone())).import_from(&path, |_| {}).await.is_ok();
        if finished {
            assert!(writes > 30);
            break;
        }
        maintain(target.clone())
            .import_from(&path, |_| {})
            .await
            .unwrap_or_else(|error| panic!("after {writes} writes: {error:?}"));
        let entries = audit::entries(&any(&target)).await.unwrap();
        assert!(entries.iter().filter(|entry| matches!(entry.operation, Operation::Import { .. })).count() >= 1);
        assert_eq!(sight(&target).await.erased, sight(&source).await.erased);
        assert_eq!(sight(&target).await.rows, sight(&source).await.rows);
    }
    assert!(finished);
}

#[tokio::test]
async fn a_file_that_is_not_there_and_a_store_that_is_not_empty_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = maintain(MemoryStore::new()).import_from(folder.path().join("none"), |_| {}).await;
    assert!(matches!(missing, Err(MaintenanceError::File { action: "read", .. })), "{missing:?}");
    let nowhere = maintain(full().await).export_to(folder.path().join("no/such/folder"), |_| {}).await;
    assert!(matches!(nowhere, Err(MaintenanceError::File { action: "written", .. })), "{nowhere:?}");
    let (_, path) = exported(folder.path()).await;
    let other = full().await;
    let before = digest(&any(&other)).await.unwrap();
    let refused = maintain(other.clone()).import_from(&path, |_| {}).await;
    assert!(matches!(refused, Err(MaintenanceError::NotEmpty { .. })), "{refused:?}");
    assert_eq!(digest(&any(&other)).await.unwrap(), before);
}
