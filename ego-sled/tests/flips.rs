//! Every byte of a small store that holds every kind of record, damaged in turn: bits flipped, files cut, lost, exchanged, sectors
//! emptied. Whoever opens it and reads everything gets the right answer or a typed error – never another answer, never fewer events,
//! never a panic – and as long as an error is given, the log is left as it is.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::message::Expected;
use ego::store::{Advance, Commit, RowChange, Snapshot, Step, Stepped, Store, StoreError};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FIRST: &str = "log/0000000001.seg";
const SECOND: &str = "log/0000000002.seg";
const OURS: [&str; 4] = ["FORMAT", "DURABLE", FIRST, SECOND];

/// A store with every kind of record, in two segments: as it was closed, as it was killed, and what it says.
struct Specimen {
    closed: Files,
    killed: Files,
    says: String,
}

/// Everything that the store says; a snapshot may be lost, but never be another one.
async fn all_of(folder: &Path) -> Result<String, StoreError> {
    let store = small(folder).open()?;
    let streams = ["a", "b", "s", "gone"].map(stream);
    let commands: Vec<_> = ["a-1", "a-2", "b-1", "b-2", "s-2", "gone-1", "last"].map(str::to_owned).into();
    let text = everything(&store, &streams, &commands).await?;
    let kept = store.load_snapshot(&stream("a")).await?;
    assert!(kept.is_none_or(|kept| kept == snapshot()), "another snapshot");
    Ok(text)
}

fn snapshot() -> Snapshot {
    let payload = vec![5; 4100].into();
    Snapshot { revision: revision(2), position: position(2), version: 1, codec: "json".into(), payload }
}

async fn specimen() -> Specimen {
    let folder = tempfile::tempdir().unwrap();
    let store = small(folder.path()).open().unwrap();
    fill(&store, "a", 2).await;
    fill(&store, "gone", 1).await;
    store.append(vec![commit("b", "b-1", Expected::Any, vec![event("one"), event("two"), event("three")])]).await.unwrap();
    store.append(vec![state("s", "s-1", Expected::Any, b"old"), state("s", "s-2", Expected::Any, b"new")]).await.unwrap();
    store.save_checkpoint("reader", Some(position(4))).await.unwrap();
    store.save_checkpoint("other", None).await.unwrap();
    store.delete_checkpoint("other").await.unwrap();
    store.save_checkpoint("reader", Some(position(6))).await.unwrap();
    store.delete_up_to(&stream("b"), revision(1)).await.unwrap();
    let small = |content: u8| RowChange::put("a", "small", vec![content; 9]);
    store.step(Step { advance: None, rows: vec![small(1)] }).await.unwrap();
    // Too large for the index, so it is read from the log.
    let rows = vec![small(2), RowChange::put("ab", "large", vec![3; 1030])];
    let with_rows = Commit { rows, ..commit("b", "b-2", Expected::Any, vec![event("with rows")]) };
    store.append(vec![with_rows]).await.unwrap();
    store.save_snapshot(&stream("a"), snapshot()).await.unwrap();
    store.erase(&stream("gone")).await.unwrap();
    let compacted = store.compact().await.unwrap();
    assert_eq!((compacted.segments, compacted.rows), (1, 1));
    let advance = Some(Advance { consumer: "reader".into(), from: Some(position(6)), to: position(7) });
    let rows = vec![RowChange::remove("a", "small"), RowChange::put("b", "", "x")];
    assert_eq!(store.step(Step { advance, rows }).await.unwrap(), Stepped::Done);
    fill(&store, "a", 1).await;
    add(&store, "b", "last").await.unwrap();
    let killed = Files::of(folder.path());
    store.close().await.unwrap();
    drop(store);
    let says = all_of(folder.path()).await.unwrap();
    let closed = Files::of(folder.path());
    assert!(says.contains("three") && !groups(closed.get(SECOND)).is_empty());
    Specimen { closed, killed, says }
}

/// What damage may lead to, counted.
#[derive(Debug, Default)]
struct Outcomes {
    right: usize,
    refused: usize,
}

impl Outcomes {
    /// Opens and reads a folder that holds these files.
    async fn judge(&mut self, folder: &Path, files: &Files, says: &str, what: impl Fn() -> String) {
        files.put(folder);
        match all_of(folder).await {
            Ok(seen) => {
                self.right += 1;
                assert_eq!(seen, says, "{}", what());
            }
            Err(StoreError::Damaged { .. } | StoreError::Io { .. }) => {
                self.refused += 1;
                for (name, bytes) in files.0.iter().filter(|(name, _)| name.starts_with("log") || name.starts_with("FORMAT")) {
                    let now = bytes.as_ref().map(|_| fs::read(folder.join(name)).unwrap());
                    assert!(now == *bytes, "{}: {} was changed", what(), name.display());
                }
            }
            Err(other) => panic!("{}: {other}", what()),
        }
    }
}

/// Where something stands in a file, and a few places behind it.
fn written(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    (0..end).chain((end..bytes.len()).step_by(509))
}

