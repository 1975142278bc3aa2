//! How fast does a projection follow, with its views and checkpoint made durable in one step?

use crate::views::{ONE, Sum};
use benches::account::{self, Account, AccountEvent};
use benches::report::{Goal, Report};
use benches::settings::Settings;
use benches::{Result, show};
use bytes::Bytes;
use ego::codec::AnyCodec;
use ego::model::Stored;
use ego::prelude::*;
use ego::store::{AnyStore, Filter, RowChange, Step, Store};
use ego_sled::SledStore;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

const PROJECTION: &str = "a projection";
const UNCHECKED: &str = "the same views saved, no checkpoint";
const FOLDING: &str = "the same folding, nothing saved";
const SUBJECTS: [&str; 3] = [PROJECTION, UNCHECKED, FOLDING];
/// As many events as a projection folds at once.
const BATCH: usize = 4096;

pub async fn measure(report: &mut Report, settings: &Settings) -> Result<()> {
    let events = settings.count(200_000);
    let keys = [100, 10_000, 100_000].map(|keys| (format!("{} views", show::count(keys as f64)), keys.min(events)));
    for (measure, keys) in &keys {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let engine = crate::engine(SledStore::open(folder.path())?, ONE).await?;
        crate::record(&engine, *keys, events).await?;
        for _ in 0..report.rounds {
            let took = [followed(&engine, ONE[0]).await?, by_hand(&engine, true).await?, by_hand(&engine, false).await?];
            for (subject, took) in SUBJECTS.into_iter().zip(took) {
                report.samples.add(subject, measure, events as f64 / took.as_secs_f64());
            }
        }
        account::stop(engine).await?;
    }
    let measures = keys.each_ref().map(|(measure, _)| measure.as_str());
    report.tables.push(report.samples.table("folding, embedded store, events per second", &SUBJECTS, &measures, show::count));
    for measure in measures {
        let quotient = report.samples.quotient((PROJECTION, measure), (UNCHECKED, measure));
        report.goals.push(Goal::at_least(
            format!("a projection of {measure}, by the same without a checkpoint"),
            0.5,
            quotient,
            show::times,
        ));
    }
    Ok(())
}

/// How long it takes to fold all events anew.
async fn followed(engine: &Engine, name: &str) -> Result<Duration> {
    let projection = engine.projection_named(name).ok_or("there is no such projection")?;
    let head = engine.store().head().await?;
    let view = || engine.view_by_name(name, "account-0").after(head).within(Duration::from_secs(60));
    view().await?;
    swept(engine.store(), name).await?;
    let begin = Instant::now();
    projection.reset().await?;
    let sum = view().await?.ok_or("there is no view")?;
    let took = begin.elapsed();
    check(engine, serde_json::from_value(sum)?).await?;
    // What was thrown away is removed before others are measured.
    swept(engine.store(), name).await?;
    Ok(took)
}

/// Waits until nothing is left of the views that were thrown away.
async fn swept(store: &AnyStore, name: &str) -> Result<()> {
    let generations = format!("projection/{name}/");
    while store.list_checkpoints().await?.iter().filter(|(consumer, _)| consumer.starts_with(&generations)).count() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn check(engine: &Engine, sum: Sum) -> Result<()> {
    let balance = engine.load::<Account>("account-0").await?.state.balance;
    if sum.balance == balance { Ok(()) } else { Err(format!("{sum:?}, recorded are {balance}").into()) }
}

/// The straight way: pages of the log into a map; each page's changes saved while the next one is folded.
async fn by_hand(engine: &Engine, save: bool) -> Result<Duration> {
    let (store, codec, filter) = (engine.store().clone(), AnyCodec::default(), Filter::all().kind("account"));
    let begin = Instant::now();
    let (mut sums, mut decoded) = (HashMap::<String, Sum>::new(), Vec::new());
    let (mut after, mut saving) = (None, None);
    loop {
        let page = store.read_log(after, &filter, BATCH).await?;
        let mut changed = HashSet::new();
        for event in &page.items {
            let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
            AccountEvent::decode(stored, &codec, &mut decoded)?;
            let id = event.stream.id();
            if !sums.contains_key(id) {
                sums.insert(id.to_owned(), Sum::default());
            }
            if let Some(sum) = sums.get_mut(id) {
                decoded.drain(..).for_each(|event| sum.fold(&event));
            }
            if save {
                changed.insert(id);
            }
        }
        let mut rows = Vec::with_capacity(changed.len());
        for id in changed {
            rows.push(RowChange::put("by-hand", Bytes::copy_from_slice(id.as_bytes()), serde_json::to_vec(&sums[id])?));
        }
        saved(saving.take()).await?;
        if !rows.is_empty() {
            let store = store.clone();
            saving = Some(tokio::spawn(async move { store.step(Step { advance: None, rows }).await }));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    saved(saving).await?;
    let took = begin.elapsed();
    check(engine, sums.remove("account-0").ok_or("there is no view")?).await?;
    Ok(took)
}

type Saving = tokio::task::JoinHandle<std::result::Result<ego::store::Stepped, ego::store::StoreError>>;

async fn saved(saving: Option<Saving>) -> Result<()> {
    match saving {
        None => Ok(()),
        Some(saving) => match saving.await?? {
            ego::store::Stepped::Done => Ok(()),
            refused => Err(format!("{refused:?}").into()),
        },
    }
}
