//! Rows on the disk: what a compaction takes away and what it must leave, and that the index can be lost at any time.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use bytes::Bytes;
use common::*;
use ego::message::{Expected, Position};
use ego::store::{Advance, Commit, RowChange, Step, Stepped, Store};
use ego_sled::{Durability, SledStore};
use std::fs;
use std::path::Path;

fn put(key: &str, content: impl Into<Bytes>) -> RowChange {
    RowChange::put("a", key.to_owned(), content)
}

fn remove(key: &str) -> RowChange {
    RowChange::remove("a", key.to_owned())
}

async fn change(store: &SledStore, rows: Vec<RowChange>) {
    assert_eq!(store.step(Step { advance: None, rows }).await.unwrap(), Stepped::Done);
}

/// The table as text.
async fn rows(store: &SledStore) -> Vec<String> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let all = whole_table(store, "a").await.unwrap();
    all.iter().map(|row| format!("{}={}", text(&row.key), text(&row.value.slice(..row.value.len().min(20))))).collect()
}

fn in_log(folder: &Path, text: &str) -> bool {
    let files = Files::of(&folder.join("log"));
    files.0.values().flatten().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

fn lose_index(folder: &Path) {
    fs::remove_dir_all(folder.join("index")).unwrap();
}

/// Every change of five rows, over several segments: puts of small and large contents, removals, with steps and with commits.
async fn history(store: &SledStore) -> Vec<String> {
    change(store, vec![put("removed-late", "old-late")]).await;
    for round in 0..8 {
        let large = format!("old-large-{round} ").repeat(150);
        change(store, vec![put("small", format!("old-small-{round}")), put("large", large), put("gone-key", "old-gone")]).await;
        let mut with_rows = commit("s", &format!("s-{round}"), Expected::Any, vec![event("x".repeat(300))]);
        with_rows.rows = vec![put("inline", format!("old-inline-{round}")), remove("gone-key")];
        store.append(vec![with_rows]).await.unwrap();
        change(store, vec![put("twice", "old-twice"), put("twice", format!("old-again-{round}"))]).await;
    }
    change(store, vec![remove("removed-late")]).await;
    let large = "new-large ".repeat(200);
    change(store, vec![put("small", "new-small"), put("inline", "new-inline"), put("twice", "new-twice"), put("large", large)])
        .await;
    vec!["inline=new-inline".into(), "large=new-large new-large ".into(), "small=new-small".into(), "twice=new-twice".into()]
}

#[test]
fn a_compaction_takes_rows_that_changed_again_off_the_disk_and_no_others() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        let wanted = history(&store).await;
        assert_eq!(rows(&store).await, wanted);
        for old in ["old-small-0", "old-large-7", "old-inline-3", "old-gone", "old-twice", "old-again-7"] {
            assert!(in_log(folder.path(), old), "{old}");
        }
        let done = store.compact().await.unwrap();
        assert_eq!(done.rows, 8 * 6 + 1, "{done:?}");
        assert!(!in_log(folder.path(), "old-"));
        for new in ["new-small", "new-large new-large", "new-inline", "new-twice"] {
            assert!(in_log(folder.path(), new), "{new}");
        }
        assert_eq!(rows(&store).await, wanted);
        let again = store.compact().await.unwrap();
        assert_eq!((again.rows, again.segments), (0, 0));
        store.close().await.unwrap();
        assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new());
        for _ in 0..2 {
            let store = small(folder.path()).open().unwrap();
            assert_eq!(rows(&store).await, wanted);
            assert_eq!(store.read_stream(&stream("s"), None, ego::store::Direction::Forwards, 100).await.unwrap().items.len(), 8);
            drop(store);
            lose_index(folder.path());
        }
    });
}

