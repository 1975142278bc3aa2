//! What was acknowledged is never silently shortened (I2): a torn tail is cut and told, everything else is an error, or an index
//! that is rebuilt. `flips.rs` does the same to every byte.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use ego::store::{Store, StoreError};
use ego_sled::SledStore;
use std::fs;
use std::path::{Path, PathBuf};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn segment(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("log/{number:010}.seg"))
}

/// A store as a kill leaves it: copied while it is open, and without an index.
async fn killed(commits: usize) -> tempfile::TempDir {
    let (alive, dead) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = small(alive.path()).open().unwrap();
    fill(&store, "a", commits).await;
    copy(alive.path(), dead.path());
    fs::remove_dir_all(dead.path().join("index")).unwrap();
    dead
}

/// As [`killed`], in the middle of recording its last commit: nobody was told of it.
async fn killed_writing(commits: usize) -> tempfile::TempDir {
    let (alive, dead) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = small(alive.path()).open().unwrap();
    fill(&store, "a", commits - 1).await;
    let mark = fs::read(alive.path().join("DURABLE")).unwrap();
    fill(&store, "a", 1).await;
    copy(alive.path(), dead.path());
    fs::remove_dir_all(dead.path().join("index")).unwrap();
    fs::write(dead.path().join("DURABLE"), mark).unwrap();
    dead
}

/// A store that was closed, of three segments.
async fn closed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = small(folder.path()).open().unwrap();
    fill(&store, "a", 44).await;
    store.save_checkpoint("reader", Some(position(20))).await.unwrap();
    store.close().await.unwrap();
    assert!(segment(folder.path(), 3).exists() && !groups(&fs::read(segment(folder.path(), 3)).unwrap()).is_empty());
    folder
}

async fn look(folder: &Path) -> Result<String, StoreError> {
    let store = small(folder).open()?;
    everything(&store, &[stream("a")], &["a-1".to_owned(), "a-20".to_owned()]).await
}

fn log_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_torn_tail_is_cut_at_every_byte_and_told() {
    run(async {
        let dead = killed_writing(3).await;
        let (path, mark) = (segment(dead.path(), 1), dead.path().join("DURABLE"));
        let (whole, marked) = (fs::read(&path).unwrap(), fs::read(&mark).unwrap());
        let groups = groups(&whole);
        let (start, end) = groups[2];
        assert_eq!((groups.len(), whole[end..].iter().find(|byte| **byte != 0)), (3, None));
        for cut in start..end {
            for first_half in [true, false] {
                // Either half of the group reached the disk, the other did not.
                let mut torn = whole.clone();
                if first_half {
                    torn[cut..end].fill(0)
                } else {
                    torn[start..cut].fill(0)
                }
                if torn == whole {
                    continue;
                }
                let nothing_left = torn[start..end].iter().all(|byte| *byte == 0);
                let _ = fs::remove_dir_all(dead.path().join("index"));
                fs::write(&path, &torn).unwrap();
                fs::write(&mark, &marked).unwrap();
                let store = small(dead.path()).open().unwrap();
                assert_eq!(whole_log(&store).await.unwrap().len(), 2, "cut at {cut}");
                assert_eq!(store.recovery().bytes_cut == 0, nothing_left, "cut at {cut}: {:?}", store.recovery());
                assert!(!store.recovery().clean);
                let kept = fs::read(&path).unwrap();
                assert!(kept[..start] == whole[..start] && kept[start..].iter().all(|byte| *byte == 0), "cut at {cut}");
                if cut % 16 == 0 {
                    fill(&store, "a", 2).await;
                    drop(store);
                    let store = small(dead.path()).open().unwrap();
                    assert_eq!(whole_log(&store).await.unwrap().len(), 4, "cut at {cut}");
                }
            }
        }
    });
}

