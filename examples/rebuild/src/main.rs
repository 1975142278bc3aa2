//! Views are built anew while commands go on: nobody waits, nobody reads half a view, and the new ones are compared with the old.
//!
//! ```text
//! cargo run -p rebuild
//! ```
//!
//! A meter counts; a projection sums the readings of each street. Clients go on counting and reading what they have written, while the
//! projection is rebuilt beside itself, checked, broken behind its back, and mended by another rebuild.

use ego::prelude::*;
use ego::projection::Rebuild;
use ego::store::{RowChange, Step, Store};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

#[derive(Event, Clone, Debug, Serialize, Deserialize)]
enum MeterEvent {
    Counted { street: String, units: u64 },
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
struct Count {
    street: String,
    units: u64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "meter", event = MeterEvent)]
struct Meter {
    units: u64,
}

#[ego::handlers]
impl Meter {
    #[handle]
    fn count(&self, cmd: Count) -> Result<Decision<MeterEvent, u64>, String> {
        let total = self.units.checked_add(cmd.units).ok_or("the meter is at its end")?;
        Ok(emit(MeterEvent::Counted { street: cmd.street, units: cmd.units }).reply(total))
    }

    #[apply]
    fn apply(&mut self, event: &MeterEvent) {
        let MeterEvent::Counted { units, .. } = event;
        self.units += units;
    }
}

/// What a street used: keyed by what the event says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Street {
    readings: u64,
    units: u64,
}

#[ego::projection(name = "streets")]
impl Street {
    #[on(Meter, key = street)]
    fn counted(&mut self, event: &MeterEvent) {
        let MeterEvent::Counted { units, .. } = event;
        self.readings += 1;
        self.units += units;
    }
}

fn street(MeterEvent::Counted { street, .. }: &MeterEvent) -> String {
    street.clone()
}

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::builder().store(SledStore::open(folder.path().join("store"))?).start().await?;
    println!("2,000 readings of 40 meters in 4 streets");
    let mut readings = JoinSet::new();
    for client in 0..8 {
        let engine = engine.clone();
        readings.spawn(async move {
            for number in 0..250 {
                count(&engine, client * 1000 + number).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = readings.join_next().await {
        done??;
    }
    show(&engine).await?;

    println!("\nBuilding all views anew, while two clients go on counting and reading what they wrote");
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for client in 0..2 {
        clients.spawn(go_on(engine.clone(), client, Arc::clone(&stop)));
    }
    let streets = engine.projection::<Street>().ok_or("the projection is not linked in")?;
    let rebuilt = streets.rebuild(Rebuild::beside()).await?;
    println!("  {} views, same as before: {}, read now: {}", rebuilt.views, rebuilt.same, rebuilt.swapped);

    println!("\nSomebody changes a view behind the projection's back");
    let rows = vec![RowChange::put("view/streets/2", "Elm".to_owned(), &b"\x04json{\"readings\":0,\"units\":0}"[..])];
    engine.store().step(Step { advance: None, rows }).await?;
    let checked = streets.rebuild(Rebuild::beside().only_if_same()).await?;
    println!("  a check finds it: same as the log says: {}, so nothing was changed: {}", checked.same, !checked.swapped);
    let mended = streets.rebuild(Rebuild::beside()).await?;
    println!("  a rebuild mends it: {} views, read now: {}", mended.views, mended.swapped);
    let checked = streets.rebuild(Rebuild::beside().only_if_same()).await?;
    println!("  the next check finds nothing: same as the log says: {}", checked.same);

    stop.store(true, Ordering::Relaxed);
    let mut more = 0;
    while let Some(counted) = clients.join_next().await {
        more += counted??;
    }
    assert!(rebuilt.same && mended.swapped && checked.same, "the views are not what the log says");
    println!("\nThe clients made {more} more readings meanwhile");
    show(&engine).await?;
    engine.stop(Duration::from_secs(10)).await?;
    Ok(())
}

async fn count(engine: &Engine, number: u64) -> Result<Receipt<u64>, Failure> {
    let street = ["Ash", "Birch", "Cedar", "Elm"][(number % 4) as usize].to_owned();
    Ok(engine.send::<Meter>(format!("m-{}", number % 40), Count { street, units: number % 10 }).await?)
}

/// Counts, and reads a view that has seen it, until told to stop; says how often.
async fn go_on(engine: Engine, client: u64, stop: Arc<AtomicBool>) -> Result<u64, Failure> {
    let mut counted = 0;
    while !stop.load(Ordering::Relaxed) {
        let receipt = count(&engine, client * 4 + counted * 8).await?;
        let seen = engine.view::<Street>("Ash").after(&receipt).await?;
        if seen.is_none_or(|street| street.readings == 0) {
            return Err("a view was lost".into());
        }
        counted += 1;
    }
    Ok(counted)
}

async fn show(engine: &Engine) -> Result<(), Failure> {
    let head = engine.store().head().await?;
    for (name, street) in engine.views::<Street>().after(head).page().await?.items {
        println!("  {name:<6} {:>6} readings {:>6} units", street.readings, street.units);
    }
    Ok(())
}
