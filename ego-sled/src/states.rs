//! Reading the states of durable aggregates: one, and those that were saved behind a place in the log.

use crate::entry::{RecordedCommit, Texts};
use crate::find::Reader;
use crate::key::{self, Head};
use crate::read::{PAGE_BYTES, PAGE_ITEMS};
use ego::message::{Name, Position, Revision, StreamId};
use ego::store::{Body, Page, StoreError, StoredState};
use std::collections::BTreeMap;

/// Where states were saved, as far as they are looked at.
struct Saves<'k> {
    kinds: &'k [Name],
    limit: usize,
    found: BTreeMap<u64, StreamId>,
    /// Up to here nothing is missing.
    whole: u64,
}

/// How much of one list of saves, which is in order, was looked at.
#[derive(Default)]
struct Looked {
    seen: usize,
    found: usize,
}

impl Saves<'_> {
    /// Takes the next save of a list. `false` when that was enough of it: what lies behind is read the next time.
    fn take(&mut self, looked: &mut Looked, position: u64, stream: &StreamId) -> bool {
        if position > self.whole {
            return false;
        }
        looked.seen += 1;
        if self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == stream.kind()) {
            looked.found += 1;
            self.found.insert(position, stream.clone());
        }
        let enough = looked.found == self.limit || looked.seen == PAGE_ITEMS;
        if enough {
            self.whole = position;
        }
        !enough
    }
}