#[test]
fn a_torn_group_at_the_beginning_of_a_segment_is_cut_at_every_byte() {
    run(async {
        let alive = tempfile::tempdir().unwrap();
        let store = small(alive.path()).open().unwrap();
        let mut before = Files::of(alive.path());
        while groups(&fs::read(segment(alive.path(), 1)).unwrap()).len() == whole_log(&store).await.unwrap().len() {
            before = Files::of(alive.path());
            fill(&store, "a", 1).await;
        }
        let (name, count) = ("log/0000000002.seg", whole_log(&store).await.unwrap().len());
        let whole = fs::read(alive.path().join(name)).unwrap();
        let (start, end) = groups(&whole)[0];
        let dead = tempfile::tempdir().unwrap();
        for cut in (start + 8..end - 8).step_by(4) {
            let mut torn = whole.clone();
            torn[cut..end].fill(0);
            before.clone().without("index").with(name, torn).put(dead.path());
            let store = small(dead.path()).open().unwrap();
            assert!(store.recovery().bytes_cut > 0, "cut at {cut}");
            assert_eq!(whole_log(&store).await.unwrap().len(), count - 1, "cut at {cut}");
            fill(&store, "a", 2).await;
            assert_eq!(whole_log(&store).await.unwrap().len(), count + 1, "cut at {cut}");
        }
    });
}

#[test]
fn a_killed_store_keeps_its_last_group() {
    run(async {
        let dead = killed(3).await;
        let store = small(dead.path()).open().unwrap();
        assert_eq!(whole_log(&store).await.unwrap().len(), 3);
        assert_eq!((store.recovery().clean, store.recovery().bytes_cut, store.recovery().commits_applied), (false, 0, 3));
    });
}

#[test]
fn a_log_that_lost_its_end_is_damage_when_the_index_knows_more() {
    run(async {
        let folder = closed().await;
        let path = segment(folder.path(), 3);
        let whole = fs::read(&path).unwrap();
        let groups = groups(&whole);
        // The seal and the last group, or the whole segment's content, as if never written.
        for from in [groups[groups.len() - 2].0, groups[0].0] {
            let mut bytes = whole.clone();
            bytes[from..].fill(0);
            fs::write(&path, &bytes).unwrap();
            let refused = look(folder.path()).await;
            assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        // A file that is shorter than it was made.
        fs::write(&path, &whole[..groups[0].1]).unwrap();
        assert!(matches!(look(folder.path()).await, Err(StoreError::Damaged { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(look(folder.path()).await, Err(StoreError::Damaged { .. })));
    });
}

#[test]
fn a_missing_segment_is_damage() {
    run(async {
        for (number, index_too) in [(1, false), (2, false), (1, true), (2, true)] {
            let folder = closed().await;
            fs::remove_file(segment(folder.path(), number)).unwrap();
            if index_too {
                fs::remove_dir_all(folder.path().join("index")).unwrap();
            }
            let before = log_files(folder.path());
            let refused = look(folder.path()).await;
            assert!(matches!(&refused, Err(StoreError::Damaged { place, .. }) if place.contains(".seg")), "{refused:?}");
            assert_eq!(log_files(folder.path()), before);
        }
    });
}

#[test]
fn segments_that_changed_places_are_damage() {
    run(async {
        let folder = closed().await;
        let (one, two) = (segment(folder.path(), 1), segment(folder.path(), 2));
        let bytes = (fs::read(&one).unwrap(), fs::read(&two).unwrap());
        fs::write(&one, &bytes.1).unwrap();
        fs::write(&two, &bytes.0).unwrap();
        assert!(matches!(look(folder.path()).await, Err(StoreError::Damaged { .. })));
        // A segment of another store in its place.
        let other = closed().await;
        fs::write(&one, fs::read(segment(other.path(), 1)).unwrap()).unwrap();
        fs::write(&two, &bytes.1).unwrap();
        assert!(matches!(look(folder.path()).await, Err(StoreError::Damaged { .. })));
    });
}

#[test]
fn an_emptied_middle_segment_is_damage() {
    run(async {
        for index_too in [false, true] {
            let folder = closed().await;
            let path = segment(folder.path(), 2);
            let mut bytes = fs::read(&path).unwrap();
            bytes[64..].fill(0);
            fs::write(&path, &bytes).unwrap();
            if index_too {
                fs::remove_dir_all(folder.path().join("index")).unwrap();
            }
            let refused = look(folder.path()).await;
            assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    });
}

#[test]
fn a_lost_index_is_rebuilt_the_same() {
    run(async {
        let folder = closed().await;
        let expected = look(folder.path()).await.unwrap();
        fs::remove_dir_all(folder.path().join("index")).unwrap();
        let store = small(folder.path()).open().unwrap();
        assert_eq!((store.recovery().commits_applied, store.recovery().index_rebuilt.is_some()), (44, true));
        drop(store);
        assert_eq!(look(folder.path()).await.unwrap(), expected);
    });
}

#[test]
fn an_index_that_is_behind_is_caught_up() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let old = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 20).await;
        drop(store);
        copy(&folder.path().join("index"), &old.path().join("index"));
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 15).await;
        drop(store);
        let expected = look(folder.path()).await.unwrap();
        fs::remove_dir_all(folder.path().join("index")).unwrap();
        copy(&old.path().join("index"), &folder.path().join("index"));
        let store = small(folder.path()).open().unwrap();
        assert_eq!((store.recovery().commits_applied, &store.recovery().index_rebuilt), (15, &None));
        drop(store);
        assert_eq!(look(folder.path()).await.unwrap(), expected);
    });
}

