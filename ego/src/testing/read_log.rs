//! Reading the whole log, from a position, through a filter, in pages.

use super::Bench;
use super::commit::{commit, commit_to, position, stream_of};
use super::probe::{Probe, assert_growing, payloads, positions};
use crate::message::Position;
use crate::store::{Filter, RecordedEvent};

/// Twelve events of two kinds, two names and several tags, with a state and a commit of nothing between them.
async fn dozen(bench: &Bench) -> Probe {
    let store = bench.open().await;
    for round in 0..2 {
        let account = commit_to(&stream_of("account", &round.to_string()));
        store.commit(account.tagged("Opened", &["vip", "eu"]).tagged("Named", &[]).tagged("Named", &["eu"])).await;
        store.commit(commit_to(&stream_of("cart", &round.to_string())).state(b"a state")).await;
        let order = commit_to(&stream_of("order", &round.to_string()));
        store.commit(order.tagged("Opened", &["eu"]).tagged("Shipped", &["us", "vip"]).tagged("Opened", &[])).await;
        store.commit(commit("nothing")).await;
    }
    store
}

fn is(event: &RecordedEvent, kinds: &[&str], names: &[&str], tags: &[&str]) -> bool {
    (kinds.is_empty() || kinds.contains(&event.stream.kind()))
        && (names.is_empty() || names.contains(&&*event.name))
        && (tags.is_empty() || event.tags.iter().any(|tag| tags.contains(&&**tag)))
}

fn filter(kinds: &[&str], names: &[&str], tags: &[&str]) -> Filter {
    let all = kinds.iter().fold(Filter::all(), |filter, kind| filter.kind(*kind));
    let all = names.iter().fold(all, |filter, name| filter.name(*name));
    tags.iter().fold(all, |filter, tag| filter.tag(*tag))
}

/// Asserts what a filter lets through, from the start and in pages of several sizes.
async fn lets_through(store: &Probe, kinds: &[&str], names: &[&str], tags: &[&str], count: usize) {
    let wanted: Vec<_> = store.log().await.into_iter().filter(|event| is(event, kinds, names, tags)).collect();
    assert_eq!(wanted.len(), count, "events of {kinds:?} {names:?} {tags:?} in the whole log");
    for limit in [1, 2, 3, 100] {
        let read = store.log_pages(None, &filter(kinds, names, tags), limit).await;
        assert_eq!(read, wanted, "filter {kinds:?} {names:?} {tags:?} in pages of {limit}");
    }
}

/// The log holds every event of every stream once, in the order of positions.
pub(super) async fn the_log_holds_every_event_once(bench: Bench) {
    let store = dozen(&bench).await;
    let log = store.log().await;
    assert_eq!(log.len(), 12);
    assert_growing(&positions(&log));
    let mut streams = Vec::new();
    for head in store.streams(None, 100).await {
        streams.extend(store.events(&head.stream).await);
    }
    streams.sort_by_key(|event| event.position);
    assert_eq!(log, streams);
}

/// Reading behind a position leaves out that position and everything before it.
pub(super) async fn reading_starts_behind_the_position(bench: Bench) {
    let store = dozen(&bench).await;
    let log = store.log().await;
    let head = store.last().await.map_or(0, Position::get);
    for after in 1..=head {
        let wanted: Vec<_> = log.iter().filter(|event| event.position.get() > after).cloned().collect();
        assert_eq!(store.log_pages(Position::new(after), &Filter::all(), 100).await, wanted, "after {after}");
    }
}

/// At the head and beyond there is nothing, and the reader is at the end.
pub(super) async fn beyond_the_head_there_is_nothing(bench: Bench) {
    let store = dozen(&bench).await;
    let head = store.last().await.map_or(0, Position::get);
    for after in [head, head + 1, head + 1000, u64::MAX] {
        let page = store.log_page(Position::new(after), &Filter::all(), 100).await;
        assert_eq!((page.items, page.next), (Vec::new(), None), "after {after}");
    }
}

/// A filter for kinds lets events of those kinds through, whole names only.
pub(super) async fn a_filter_for_kinds(bench: Bench) {
    let store = dozen(&bench).await;
    lets_through(&store, &["account"], &[], &[], 6).await;
    lets_through(&store, &["account", "order"], &[], &[], 12).await;
    lets_through(&store, &["account", "none"], &[], &[], 6).await;
    lets_through(&store, &["acc"], &[], &[], 0).await;
    lets_through(&store, &["accounts"], &[], &[], 0).await;
}

/// A filter for names lets events of those names through, of whatever kind.
pub(super) async fn a_filter_for_names(bench: Bench) {
    let store = dozen(&bench).await;
    lets_through(&store, &[], &["Opened"], &[], 6).await;
    lets_through(&store, &[], &["Named", "Shipped"], &[], 6).await;
    lets_through(&store, &[], &["opened"], &[], 0).await;
    lets_through(&store, &[], &["Open"], &[], 0).await;
}

/// A filter for tags lets events with at least one of them through, once each.
pub(super) async fn a_filter_for_tags(bench: Bench) {
    let store = dozen(&bench).await;
    lets_through(&store, &[], &[], &["us"], 2).await;
    lets_through(&store, &[], &[], &["vip"], 4).await;
    lets_through(&store, &[], &[], &["vip", "eu"], 8).await;
    lets_through(&store, &[], &[], &["e"], 0).await;
}

