//! The process that is killed: it opens the store and works until then.

use crate::chores::{checkpoints, follow, large, snapshots, upkeep};
use crate::clients::{Client, Revisions};
use crate::house;
use crate::outcome::Outcome;
use crate::random::Random;
use crate::said::{Chore, Said};
use crate::views::{VIEWS, project};
use ego::Engine;
use ego_sled::SledStore;
use std::io::Read;
use std::path::PathBuf;
use tokio::task::JoinSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Child {
    /// The store's folder.
    #[arg(long)]
    pub(crate) store: PathBuf,
    /// What its commands depend on.
    #[arg(long)]
    pub(crate) seed: u64,
    /// What its command ids begin with.
    #[arg(long)]
    pub(crate) name: String,
    /// What it does.
    #[arg(long, value_enum)]
    pub(crate) work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// Opens the store, and no more.
    Open,
    /// One client.
    Append,
    /// Many clients, consumers with checkpoints, a reader of the log.
    Group,
    /// Clients with large states, so that the writer writes most of the time.
    Large,
    /// Some clients, and snapshots.
    Snapshot,
    /// Some clients, deleting, erasing and compacting.
    Compact,
    /// Opens, works a little and closes, over and over.
    Reopen,
}

/// How many commands clients send, together.
const MOST_COMMANDS: u64 = 200;

impl Child {
    pub(crate) async fn run(self) -> Outcome {
        let mut random = Random::new(self.seed);
        let segment_bytes = if self.work == Work::Large { 4 << 20 } else { 4096 << random.below(5) };
        loop {
            Said::Begun(Chore::Open).say()?;
            let (store, engine) = house::open(&self.store, segment_bytes).await?;
            let recovery = store.recovery();
            Said::Recovered { cut: recovery.bytes_cut, rebuilt: recovery.index_rebuilt.clone() }.say()?;
            Said::Done(Chore::Open).say()?;
            match self.work {
                Work::Open => return until_killed(),
                Work::Reopen => {
                    let (clients, each) = (random.between(1, 5), random.below(6));
                    ended(self.clients(&engine, &mut random, clients, each)).await?;
                    Said::Begun(Chore::Close).say()?;
                    engine.stop(house::PATIENCE).await?;
                    Said::Done(Chore::Close).say()?;
                }
                _ => {
                    ended(self.works(&store, &engine, &mut random)).await?;
                    return until_killed();
                }
            }
        }
    }

    fn works(&self, store: &SledStore, engine: &Engine, random: &mut Random) -> JoinSet<Outcome> {
        let clients = match self.work {
            Work::Append | Work::Large => 1,
            Work::Group => random.between(4, 24),
            _ => 4,
        };
        // Whoever is killed late on a fast disk would leave a log that takes long to check.
        let mut all = self.clients(engine, random, clients, MOST_COMMANDS / clients);
        let own = Random::new(random.number());
        match self.work {
            Work::Group => {
                let store = store.clone();
                all.spawn(follow(store.clone()));
                for view in VIEWS {
                    all.spawn(project(store.clone(), view));
                }
                all.spawn(async move {
                    loop {
                        checkpoints(&store).await?;
                    }
                });
            }
            Work::Snapshot => {
                all.spawn(snapshots(store.clone(), Random::new(random.number())));
                all.spawn(snapshots(store.clone(), own));
            }
            Work::Large => {
                for client in 0..4 {
                    all.spawn(large(engine.clone(), format!("{}-l{client}", self.name)));
                }
            }
            Work::Compact => {
                all.spawn(upkeep(engine.clone(), store.clone(), own, format!("{}-u", self.name)));
                all.spawn(follow(store.clone()));
            }
            Work::Open | Work::Append | Work::Reopen => {}
        }
        all
    }

    fn clients(&self, engine: &Engine, random: &mut Random, clients: u64, commands: u64) -> JoinSet<Outcome> {
        let (mut all, revisions) = (JoinSet::new(), Revisions::default());
        for _ in 0..clients {
            let own = Random::new(random.number());
            let name = format!("{}-{:x}", self.name, random.number() >> 16);
            all.spawn(Client::new(engine, own, name, &revisions).sends(commands));
        }
        all
    }
}

/// Whoever started the process is gone when nothing more can come from there.
fn until_killed() -> Outcome {
    Ok(std::io::stdin().read_to_end(&mut Vec::new()).map(drop)?)
}

async fn ended(mut all: JoinSet<Outcome>) -> Outcome {
    while let Some(ended) = all.join_next().await {
        ended??;
    }
    Ok(())
}