/// What was removed stays removed: a segment that was not rewritten yet still holds what was put there.
#[test]
fn a_compaction_that_was_cut_short_brings_no_row_back() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        let wanted = history(&store).await;
        let names: Vec<_> = fs::read_dir(folder.path().join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let full: Vec<_> = names.iter().map(|path| fs::read(path).unwrap()).collect();
        let done = store.compact().await.unwrap();
        assert!(done.segments >= 4, "{done:?}");
        drop(store);
        for oldest in 1..=done.segments {
            for (path, bytes) in names.iter().zip(&full) {
                if *path <= folder.path().join(format!("log/{oldest:010}.seg")) {
                    fs::write(path, bytes).unwrap();
                }
            }
            assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new(), "{oldest}");
            lose_index(folder.path());
            let store = small(folder.path()).open().unwrap();
            assert_eq!(rows(&store).await, wanted, "{oldest}");
            store.close().await.unwrap();
            assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new(), "{oldest}");
        }
    });
}

#[test]
fn rows_outlive_the_stream_that_they_came_with_also_in_a_compaction() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        for id in ["erased", "deleted"] {
            let large = vec![b'x'; 1500];
            let one = Commit {
                rows: vec![put(id, id), put(&format!("{id}-large"), large)],
                ..commit(id, id, Expected::Any, vec![event("secret")])
            };
            store.append(vec![one]).await.unwrap();
        }
        store.erase(&stream("erased")).await.unwrap();
        store.delete_up_to(&stream("deleted"), revision(1)).await.unwrap();
        let before = rows(&store).await;
        assert_eq!(before.len(), 4);
        let done = store.compact().await.unwrap();
        assert_eq!((done.commits, done.events, done.rows), (1, 1, 0));
        assert!(!in_log(folder.path(), "secret"));
        assert_eq!(rows(&store).await, before);
        drop(store);
        lose_index(folder.path());
        assert_eq!(rows(&small(folder.path()).open().unwrap()).await, before);
    });
}

#[test]
fn an_index_that_is_behind_does_not_mislead_a_compaction() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        change(&store, vec![put("here", "content"), put("other", "x")]).await;
        change(&store, vec![remove("other")]).await;
        store.close().await.unwrap();
        let before = Files::of(&folder.path().join("index"));
        let store = small(folder.path()).open().unwrap();
        change(&store, vec![put("here", "newer content"), put("other", "again")]).await;
        store.close().await.unwrap();
        before.put(&folder.path().join("index"));
        let store = small(folder.path()).open().unwrap();
        assert_eq!(store.compact().await.unwrap().rows, 2);
        let wanted = ["here=newer content", "other=again"];
        assert_eq!(rows(&store).await, wanted);
        drop(store);
        lose_index(folder.path());
        assert_eq!(rows(&small(folder.path()).open().unwrap()).await, wanted);
    });
}

#[test]
fn views_are_read_as_they_were_left_while_they_are_compacted() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        let all =
            |number: u32| (0..20).map(move |key| put(&format!("{key:02}"), number.to_string().repeat(300))).collect::<Vec<_>>();
        change(&store, all(10)).await;
        let (writing, compacting) = (store.clone(), store.clone());
        let writer = tokio::spawn(async move {
            for number in 11..99 {
                change(&writing, all(number)).await;
            }
        });
        let compactor = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 400 {
                taken += compacting.compact().await.unwrap().rows;
            }
        });
        let keys: Vec<Bytes> = (0..20).map(|key| format!("{key:02}").into()).collect();
        let mut last = 10;
        while !(writer.is_finished() && compactor.is_finished()) {
            let loaded = store.load_rows("a", &keys).await.unwrap();
            let listed = store.list_rows("a", b"", None, 100).await.unwrap().items;
            for contents in [loaded.into_iter().flatten().collect::<Vec<_>>(), listed.into_iter().map(|row| row.value).collect()]
            {
                let number: u32 = std::str::from_utf8(&contents[0][..2]).unwrap().parse().unwrap();
                assert!(contents.len() == 20 && contents.iter().all(|content| *content == contents[0]) && number >= last);
                assert_eq!(contents[0], number.to_string().repeat(300).as_bytes());
                last = number;
            }
        }
        writer.await.unwrap();
        compactor.await.unwrap();
        assert_eq!(store.load_rows("a", &keys[..1]).await.unwrap(), [Some(Bytes::from("98".repeat(300)))]);
    });
}