impl Reader {
    pub(crate) fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        let Some(head) = self.head(stream)? else { return Ok(None) };
        self.state_at(stream, &head, &mut Texts::default())
    }

    /// The state that a head tells of; `None` when there is none, or none any more.
    fn state_at(&self, stream: &StreamId, head: &Head, texts: &mut Texts) -> Result<Option<StoredState>, StoreError> {
        let (Some(place), Some(revision), Some(position)) =
            (head.state.filter(|_| !head.erased), Revision::new(head.revision), Position::new(head.position))
        else {
            return Ok(None);
        };
        let Some(commit) = self.commit_at(stream, head.revision, place, texts)? else { return Ok(None) };
        let RecordedCommit { stream, metadata, codec, body, .. } = commit;
        Ok(match body {
            Body::State(state) => {
                let (version, payload) = (state.version, state.payload);
                Some(StoredState { stream, revision, position, version, codec, payload, metadata })
            }
            Body::Events(_) => None,
        })
    }

    // 1. the head of the log, and what the tail knows  2. what the index knows  3. the states, where they were not saved again since.
    // What moves from the tail into the index meanwhile is found in both, under one position. What is saved again meanwhile lies behind
    // the head of 1, so it is found the next time, and nothing older is given for it (I3).
    pub(crate) fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS);
        let start = after.map_or(0, Position::get).saturating_add(1);
        let mut saves = Saves { kinds, limit, found: BTreeMap::new(), whole: 0 };
        let reach = {
            let tail = self.shared.tail.read();
            saves.whole = tail.reach.position;
            for layer in tail.frozen.as_deref().into_iter().chain([&tail.live]) {
                let mut looked = Looked::default();
                let _ = layer.saves.range(start..).all(|(position, stream)| saves.take(&mut looked, *position, stream));
            }
            tail.reach.position
        };
        let mut looked = Looked::default();
        self.index.table().scan(&key::save(start), key::behind(b"s").as_deref(), false, |key, value| {
            let stream = self.index.value::<(String, String)>(value).map(|(kind, id)| StreamId::new(kind, id))?;
            match (key::position_of(key), stream) {
                (Some(position), Ok(stream)) => Ok(saves.take(&mut looked, position, &stream)),
                _ => Err(self.index.table().unreadable()),
            }
        })?;
        let (mut items, mut bytes, mut texts) = (Vec::new(), 0, Texts::default());
        for (position, stream) in saves.found.range(..=saves.whole) {
            let head = self.head(stream)?.filter(|head| head.save() == Some(*position));
            let Some(head) = head else { continue };
            let Some(state) = self.state_at(stream, &head, &mut texts)? else { continue };
            bytes += state.payload.len();
            items.push(state);
            if items.len() == limit || bytes >= PAGE_BYTES {
                saves.whole = *position;
                break;
            }
        }
        Ok(Page { items, next: Position::new(saves.whole).filter(|_| saves.whole < reach) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SledStore;
    use ego::message::{CommandId, Expected, Metadata};
    use ego::store::{Commit, NewEvent, NewState, Store};
    use std::sync::Arc;

    fn commit(kind: &str, id: u32, number: u32, body: Body) -> Commit {
        let metadata = Metadata::new(CommandId::new(number.to_string()).unwrap(), "Save", jiff::Timestamp::UNIX_EPOCH);
        let stream = StreamId::new(kind, id.to_string()).unwrap();
        let (expected, metadata) = (Expected::Any, Arc::new(metadata));
        Commit { stream, expected, metadata, codec: "raw".into(), body, reply: "".into(), rows: Vec::new() }
    }

    /// What the indexer does, with a moment between any two of its steps.
    fn index(store: &SledStore, random: &mut fastrand::Rng) {
        let mut tail = store.shared.tail.write();
        match tail.frozen.take() {
            Some(applied) if random.bool() => tail.frozen = Some(applied),
            Some(_) => {}
            None => {
                let layer = tail.freeze();
                drop(tail);
                layer.into_iter().for_each(|layer| store.shared.index().unwrap().apply(&layer).unwrap());
            }
        }
    }

    /// States that are in the live layer, in the frozen one, in the index, in two of them, or saved again above where they were.
    #[tokio::test]
    async fn states_are_found_wherever_they_are_and_once() {
        for seed in 0..12 {
            let mut random = fastrand::Rng::with_seed(seed);
            let folder = tempfile::tempdir().unwrap();
            let store = SledStore::options(folder.path()).segment_bytes(1 << 16).open().unwrap();
            let mut saved = BTreeMap::<(&str, u32), (u64, u32)>::new();
            for number in 0..150 {
                let (kind, id) = (if random.u32(..4) == 0 { "basket" } else { "cart" }, random.u32(..10));
                match random.u32(..20) {
                    0..4 => {
                        let event = NewEvent { name: "e".into(), version: 1, payload: "x".into(), tags: vec![] };
                        store.append(vec![commit("note", id, number, Body::Events(vec![event]))]).await.unwrap();
                    }
                    4 if id == 7 => {
                        store.erase(&StreamId::new(kind, id.to_string()).unwrap()).await.unwrap();
                        saved.remove(&(kind, id));
                    }
                    5..8 => index(&store, &mut random),
                    _ => {
                        let state = NewState { version: 1, payload: number.to_string().into() };
                        store.append(vec![commit(kind, id, number, Body::State(state))]).await.unwrap();
                        let head = store.stream_head(&StreamId::new(kind, id.to_string()).unwrap()).await.unwrap().unwrap();
                        if !head.erased {
                            saved.insert((kind, id), (head.position.unwrap().get(), number));
                        }
                    }
                }
                let (after, limit) = (random.u64(..60), random.usize(1..8));
                let kinds: &[Name] = if random.bool() { &[] } else { &["cart".into()] };
                let wanted = |kind: &str, position: u64| position > after && (kinds.is_empty() || kind == "cart");
                let mut expected: Vec<_> =
                    saved.iter().filter(|((kind, _), (position, _))| wanted(kind, *position)).map(|(_, save)| *save).collect();
                expected.sort_unstable();
                let (mut found, mut next) = (Vec::new(), Some(Position::new(after)));
                while let Some(from) = next {
                    let page = store.read_states(from, kinds, limit).await.unwrap();
                    assert!(page.items.len() <= limit);
                    assert!(page.next.is_none_or(|next| Some(next) > from), "seed {seed}: {from:?} leads to {:?}", page.next);
                    let number = |state: &StoredState| std::str::from_utf8(&state.payload).unwrap().parse::<u32>().unwrap();
                    found.extend(page.items.iter().map(|state| (state.position.get(), number(state))));
                    next = page.next.map(Some);
                }
                assert_eq!(found, expected, "seed {seed}, step {number}, behind {after} in pages of {limit}");
            }
            store.close().await.unwrap();
            drop(store);
            assert_eq!(SledStore::verify(folder.path()).unwrap().damage, Vec::<String>::new(), "seed {seed}");
        }
    }
}