fn flipped(files: &Files, name: &str, at: usize) -> Files {
    let mut bytes = files.get(name).clone();
    bytes[at] ^= 1 << (at % 8);
    files.clone().with(name, bytes)
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_killed_store_without_its_index_shortens_nothing() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        let killed = specimen.killed.without("index");
        let mut found = BTreeMap::new();
        for name in OURS {
            let outcomes: &mut Outcomes = found.entry(name).or_default();
            for at in written(killed.get(name)) {
                let what = || format!("{name} byte {at}");
                outcomes.judge(folder.path(), &flipped(&killed, name, at), &specimen.says, what).await;
            }
        }
        // A witness that does not check is written anew. In the others a few bytes say nothing: what fills a group up to its end, and
        // what was never written.
        assert_eq!((found["DURABLE"].right, found["FORMAT"].right), (28, 0), "{found:?}");
        assert!(found[FIRST].refused > 900 && found[FIRST].right < 60, "{found:?}");
        assert!(found[SECOND].refused > 300 && found[SECOND].right < 60, "{found:?}");
    });
}

#[test]
fn a_flipped_bit_in_a_closed_store_shortens_nothing() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        let Specimen { closed, says, .. } = &specimen;
        let alone = closed.clone().without("index");
        let mut outcomes = Outcomes::default();
        for name in OURS {
            for (count, at) in written(closed.get(name)).step_by(3).enumerate() {
                let files = if count % 2 == 0 { closed } else { &alone };
                outcomes.judge(folder.path(), &flipped(files, name, at), says, || format!("{name} byte {at}")).await;
            }
        }
        assert!(outcomes.refused > 400, "{outcomes:?}");
    });
}

#[test]
fn the_last_group_of_a_killed_store_is_never_cut() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        let killed = specimen.killed.without("index");
        let whole = killed.get(SECOND);
        let (start, end) = groups(whole).pop().unwrap();
        let used = end - whole[..end].iter().rev().take_while(|byte| **byte == 0).count();
        // Every byte of it, also where it may be zero by chance; half of it gone; all of it gone; the whole file.
        let mut damaged = Vec::new();
        for at in start..used {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            damaged.push(bytes);
        }
        for (from, to) in [(start, end), (start, start + 56), (start + 56, end), (start, (start / 512 + 1) * 512), (64, end)] {
            let mut bytes = whole.clone();
            bytes[from..to].fill(0);
            damaged.push(bytes);
        }
        for bytes in damaged {
            let files = killed.clone().with(SECOND, bytes);
            files.put(folder.path());
            let refused = small(folder.path()).open();
            assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
            assert_eq!(fs::read(folder.path().join(SECOND)).unwrap(), *files.get(SECOND));
        }
        killed.clone().without(SECOND).put(folder.path());
        assert!(matches!(small(folder.path()).open(), Err(StoreError::Damaged { .. })), "the newest segment is lost");
        // Without the witness, as an older release leaves a store: it opens, and is protected from then on.
        killed.without("DURABLE").put(folder.path());
        assert_eq!(all_of(folder.path()).await.unwrap(), specimen.says);
        assert_eq!(fs::read(folder.path().join("DURABLE")).unwrap().len(), 28);
    });
}

#[test]
fn a_torn_group_behind_what_is_known_to_be_durable_is_cut() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        let Specimen { killed, says, .. } = specimen;
        killed.put(folder.path());
        let store = small(folder.path()).open().unwrap();
        add(&store, "a", "torn").await.unwrap();
        let longer = Files::of(folder.path());
        drop(store);
        let (start, end) = groups(longer.get(SECOND)).pop().unwrap();
        // What the system had written when the process was killed in the middle of it.
        for len in (1..end - start - 8).step_by(7) {
            let mut bytes = killed.get(SECOND).clone();
            bytes[start..start + len].copy_from_slice(&longer.get(SECOND)[start..start + len]);
            killed.clone().without("index").with(SECOND, bytes).put(folder.path());
            let store = small(folder.path()).open().unwrap();
            assert!(store.recovery().bytes_cut > 0 && !store.recovery().clean, "{len}");
            drop(store);
            assert_eq!(all_of(folder.path()).await.unwrap(), says, "{len}");
        }
    });
}

#[test]
fn a_file_that_was_cut_at_any_length_shortens_nothing() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        for files in [specimen.closed.clone(), specimen.killed.without("index")] {
            for name in OURS {
                let mut outcomes = Outcomes::default();
                let whole = files.get(name);
                let lengths: Vec<_> =
                    if whole.len() < 100 { (0..whole.len()).collect() } else { (0..whole.len()).step_by(97).collect() };
                for len in &lengths {
                    let files = files.clone().with(name, whole[..*len].to_vec());
                    outcomes.judge(folder.path(), &files, &specimen.says, || format!("{name} of {len} bytes")).await;
                }
                let refused = if name == "DURABLE" { 0 } else { lengths.len() };
                assert_eq!(outcomes.refused, refused, "{name}");
                // Longer than it was made.
                let mut longer = whole.clone();
                longer.extend_from_slice(&[0; 512]);
                let files = files.clone().with(name, longer);
                outcomes.judge(folder.path(), &files, &specimen.says, || format!("{name}, lengthened")).await;
            }
        }
    });
}

