//! What a scenario is, and what its processes are given: a folder, a source of chance, a way to say what was acknowledged.

use crate::outcome::{Outcome, whole};
use crate::scenarios;
use ego_sled::SledStore;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

/// A machine that is busy may hold up anything for long; what takes longer than this hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// What every process has said so far, one JSON value per line.
pub(crate) const SAID: &str = "said";

/// A domain, and what is to be true of it after a kill.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Opens the store, works on it and says what is acknowledged, until it is killed or has nothing more to do.
    pub(crate) work: fn(Scene) -> BoxFuture<'static, Outcome>,
    /// Opens what is left and compares it with everything that was said since the store was made. What it says itself is kept for the
    /// next check.
    pub(crate) check: fn(Scene) -> BoxFuture<'static, Outcome>,
}

/// What a process of a scenario is given.
#[derive(Clone)]
pub(crate) struct Scene {
    folder: PathBuf,
    /// Counts the processes that worked on this store, from 0: what begins with it is new.
    pub(crate) process: u64,
    pub(crate) random: Rng,
}

impl Scene {
    /// Opens the store; small segments, so that there are several.
    pub(crate) fn open(&mut self) -> Outcome<SledStore> {
        let store = SledStore::options(self.folder.join("store")).segment_bytes(4096 << self.random.u32(..6));
        Ok(store.open().map_err(|error| format!("the store cannot be opened: {}", whole(&error)))?)
    }

    /// A folder of the scenario's own beside the store; the same for all processes of this store.
    #[allow(dead_code, reason = "not every scenario keeps something beside its store")]
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Says it: when this returns, it is known for good, whatever becomes of this process.
    #[allow(clippy::unused_self, reason = "who has no scene says nothing that is heard")]
    pub(crate) fn say(&self, said: &impl Serialize) -> Outcome {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line)?;
        Ok(out.flush()?)
    }

    /// Everything that was said by the processes of this store before this one, in order.
    pub(crate) fn said<T: DeserializeOwned>(&self) -> Outcome<Vec<T>> {
        let text = match std::fs::read(self.folder.join(SAID)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| Ok(serde_json::from_slice(line).map_err(|error| format!("{error}: {}", String::from_utf8_lossy(line)))?))
            .collect()
    }
}

/// What a process is told when it is started.
#[derive(Debug, clap::Args)]
pub(crate) struct Told {
    #[arg(long)]
    scenario: String,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    process: u64,
}

impl Told {
    fn scene(self) -> Outcome<(&'static Scenario, Scene)> {
        let scenario = scenarios::named(&self.scenario)?;
        Ok((scenario, Scene { folder: self.folder, process: self.process, random: Rng::with_seed(self.seed) }))
    }

    pub(crate) async fn work(self) -> Outcome {
        let (scenario, scene) = self.scene()?;
        (scenario.work)(scene).await?;
        // Whoever started the process is gone when nothing more can come from there.
        Ok(std::io::stdin().read_to_end(&mut Vec::new()).map(drop)?)
    }

    pub(crate) async fn check(self) -> Outcome {
        let (scenario, scene) = self.scene()?;
        tokio::time::timeout(PATIENCE, (scenario.check)(scene)).await.map_err(|_| "the check hangs")?
    }
}
