//! Rows: tables of bytes in the order of their keys, changed by steps and with commits.

use super::Bench;
use super::commit::{Draft, at, commit, revision, stream};
use super::probe::{Probe, ok, payloads};
use crate::store::{Body, Page, Refusal, Row, RowChange, Step, Stepped, Store, Verdict};
use bytes::Bytes;

pub(super) fn put(table: &'static str, key: &[u8], content: &[u8]) -> RowChange {
    RowChange::put(table, Bytes::copy_from_slice(key), Bytes::copy_from_slice(content))
}

pub(super) fn removed(table: &'static str, key: &[u8]) -> RowChange {
    RowChange::remove(table, Bytes::copy_from_slice(key))
}

/// Changes rows, whatever else there is.
pub(super) async fn change(store: &Probe, rows: Vec<RowChange>) {
    let stepped = ok(store.step(Step { advance: None, rows }).await, "changing rows");
    assert_eq!(stepped, Stepped::Done);
}

pub(super) async fn load(store: &Probe, table: &str, keys: &[&[u8]]) -> Vec<Option<Bytes>> {
    let keys: Vec<_> = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
    let rows = ok(store.load_rows(table, &keys).await, "loading rows");
    assert_eq!(rows.len(), keys.len(), "one answer for each key");
    rows
}

async fn page(store: &Probe, table: &str, start: &[u8], end: Option<&[u8]>, limit: usize) -> Page<Row, Bytes> {
    let page = ok(store.list_rows(table, start, end, limit).await, "listing rows");
    let found = page.items.len();
    assert!(found <= limit.max(1), "a page of rows holds {found} of them, at most {limit} were asked for");
    page
}

/// The rows from `start` up to `end`, in pages of `limit`; none but the last page leads nowhere, and none leads to nothing.
async fn pages(store: &Probe, table: &str, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<Row> {
    let (mut all, mut start) = (Vec::new(), Bytes::copy_from_slice(start));
    loop {
        let Page { items, next } = page(store, table, &start, end, limit).await;
        assert!(!items.is_empty() || next.is_none(), "an empty page leads on to {next:?}");
        all.extend(items);
        let Some(next) = next else { return all };
        let last = all.last().map(|row: &Row| row.key.clone());
        assert!(Some(&next) > last.as_ref(), "a page that ends with {last:?} leads on to {next:?}");
        start = next;
    }
}

/// A whole table.
pub(super) async fn rows(store: &Probe, table: &str) -> Vec<Row> {
    let all = pages(store, table, b"", None, 100).await;
    for row in &all {
        assert_eq!(load(store, table, &[&row.key]).await, [Some(row.value.clone())], "the row that is listed as {:?}", row.key);
    }
    all
}

fn keys(rows: &[Row]) -> Vec<&[u8]> {
    rows.iter().map(|row| &*row.key).collect()
}

/// Keys of all sorts, in order.
fn odd_keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = ["", "\0", "\0\0", "\u{1}", "A", "a", "a\0", "a\0a", "aa", "ab", "b", "é", "\u{10ffff}"]
        .iter()
        .map(|key| key.as_bytes().to_vec())
        .collect();
    keys.extend([vec![0xfe], vec![0xff], vec![0xff, 0], vec![0xff; 2], vec![b'a'; 300]]);
    keys.extend([vec![0xff; RowChange::MAX_KEY - 1], vec![0xff; RowChange::MAX_KEY]]);
    keys.sort();
    keys
}

/// The contents come in the order of the keys that were asked for, as often as they were, with nothing for those that are not there.
pub(super) async fn rows_are_loaded_as_asked_for(bench: Bench) {
    let store = bench.open().await;
    change(&store, vec![put("t", b"a", b"1"), put("t", b"b", b""), put("t", b"c", b"3")]).await;
    let is = |content: &'static [u8]| Some(Bytes::from_static(content));
    let wanted = [is(b"3"), None, is(b""), is(b"1"), is(b"3"), None];
    assert_eq!(load(&store, "t", &[b"c", b"x", b"b", b"a", b"c", b""]).await, wanted);
    assert_eq!(load(&store, "t", &[]).await, []);
    assert_eq!(load(&store, "none", &[b"a", b"b"]).await, [None, None]);
}

