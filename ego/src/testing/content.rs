//! What is recorded is read byte for byte as it was given, up to the size that the store takes.

use super::Bench;
use super::commit::{Draft, commit, commit_to, stream, stream_of, valid};
use super::probe::payloads;
use crate::message::{Actor, CausationId, CorrelationId, Expected, StreamId, Tenant};
use crate::store::{Body, NewEvent, Refusal, Store};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;

/// Payloads survive byte for byte: every byte there is, none at all, and what looks like an end or a separator.
pub(super) async fn every_byte_of_a_payload_survives(bench: Bench) {
    let store = bench.open().await;
    let every: Vec<u8> = (0..=255).collect();
    let given: [&[u8]; 6] = [&every, b"", b"\0", b"\n\r\n", b"\xff\xff\xff\xff", "été 雪 🦀".as_bytes()];
    store.commit(given.iter().fold(commit("a"), |draft, payload| draft.event("Said", payload))).await;
    let read: Vec<_> = store.events(&stream("a")).await.into_iter().map(|event| event.payload).collect();
    assert_eq!(read, given);
}

/// Replies survive byte for byte, the empty one too.
pub(super) async fn every_byte_of_a_reply_survives(bench: Bench) {
    let store = bench.open().await;
    let every: Vec<u8> = (0..=255).collect();
    for reply in [&every[..], b"", b"\0"] {
        let draft = commit("a").events(1).reply(reply);
        assert_eq!(store.commit(draft.clone()).await.reply, reply);
        assert_eq!(store.repeat(draft).await.reply, reply);
    }
}

/// A payload of a mebibyte, or of half of what the store takes, survives.
pub(super) async fn a_large_payload_survives(bench: Bench) {
    let store = bench.open().await;
    let size = (1 << 20).min(store.capabilities().max_commit_bytes / 2);
    let large: Vec<u8> = (0..size).map(|index| (index.wrapping_mul(31) ^ (index >> 8)) as u8).collect();
    store.commit(commit("a").event("Small", b"before").event("Large", &large).event("Small", b"behind")).await;
    let events = store.events(&stream("a")).await;
    assert_eq!(events.len(), 3);
    // Not `assert_eq`: nobody wants to read a mebibyte.
    assert!(events[1].payload == large, "the large payload has changed; it has {} bytes", events[1].payload.len());
    assert_eq!((&*events[0].payload, &*events[2].payload), (&b"before"[..], &b"behind"[..]));
}

/// All metadata survives, to the nanosecond, and is the same for every event of the commit.
pub(super) async fn metadata_survives_whole(bench: Bench) {
    let store = bench.open().await;
    let draft = commit("a").events(2).id("c-1").command("Count").metadata(|metadata| {
        metadata.correlation_id = valid(CorrelationId::new("a talk"));
        metadata.causation_id = Some(valid(CausationId::new("its parent")));
        metadata.actor = Some(valid(Actor::new("Ann <ann@example.org>")));
        metadata.tenant = Some(valid(Tenant::new("店 7")));
        metadata.time = Timestamp::new(1_700_000_000, 123_456_789).unwrap_or(Timestamp::UNIX_EPOCH);
        metadata.entries.insert("ip".into(), "192.0.2.1".into());
        metadata.entries.insert(String::new(), "line\nbreak \u{0} and 🦀".into());
    });
    let sparse = commit("a").events(1).metadata(|metadata| metadata.time = Timestamp::MIN);
    store.commit(draft.clone()).await;
    store.commit(sparse.clone()).await;
    let read: Vec<_> = store.log().await.into_iter().map(|event| event.metadata).collect();
    assert_eq!(read, [&draft, &draft, &sparse].map(|draft| Arc::clone(&draft.commit.metadata)));
}

/// Tags survive in their order; an event without tags has none.
pub(super) async fn tags_survive_in_their_order(bench: Bench) {
    let store = bench.open().await;
    let tags = ["z", "a", "with blank", "été", "a/b", "z2"];
    store.commit(commit("a").tagged("Opened", &tags).tagged("Shut", &[]).tagged("Opened", &["a"])).await;
    let read: Vec<Vec<String>> =
        store.log().await.iter().map(|event| event.tags.iter().map(|tag| tag.as_ref().to_owned()).collect()).collect();
    assert_eq!(read, [tags.map(str::to_owned).to_vec(), Vec::new(), vec!["a".to_owned()]]);
}

/// Names, schema versions and codecs survive, each event's and each commit's own.
pub(super) async fn names_versions_and_codecs_survive(bench: Bench) {
    let store = bench.open().await;
    let event = |name: &str, version| NewEvent { name: name.into(), version, payload: Bytes::new(), tags: Vec::new() };
    store.commit(commit("a").new_event(event("Opened", 1)).new_event(event("opened", 255)).codec("json")).await;
    store.commit(commit("a").new_event(event("Géöffnet", u32::MAX)).codec("postcard")).await;
    let log = store.log().await;
    let read: Vec<_> = log.iter().map(|event| (&*event.name, event.version, &*event.codec)).collect();
    assert_eq!(read, [("Opened", 1, "json"), ("opened", 255, "json"), ("Géöffnet", u32::MAX, "postcard")]);
}

