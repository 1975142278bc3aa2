//! Building all views anew, beside those that are read.

use super::follow::Asked;
use super::handle::{OpError, Rebuilt};
use super::ops::{Answer, Done};
use super::projected::Projected;
use super::record::Record;
use super::source::Sources;
use super::track::{Halt, Track};
use crate::consumer::{State, Wanted};
use crate::message::{Name, Position};
use crate::store::{Step, Store, StoreError};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

impl<P: Sources> Projected<P> {
    /// The record as it is kept; with something to build when there is nothing of this version to read.
    pub(super) async fn reload_record(&self) -> Result<Record, Halt> {
        let store = &self.shared.store;
        let found = Record::load(store, P::NAME, P::MODE).await?;
        let mut record = found.unwrap_or_else(|| Record::first(P::VERSION, P::MODE));
        let of_this_version = |built: super::record::Built| built.version == P::VERSION;
        if record.building.is_some_and(|built| !of_this_version(built)) {
            record.building = None;
        }
        if !record.live.is_some_and(of_this_version) && record.building.is_none() {
            record = record.with_building(P::VERSION, false);
        }
        if found != Some(record) {
            store.step(Step { advance: None, rows: vec![record.row(P::NAME)] }).await?;
        }
        self.set_record(record);
        Ok(record)
    }

    /// Builds what the record says, keeping `live` up to date meanwhile, and lets it take its place. When it cannot be built, `live` goes on.
    pub(super) async fn build(
        self: &Arc<Self>,
        asked: &mut Asked,
        batch: usize,
        mut live: Option<Track<P>>,
        answer: Option<Answer>,
    ) -> Result<(), Halt> {
        let record = self.record();
        let Some(target) = record.building else { return Ok(()) };
        tracing::info!(projection = P::NAME, version = P::VERSION, "its views are built anew");
        let mut new = Track::begin(self, target.generation).await?.in_batches_of(batch);
        self.built(new.reached);
        let built = match self.build_beside(asked, &mut live, &mut new).await {
            Err(Halt::Failed(generation, _)) if generation == target.generation && live.is_some() => {
                let error = self.control.ailment().error.map(|error| error.message).unwrap_or_default();
                tracing::error!(projection = P::NAME, error, "its views could not be built anew");
                Err(OpError::NotBuilt { error })
            }
            built => Ok(built?),
        };
        let rebuilt = built.map(|rebuilt| Rebuilt { swapped: rebuilt.same || !record.only_if_same, ..rebuilt });
        let swapped = rebuilt.as_ref().is_ok_and(|rebuilt| rebuilt.swapped);
        let done = if swapped { record.swapped() } else { Record { building: None, ..record } };
        // I6: which views are read changes in the step that says how far they are. A crash before it goes on building.
        let saver = if swapped { &mut new } else { live.as_mut().unwrap_or(&mut new) };
        saver.keep(vec![done.row(P::NAME)]).await?;
        self.set_record(done);
        if swapped {
            self.control.reached(new.reached, 0);
        }
        tracing::info!(projection = P::NAME, ?rebuilt, "its views were built anew");
        if let Some(answer) = answer {
            let _ = answer.send(rebuilt.map(Done::Rebuilt));
        }
        Ok(())
    }

    async fn build_beside(&self, asked: &mut Asked, live: &mut Option<Track<P>>, new: &mut Track<P>) -> Result<Rebuilt, Halt> {
        loop {
            self.control.say(State::Rebuilding);
            if self.control.wanted() != Wanted::Run {
                if let Some(live) = live {
                    live.interrupted().await.or_else(unless_interrupted)?;
                }
                new.interrupted().await?;
            }
            let Some(live) = live else {
                if new.is_behind().await? {
                    new.round(None).await?;
                    continue;
                }
                new.settle().await?;
                let views = self.sum(&new.tables.views).await?.0;
                return Ok(Rebuilt { position: new.reached, views, before: 0, same: false, swapped: true });
            };
            if let Ok((op, answer)) = asked.try_recv() {
                live.settle().await?;
                self.letters(live, op, answer).await?;
            }
            if live.is_behind().await? {
                live.round(None).await?;
            }
            let gap = position(live.reached).saturating_sub(position(new.reached));
            // The log may grow all the time: the last page is folded while the other one is held up.
            if gap > new.batch() as u64 && new.is_behind().await? {
                new.round(None).await?;
            } else {
                self.level(live, new).await?;
                return Ok(self.compare(live, new).await?);
            }
        }
    }

    /// Folds both up to the same position.
    async fn level(&self, live: &mut Track<P>, new: &mut Track<P>) -> Result<(), Halt> {
        live.settle().await?;
        new.settle().await?;
        let to = live.reached.max(new.reached);
        for track in [live, new] {
            while track.reached < to {
                track.round(to).await?;
                track.settle().await?;
            }
        }
        Ok(())
    }

    async fn compare(&self, live: &Track<P>, new: &Track<P>) -> Result<Rebuilt, StoreError> {
        let (before, old_sum) = self.sum(&live.tables.views).await?;
        let (views, new_sum) = self.sum(&new.tables.views).await?;
        let same = before == views && old_sum == new_sum;
        Ok(Rebuilt { position: new.reached, views, before, same, swapped: same })
    }

    /// How many rows a table has, and a sum over them in which their order plays no part.
    async fn sum(&self, table: &Name) -> Result<(u64, u64), StoreError> {
        let (mut rows, mut sum, mut start) = (0, 0_u64, Vec::new());
        loop {
            let page = self.shared.store.list_rows(table, &start, None, 1000).await?;
            for row in &page.items {
                let mut hasher = DefaultHasher::new();
                hasher.write_usize(row.key.len());
                hasher.write(&row.key);
                hasher.write(&row.value);
                sum = sum.wrapping_add(hasher.finish());
                rows += 1;
            }
            match page.next {
                Some(next) => start = next.to_vec(),
                None => return Ok((rows, sum)),
            }
        }
    }
}

fn position(position: Option<Position>) -> u64 {
    position.map_or(0, Position::get)
}

fn unless_interrupted(halt: Halt) -> Result<(), Halt> {
    if matches!(halt, Halt::Interrupted) { Ok(()) } else { Err(halt) }
}