/// A row that is put again has its last content, and is one row.
pub(super) async fn a_row_that_is_put_again_is_replaced(bench: Bench) {
    let store = bench.open().await;
    for content in [&b"first"[..], b"second, and longer", b"", b"last"] {
        change(&store, vec![put("t", b"a", content)]).await;
        assert_eq!(rows(&store, "t").await, [Row { key: "a".into(), value: Bytes::copy_from_slice(content) }]);
    }
}

/// A row that is removed is gone, its neighbours are not; removing what is not there is no error; it can be put again.
pub(super) async fn a_removed_row_is_gone(bench: Bench) {
    let store = bench.open().await;
    change(&store, vec![put("t", b"a", b"1"), put("t", b"ab", b"2"), put("t", b"b", b"3")]).await;
    for _ in 0..2 {
        change(&store, vec![removed("t", b"ab"), removed("t", b"x"), removed("none", b"a")]).await;
        assert_eq!(keys(&rows(&store, "t").await), [&b"a"[..], b"b"]);
        assert_eq!(load(&store, "t", &[b"ab"]).await, [None]);
    }
    change(&store, vec![removed("t", b"a"), removed("t", b"b")]).await;
    assert_eq!((rows(&store, "t").await, rows(&store, "none").await), (vec![], vec![]));
    change(&store, vec![put("t", b"ab", b"again")]).await;
    assert_eq!(rows(&store, "t").await, [Row { key: "ab".into(), value: "again".into() }]);
}

/// Of several changes of one row the last stands, whatever it is.
pub(super) async fn the_last_change_of_a_row_stands(bench: Bench) {
    let store = bench.open().await;
    let several = vec![
        put("t", b"a", b"first"),
        put("t", b"b", b"gone"),
        removed("t", b"c"),
        removed("t", b"a"),
        put("t", b"c", b"put"),
        put("t", b"a", b"last"),
        removed("t", b"b"),
    ];
    change(&store, several.clone()).await;
    let left = [Row { key: "a".into(), value: "last".into() }, Row { key: "c".into(), value: "put".into() }];
    assert_eq!(rows(&store, "t").await, left);
    let mut draft = commit("s").events(1);
    draft.commit.rows = vec![put("t", b"a", b"lost"), removed("t", b"c"), removed("t", b"a")];
    store.commit(draft).await;
    assert_eq!(rows(&store, "t").await, []);
}

/// Keys are ordered by their bytes: the empty one first, a key before those that go on behind it, up to the longest.
pub(super) async fn rows_are_listed_in_the_order_of_their_keys(bench: Bench) {
    let store = bench.open().await;
    let odd = odd_keys();
    for step in 0..odd.len() {
        let key = &odd[step * 7 % odd.len()];
        change(&store, vec![put("t", key, &key[..key.len().min(9)])]).await;
    }
    let all = rows(&store, "t").await;
    assert_eq!(keys(&all), odd.iter().map(|key| &**key).collect::<Vec<_>>());
    assert!(all.iter().all(|row| row.value == row.key[..row.key.len().min(9)]), "rows have exchanged their contents");
}

/// A range holds its start and not its end; one that ends before it begins holds nothing.
pub(super) async fn a_range_holds_its_start_and_not_its_end(bench: Bench) {
    let store = bench.open().await;
    let odd = odd_keys();
    change(&store, odd.iter().map(|key| put("t", key, b"x")).collect()).await;
    let mut bounds = odd.clone();
    bounds.extend([b"aaa".to_vec(), b"zz".to_vec(), vec![0xff; RowChange::MAX_KEY + 1]]);
    for start in &bounds {
        for end in bounds.iter().map(Some).chain([None]) {
            let wanted: Vec<_> = odd.iter().filter(|key| *key >= start && end.is_none_or(|end| *key < end)).collect();
            let found = page(&store, "t", start, end.map(|end| &**end), 100).await;
            assert_eq!(
                (keys(&found.items), found.next),
                (wanted.iter().map(|key| &***key).collect(), None),
                "{start:?} to {end:?}"
            );
        }
    }
}

