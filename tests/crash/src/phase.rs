//! What a process was in when it was killed, told by what it had said: begun and not ended.

use crate::said::{Chore, Said};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Phase {
    /// Opening a folder in which there is no store yet.
    Creating,
    /// Opening a store that was closed.
    Opening,
    /// Opening a store that was killed.
    Recovery,
    /// Opening a store without its index.
    Rebuilding,
    /// One command was not answered yet.
    Append,
    /// Several were not.
    Group,
    /// One of many pages was not: its write can be cut in two.
    Large,
    Snapshot,
    Checkpoint,
    /// Rows and a checkpoint, together.
    Step,
    /// Deleting events, erasing a stream.
    Retention,
    Compaction,
    Closing,
}

impl Phase {
    pub(crate) const ALL: [Self; 13] = [
        Self::Creating,
        Self::Opening,
        Self::Recovery,
        Self::Rebuilding,
        Self::Append,
        Self::Group,
        Self::Large,
        Self::Snapshot,
        Self::Checkpoint,
        Self::Step,
        Self::Retention,
        Self::Compaction,
        Self::Closing,
    ];

    /// What this chore is; `opening` says what opening is.
    pub(crate) fn of(chore: &Chore, opening: Self) -> Self {
        match chore {
            Chore::Open => opening,
            Chore::Close => Self::Closing,
            Chore::Compact => Self::Compaction,
            Chore::Snapshot { .. } => Self::Snapshot,
            Chore::Checkpoint { .. } => Self::Checkpoint,
            Chore::Step { .. } => Self::Step,
            Chore::Delete { .. } | Chore::Erase { .. } => Self::Retention,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// What a process has said so far.
pub(crate) struct Heard {
    /// What opening is at the moment.
    opening: Phase,
    unanswered: HashSet<String>,
    large: HashMap<String, Instant>,
    going_on: Vec<(Chore, Instant)>,
    pub(crate) answers: u64,
    pub(crate) begun: BTreeMap<Phase, u64>,
    /// How long things took.
    pub(crate) took: Vec<(Phase, Duration)>,
    pub(crate) opened: bool,
    /// How often opening cut a torn write.
    pub(crate) cuts: u64,
    /// Why an index was rebuilt that nobody had removed.
    pub(crate) lost_index: Option<String>,
}

impl Heard {
    pub(crate) fn new(opening: Phase) -> Self {
        Self {
            opening,
            unanswered: HashSet::new(),
            large: HashMap::new(),
            going_on: Vec::new(),
            answers: 0,
            begun: BTreeMap::new(),
            took: Vec::new(),
            opened: false,
            cuts: 0,
            lost_index: None,
        }
    }

    pub(crate) fn hear(&mut self, said: Said) {
        match said {
            Said::Tried(tried) => {
                if tried.is_large() {
                    *self.begun.entry(Phase::Large).or_default() += 1;
                    self.large.insert(tried.token.clone(), Instant::now());
                }
                self.unanswered.insert(tried.token);
            }
            Said::Answered { token, .. } => {
                self.answers += 1;
                self.unanswered.remove(&token);
                self.took.extend(self.large.remove(&token).map(|begun| (Phase::Large, begun.elapsed())));
            }
            Said::Begun(chore) => {
                *self.begun.entry(Phase::of(&chore, self.opening)).or_default() += 1;
                self.going_on.push((chore, Instant::now()));
            }
            Said::Done(chore) | Said::Refused(chore) => {
                let phase = Phase::of(&chore, self.opening);
                if let Some(index) = self.going_on.iter().position(|(one, _)| *one == chore) {
                    self.took.push((phase, self.going_on.swap_remove(index).1.elapsed()));
                }
                if chore == Chore::Open {
                    self.opened = true;
                    // Whoever opens again here has closed before.
                    self.opening = Phase::Opening;
                }
            }
            // A kill may take the index's newest changes, not the index.
            Said::Recovered { cut, rebuilt } => {
                self.cuts += u64::from(cut > 0);
                self.lost_index = rebuilt.filter(|_| self.opening != Phase::Rebuilding).or(self.lost_index.take());
            }
            Said::Saw { .. } => {}
        }
    }

    /// What goes on now.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        let commands = match self.unanswered.len() {
            0 => None,
            1 => Some(Phase::Append),
            _ => Some(Phase::Group),
        };
        let large = (!self.large.is_empty()).then_some(Phase::Large);
        self.going_on.iter().map(|(chore, _)| Phase::of(chore, self.opening)).chain(commands).chain(large).collect()
    }
}
