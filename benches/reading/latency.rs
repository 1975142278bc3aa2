//! How long does it take until what was written can be read?

use crate::views::{ONE, Sums};
use benches::account::{self, Account, Credit};
use benches::load::percentile;
use benches::report::Report;
use benches::settings::Settings;
use benches::{Result, show};
use ego::prelude::*;
use ego::store::MemoryStore;
use ego_sled::SledStore;
use std::time::Instant;

const COMMAND: &str = "the command itself";
const VIEW: &str = "from its answer to its view, `.after(receipt)`";
const STORES: [(&str, &str); 2] =
    [("embedded store, p50", "embedded store, p99"), ("store in memory, p50", "store in memory, p99")];

pub async fn measure(report: &mut Report, settings: &Settings) -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let sled = crate::engine(SledStore::open(folder.path())?, ONE).await?;
    let memory = crate::engine(MemoryStore::new(), ONE).await?;
    for _ in 0..report.rounds {
        for (engine, measures, commands) in [(&sled, STORES[0], 2000), (&memory, STORES[1], 10_000)] {
            let commands = settings.count(commands);
            let (mut sent, mut seen) = (Vec::with_capacity(commands), Vec::with_capacity(commands));
            for number in 0..commands {
                let id = format!("account-{}", number % 100);
                let begin = Instant::now();
                let receipt = engine.send::<Account>(&id, Credit { amount: 1 }).await?;
                sent.push(nanoseconds(begin));
                let answered = Instant::now();
                let view = engine.view::<Sums>(&id).after(receipt.position).await?.ok_or("there is no view")?;
                seen.push(nanoseconds(answered));
                if view.0.balance != receipt.reply {
                    return Err(format!("{} was read, {} was written", view.0.balance, receipt.reply).into());
                }
            }
            for (subject, times) in [(COMMAND, &mut sent), (VIEW, &mut seen)] {
                times.sort_unstable();
                for (measure, share) in [(measures.0, 0.5), (measures.1, 0.99)] {
                    report.samples.add(subject, measure, percentile(times, share) / 1000.0);
                }
            }
        }
    }
    account::stop(sled).await?;
    account::stop(memory).await?;
    let measures = [STORES[0].0, STORES[0].1, STORES[1].0, STORES[1].1];
    report.tables.push(report.samples.table("one client, µs", &[COMMAND, VIEW], &measures, show::count));
    Ok(())
}

fn nanoseconds(begin: Instant) -> u32 {
    u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX)
}
