//! Checkpoints: what a named consumer has finished, never ahead of what there is (I6).

use super::Bench;
use super::commit::commit;
use super::probe::{Probe, ok};
use crate::message::Position;
use crate::store::{Store, StoreError};

async fn save(store: &Probe, consumer: &str, position: Option<Position>) {
    ok(store.save_checkpoint(consumer, position).await, "saving a checkpoint");
}

async fn load(store: &Probe, consumer: &str) -> Option<Position> {
    ok(store.load_checkpoint(consumer).await, "loading a checkpoint")
}

async fn list(store: &Probe) -> Vec<(String, Option<Position>)> {
    ok(store.list_checkpoints().await, "listing checkpoints")
}

async fn five(bench: &Bench) -> Probe {
    let store = bench.open().await;
    store.commit(commit("a").events(5)).await;
    store
}

/// A consumer that has not begun has no checkpoint; afterwards it has the last one that was saved, at the head as well.
pub(super) async fn a_checkpoint_is_loaded_as_saved(bench: Bench) {
    let store = five(&bench).await;
    assert_eq!(load(&store, "view").await, None);
    for event in store.log().await {
        save(&store, "view", Some(event.position)).await;
        assert_eq!(load(&store, "view").await, Some(event.position));
    }
    assert_eq!(load(&store, "view").await, store.last().await);
}

/// A consumer can be sent back, to an earlier position or to the start; it stays listed.
pub(super) async fn a_consumer_can_be_sent_back(bench: Bench) {
    let store = five(&bench).await;
    for back in [store.last().await, Some(Position::FIRST), None, store.last().await] {
        save(&store, "view", back).await;
        assert_eq!(load(&store, "view").await, back);
        assert_eq!(list(&store).await, [("view".to_owned(), back)]);
    }
}

/// A checkpoint beyond the head is refused; the former one stands (I6).
pub(super) async fn a_checkpoint_beyond_the_head_is_refused(bench: Bench) {
    let store = five(&bench).await;
    save(&store, "view", Some(Position::FIRST)).await;
    let head = store.last().await.map_or(0, Position::get);
    for beyond in [head + 1, head + 100, u64::MAX] {
        for consumer in ["view", "other"] {
            let refused = store.save_checkpoint(consumer, Position::new(beyond)).await;
            let told = matches!(refused, Err(StoreError::BeyondHead { asked, end }) if asked == beyond && end == head);
            assert!(told, "{beyond} for {consumer:?}: {refused:?}");
        }
        assert_eq!(list(&store).await, [("view".to_owned(), Some(Position::FIRST))]);
    }
}

/// While the log is empty, no position can be finished, but a consumer can be at the start.
pub(super) async fn an_empty_log_has_nothing_to_finish(bench: Bench) {
    let store = bench.open().await;
    let refused = store.save_checkpoint("view", Some(Position::FIRST)).await;
    assert!(matches!(refused, Err(StoreError::BeyondHead { asked: 1, end: 0 })), "{refused:?}");
    assert_eq!(list(&store).await, []);
    save(&store, "view", None).await;
    assert_eq!(list(&store).await, [("view".to_owned(), None)]);
}

/// Consumers are listed in the order of their names, each with its own checkpoint, however alike the names are.
pub(super) async fn consumers_are_listed_in_order(bench: Bench) {
    let store = five(&bench).await;
    let names = ["A", "a", "a b", "a/b", "ab", "b", "é", "🦀"];
    let positions: Vec<_> = store.log().await.iter().map(|event| Some(event.position)).collect();
    let checkpoint = |index: usize| positions.get(index % 6).copied().flatten();
    for step in 0..names.len() {
        let index = step * 3 % names.len();
        save(&store, names[index], checkpoint(index)).await;
    }
    let wanted: Vec<_> = names.iter().enumerate().map(|(index, name)| ((*name).to_owned(), checkpoint(index))).collect();
    assert_eq!(list(&store).await, wanted);
    for (name, position) in wanted {
        assert_eq!(load(&store, &name).await, position, "{name}");
    }
}

/// A consumer can be forgotten, also when it is unknown; the others stay.
pub(super) async fn a_consumer_can_be_forgotten(bench: Bench) {
    let store = five(&bench).await;
    for name in ["a", "ab", "b"] {
        save(&store, name, Some(Position::FIRST)).await;
    }
    for name in ["a", "a", "unknown"] {
        ok(store.delete_checkpoint(name).await, "deleting a checkpoint");
        assert_eq!(load(&store, name).await, None);
    }
    let left = ["ab", "b"].map(|name| (name.to_owned(), Some(Position::FIRST)));
    assert_eq!(list(&store).await, left);
}

/// Checkpoints take no place in the log.
pub(super) async fn checkpoints_take_no_place_in_the_log(bench: Bench) {
    let store = five(&bench).await;
    let before = store.sight().await;
    save(&store, "view", Some(Position::FIRST)).await;
    ok(store.delete_checkpoint("view").await, "deleting a checkpoint");
    assert_eq!(store.sight().await, before);
}
