//! What do subscriptions cost that have nothing to read? In a process of its own, so that its time and memory are its own.

use benches::account::{Account, Credit};
use benches::report::Report;
use benches::settings::Settings;
use benches::{Result, load, process, show};
use ego::prelude::*;
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::time::{Duration, Instant};

const SUBSCRIBED: &str = "1,000 subscriptions";
const ALONE: &str = "the engine alone";
const CPU: &str = "ms of processor in 10 s";
const BYTES: &str = "bytes each";
const WAKING: &str = "ms until all have read one event";
const SUBSCRIPTIONS: usize = 1000;

/// What a process tells.
#[derive(Serialize, Deserialize)]
struct Idle {
    cpu: f64,
    bytes: f64,
    waking: f64,
}

pub fn measure(report: &mut Report, settings: &Settings) -> Result<()> {
    // Ten seconds each: what costs nothing does so in every round.
    for (subject, count) in [(ALONE, 0), (SUBSCRIBED, SUBSCRIPTIONS)] {
        let mut child = process::child(&count.to_string())?;
        if settings.quick {
            child.arg("--quick");
        }
        let output = child.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{subject} failed: {}", output.status).into());
        }
        let idle: Idle = serde_json::from_slice(&output.stdout)?;
        report.samples.add(subject, CPU, idle.cpu);
        if count > 0 {
            report.samples.add(subject, BYTES, idle.bytes);
            report.samples.add(subject, WAKING, idle.waking);
        }
    }
    let table =
        report.samples.table("idle, embedded store (one round)", &[ALONE, SUBSCRIBED], &[CPU, BYTES, WAKING], show::count);
    report.tables.push(table);
    Ok(())
}

pub fn errand(count: &str, settings: &Settings) -> Result<()> {
    let (count, time): (usize, _) = (count.parse()?, settings.time(10_000));
    let idle = load::runtime()?.block_on(async {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let engine = crate::engine(SledStore::open(folder.path())?, &[]).await?;
        crate::record(&engine, 10, 1000).await?;
        let before = process::resident_bytes()?;
        let mut readers = Vec::with_capacity(count);
        for _ in 0..count {
            let mut subscription = engine.subscribe().from_now().events::<Account>().await?;
            readers.push(tokio::spawn(async move {
                let delivered = subscription.next().await.ok_or("it ended")??;
                Ok::<u64, Box<dyn std::error::Error + Send + Sync>>(delivered.delivery.position().get())
            }));
        }
        // Until each of them waits, and the store has done what was left.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let bytes = (process::resident_bytes()?.saturating_sub(before)) as f64 / count.max(1) as f64;
        let cpu = processor()?;
        tokio::time::sleep(time).await;
        let cpu = (processor()? - cpu).as_secs_f64() * 1000.0 * 10.0 / time.as_secs_f64();
        let begin = Instant::now();
        let position = engine.send::<Account>("account-0", Credit { amount: 1 }).await?.position;
        for reader in readers {
            let read = reader.await??;
            if Some(read) != position.map(|position| position.get()) {
                return Err(format!("{read} was read, {position:?} was written").into());
            }
        }
        let waking = begin.elapsed().as_secs_f64() * 1000.0;
        benches::account::stop(engine).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Idle { cpu, bytes, waking })
    })?;
    println!("{}", serde_json::to_string(&idle)?);
    Ok(())
}

/// The time that this process's threads have run.
fn processor() -> Result<Duration> {
    let mut sum = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += times.split_whitespace().next().ok_or("there is no time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}
