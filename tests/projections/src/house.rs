//! How the store and the engine are opened, and what every process of a case is told.

use crate::facts::Facts;
use crate::outcome::{Outcome, whole};
use crate::shaky::Shaky;
use crate::views::{Moods, run};
use ego::Engine;
use ego::engine::Limits;
use ego_sled::SledStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A machine that is busy may hold up anything for long; what takes longer than this hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// What goes on besides commands, pauses and failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Manner {
    /// Views are built anew, thrown away, and found as another version left them.
    Rebuilds,
    /// Events that all have folded are deleted.
    Retention,
    /// Two engines on one store fold the same projections.
    Rivals,
}

/// What every process of a case is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Told {
    /// The case's folder.
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// What it does depends on it.
    #[arg(long)]
    pub(crate) seed: u64,
    #[arg(long, value_enum)]
    pub(crate) manner: Manner,
    /// Up to where the views of each projection were seen before, as JSON.
    #[arg(long)]
    pub(crate) saw: String,
}

impl Told {
    pub(crate) fn open(&self, random: &mut fastrand::Rng) -> Outcome<SledStore> {
        let store = SledStore::options(self.folder.join("store")).segment_bytes(16384 << random.u32(..6)).cache_bytes(1 << 20);
        Ok(store.open().map_err(|error| format!("the store cannot be opened: {}", whole(&error)))?)
    }

    pub(crate) fn facts(&self) -> Outcome<Arc<Facts>> {
        Ok(Arc::new(Facts::open(&self.archive())?))
    }

    fn archive(&self) -> PathBuf {
        Path::new(&self.folder).join("archive")
    }
}

pub(crate) async fn start(store: Shaky, moods: &Arc<Moods>, batches: &[usize], random: &mut fastrand::Rng) -> Outcome<Engine> {
    let limits = Limits { active_aggregates: 8, timeout: PATIENCE, ..Limits::default() };
    let builder = Engine::builder().store(store).limits(limits).service::<Moods>(Arc::clone(moods));
    let engine = run(builder, batches, random).start().await;
    Ok(engine.map_err(|error| format!("the engine does not start: {}", whole(&error)))?)
}
