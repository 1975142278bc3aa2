//! All that was said by any process of a store's life, and what checks saw of the log: what the next check compares with.

use crate::outcome::{Outcome, hold};
use crate::said::{Chore, Said};
use crate::tried::{Answer, Tried};
use ego::message::StreamId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) tries: BTreeMap<String, Track>,
    /// Tokens, in the order in which they were tried.
    pub(crate) order: Vec<String>,
    /// What stood at each position when it was checked last.
    pub(crate) seen: BTreeMap<u64, Seen>,
    /// The head of the log when it was checked last.
    pub(crate) head: u64,
    /// What readers of the log saw since: behind which position, up to which, as which number.
    pub(crate) saw: Vec<(u64, u64, u64)>,
    pub(crate) piles: BTreeMap<StreamId, Pile>,
    pub(crate) checkpoints: BTreeMap<String, Checkpoint>,
    pub(crate) snapshots: BTreeSet<(StreamId, u64)>,
}

/// An attempt, and what is known of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) tried: Tried,
    /// `None` while the process was killed before it was answered.
    pub(crate) answer: Option<Answer>,
    /// Whether it was answered as done, rather than as repeated.
    pub(crate) fresh: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) digest: u64,
    /// Of a pile: which, and which revision. It may be deleted.
    pub(crate) pile: Option<(StreamId, u64)>,
}

/// A stream of events that get deleted.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Pile {
    /// Up to which revision events are gone for sure, and up to which they may be.
    pub(crate) deleted: u64,
    pub(crate) deleting: u64,
    pub(crate) erased: bool,
    pub(crate) erasing: bool,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) done: Option<u64>,
    pub(crate) begun: Option<u64>,
}

impl Pile {
    /// Whether the event with this revision may be gone.
    pub(crate) fn may_lack(&self, revision: u64) -> bool {
        self.erasing || revision <= self.deleting
    }
}

impl Known {
    pub(crate) fn load(file: &Path) -> Outcome<Self> {
        Ok(if file.exists() { postcard::from_bytes(&std::fs::read(file)?)? } else { Self::default() })
    }

    pub(crate) fn save(&self, file: &Path) -> Outcome {
        Ok(std::fs::write(file, postcard::to_stdvec(self)?)?)
    }

    pub(crate) fn hear(&mut self, said: Said) -> Outcome {
        match said {
            Said::Tried(tried) => self.tried(tried)?,
            Said::Answered { token, answer, repeated } => self.answered(&token, answer, repeated)?,
            Said::Begun(chore) => self.begun(chore),
            Said::Done(chore) => self.done(chore),
            Said::Refused(chore) => hold!(matches!(chore, Chore::Delete { .. }), "{chore:?} was refused"),
            Said::Recovered { .. } => {}
            Said::Saw { after, position, digest } => self.saw.push((after, position, digest)),
        }
        Ok(())
    }

    fn tried(&mut self, tried: Tried) -> Outcome {
        self.order.push(tried.token.clone());
        match self.tries.get_mut(&tried.token) {
            Some(track) => {
                hold!(track.tried == tried, "the harness named two attempts {}", tried.token);
                // Tried again: only a promise stays what it is, whatever comes of it.
                track.answer.take_if(|answer| !matches!(answer, Answer::Promised(_)));
            }
            None => drop(self.tries.insert(tried.token.clone(), Track { tried, answer: None, fresh: false })),
        }
        Ok(())
    }

    /// I11: whatever is answered, it is the one promise, and it is done once.
    pub(crate) fn answered(&mut self, token: &str, answer: Answer, repeated: bool) -> Outcome {
        let track = self.tries.get_mut(token).ok_or("it was answered and not tried")?;
        if let Some(before @ Answer::Promised(_)) = &track.answer {
            hold!(*before == answer, "{token} was answered {before:?} and then {answer:?} (I11)");
        }
        if matches!(answer, Answer::Promised(_)) && !repeated {
            hold!(!track.fresh, "{token} took effect twice: {answer:?} (I11)");
            track.fresh = true;
        }
        track.answer = Some(answer);
        Ok(())
    }

    fn begun(&mut self, chore: Chore) {
        match chore {
            Chore::Snapshot { stream, revision } => drop(self.snapshots.insert((stream, revision))),
            Chore::Checkpoint { consumer, position } | Chore::Step { consumer, position } => {
                self.checkpoints.entry(consumer).or_default().begun = Some(position);
            }
            Chore::Delete { stream, revision } => {
                let pile = self.piles.entry(stream).or_default();
                pile.deleting = pile.deleting.max(revision);
            }
            Chore::Erase { stream } => self.piles.entry(stream).or_default().erasing = true,
            Chore::Open | Chore::Close | Chore::Compact => {}
        }
    }

    fn done(&mut self, chore: Chore) {
        match chore {
            Chore::Checkpoint { consumer, position } | Chore::Step { consumer, position } => {
                self.checkpoints.insert(consumer, Checkpoint { done: Some(position), begun: None });
            }
            Chore::Delete { stream, revision } => {
                let pile = self.piles.entry(stream).or_default();
                pile.deleted = pile.deleted.max(revision);
            }
            Chore::Erase { stream } => self.piles.entry(stream).or_default().erased = true,
            Chore::Snapshot { .. } | Chore::Open | Chore::Close | Chore::Compact => {}
        }
    }

    pub(crate) fn pile(&self, stream: &StreamId) -> Pile {
        self.piles.get(stream).copied().unwrap_or_default()
    }
}
