//! What becomes of a publisher's checkpoint, and where one begins that has none.

use super::*;

#[tokio::test]
async fn a_checkpoint_that_cannot_be_kept_stops_it_visibly_without_publishing_more() {
    let store = Rigged::on(MemoryStore::new());
    store.rig.fail_steps.store(ALL, SeqCst);
    let notes = Notes::new("notes");
    let builder = Engine::builder().store(store.clone());
    let engine = start(builder.publisher_with(notes.clone(), at_once(Policy::skip(), 2).batch(2))).await;
    deposit(&engine, "a", [1]).await;
    let handle = publisher(&engine, "notes");
    let status = until_state(&handle, State::Failed).await;
    assert!(status.last_error.unwrap().message.contains("rigged"));
    let known = notes.published();
    deposit(&engine, "a", 2..=9).await;
    assert_eq!(notes.published(), known);

    store.rig.fail_steps.store(0, SeqCst);
    handle.resume();
    until_done(&engine, &handle).await;
    let mut published = notes.published();
    published.dedup();
    assert_eq!(published, ids(1..=9), "some perhaps twice, none left out, in order");
    stop(&engine).await;
}

#[tokio::test]
async fn a_checkpoint_whose_answer_is_lost_is_ones_own() {
    let store = Rigged::on(MemoryStore::new());
    store.rig.lose_steps.store(1, SeqCst);
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().store(store.clone()).publisher_with(notes.clone(), at_once(Policy::fail(), 3))).await;
    deposit(&engine, "a", [1]).await;
    notes.until_published(1).await;
    until("the answer was lost", async || publisher(&engine, "notes").status().await.unwrap().failures == 1).await;
    deposit(&engine, "a", [2]).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids(1..=2));
    stop(&engine).await;
}

#[tokio::test]
async fn a_checkpoint_that_somebody_else_moved_is_gone_on_from() {
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().publisher(notes.clone())).await;
    deposit(&engine, "a", 1..=5).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    engine.store().save_checkpoint("publisher/notes", Some(position(3))).await.unwrap();
    deposit(&engine, "a", [6]).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published().last().unwrap(), "6.0");
    assert_eq!(notes.published()[5..8], [ids([6]), ids(4..=5)].concat(), "what lies behind it comes again");
    stop(&engine).await;
}

#[tokio::test]
async fn reading_that_fails_is_tried_again_and_nothing_is_passed_over() {
    let store = Rigged::on(MemoryStore::new());
    store.rig.fail_reads.store(3, SeqCst);
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().store(store.clone()).publisher_with(notes.clone(), at_once(Policy::fail(), 5))).await;
    deposit(&engine, "a", 1..=5).await;
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids(1..=5));
    stop(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn events_of_others_do_not_cost_a_checkpoint_each() {
    let store = Rigged::on(MemoryStore::new());
    let notes = Notes::new("notes");
    let builder = Engine::builder().store(store.clone());
    let engine = start(builder.publisher_with(notes.clone(), PublisherOptions::new().kind("order"))).await;
    deposit(&engine, "a", 0..500).await;
    until_status(&publisher(&engine, "notes"), "it has seen them", |status| status.lag == 0).await;
    assert!(store.rig.steps.load(SeqCst) <= 1, "{}", store.rig.steps.load(SeqCst));
    // But after a while it follows, so that it holds nobody up.
    until_done(&engine, &publisher(&engine, "notes")).await;
    engine.send::<Order>("o", Place { total: 1 }).await.unwrap();
    until_done(&engine, &publisher(&engine, "notes")).await;
    assert_eq!(notes.published(), ids([501]));
    stop(&engine).await;
}

#[tokio::test]
async fn what_passed_is_kept_when_the_engine_stops() {
    let store = MemoryStore::new();
    let builder = Engine::builder().store(store.clone());
    let engine = start(builder.publisher_with(Notes::new("notes"), PublisherOptions::new().kind("order"))).await;
    deposit(&engine, "a", 0..10).await;
    until_status(&publisher(&engine, "notes"), "it has seen them", |status| status.lag == 0).await;
    stop(&engine).await;
    assert_eq!(store.load_checkpoint("publisher/notes").await.unwrap(), Some(position(10)));
}

#[tokio::test]
async fn begin_now_means_the_start_of_the_first_engine_and_a_checkpoint_counts_from_then_on() {
    let store = MemoryStore::new();
    record(&store, &account("a"), "Deposited", 1, r#"{"amount":1}"#, &[]).await;
    let now = || PublisherOptions::new().begin(Begin::Now);
    let engine = start(Engine::builder().store(store.clone()).publisher_with(Notes::new("notes"), now())).await;
    stop(&engine).await;
    // Recorded while nobody runs: not lost.
    record(&store, &account("a"), "Deposited", 1, r#"{"amount":2}"#, &[]).await;
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().store(store.clone()).publisher_with(notes.clone(), now())).await;
    deposit(&engine, "a", [3]).await;
    notes.until_published(2).await;
    assert_eq!(notes.published(), ids(2..=3));
    stop(&engine).await;
}

#[tokio::test]
async fn begin_now_does_not_miss_what_is_sent_right_after_the_start() {
    let notes = Notes::new("notes");
    let engine = start(Engine::builder().publisher_with(notes.clone(), PublisherOptions::new().begin(Begin::Now))).await;
    deposit(&engine, "a", [1]).await;
    notes.until_published(1).await;
    assert_eq!(notes.published(), ids([1]));
    stop(&engine).await;
}
