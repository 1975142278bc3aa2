//! Following states: each stream once, with its last state, in the order of the saves.

use super::Bench;
use super::commit::{commit, commit_to, position, stream, stream_of};
use super::probe::{Probe, assert_growing, ok};
use crate::message::{Expected, Name, Position};
use crate::store::{Page, Store, StoredState};
use futures_util::future::join_all;
use std::collections::BTreeMap;

impl Probe {
    async fn states_page(&self, after: Option<Position>, kinds: &[&str], limit: usize) -> Page<StoredState, Position> {
        let kinds: Vec<Name> = kinds.iter().map(|kind| Name::from(*kind)).collect();
        let page = ok(self.read_states(after, &kinds, limit).await, "reading states");
        let found = page.items.len();
        assert!(found <= limit.max(1), "a page of states holds {found} items, at most {limit} were asked for");
        if let Some(next) = page.next {
            assert!(Some(next) > after, "a page after {after:?} leads on to {next}, which is no step forward");
        }
        page
    }

    /// Every state behind `after`, in pages of `limit`.
    pub(super) async fn states(&self, mut after: Option<Position>, kinds: &[&str], limit: usize) -> Vec<StoredState> {
        let mut all = Vec::new();
        loop {
            let page = self.states_page(after, kinds, limit).await;
            all.extend(page.items);
            if page.next.is_none() {
                return all;
            }
            after = page.next;
        }
    }

    async fn save(&self, id: &str, text: &str) {
        self.commit(commit(id).state(text.as_bytes())).await;
    }
}

/// The ids and contents of states.
fn told(states: &[StoredState]) -> Vec<(String, String)> {
    let text = |state: &StoredState| String::from_utf8_lossy(&state.payload).into_owned();
    states.iter().map(|state| (state.stream.id().to_owned(), text(state))).collect()
}

fn tell(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
}

/// Each stream is read once, with its last state, however often it was saved.
pub(super) async fn each_stream_is_read_once_with_its_last_state(bench: Bench) {
    let store = bench.open().await;
    assert_eq!(store.states(None, &[], 10).await, []);
    for round in 1..=40 {
        for id in ["a", "b", "c"] {
            store.save(id, &round.to_string()).await;
        }
    }
    assert_eq!(told(&store.states(None, &[], 10).await), tell(&[("a", "40"), ("b", "40"), ("c", "40")]));
}

/// States come in the order of their last saves, not of their names or first saves.
pub(super) async fn states_come_in_the_order_of_their_last_saves(bench: Bench) {
    let store = bench.open().await;
    for (id, text) in [("c", "1"), ("a", "1"), ("b", "1"), ("c", "2"), ("a", "2"), ("d", "1")] {
        store.save(id, text).await;
    }
    let states = store.states(None, &[], 10).await;
    assert_eq!(told(&states), tell(&[("b", "1"), ("c", "2"), ("a", "2"), ("d", "1")]));
    assert_growing(&states.iter().map(|state| state.position.get()).collect::<Vec<_>>());
}

/// A state that was last saved at or before the position is not read, one that was saved again behind it is.
pub(super) async fn states_are_read_behind_a_position(bench: Bench) {
    let store = bench.open().await;
    for (id, text) in [("a", "1"), ("b", "1"), ("c", "1"), ("a", "2")] {
        store.save(id, text).await;
    }
    let behind = async |after: u64| told(&store.states(Some(position(after)), &[], 10).await);
    assert_eq!(behind(1).await, tell(&[("b", "1"), ("c", "1"), ("a", "2")]));
    assert_eq!(behind(2).await, tell(&[("c", "1"), ("a", "2")]));
    assert_eq!(behind(3).await, tell(&[("a", "2")]));
    assert_eq!((behind(4).await, behind(1000).await), (tell(&[]), tell(&[])));
}

/// Pages of any size hold every state once; the last one says so.
pub(super) async fn pages_hold_every_state_once(bench: Bench) {
    let store = bench.open().await;
    for id in 0..7 {
        store.save(&id.to_string(), "1").await;
    }
    store.save("2", "2").await;
    let all = store.states(None, &[], 1000).await;
    assert_eq!(all.len(), 7);
    for limit in 0..9 {
        assert_eq!(store.states(None, &[], limit).await, all, "in pages of {limit}");
    }
    assert_eq!(store.states_page(None, &[], 7).await.next, None, "this page holds the last state");
}

