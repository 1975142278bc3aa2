//! Reading states, with a fault.

use super::faults::Fault;
use super::store::Broken;
use ego::message::{Name, Position};
use ego::store::{Page, Store, StoreError, StoredState};
use std::sync::Arc;

impl Broken {
    pub(crate) async fn read_states_broken(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        let one = limit.max(1);
        let mut all = self.inner.read_states(None, &[], usize::MAX).await?.items;
        let saves = self.kept().saves.clone();
        match self.fault {
            Some(Fault::ZeroIsNothing) if limit == 0 => return Ok(Page { items: Vec::new(), next: None }),
            Some(Fault::EverySaveIsRead) => all = saves,
            Some(Fault::StatesAreCached) => all = self.kept().states.get_or_insert(all).clone(),
            Some(Fault::ErasedStatesAreRead) => {
                let gone = saves.iter().filter(|save| !all.iter().any(|state| state.stream == save.stream));
                all.extend(gone.cloned().collect::<Vec<_>>());
                all.sort_by_key(|state| state.position);
            }
            Some(Fault::StatesOfEverything) => {
                let Some(like) = all.first().cloned() else { return Ok(Page { items: Vec::new(), next: None }) };
                let heads = self.inner.list_streams(None, None, usize::MAX).await?.items;
                let others = heads.into_iter().filter(|head| head.first.is_some());
                all.extend(
                    others.filter_map(|head| Some(StoredState { stream: head.stream, position: head.position?, ..like.clone() })),
                );
            }
            Some(Fault::OldStates) => {
                // A state that was saved again gives its place, and not its content.
                for state in &mut all {
                    let before = saves.iter().rev().find(|save| save.stream == state.stream && save.position < state.position);
                    if state.position.get() % 7 == 0
                        && let Some(before) = before
                    {
                        state.payload = before.payload.clone();
                    }
                }
            }
            Some(Fault::StatesReadUntilClosed) if self.again => all.clear(),
            Some(Fault::StatesReadThin) => {
                all.iter_mut().for_each(|state| Arc::make_mut(&mut state.metadata).entries.clear());
            }
            _ => {}
        }
        let starts = |state: &StoredState| match self.fault {
            Some(Fault::StatesStartAt) => Some(state.position) >= after,
            _ => Some(state.position) > after,
        };
        let of_kind = |state: &StoredState| match self.fault {
            _ if kinds.is_empty() => true,
            Some(Fault::StatesByPrefix) => kinds.iter().any(|kind| state.stream.kind().starts_with(&**kind)),
            _ => kinds.iter().any(|kind| kind == state.stream.kind()),
        };
        all.retain(|state| starts(state) && of_kind(state));
        if self.has(Fault::StatesByName) {
            all.sort_by(|a, b| a.stream.cmp(&b.stream));
        }
        let more = all.len() > one;
        all.truncate(if self.has(Fault::IgnoresLimits) { usize::MAX } else { one });
        let mut next = if more { all.last().map(|state| state.position) } else { None };
        if self.has(Fault::StatesSkip) {
            next = next.map(Position::next);
        }
        if self.has(Fault::FullPageEnds) {
            next = None;
        }
        Ok(Page { items: all, next })
    }
}
