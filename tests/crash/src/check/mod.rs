//! The process that opens what the killed one left, and compares it with everything that was said. Whatever does not hold ends it with a
//! sentence. `log.rs` reads the log against the commands and the model, `streams.rs` asks everything else that the store keeps,
//! `rows.rs` compares what is derived from the log with the log, and `again.rs` sends commands once more.

mod again;
mod log;
mod rows;
mod streams;

use crate::house;
use crate::known::Known;
use crate::outcome::{Outcome, hold, whole};
use crate::said::Said;
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

/// The names in a life's folder.
pub(crate) const STORE: &str = "store";
pub(crate) const SAID: &str = "said";
const KNOWN: &str = "known";

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The folder of a store's life.
    #[arg(long)]
    pub(crate) life: PathBuf,
    /// What is sent again depends on it.
    #[arg(long)]
    pub(crate) seed: u64,
}

/// What a check did, for the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// Acknowledgements that were new since the last check.
    pub(crate) promises: u64,
    /// Acknowledgements that were compared with the log, old and new.
    pub(crate) compared: u64,
    /// Commands that the kill left without an answer, and how many of them were recorded.
    pub(crate) unanswered: u64,
    pub(crate) unanswered_recorded: u64,
    /// Events that were folded.
    pub(crate) events: u64,
    /// Commands that were sent again and had taken effect before.
    pub(crate) repeated: u64,
    /// Numbers that readers of the log had made of what they saw.
    pub(crate) readers: u64,
    /// Snapshots that were found.
    pub(crate) snapshots: u64,
    /// Rows that were compared.
    pub(crate) rows: u64,
    /// The head of the log.
    pub(crate) head: u64,
    /// What opening told.
    pub(crate) clean: bool,
    pub(crate) bytes_cut: u64,
    pub(crate) commits_applied: u64,
    pub(crate) index_rebuilt: Option<String>,
}

impl Check {
    // 1. hear what was said  2. the log as it lies there is whole  3. open  4. compare  5. send again what was answered, and what was not
    // 6. close  7. the store is whole.
    pub(crate) async fn run(self) -> Outcome {
        let (store, known_file) = (self.life.join(STORE), self.life.join(KNOWN));
        let mut known = Known::load(&known_file)?;
        let mut checked = Checked { promises: hear(&mut known, &self.life.join(SAID))?, ..Checked::default() };
        // Opening and reading everything tells as much, and faster.
        if self.seed.is_multiple_of(4) && store.join("FORMAT").exists() {
            let log = store.join("log").display().to_string();
            let verified = SledStore::verify(&store).map_err(|error| whole(&error))?;
            let damage: Vec<_> = verified.damage.iter().filter(|damage| damage.contains(&log)).collect();
            hold!(damage.is_empty(), "the log is damaged: {damage:?}");
        }
        let (sled, engine) = house::open(&store, 16 << 10).await?;
        let recovery = sled.recovery();
        (checked.clean, checked.bytes_cut) = (recovery.clean, recovery.bytes_cut);
        (checked.commits_applied, checked.index_rebuilt) = (recovery.commits_applied, recovery.index_rebuilt.clone());
        let log = log::check(&mut known, &sled, &mut checked).await?;
        streams::check(&mut known, &log, &sled, &engine, &mut checked).await?;
        rows::check(&known, &log, &sled, &mut checked).await?;
        again::check(&mut known, &log, &sled, &engine, self.seed, &mut checked).await?;
        engine.stop(house::PATIENCE).await?;
        let verified = SledStore::verify(&store).map_err(|error| whole(&error))?;
        hold!(verified.damage.is_empty(), "after an orderly end: {:?}", verified.damage);
        let sealed = verified.sealed || verified.groups == 0;
        let whole = sealed && verified.torn_bytes == 0 && verified.index_behind == 0;
        hold!(whole, "an orderly end left something: {verified:?}");
        known.save(&known_file)?;
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&checked)?)?;
        Ok(())
    }
}

/// What was said since the last check; how many acknowledgements of commands.
fn hear(known: &mut Known, file: &std::path::Path) -> Outcome<u64> {
    if !file.exists() {
        return Ok(0);
    }
    let (mut lines, mut line, mut promises) = (BufReader::new(std::fs::File::open(file)?), Vec::new(), 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        let said = Said::hear(&line).ok_or_else(|| format!("unheard: {}", String::from_utf8_lossy(&line)))?;
        promises += u64::from(matches!(&said, Said::Answered { answer: crate::tried::Answer::Promised(_), .. }));
        known.hear(said)?;
        line.clear();
    }
    Ok(promises)
}