/// Pages of every size hold every row once, over any range, and the page with the last row says so.
pub(super) async fn pages_hold_every_row_once(bench: Bench) {
    let store = bench.open().await;
    let key = |number: u32| number.to_be_bytes();
    change(&store, (0..40).map(|number| put("t", &key(number), b"x")).collect()).await;
    // Removed at the end of a page, and at the end of all.
    change(&store, [3, 4, 11, 39].iter().map(|number| removed("t", &key(*number))).collect()).await;
    for (start, end) in [(0, None), (0, Some(40)), (3, Some(12)), (5, Some(5)), (12, Some(39)), (38, None), (39, None)] {
        let wanted: Vec<_> = (start..end.unwrap_or(40)).filter(|number| ![3, 4, 11, 39].contains(number)).map(key).collect();
        for limit in [1, 2, 3, 7, 36, 100] {
            let found = pages(&store, "t", &key(start), end.map(key).as_ref().map(|end| &end[..]), limit).await;
            let wanted: Vec<_> = wanted.iter().map(|key| &key[..]).collect();
            assert_eq!(keys(&found), wanted, "{start} to {end:?} in pages of {limit}");
        }
    }
    let last = page(&store, "t", &key(36), None, 3).await;
    assert_eq!((last.items.len(), last.next), (3, None));
}

/// A limit of 0 is read as 1.
pub(super) async fn a_limit_of_nothing_is_read_as_one(bench: Bench) {
    let store = bench.open().await;
    change(&store, vec![put("t", b"a", b"1"), put("t", b"b", b"2")]).await;
    let first = page(&store, "t", b"", None, 0).await;
    assert_eq!((keys(&first.items), first.next), (vec![&b"a"[..]], Some("b".into())));
}

/// Tables do not mix, however alike their names are and whatever their keys begin with.
pub(super) async fn tables_do_not_mix(bench: Bench) {
    let store = bench.open().await;
    let longest = 255 - store.capabilities().reserved;
    let (longest, almost) = ("t".repeat(longest), "t".repeat(longest - 1));
    let tables = ["a", "A", "ab", "a\0", "a\0b", "a/b", "b", "é", " ", &longest, &almost];
    let all = |table: &str| {
        let change = move |key: &'static str| RowChange::put(table, key, format!("{table}:{key}"));
        ["", "a", "b", "\0b", "bc", "t"].map(change).to_vec()
    };
    for table in tables {
        change(&store, all(table)).await;
    }
    change(&store, vec![removed("a", b"b"), removed("ab", b"")]).await;
    for table in tables {
        let mut wanted: Vec<_> = all(table).iter().filter_map(|row| Some((row.key.clone(), row.value.clone()?))).collect();
        wanted.retain(|(key, _)| !(table == "a" && *key == "b" || table == "ab" && key.is_empty()));
        wanted.sort();
        let found: Vec<_> = rows(&store, table).await.into_iter().map(|row| (row.key, row.value)).collect();
        assert_eq!(found, wanted, "the table {table:?}");
    }
}

/// Every byte of a content survives, few and many of them, in a step and in a commit.
pub(super) async fn every_byte_of_a_row_survives(bench: Bench) {
    let store = bench.open().await;
    let content = |len: usize| (0..len).map(|byte| (byte * 31 + len) as u8).collect::<Vec<_>>();
    let lengths = [0, 1, 255, 256, 1000, 1023, 1024, 1025, 4096, 70_000, 1 << 20];
    let changes = || lengths.iter().map(|len| put("t", &len.to_string().into_bytes(), &content(*len)));
    change(&store, changes().collect()).await;
    let mut draft = commit("s").events(1);
    draft.commit.rows = changes().map(|row| RowChange { table: "c".into(), ..row }).collect();
    store.commit(draft).await;
    for table in ["t", "c"] {
        let found = rows(&store, table).await;
        assert_eq!(found.len(), lengths.len());
        for len in lengths {
            let [Some(loaded)] = &load(&store, table, &[len.to_string().as_bytes()]).await[..] else { panic!("no row of {len}") };
            assert!(*loaded == content(len), "a row of {len} bytes has changed");
            assert!(found.iter().any(|row| row.value == *loaded), "a row of {len} bytes is listed otherwise");
        }
    }
}

