//! Clients: each sends random commands, the next as soon as the last was answered, some of them twice.

use crate::house::{HALL, NOTE, TILL, stream};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::said::Said;
use crate::tried::{Answer, Asked, Tried, append};
use ego::Engine;
use ego::message::{Expected, Revision, StreamId};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The last revision that anybody was told of, per stream.
pub(crate) type Revisions = Arc<Mutex<HashMap<StreamId, Revision>>>;

pub(crate) struct Client {
    engine: Engine,
    random: Random,
    name: String,
    number: u64,
    revisions: Revisions,
    /// What was sent under an id of its own.
    recent: VecDeque<Tried>,
}

impl Client {
    pub(crate) fn new(engine: &Engine, random: Random, name: String, revisions: &Revisions) -> Self {
        let (engine, revisions) = (engine.clone(), Arc::clone(revisions));
        Self { engine, random, name, number: 0, revisions, recent: VecDeque::new() }
    }

    pub(crate) async fn sends(mut self, commands: u64) -> Outcome {
        for _ in 0..commands {
            match self.random.below(16) {
                0 => self.batch().await?,
                1 => self.twice_at_once().await?,
                2 | 3 => self.again().await?,
                _ => self.once().await?,
            }
        }
        Ok(())
    }

    async fn once(&mut self) -> Outcome {
        let tried = self.next()?;
        Said::Tried(tried.clone()).say()?;
        let (answer, repeated) = tried.send(&self.engine, None).await?;
        self.tell(&tried, answer, repeated)
    }

    async fn twice_at_once(&mut self) -> Outcome {
        let tried = Tried { own_id: true, ..self.next()? };
        Said::Tried(tried.clone()).say()?;
        let (one, other) = tokio::join!(tried.send(&self.engine, None), tried.send(&self.engine, None));
        let mut answers = vec![one?, other?];
        // A refusal is not recorded: the other one may have been accepted, and that is what counts.
        if answers.iter().any(|(answer, _)| matches!(answer, Answer::Promised(_))) {
            answers.retain(|(answer, _)| matches!(answer, Answer::Promised(_)));
        }
        answers.into_iter().try_for_each(|(answer, repeated)| self.tell(&tried, answer, repeated))
    }

    async fn again(&mut self) -> Outcome {
        let index = self.random.below(self.recent.len() as u64) as usize;
        let Some(tried) = self.recent.get(index).cloned() else { return self.once().await };
        // If it was refused, it is decided anew.
        Said::Tried(tried.clone()).say()?;
        let (answer, repeated) = tried.send(&self.engine, None).await?;
        self.tell(&tried, answer, repeated)
    }

    /// Commits that build on each other, given to the store as one batch.
    async fn batch(&mut self) -> Outcome {
        let to = stream(TILL, self.random.below(16))?;
        let mut last = self.last(&to);
        let mut batch = Vec::new();
        for _ in 0..self.random.between(2, 4) {
            let (by, times) = (self.random.below(30), self.random.between(1, 3));
            let (token, stream, asked) = (self.token(), to.clone(), Asked::Direct { by, times });
            batch.push(Tried { token, stream, asked, own_id: true, expected: Expected::last(last) });
            last = Revision::after(last, times);
        }
        batch.iter().try_for_each(|tried| Said::Tried(tried.clone()).say())?;
        let answers = append(self.engine.store(), &batch).await?;
        batch.iter().zip(answers).try_for_each(|(tried, (answer, repeated))| self.tell(tried, answer, repeated))
    }

    fn tell(&mut self, tried: &Tried, answer: Answer, repeated: bool) -> Outcome {
        if let Answer::Promised(promise) = &answer
            && let Some(revision) = promise.revision.and_then(Revision::new)
        {
            let mut revisions = self.revisions.lock();
            let last = revisions.entry(tried.stream.clone()).or_insert(revision);
            *last = revision.max(*last);
        }
        if tried.own_id {
            self.recent.push_back(tried.clone());
            if self.recent.len() > 8 {
                self.recent.pop_front();
            }
        }
        Ok(Said::Answered { token: tried.token.clone(), answer, repeated }.say()?)
    }

    fn last(&self, stream: &StreamId) -> Option<Revision> {
        self.revisions.lock().get(stream).copied()
    }

    fn token(&mut self) -> String {
        self.number += 1;
        format!("{}-{}", self.name, self.number)
    }

    fn next(&mut self) -> Outcome<Tried> {
        let token = self.token();
        let random = &mut self.random;
        let (to, asked) = match random.below(10) {
            0..=5 => (stream(TILL, random.below(16))?, till(random)),
            6..=8 => (stream(HALL, random.below(6))?, hall(random)),
            _ => (stream(NOTE, random.below(3))?, Asked::Keep { size: random.below(300) as usize }),
        };
        let for_store = matches!(asked, Asked::Direct { .. } | Asked::Keep { .. });
        let own_id = for_store || !self.random.one_in(4);
        let expected = match self.random.below(20) {
            0..=3 => Expected::last(self.last(&to)),
            4 => Expected::Exists,
            _ => Expected::Any,
        };
        Ok(Tried { token, stream: to, asked, own_id, expected })
    }
}

fn till(random: &mut Random) -> Asked {
    match random.below(12) {
        0 => Asked::Look,
        1..=3 => Asked::Take { by: random.below(150) },
        4 => Asked::Direct { by: random.below(50), times: random.between(1, 3) },
        _ => {
            let most = if random.one_in(20) { 3000 } else { 200 };
            Asked::Add { by: random.below(60), times: random.between(1, 4), note: random.below(most) as usize }
        }
    }
}

fn hall(random: &mut Random) -> Asked {
    match random.below(10) {
        0..=5 => Asked::Seat { guest: random.below(9) },
        6..=8 => Asked::Leave { guest: random.below(9) },
        _ => Asked::Clear,
    }
}
