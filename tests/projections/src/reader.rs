//! Whoever reads views while they are folded: with their checkpoint they are what the log says, and never go back.

use crate::facts::Facts;
use crate::kept::Kept;
use crate::operator::Forgotten;
use crate::outcome::{Outcome, hold};
use crate::said::Said;
use crate::views::ALL;
use ego_sled::SledStore;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn run(
    store: SledStore,
    facts: Arc<Facts>,
    forgotten: Arc<Forgotten>,
    mut saw: BTreeMap<String, u64>,
) -> Outcome {
    // How often each was thrown away when it was read last.
    let mut times = BTreeMap::<&str, u64>::new();
    loop {
        for name in ALL {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let before = forgotten.times(name);
            let Some(kept) = Kept::read(&store, name).await? else { continue };
            facts.read_on(&store).await?;
            kept.check(&facts)?;
            if before != forgotten.times(name) || before != *times.entry(name).or_default() || before % 2 == 1 {
                saw.remove(name);
                times.insert(name, forgotten.times(name));
                continue;
            }
            let last = saw.insert(name.to_owned(), kept.upto).unwrap_or_default();
            hold!(kept.upto >= last, "{name} went back from {last} to {}", kept.upto);
            if kept.upto > last {
                Said::Saw { projection: name.to_owned(), position: kept.upto }.say()?;
            }
        }
    }
}