fn with_row(mut draft: Draft, content: &[u8]) -> Draft {
    draft.commit.rows.push(put("inline", b"row", content));
    draft
}

async fn inline(store: &Probe) -> Option<Bytes> {
    load(store, "inline", &[b"row"]).await.pop().flatten()
}

/// The rows of a commit are there with it, whatever it records; those of a later commit of the batch stand.
pub(super) async fn rows_of_a_commit_come_with_it(bench: Bench) {
    let store = bench.open().await;
    store.commit(with_row(commit("a").events(2), b"events")).await;
    assert_eq!((inline(&store).await, payloads(&store.events(&stream("a")).await).len()), (Some("events".into()), 2));
    store.commit(with_row(commit("s").state(b"state"), b"state")).await;
    assert_eq!(inline(&store).await, Some("state".into()));
    let head = store.last().await;
    store.commit(with_row(commit("a"), b"nothing")).await;
    assert_eq!((inline(&store).await, store.last().await), (Some("nothing".into()), head));
    store.batch([with_row(commit("a").events(1), b"one"), with_row(commit("b").events(1), b"two"), commit("a").events(1)]).await;
    assert_eq!(inline(&store).await, Some("two".into()));
    let mut draft = commit("a").events(1);
    draft.commit.rows = vec![removed("inline", b"row")];
    store.commit(draft).await;
    assert_eq!(rows(&store, "inline").await, []);
}

/// The rows of a commit that was not recorded are not there, why ever it was not.
pub(super) async fn rows_of_a_commit_that_is_not_recorded_do_not_come(bench: Bench) {
    let store = bench.open().await;
    store.commit(with_row(commit("a").events(1).id("first"), b"before")).await;
    store.commit(commit("s").state(b"state")).await;
    ok(store.erase(&stream("erased")).await, "erasing");
    store.repeat(with_row(commit("a").events(1).id("first"), b"repeated")).await;
    let limit = store.capabilities().max_commit_bytes;
    let large = with_row(commit("a"), &vec![7; limit]);
    let mut invalid = with_row(commit("a").events(1), b"beside an invalid one");
    invalid.commit.rows.push(put("", b"row", b""));
    assert!(matches!(store.refuse(with_row(commit("a").events(1).expects(at(7)), b"x")).await, Refusal::Conflict { .. }));
    assert!(matches!(store.refuse(with_row(commit("erased").events(1), b"x")).await, Refusal::Erased));
    assert!(matches!(store.refuse(large).await, Refusal::TooLarge { .. }));
    assert!(matches!(store.refuse(invalid).await, Refusal::InvalidRow));
    assert!(matches!(store.refuse(with_row(commit("s").events(1), b"x")).await, Refusal::Mixed));
    let conflict = commit("a").events(1).expects(at(7));
    let verdicts = store.batch([conflict, with_row(commit("a").events(1).expects(at(1)), b"x")]).await;
    assert_eq!(verdicts.last(), Some(&Verdict::Refused(Refusal::Dependent)));
    assert_eq!(rows(&store, "inline").await, [Row { key: "row".into(), value: "before".into() }]);
}