#[test]
fn a_missing_or_foreign_or_exchanged_file_shortens_nothing() {
    run(async {
        let (specimen, other, folder) = (specimen().await, specimen().await, tempfile::tempdir().unwrap());
        let Specimen { closed, killed, says } = specimen;
        let mut outcomes = Outcomes::default();
        let judge = async |outcomes: &mut Outcomes, files: Files, what: &str| {
            outcomes.judge(folder.path(), &files, &says, || what.to_owned()).await;
        };
        for name in ["FORMAT", FIRST, SECOND, "log"] {
            for files in [closed.clone(), closed.clone().without("index"), killed.clone(), killed.clone().without("index")] {
                judge(&mut outcomes, files.clone().without(name), name).await;
            }
            if name != "log" {
                judge(&mut outcomes, closed.clone().with(name, other.closed.get(name).clone()), name).await;
                judge(&mut outcomes, killed.clone().with(name, other.closed.get(name).clone()), name).await;
            }
        }
        let exchanged = closed.clone().with(FIRST, closed.get(SECOND).clone()).with(SECOND, closed.get(FIRST).clone());
        judge(&mut outcomes, exchanged, "exchanged").await;
        judge(&mut outcomes, closed.clone().with(SECOND, closed.get(FIRST).clone()), "twice the same").await;
        judge(&mut outcomes, closed.clone().with("log/0000000009.seg", closed.get(FIRST).clone()), "an extra one").await;
        judge(&mut outcomes, closed.clone().with("log/notes", vec![1]), "a file of somebody else").await;
        assert_eq!((outcomes.right, outcomes.refused), (0, 26));
        // What is derived, or empty, or another store's witness.
        for files in [closed.clone(), killed.clone()] {
            for name in ["LOCK", "DURABLE", "index"] {
                judge(&mut outcomes, files.clone().without(name), name).await;
            }
            judge(&mut outcomes, files.clone().with("LOCK", vec![7; 9]), "LOCK").await;
            judge(&mut outcomes, files.clone().with("DURABLE", other.closed.get("DURABLE").clone()), "DURABLE").await;
        }
        assert_eq!((outcomes.right, outcomes.refused), (10, 26));
    });
}

#[test]
fn an_emptied_sector_shortens_nothing() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        for files in [specimen.closed.clone(), specimen.killed.clone(), specimen.killed.clone().without("index")] {
            let mut outcomes = Outcomes::default();
            for name in OURS {
                let whole = files.get(name);
                let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
                for sector in 0..=end / 512 {
                    let mut bytes = whole.clone();
                    let to = bytes.len().min(sector * 512 + 512);
                    bytes[sector * 512..to].fill(0);
                    let files = files.clone().with(name, bytes);
                    outcomes.judge(folder.path(), &files, &specimen.says, || format!("{name} sector {sector}")).await;
                }
            }
            assert_eq!(outcomes.right, 1, "only DURABLE may be empty: {outcomes:?}");
        }
    });
}

/// sled's files are larger, so a part of their bytes; each with what the next opening makes of it.
#[test]
fn damage_to_the_index_changes_no_answer() {
    run(async {
        let (specimen, folder) = (specimen().await, tempfile::tempdir().unwrap());
        let closed = &specimen.closed;
        let of_index = closed.0.iter().filter(|(name, bytes)| name.starts_with("index") && bytes.is_some());
        let names: Vec<_> = of_index.map(|(name, _)| name.to_str().unwrap().to_owned()).collect();
        assert!(names.len() >= 2, "{names:?}");
        for name in &names {
            let whole = closed.get(name);
            let used: Vec<_> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
            let mut damaged: Vec<_> = used
                .iter()
                .step_by((used.len() / 60).max(1))
                .map(|at| (format!("byte {at}"), flipped(closed, name, *at)))
                .collect();
            for len in (0..whole.len()).step_by((whole.len() / 12).max(1)) {
                damaged.push((format!("cut to {len}"), closed.clone().with(name, whole[..len].to_vec())));
            }
            damaged.push(("missing".to_owned(), closed.clone().without(name)));
            for (what, files) in damaged {
                files.put(folder.path());
                // A reading that meets it may be refused; the next opening has rebuilt it.
                let mut seen = all_of(folder.path()).await;
                if let Err(StoreError::Damaged { place, .. }) = &seen {
                    assert!(place.contains("index"), "{name} {what}: {place}");
                    seen = all_of(folder.path()).await;
                }
                assert!(seen.as_ref().is_ok_and(|seen| *seen == specimen.says), "{name} {what}: {seen:?}");
            }
        }
    });
}