/// A filter for streams lets their events through, from any position, in pages of every size, beside any other wish.
pub(super) async fn a_filter_for_streams(bench: Bench) {
    let store = dozen(&bench).await;
    for round in 0..3 {
        store.commit(commit_to(&stream_of("account", "0")).tagged("Named", &[]).tagged("Closed", &["eu"])).await;
        store.commit(commit_to(&stream_of("account", "00")).tagged("Opened", &["eu"]).id(&format!("other-{round}"))).await;
    }
    let log = store.log().await;
    let head = store.last().await.map_or(0, Position::get);
    let streams = |ids: &[(&str, &str)]| ids.iter().map(|(kind, id)| stream_of(kind, id)).collect::<Vec<_>>();
    let wishes = [
        (streams(&[("account", "0")]), vec![], 9),
        (streams(&[("account", "0"), ("order", "1")]), vec![], 12),
        (streams(&[("account", "0"), ("account", "00"), ("account", "1"), ("order", "1")]), vec!["Opened"], 7),
        (streams(&[("account", "none"), ("order", "0")]), vec![], 3),
        (streams(&[("cart", "0"), ("account", "none")]), vec![], 0),
        (streams(&[("order", "00")]), vec![], 0),
    ];
    for (wanted, names, count) in wishes {
        let all = wanted.iter().cloned().fold(filter(&[], &names, &[]), Filter::stream);
        let lets = |event: &&RecordedEvent| wanted.contains(&event.stream) && is(event, &[], &names, &[]);
        assert_eq!(log.iter().filter(lets).count(), count, "events of {wanted:?}");
        for after in 0..=head {
            let behind: Vec<_> = log.iter().filter(lets).filter(|event| event.position.get() > after).cloned().collect();
            for limit in [1, 2, 100] {
                let read = store.log_pages(Position::new(after), &all, limit).await;
                assert_eq!(read, behind, "{wanted:?} behind {after} in pages of {limit}");
            }
        }
    }
}

/// A filter for several things lets through what matches each of them.
pub(super) async fn a_filter_for_several_things_asks_for_each(bench: Bench) {
    let store = dozen(&bench).await;
    lets_through(&store, &["account"], &["Opened"], &[], 2).await;
    lets_through(&store, &["order"], &[], &["vip"], 2).await;
    lets_through(&store, &[], &["Opened"], &["eu"], 4).await;
    lets_through(&store, &["account", "order"], &["Opened", "Named"], &["eu", "us"], 6).await;
    lets_through(&store, &["account"], &["Shipped"], &[], 0).await;
    lets_through(&store, &["cart"], &[], &[], 0).await;
}

/// Pages of every size from every position hold every event exactly once.
pub(super) async fn pages_hold_every_event_once(bench: Bench) {
    let store = dozen(&bench).await;
    let log = store.log().await;
    for limit in 1..=13 {
        for start in 0..=log.len() {
            let after = start.checked_sub(1).map(|index| log[index].position);
            let read = store.log_pages(after, &Filter::all(), limit).await;
            assert_eq!(read, log[start..], "after {after:?} in pages of {limit}");
        }
    }
}

/// Paging moves on and ends even when the filter lets nothing through in a long log.
pub(super) async fn a_filter_that_lets_nothing_through_ends(bench: Bench) {
    let store = bench.open().await;
    for _ in 0..30 {
        store.batch((0..100).map(|_| commit("a").events(1))).await;
    }
    let none = Filter::all().name("Never");
    assert_eq!(store.log_pages(None, &none, 1).await, []);
    store.commit(commit("a").event("Never", b"but now")).await;
    assert_eq!(payloads(&store.log_pages(None, &none, 1).await), ["but now"]);
}

/// The page that reaches the head is the last one, even when it is exactly full; the reader goes on from its last event.
pub(super) async fn the_page_that_reaches_the_head_ends(bench: Bench) {
    let store = dozen(&bench).await;
    let head = store.commit(commit("last").events(1)).await.position;
    for limit in [1, 12, 13, 14, usize::MAX] {
        let mut after = None;
        loop {
            let page = store.log_page(after, &Filter::all(), limit).await;
            let reached = page.items.last().map(|event| event.position) == head;
            assert_eq!(page.next.is_none(), reached, "in pages of {limit}: {page:?}");
            if reached {
                break;
            }
            after = page.next;
        }
    }
}

/// A limit of 0 is read as 1.
pub(super) async fn a_limit_of_nothing_is_read_as_one(bench: Bench) {
    let store = dozen(&bench).await;
    let log = store.log().await;
    let page = store.log_page(None, &Filter::all(), 0).await;
    assert_eq!(page.items, log[..1]);
    assert!(page.next.is_some());
    assert_eq!(store.log_pages(None, &Filter::all(), 0).await, log);
}

/// A reader that was at the end sees what comes later when it asks again, whatever it filters.
pub(super) async fn what_comes_later_is_read_later(bench: Bench) {
    let store = dozen(&bench).await;
    let head = store.last().await;
    let wanted = filter(&["account"], &[], &[]);
    assert_eq!(store.log_page(head, &wanted, 10).await.next, None);
    store.commit(commit_to(&stream_of("order", "0")).event("Opened", b"other")).await;
    store.commit(commit_to(&stream_of("account", "0")).event("Named", b"later")).await;
    assert_eq!(payloads(&store.log_pages(head, &wanted, 10).await), ["later"]);
    assert_eq!(store.log_pages(head, &Filter::all(), 1).await.len(), 2);
}

/// The log gives events of any position, the first included, only behind what was asked for.
pub(super) async fn the_first_position_is_the_first_event(bench: Bench) {
    let store = bench.open().await;
    store.commit(commit("a").events(2)).await;
    let log = store.log().await;
    assert_eq!(log[0].position, Position::FIRST);
    assert_eq!(store.log_pages(Some(position(1)), &Filter::all(), 10).await, log[1..]);
}