/// A commit with a row whose table or key has no allowed length is refused, behind a conflict and the size, before a mixture.
pub(super) async fn a_commit_with_an_invalid_row_is_refused(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("s").state(b"state")).await;
    let longest = 255 - store.capabilities().reserved;
    let (long, longest) = ("t".repeat(longest + 1), "t".repeat(longest));
    let (key, long_key) = (vec![b'k'; RowChange::MAX_KEY], vec![b'k'; RowChange::MAX_KEY + 1]);
    let mut invalid = Vec::new();
    for row in [
        RowChange::put("", "k", "x"),
        RowChange::remove("", "k"),
        RowChange::put(long, "k", "x"),
        RowChange::put("t", long_key.clone(), "x"),
        RowChange::remove("t", long_key),
    ] {
        let mut draft = commit("a").events(1);
        draft.commit.rows = vec![RowChange::put("t", "good", "x"), row];
        assert_eq!(store.refuse(draft.clone()).await, Refusal::InvalidRow);
        invalid.push(draft);
    }
    let Some(one) = invalid.pop() else { panic!("the rule itself is wrong") };
    assert!(matches!(store.refuse(one.clone().expects(at(3))).await, Refusal::Conflict { .. }));
    let mut large = one.clone();
    large.commit.reply = vec![0; store.capabilities().max_commit_bytes].into();
    assert!(matches!(store.refuse(large).await, Refusal::TooLarge { .. }));
    let mut mixed = one;
    mixed.commit.stream = stream("s");
    assert_eq!(store.refuse(mixed).await, Refusal::InvalidRow);
    assert_eq!((store.stands(&stream("a")).await, rows(&store, "t").await), (None, vec![]));
    let mut draft = commit("a").events(1);
    draft.commit.rows = vec![RowChange::put(longest.clone(), key.clone(), "x")];
    store.commit(draft).await;
    assert_eq!(rows(&store, &longest).await, [Row { key: key.into(), value: "x".into() }]);
}

/// The rows of a commit count for its size.
pub(super) async fn rows_count_for_the_size_of_a_commit(bench: Bench) {
    let store = bench.open().await;
    let limit = store.capabilities().max_commit_bytes;
    let mut draft = with_row(commit("a").events(1), b"");
    let rest = limit - draft.commit.size();
    draft.commit.rows[0].value = Some(vec![7; rest + 1].into());
    assert_eq!(store.refuse(draft.clone()).await, Refusal::TooLarge { bytes: limit + 1, limit });
    draft.commit.rows[0].value = Some(vec![7; rest].into());
    store.commit(draft).await;
    assert_eq!(inline(&store).await.map(|row| row.len()), Some(rest));
}

/// Steps and commits that change one row take turns in the order in which they were recorded.
pub(super) async fn rows_change_in_the_order_in_which_they_were_recorded(bench: Bench) {
    let store = bench.open().await;
    for round in 0..30_u8 {
        change(&store, vec![put("inline", b"row", &[round, 0])]).await;
        assert_eq!(inline(&store).await, Some(vec![round, 0].into()));
        store.commit(with_row(commit("a").events(1), &[round, 1])).await;
        assert_eq!(inline(&store).await, Some(vec![round, 1].into()));
    }
}

/// What becomes of a stream does not touch the rows that came with its commits: who derived them says when they go.
pub(super) async fn rows_outlive_the_events_of_their_commit(bench: Bench) {
    let store = bench.open().await;
    for id in ["deleted", "erased"] {
        let mut draft = commit(id).events(2);
        draft.commit.rows = vec![RowChange::put("kept", id, "row")];
        assert!(matches!(draft.commit.body, Body::Events(_)));
        store.commit(draft).await;
    }
    ok(store.delete_up_to(&stream("deleted"), revision(2)).await, "deleting events");
    ok(store.erase(&stream("erased")).await, "erasing");
    assert_eq!((keys(&rows(&store, "kept").await), store.log().await), (vec![&b"deleted"[..], b"erased"], vec![]));
}

/// Rows take no place in the log.
pub(super) async fn rows_take_no_place_in_the_log(bench: Bench) {
    let store = bench.open().await;
    store.commit(with_row(commit("a").events(2), b"x")).await;
    let before = store.sight().await;
    change(&store, vec![put("t", b"a", b"1"), removed("inline", b"row")]).await;
    assert_eq!(store.sight().await, before);
    assert_eq!(store.commit(commit("a").events(1)).await.position.map(|position| position.get()), Some(3));
}