#[test]
fn a_page_of_rows_is_bounded_by_what_it_holds() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        for key in 0..12_u8 {
            change(&store, vec![RowChange::put("a", vec![key], vec![key; 1 << 20])]).await;
        }
        let page = store.list_rows("a", b"", None, 1000).await.unwrap();
        assert_eq!((page.items.len(), page.next), (4, Some(vec![4].into())));
        assert_eq!(whole_table(&store, "a").await.unwrap().len(), 12);
        change(&store, (0..40_000_u32).map(|key| RowChange::put("b", key.to_be_bytes().to_vec(), "")).collect()).await;
        let mut seen = 0;
        let mut start = Bytes::new();
        for _ in 0..2 {
            let page = store.list_rows("b", &start, None, usize::MAX).await.unwrap();
            seen += page.items.len();
            start = page.next.unwrap();
        }
        assert_eq!((seen, start), (32 << 10, Bytes::from((32_u32 << 10).to_be_bytes().to_vec())));
    });
}

#[test]
fn the_longest_keys_and_the_largest_contents_of_the_index_are_there_again() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let open = || SledStore::options(folder.path()).cache_bytes(1 << 20).open().unwrap();
        let table = "t".repeat(255);
        let key = |number: u32| [&number.to_be_bytes()[..], &[0xff; RowChange::MAX_KEY - 4]].concat();
        let content = |number: u32| vec![number as u8; 1020 + number as usize % 10];
        let store = open();
        for from in (0..3000).step_by(500) {
            let rows = (from..from + 500).map(|number| RowChange::put(table.clone(), key(number), content(number))).collect();
            change(&store, rows).await;
        }
        store.close().await.unwrap();
        drop(store);
        let store = open();
        assert_eq!(store.recovery().index_rebuilt, None);
        let (mut start, mut number) = (Bytes::new(), 0);
        loop {
            let page = store.list_rows(&table, &start, None, 700).await.unwrap();
            for row in page.items {
                assert!(row.key == key(number) && row.value == content(number), "{number}");
                number += 1;
            }
            let Some(next) = page.next else { break };
            start = next;
        }
        assert_eq!(number, 3000);
    });
}

#[test]
fn a_step_larger_than_a_segment_gets_one_of_its_own() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path()).open().unwrap();
        fill(&store, "a", 1).await;
        change(&store, vec![put("large", vec![7; 1 << 20])]).await;
        let mut with_rows = commit("a", "with rows", Expected::Any, vec![event(vec![1; 3000])]);
        with_rows.rows = vec![put("of the commit", vec![8; 3000])];
        store.append(vec![with_rows]).await.unwrap();
        fill(&store, "a", 3).await;
        let before = everything(&store, &[stream("a")], &[]).await.unwrap();
        drop(store);
        lose_index(folder.path());
        let store = small(folder.path()).open().unwrap();
        assert_eq!(everything(&store, &[stream("a")], &[]).await.unwrap(), before);
        assert_eq!(store.load_rows("a", &["large".into()]).await.unwrap(), [Some(vec![7; 1 << 20].into())]);
    });
}

#[test]
fn the_buffered_mode_keeps_rows_that_were_there_when_it_was_closed() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let open = || small(folder.path()).durability(Durability::Buffered).open().unwrap();
        let store = open();
        fill(&store, "s", 2).await;
        let advance = Some(Advance { consumer: "view".into(), from: None, to: position(2) });
        assert_eq!(store.step(Step { advance, rows: vec![put("here", "x")] }).await.unwrap(), Stepped::Done);
        let wanted = history(&store).await;
        store.compact().await.unwrap();
        store.close().await.unwrap();
        for _ in 0..2 {
            let store = open();
            assert_eq!(
                rows(&store).await.iter().filter(|row| *row != "here=x").collect::<Vec<_>>(),
                wanted.iter().collect::<Vec<_>>()
            );
            assert_eq!(store.load_checkpoint("view").await.unwrap(), Position::new(2));
            drop(store);
            lose_index(folder.path());
        }
    });
}