#[test]
fn an_index_of_garbage_or_of_another_store_is_rebuilt() {
    run(async {
        let (folder, other) = (closed().await, closed().await);
        let expected = look(folder.path()).await.unwrap();
        let index = folder.path().join("index");
        let names: Vec<_> =
            fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
        for garbage in [vec![], vec![0; 4096], vec![0xa5; 4096], (0..=255).cycle().take(1 << 20).collect::<Vec<u8>>()] {
            for path in &names {
                fs::write(path, &garbage).unwrap();
                let store = small(folder.path()).open().unwrap();
                let seen = everything(&store, &[stream("a")], &["a-1".to_owned(), "a-20".to_owned()]).await.unwrap();
                assert_eq!(seen, expected, "{}", path.display());
            }
        }
        fs::remove_dir_all(&index).unwrap();
        copy(&other.path().join("index"), &index);
        assert_eq!(look(folder.path()).await.unwrap(), expected);
    });
}

#[test]
fn half_written_files_of_the_index_are_removed() {
    run(async {
        let folder = closed().await;
        let expected = look(folder.path()).await.unwrap();
        let left = folder.path().join("index/snap.000000000000002A.generating");
        fs::write(&left, b"half a snapshot").unwrap();
        let store = small(folder.path()).open().unwrap();
        assert!(!left.exists());
        assert_eq!(store.recovery().index_rebuilt, None);
        drop(store);
        assert_eq!(look(folder.path()).await.unwrap(), expected);
    });
}

#[test]
fn a_segment_in_the_making_is_removed() {
    run(async {
        let folder = closed().await;
        let left = folder.path().join("log/0000000004.seg.new");
        fs::write(&left, b"half a segment").unwrap();
        let store = SledStore::options(folder.path()).open().unwrap();
        assert!(!left.exists());
        assert_eq!(whole_log(&store).await.unwrap().len(), 44);
        let head = store.head().await.unwrap();
        assert_eq!(head, Some(position(44)));
    });
}

#[test]
fn damage_under_an_open_store_is_told_by_whoever_reads_it() {
    run(async {
        let folder = closed().await;
        let store = small(folder.path()).open().unwrap();
        let path = segment(folder.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        let (start, _) = groups(&bytes)[2];
        bytes[start + 100] ^= 4;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(whole_log(&store).await, Err(StoreError::Damaged { .. })));
        let read = whole_stream(&store, &stream("a"), ego::store::Direction::Forwards).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
    });
}