/// Every id that can be built names a stream of its own: other scripts, blanks, separators, the longest one.
pub(super) async fn odd_stream_ids_name_streams_of_their_own(bench: Bench) {
    let store = bench.open().await;
    let (longest, almost) = ("x".repeat(StreamId::MAX_ID_BYTES), "x".repeat(StreamId::MAX_ID_BYTES - 1));
    let ids = [
        "a",
        "A",
        "a/b",
        "a//b",
        "/",
        "..",
        "../a",
        "a b",
        " a",
        "a ",
        "é",
        "e\u{301}",
        "雪",
        "🦀",
        "%2F",
        "a%2Fb",
        "\\",
        "\"",
        "'",
        "*",
        "a*",
        ":",
        "a:b",
        "-",
        ".",
        "0",
        "\u{fffd}",
        "\u{10ffff}",
        &longest,
        &almost,
    ];
    for id in ids {
        store.commit(commit(id).event("Named", id.as_bytes()).expects(Expected::NoStream)).await;
    }
    for id in ids {
        assert_eq!(payloads(&store.events(&stream(id)).await), [id], "the stream of {id:?}");
    }
    let mut sorted = ids.map(stream);
    sorted.sort();
    let listed: Vec<_> = store.streams(None, 7).await.into_iter().map(|head| head.stream).collect();
    assert_eq!(listed, sorted);
}

/// The longest kind that can be built works.
pub(super) async fn the_longest_kind_works(bench: Bench) {
    let store = bench.open().await;
    let longest = StreamId::MAX_KIND_BYTES - store.capabilities().reserved;
    let (longest, almost) = ("k".repeat(longest), "k".repeat(longest - 1));
    for kind in [&longest, &almost] {
        store.commit(commit_to(&stream_of(kind, "1")).events(1).expects(Expected::NoStream)).await;
        assert_eq!(store.streams(Some(kind), 10).await.len(), 1);
    }
}

/// Every command id that can be built is told from all others.
pub(super) async fn odd_command_ids_are_told_apart(bench: Bench) {
    let store = bench.open().await;
    let (longest, almost) = ("x".repeat(255), "x".repeat(254));
    let ids = ["a", "A", "a/b", "a ", "é", "e\u{301}", "🦀", "%", &longest, &almost];
    for id in ids {
        store.commit(commit("a").events(1).id(id).reply(id.as_bytes())).await;
    }
    for id in ids {
        assert_eq!(store.repeat(commit("a").id(id)).await.reply, id.as_bytes(), "the command {id:?}");
    }
}

fn filled(draft: Draft, size: usize, events: usize) -> Draft {
    let mut draft = (0..events).fold(draft, |draft, _| draft.event("Filled", b""));
    let missing = size.saturating_sub(draft.commit.size());
    if let Body::Events(filled) = &mut draft.commit.body {
        for (index, event) in filled.iter_mut().enumerate() {
            let rest = if index == 0 { missing % events } else { 0 };
            event.payload = vec![7; missing / events + rest].into();
        }
    }
    assert_eq!(draft.commit.size(), size, "the rule itself is wrong");
    draft
}

/// A commit of exactly the size that the store takes is recorded; one more byte is refused and leaves no trace.
pub(super) async fn the_largest_commit_is_taken_and_one_byte_more_refused(bench: Bench) {
    let store = bench.open().await;
    let limit = store.capabilities().max_commit_bytes;
    let (largest, larger) = (filled(commit("a"), limit, 1), filled(commit("a"), limit + 1, 1));
    assert_eq!(store.refuse(larger.clone()).await, Refusal::TooLarge { bytes: limit + 1, limit });
    assert_eq!((store.last().await, store.find(&larger).await, store.types().await), (None, None, Vec::new()));
    store.commit(largest.clone()).await;
    let read = store.events(&stream("a")).await;
    let Body::Events(given) = &largest.commit.body else { panic!("the rule itself is wrong") };
    assert!(read.len() == 1 && read[0].payload == given[0].payload, "the largest commit has changed");
}

/// The limit is on the commit, not on the event: several events count together, and so does the reply.
pub(super) async fn the_size_of_a_commit_counts_as_a_whole(bench: Bench) {
    let store = bench.open().await;
    let limit = store.capabilities().max_commit_bytes;
    let many = filled(commit("a"), limit + 1, 4);
    assert_eq!(store.refuse(many).await, Refusal::TooLarge { bytes: limit + 1, limit });
    let mut reply = filled(commit("a"), limit, 1);
    reply.commit.reply = Bytes::from_static(b"!");
    assert_eq!(store.refuse(reply).await, Refusal::TooLarge { bytes: limit + 1, limit });
    assert_eq!(store.stands(&stream("a")).await, None);
}
