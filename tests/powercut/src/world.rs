//! What a store must hold, may hold and must not hold, by what was said until the cut.

use crate::rows::VIEW;
use crate::said::{Does, Said, Told};
use std::collections::{BTreeMap, BTreeSet};

/// Something that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    pub(crate) id: String,
    pub(crate) does: Does,
    pub(crate) answer: Answer,
    /// Whether the store was closed well after the answer: then it survives in the buffered mode, too.
    pub(crate) closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    None,
    Done(Told),
    Refused,
}

/// Everything that was said until some moment.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// In the order in which it was tried.
    pub(crate) tried: Vec<Tried>,
    by_id: BTreeMap<String, usize>,
    /// Of commands that were compacted away: no file of the log may hold their notes.
    pub(crate) wiped: BTreeSet<String>,
}

impl World {
    pub(crate) fn of(said: &[Said]) -> Self {
        let mut world = Self::default();
        // By the id of a compaction: whose streams were erased, and up to where deleted, before it began.
        let mut before: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for said in said {
            match said {
                Said::Tried { id, does } => {
                    if *does == Does::Compact {
                        before.insert(id, world.gone());
                    }
                    world.by_id.insert(id.clone(), world.tried.len());
                    world.tried.push(Tried { id: id.clone(), does: does.clone(), answer: Answer::None, closed: false });
                }
                Said::Done { id, told } => {
                    world.answer(id, Answer::Done(told.clone()));
                    if let Some(gone) = before.remove(id.as_str()) {
                        world.wiped.extend(gone);
                    }
                    if id.ends_with("-close") {
                        world.tried.iter_mut().for_each(|tried| tried.closed = true);
                    }
                }
                Said::Refused { id } => world.answer(id, Answer::Refused),
            }
        }
        world
    }

    fn answer(&mut self, id: &str, answer: Answer) {
        if let Some(tried) = self.by_id.get(id).and_then(|index| self.tried.get_mut(*index)) {
            tried.answer = answer;
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Tried> {
        self.by_id.get(id).and_then(|index| self.tried.get(*index))
    }

    /// The commits whose events are all gone, by what was acknowledged.
    fn gone(&self) -> BTreeSet<String> {
        let mut gone = BTreeSet::new();
        for tried in &self.tried {
            let (Does::Append { vault, .. }, Answer::Done(told)) = (&tried.does, &tried.answer) else { continue };
            let (deleted, erased) = (self.deleted(vault).0, self.erased(vault).0);
            if erased || told.revision.is_some_and(|revision| revision <= deleted) {
                gone.insert(tried.id.clone());
            }
        }
        gone
    }

    /// Up to where a vault's events are deleted for certain, and at most.
    pub(crate) fn deleted(&self, vault: &str) -> (u64, u64) {
        let (mut least, mut most) = (0, 0);
        for tried in &self.tried {
            match &tried.does {
                Does::Delete { vault: of, revision } if of == vault => match tried.answer {
                    Answer::Done(_) => (least, most) = (least.max(*revision), most.max(*revision)),
                    Answer::None => most = most.max(*revision),
                    Answer::Refused => {}
                },
                _ => {}
            }
        }
        (least, most)
    }

    /// Whether a vault is erased for certain, and whether it may be.
    pub(crate) fn erased(&self, vault: &str) -> (bool, bool) {
        let of = |tried: &&Tried| matches!(&tried.does, Does::Erase { vault: of } if of == vault);
        let done = |tried: &Tried| matches!(tried.answer, Answer::Done(_));
        (self.tried.iter().filter(of).any(done), self.tried.iter().any(|tried| of(&tried)))
    }

    /// Where each consumer may stand – `None` for one that is not known – the last that was acknowledged first.
    pub(crate) fn consumers(&self) -> BTreeMap<&str, Vec<Option<u64>>> {
        let mut consumers: BTreeMap<&str, Vec<Option<u64>>> = BTreeMap::new();
        for tried in &self.tried {
            let (consumer, place) = match &tried.does {
                Does::Checkpoint { consumer, position } => (consumer.as_str(), Some(position.unwrap_or(0))),
                Does::Forget { consumer } => (consumer.as_str(), None),
                Does::Step { position } => (VIEW, Some(*position)),
                _ => continue,
            };
            let places = consumers.entry(consumer).or_insert_with(|| vec![None]);
            if let Answer::Done(_) = tried.answer {
                places.clear();
            }
            places.push(place);
        }
        consumers
    }
}
