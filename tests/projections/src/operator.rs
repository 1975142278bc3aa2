//! Whoever pauses, resumes, rebuilds, throws away and replays, over and over.

use crate::house::Manner;
use crate::outcome::{Outcome, hold};
use crate::said::{Chore, Said};
use crate::views::ALL;
use ego::Engine;
use ego::consumer::State;
use ego::projection::{OpError, ProjectionHandle, Rebuild};
use fastrand::Rng;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often the views of each projection were thrown away. While they may be, the number is odd.
#[derive(Default)]
pub(crate) struct Forgotten(Mutex<BTreeMap<&'static str, u64>>);

impl Forgotten {
    pub(crate) fn times(&self, name: &str) -> u64 {
        self.0.lock().get(name).copied().unwrap_or_default()
    }

    /// They may be thrown away from here on.
    pub(crate) fn forget(&self, name: &'static str) -> Outcome {
        *self.0.lock().entry(name).or_default() += 1;
        Ok(Said::Forgets { projection: name.to_owned() }.say()?)
    }

    fn forgot(&self, name: &'static str) {
        *self.0.lock().entry(name).or_default() += 1;
    }
}

pub(crate) struct Operator {
    engine: Engine,
    forgotten: Arc<Forgotten>,
    manner: Manner,
    random: Rng,
}

impl Operator {
    pub(crate) fn new(engine: &Engine, forgotten: &Arc<Forgotten>, manner: Manner, random: Rng) -> Self {
        Self { engine: engine.clone(), forgotten: Arc::clone(forgotten), manner, random }
    }

    pub(crate) async fn run(mut self) -> Outcome {
        loop {
            tokio::time::sleep(Duration::from_micros(self.random.u64(..15_000))).await;
            let name = ALL[self.random.usize(..ALL.len())];
            let handle = self.engine.projection_named(name).ok_or("there is no such projection")?;
            self.resume_failed()?;
            let rebuilds = self.manner == Manner::Rebuilds;
            match self.random.u32(..8) {
                0..3 if rebuilds => self.rebuild(name, &handle).await?,
                3 if rebuilds && self.random.bool() => self.reset(name, &handle).await?,
                4 | 5 if self.manner != Manner::Rivals => self.replay(name, &handle).await?,
                _ => self.pause(&handle).await?,
            }
        }
    }

    fn resume_failed(&self) -> Outcome {
        for ailment in self.engine.health().failed {
            let handle = self.engine.projection_named(&ailment.name).ok_or("there is no such projection")?;
            hold!(may_fail(&ailment.name), "{} failed: {:?}", ailment.name, ailment.error);
            handle.resume();
        }
        Ok(())
    }

    async fn pause(&mut self, handle: &ProjectionHandle) -> Outcome {
        Said::Begun(Chore::Pause).say()?;
        if self.random.bool() {
            handle.pause()
        } else {
            handle.stop()
        }
        tokio::time::sleep(Duration::from_micros(self.random.u64(..6000))).await;
        handle.resume();
        Ok(Said::Ended(Chore::Pause).say()?)
    }

    async fn rebuild(&mut self, name: &str, handle: &ProjectionHandle) -> Outcome {
        let how = Rebuild::beside();
        let how = if self.random.bool() { how.only_if_same() } else { how };
        Said::Begun(Chore::Rebuild).say()?;
        match handle.rebuild(how).await {
            // What the picky one takes is not the same in each process.
            Ok(rebuilt) => hold!(rebuilt.same || name == "picky", "{name} was rebuilt and is not the same: {rebuilt:?}"),
            Err(error) => self.refused(name, &error)?,
        }
        Ok(Said::Ended(Chore::Rebuild).say()?)
    }

    async fn reset(&self, name: &'static str, handle: &ProjectionHandle) -> Outcome {
        // One operator at a time; whoever did not hear that it was done does not know when it is.
        if !self.forgotten.times(name).is_multiple_of(2) {
            return Ok(());
        }
        self.forgotten.forget(name)?;
        Said::Begun(Chore::Reset).say()?;
        match handle.reset().await {
            Ok(()) => self.forgotten.forgot(name),
            Err(error) => self.refused(name, &error)?,
        }
        Ok(Said::Ended(Chore::Reset).say()?)
    }

    async fn replay(&mut self, name: &str, handle: &ProjectionHandle) -> Outcome {
        let letters = handle.dead_letters(None, 100).await?.items;
        if letters.is_empty() {
            return Ok(());
        }
        let key = &letters[self.random.usize(..letters.len())].key;
        Said::Begun(Chore::Replay).say()?;
        match handle.replay(key).await {
            Ok(_) | Err(OpError::NoDeadLetter { .. }) => {}
            Err(error) => self.refused(name, &error)?,
        }
        Ok(Said::Ended(Chore::Replay).say()?)
    }

    /// Others may pause it, build it or make it fail meanwhile; nothing else is in the way.
    fn refused(&self, name: &str, error: &OpError) -> Outcome {
        let expected = match error {
            OpError::Rebuilding | OpError::Stopped => true,
            OpError::NotBuilt { .. } => may_fail(name),
            OpError::NotRunning { state } => matches!(state, State::Paused | State::Stopped | State::Failed),
            _ => false,
        };
        hold!(expected, "{name} refused: {error}");
        Ok(())
    }
}

/// Who has little patience fails at last: with handlers, or with a store that fails twice.
fn may_fail(name: &str) -> bool {
    name == "flaky" || name == "picky"
}
