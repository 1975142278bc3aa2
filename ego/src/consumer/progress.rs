//! How far a consumer has come, and its checkpoint, which follows without a write for every event that is none of its own.

use super::ground::Consumer;
use crate::engine::Shared;
use crate::message::Position;
use crate::store::{Advance, Step, Stepped, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// From where on a consumer that has no checkpoint yet follows the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begin {
    /// From the first event on.
    #[default]
    Start,
    /// From the first event on that is recorded after the engine's start.
    Now,
}

/// How many positions of others may pass before the checkpoint follows.
pub(crate) const POSITIONS: u64 = 4096;
/// How long it may take until then.
pub(crate) const TIME: Duration = Duration::from_secs(5);

pub(crate) struct Progress {
    /// Whose checkpoint it is; `None` keeps none.
    consumer: Option<String>,
    /// Up to where everything is finished.
    reached: Option<Position>,
    /// What the store knows of it.
    kept: Option<Position>,
    /// Whether something was done since then that should not be done again.
    effects: bool,
    /// Since when the store knows less.
    behind: Option<Instant>,
}

impl Progress {
    /// Without a checkpoint, behind this place.
    pub(crate) fn unkept(after: Option<Position>) -> Self {
        Self { consumer: None, reached: after, kept: after, effects: false, behind: None }
    }

    /// Behind the consumer's checkpoint.
    pub(crate) async fn of(consumer: &str, shared: &Shared) -> Result<Self, StoreError> {
        let after = shared.store.load_checkpoint(consumer).await?;
        Ok(Self { consumer: Some(consumer.to_owned()), ..Self::unkept(after) })
    }

    pub(crate) fn reached(&self) -> Option<Position> {
        self.reached
    }

    /// Everything up to here was done.
    pub(crate) fn finished(&mut self, position: Position) {
        self.effects = true;
        self.passed(position);
    }

    /// There was nothing to do up to here.
    pub(crate) fn passed(&mut self, position: Position) {
        self.reached = self.reached.max(Some(position));
        if self.consumer.is_some() && self.reached != self.kept {
            self.behind.get_or_insert_with(Instant::now);
        }
    }

    /// When the checkpoint has to follow; `None` when it stands where everything is finished.
    pub(crate) fn due(&self) -> Option<Instant> {
        let behind = self.behind?;
        let far = self.reached.map_or(0, Position::get).saturating_sub(self.kept.map_or(0, Position::get)) >= POSITIONS;
        Some(if self.effects || far { behind } else { behind + TIME })
    }

    /// Lets the checkpoint follow. `false` when somebody else moved it: then everything goes on from there.
    ///
    /// # Errors
    /// [`StoreError`]; what the store knows is then unknown, and found out the next time.
    pub(crate) async fn keep(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        let mut ours = true;
        if let (Some(consumer), Some(to)) = (&self.consumer, self.reached)
            && self.reached != self.kept
        {
            let advance = Advance { consumer: consumer.clone(), from: self.kept, to };
            match shared.store.step(Step { advance: Some(advance), rows: Vec::new() }).await? {
                // An answer that was lost before is no other's step.
                Stepped::Overtaken { checkpoint } if checkpoint != Some(to) => {
                    tracing::warn!(consumer, ?checkpoint, "somebody else moved the checkpoint; going on from there");
                    self.reached = checkpoint;
                    ours = false;
                }
                _ => {}
            }
        }
        (self.kept, self.effects, self.behind) = (self.reached, false, None);
        Ok(ours)
    }
}

/// Gives a checkpoint to those that have none: from now on nothing that they have not finished is deleted, and "now" stays this moment.
pub(crate) async fn enter(consumers: &[Arc<dyn Consumer>], shared: &Shared) -> Result<(), StoreError> {
    let known: BTreeMap<_, _> = shared.store.list_checkpoints().await?.into_iter().collect();
    for (consumer, begin) in consumers.iter().filter_map(|consumer| consumer.entry()) {
        if !known.contains_key(consumer) {
            let first = if begin == Begin::Now { shared.head_at_start } else { None };
            shared.store.save_checkpoint(consumer, first).await?;
        }
    }
    Ok(())
}
