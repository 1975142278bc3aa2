//! How fast does a subscription catch up, beside pages of the log read one after the other?

use benches::account::{self, Account, AccountEvent};
use benches::report::{Goal, Report};
use benches::samples::Samples;
use benches::settings::Settings;
use benches::{Result, show};
use ego::codec::AnyCodec;
use ego::engine::Limits;
use ego::model::Stored;
use ego::prelude::*;
use ego::store::{Filter, MemoryStore, Store};
use ego_sled::SledStore;
use std::time::Instant;

const TYPED: &str = "a subscription, typed events";
const SCAN_TYPED: &str = "pages of `read_log`, decoded";
const RAW: &str = "a subscription, raw";
const SCAN_RAW: &str = "pages of `read_log`";
const SUBJECTS: [&str; 4] = [TYPED, SCAN_TYPED, RAW, SCAN_RAW];

const SLED: &str = "embedded store";
const MEMORY: &str = "store in memory";

pub async fn measure(report: &mut Report, settings: &Settings) -> Result<()> {
    let (events, accounts) = (settings.count(200_000), settings.count(10_000));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let sled = crate::engine(SledStore::open(folder.path())?, &[]).await?;
    let memory = crate::engine(MemoryStore::new(), &[]).await?;
    for engine in [&sled, &memory] {
        crate::record(engine, accounts, events).await?;
    }
    let samples = &mut report.samples;
    for _ in 0..report.rounds {
        for (engine, store) in [(&sled, SLED), (&memory, MEMORY)] {
            round(engine, store, events, samples).await?;
        }
    }
    account::stop(sled).await?;
    account::stop(memory).await?;
    report.tables.push(samples.table("catching up, events per second", &SUBJECTS, &[SLED, MEMORY], show::count));
    for store in [SLED, MEMORY] {
        let quotient = samples.quotient((TYPED, store), (SCAN_TYPED, store));
        report.goals.push(Goal::at_least(
            format!("a subscription catching up, {store}, by its bare scan"),
            0.7,
            quotient,
            show::times,
        ));
    }
    Ok(())
}

async fn round(engine: &Engine, store: &str, events: usize, samples: &mut Samples) -> Result<()> {
    let mut add = |subject, read: u64, begin: Instant| {
        samples.add(subject, store, events as f64 / begin.elapsed().as_secs_f64());
        if read == events as u64 { Ok(()) } else { Err(format!("{subject}: {read} were read of {events}")) }
    };
    let begin = Instant::now();
    add(TYPED, typed(engine, events).await?, begin)?;
    let begin = Instant::now();
    add(SCAN_TYPED, scan(engine, decoded).await?, begin)?;
    let begin = Instant::now();
    add(RAW, raw(engine, events).await?, begin)?;
    let begin = Instant::now();
    add(SCAN_RAW, scan(engine, |page| Ok(page.len() as u64)).await?, begin)?;
    Ok(())
}

async fn typed(engine: &Engine, events: usize) -> Result<u64> {
    let (mut subscription, mut credits) = (engine.subscribe().events::<Account>().await?, 0);
    for _ in 0..events {
        let delivered = subscription.next().await.ok_or("it ended")??;
        credits += amount(&delivered.event);
    }
    Ok(credits)
}

async fn raw(engine: &Engine, events: usize) -> Result<u64> {
    let (mut subscription, mut read) = (engine.subscribe().kind("account").raw().await?, 0);
    for _ in 0..events {
        subscription.next().await.ok_or("it ended")??;
        read += 1;
    }
    Ok(read)
}

fn amount(event: &AccountEvent) -> u64 {
    if let AccountEvent::Credited { amount } = event { *amount } else { 0 }
}

fn decoded(page: &[ego::store::RecordedEvent]) -> Result<u64> {
    let (codec, mut decoded, mut credits) = (AnyCodec::default(), Vec::new(), 0);
    for event in page {
        let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
        AccountEvent::decode(stored, &codec, &mut decoded)?;
        credits += decoded.drain(..).map(|event| amount(&event)).sum::<u64>();
    }
    Ok(credits)
}

/// The whole log, in pages as large as those of a subscription.
async fn scan(engine: &Engine, read: fn(&[ego::store::RecordedEvent]) -> Result<u64>) -> Result<u64> {
    let (filter, limit) = (Filter::all().kind("account"), Limits::default().page);
    let (mut sum, mut after) = (0, None);
    loop {
        let page = engine.store().read_log(after, &filter, limit).await?;
        sum += read(&page.items)?;
        after = page.next;
        if after.is_none() {
            return Ok(sum);
        }
    }
}
