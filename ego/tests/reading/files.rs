//! The publisher that writes lines: each event once, whole lines only, durable before the checkpoint.

use crate::domain::*;
use crate::rigged::{ALL, Rigged};
use crate::support::*;
use ego::Engine;
use ego::consumer::{Backoff, Policy, State};
use ego::prelude::*;
use ego::publish::{CloudEvent, FlatEvent, Format, JsonLinesPublisher, PublisherOptions};
use ego::store::{MemoryStore, Store};
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

fn open(path: &Path) -> JsonLinesPublisher {
    JsonLinesPublisher::open("lines", path).unwrap()
}

async fn start(store: impl Store, publisher: JsonLinesPublisher) -> Engine {
    let policy = Policy::fail().retries(1).backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let options = PublisherOptions::new().batch(4).policy(policy);
    Engine::builder().store(store).publisher_with(publisher, options).start().await.unwrap()
}

/// Stops it, and lets go of the file.
async fn end(engine: Engine) {
    stop(&engine).await;
    drop(engine);
}

fn ids(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(|line| serde_json::from_str::<CloudEvent>(line).unwrap().id).collect()
}

fn numbers(from: u64, to: u64) -> Vec<String> {
    (from..=to).map(|position| format!("{position}.0")).collect()
}

#[tokio::test]
async fn each_event_is_a_line_and_a_restart_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = (folder.path().join("events.jsonl"), MemoryStore::new());
    for round in 1..=3 {
        let engine = start(store.clone(), open(&path)).await;
        deposit(&engine, "a", 0..5).await;
        until_done(&engine, &publisher(&engine, "lines")).await;
        end(engine).await;
        assert_eq!(ids(&path), numbers(1, round * 5));
    }
}

#[tokio::test]
async fn a_crash_between_the_lines_and_the_checkpoint_doubles_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = (folder.path().join("events.jsonl"), Rigged::on(MemoryStore::new()));
    store.rig.fail_steps.store(ALL, SeqCst);
    let engine = start(store.clone(), open(&path)).await;
    deposit(&engine, "a", 0..3).await;
    until_state(&publisher(&engine, "lines"), State::Failed).await;
    end(engine).await;
    let written = ids(&path).len();
    assert!(written > 0 && store.load_checkpoint("publisher/lines").await.unwrap().is_none());

    let engine = start(store.inner.clone(), open(&path)).await;
    until_done(&engine, &publisher(&engine, "lines")).await;
    end(engine).await;
    assert_eq!(ids(&path), numbers(1, 3));
}

#[tokio::test]
async fn a_publisher_that_is_sent_back_to_the_start_finds_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = (folder.path().join("events.jsonl"), MemoryStore::new());
    let engine = start(store.clone(), open(&path)).await;
    deposit(&engine, "a", 0..100).await;
    until_done(&engine, &publisher(&engine, "lines")).await;
    end(engine).await;
    store.save_checkpoint("publisher/lines", None).await.unwrap();
    let engine = start(store.clone(), open(&path)).await;
    deposit(&engine, "a", [1]).await;
    until_done(&engine, &publisher(&engine, "lines")).await;
    end(engine).await;
    assert_eq!(ids(&path), numbers(1, 101));
}

#[tokio::test]
async fn the_half_line_of_a_killed_process_is_cut_and_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let store = Rigged::on(MemoryStore::new());
    store.rig.fail_steps.store(ALL, SeqCst);
    let engine = start(store.clone(), open(&path)).await;
    deposit(&engine, "a", 0..3).await;
    until_state(&publisher(&engine, "lines"), State::Failed).await;
    end(engine).await;
    let whole = std::fs::read(&path).unwrap();

    for length in 0..=whole.len() {
        let torn = folder.path().join(format!("torn-{length}"));
        std::fs::write(&torn, &whole[..length]).unwrap();
        drop(open(&torn));
        let left = std::fs::read(&torn).unwrap();
        assert_eq!(left, whole[..whole[..length].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)]);
        if length % 50 == 0 {
            // As the killed process left it: a checkpoint that knows nothing of it.
            let fresh = MemoryStore::new();
            let mut after = None;
            copy(&store.inner, &fresh, &mut after).await;
            let engine = start(fresh, open(&torn)).await;
            until_done(&engine, &publisher(&engine, "lines")).await;
            end(engine).await;
            assert_eq!(ids(&torn), numbers(1, 3), "cut at {length}");
        }
    }
}

/// Copies a log of deposits with their metadata, one commit for each event.
async fn copy(from: &MemoryStore, to: &MemoryStore, after: &mut Option<ego::message::Position>) {
    use ego::store::{Body, Commit, Filter, NewEvent};
    for event in from.read_log(*after, &Filter::all(), 1000).await.unwrap().items {
        let new = NewEvent { name: event.name, version: event.version, payload: event.payload, tags: event.tags };
        let commit = Commit {
            stream: event.stream,
            expected: ego::message::Expected::Any,
            metadata: event.metadata,
            codec: event.codec,
            body: Body::Events(vec![new]),
            reply: "null".into(),
            rows: Vec::new(),
        };
        to.append(vec![commit]).await.unwrap();
        *after = Some(event.position);
    }
}

#[tokio::test]
async fn a_file_of_another_log_is_not_taken_for_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let engine = start(MemoryStore::new(), open(&path)).await;
    deposit(&engine, "a", 0..5).await;
    until_done(&engine, &publisher(&engine, "lines")).await;
    end(engine).await;
    let before = std::fs::read(&path).unwrap();

    let engine = start(MemoryStore::new(), open(&path)).await;
    deposit(&engine, "a", 0..9).await;
    let status = until_state(&publisher(&engine, "lines"), State::Failed).await;
    assert!(status.last_error.unwrap().message.contains("another log"));
    end(engine).await;
    assert_eq!(std::fs::read(&path).unwrap(), before, "it was not touched");
}

#[tokio::test]
async fn flat_lines_hold_few_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let engine = start(MemoryStore::new(), open(&path).format(Format::Flat)).await;
    engine.send::<Account>("a", Deposit { amount: 7 }).await.unwrap();
    until_done(&engine, &publisher(&engine, "lines")).await;
    end(engine).await;
    let line: FlatEvent = serde_json::from_str(std::fs::read_to_string(&path).unwrap().trim_end()).unwrap();
    assert_eq!((&*line.aggregate_type, line.version, &line.data), ("account", 1, &serde_json::json!({ "amount": 7 })));
}

#[test]
fn a_file_that_holds_something_else_is_refused_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "remember the milk\n").unwrap();
    let refused = JsonLinesPublisher::open("lines", &path).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "remember the milk\n");
}