/// Only states of the kinds that are asked for are read, however much a kind is like another.
pub(super) async fn only_states_of_these_kinds_are_read(bench: Bench) {
    let store = bench.open().await;
    for kind in ["cart", "car", "carts", "basket"] {
        store.commit(commit_to(&stream_of(kind, kind)).state(b"1")).await;
    }
    let of = async |kinds: &[&str]| {
        let states = store.states(None, kinds, 1).await;
        states.iter().map(|state| state.stream.kind().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(&["cart"]).await, ["cart"]);
    assert_eq!(of(&["basket", "car"]).await, ["car", "basket"]);
    assert_eq!(of(&["none"]).await, Vec::<String>::new());
    assert_eq!(of(&[]).await, ["cart", "car", "carts", "basket"]);
}

/// What is saved while somebody reads page by page comes behind what was read, also when it was read before (I3).
pub(super) async fn what_is_saved_between_pages_comes_behind_them(bench: Bench) {
    let store = bench.open().await;
    for id in ["a", "b", "c", "d"] {
        store.save(id, "1").await;
    }
    let first = store.states_page(None, &[], 2).await;
    assert_eq!(told(&first.items), tell(&[("a", "1"), ("b", "1")]));
    // One that was read, one that was not, one that is new.
    for (id, text) in [("c", "2"), ("a", "2"), ("e", "1")] {
        store.save(id, text).await;
    }
    let rest = store.states(first.next, &[], 2).await;
    assert_eq!(told(&rest), tell(&[("d", "1"), ("c", "2"), ("a", "2"), ("e", "1")]));
}

/// Events, commits of nothing and saves that were refused or repeated are not read as states.
pub(super) async fn nothing_but_saves_is_read_as_a_state(bench: Bench) {
    let store = bench.open().await;
    let save = commit("a").state(b"1");
    store.commit(save.clone()).await;
    store.commit(commit("b").state(b"1")).await;
    store.commit(commit("c").events(3)).await;
    store.commit(commit("d")).await;
    let before = store.states(None, &[], 10).await;
    assert_eq!(told(&before), tell(&[("a", "1"), ("b", "1")]));
    store.commit(commit("a")).await;
    store.repeat(save).await;
    store.refuse(commit("a").state(b"never").expects(Expected::NoStream)).await;
    assert_eq!(store.states(None, &[], 10).await, before);
}

/// A state is read as it is loaded, with everything that was saved with it.
pub(super) async fn states_are_read_as_they_are_loaded(bench: Bench) {
    let store = bench.open().await;
    for id in ["a", "b"] {
        for round in 0..3 {
            let draft = commit(id).state(&[0, 255, round]).codec(&format!("codec-{id}")).command("Save");
            store.commit(draft.metadata(|metadata| drop(metadata.entries.insert("by".into(), id.into())))).await;
        }
    }
    let states = store.states(None, &[], 10).await;
    assert_eq!(states.len(), 2);
    for state in states {
        assert_eq!(ok(store.load_state(&state.stream).await, "loading a state"), Some(state));
    }
}

/// A stream that was erased is not read, and its place is nobody's.
pub(super) async fn an_erased_state_is_not_read(bench: Bench) {
    let store = bench.open().await;
    for id in ["a", "b", "c"] {
        store.save(id, "1").await;
    }
    for id in ["b", "c"] {
        ok(store.erase(&stream(id)).await, "erasing");
    }
    store.save("d", "1").await;
    assert_eq!(told(&store.states(None, &[], 1).await), tell(&[("a", "1"), ("d", "1")]));
}

/// Whoever follows while others save never sees an older state after a newer one, and in the end the last of every stream.
pub(super) async fn followers_see_the_last_state_of_all(bench: Bench) {
    const STREAMS: u64 = 8;
    const ROUNDS: u64 = 40;
    let store = bench.open().await;
    let writers = (0..4_u64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 1..=ROUNDS {
                for id in (0..STREAMS).filter(|id| id % 4 == writer) {
                    store.save(&id.to_string(), &round.to_string()).await;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let followers = [1, 3, 100].map(|limit| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut seen, mut after) = (BTreeMap::<String, u64>::new(), None);
            while seen.len() < STREAMS as usize || seen.values().any(|round| *round < ROUNDS) {
                let head = ok(store.wait_for_head(after).await, "waiting for the head");
                let page = store.states_page(after, &[], limit).await;
                for state in &page.items {
                    assert!(Some(state.position) > after, "{} came after {after:?}", state.position);
                    after = Some(state.position);
                    let round = String::from_utf8_lossy(&state.payload).parse().unwrap_or(0);
                    let last = seen.insert(state.stream.id().to_owned(), round).unwrap_or(0);
                    assert!(round > last, "round {round} of {} came after round {last}", state.stream);
                }
                after = page.next.or_else(|| after.max(Some(head)));
            }
        })
    });
    for done in join_all(writers.into_iter().chain(followers)).await {
        if let Err(failed) = done {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}
