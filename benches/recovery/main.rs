//! How fast does what is recorded come back? Shapes R1 and R2 and the whole log, from the embedded store, beside decoding the same bytes
//! in memory and nothing else.

use benches::account::{self, Account, AccountEvent, Create, Credit, OWNER};
use benches::load;
use benches::report::{Goal, Report};
use benches::settings::Settings;
use benches::{Result, show};
use ego::codec::AnyCodec;
use ego::message::Name;
use ego::model::Stored;
use ego::prelude::*;
use ego::store::{Filter, Store};
use ego_sled::SledStore;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EGO: &str = "ego, from the embedded store";
const DECODING: &str = "decoding alone: serde_json by the event's name";
const BY_EGO: &str = "decoding alone: `Event::decode`";

const R1: &str = "R1: 1 aggregate of 100,000";
const R2: &str = "R2: 10,000 of 100, one after the other";
const R2_TOGETHER: &str = "R2, 64 at a time";
const LOG: &str = "the whole log";

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    let rounds = settings.rounds(5);
    let mut report = Report::new("recovery", &settings, rounds);
    let samples = &mut report.samples;
    let runtime = load::runtime()?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (one, many) = (folder.path().join("one"), folder.path().join("many"));
    let (long, accounts, short) = (settings.count(100_000), settings.count(10_000), 100);
    runtime.block_on(async {
        record(&one, 1, long).await?;
        record(&many, accounts, short).await?;
        let one = account::engine(SledStore::open(one)?, 10_000).await?;
        let many = account::engine(SledStore::open(many)?, 10_000).await?;
        let (bytes_of_one, bytes_of_many) = (Corpus::read(&one).await?, Corpus::read(&many).await?);
        for _ in 0..rounds {
            for (measure, corpus) in [(R1, &bytes_of_one), (R2, &bytes_of_many), (LOG, &bytes_of_many)] {
                samples.add(DECODING, measure, per_second(corpus, 1, decode)?);
                samples.add(BY_EGO, measure, per_second(corpus, 1, decode_by_ego)?);
            }
            samples.add(DECODING, R2_TOGETHER, per_second(&bytes_of_many, 2, decode)?);
            samples.add(BY_EGO, R2_TOGETHER, per_second(&bytes_of_many, 2, decode_by_ego)?);
            samples.add(EGO, R1, recovered(&one, 1, long, 1).await?);
            samples.add(EGO, R2, recovered(&many, accounts, short, 1).await?);
            samples.add(EGO, R2_TOGETHER, recovered(&many, accounts, short, 64).await?);
            samples.add(EGO, LOG, log(&many, accounts * short).await?);
        }
        account::stop(one).await?;
        account::stop(many).await
    })?;
    let measures = [R1, R2, R2_TOGETHER, LOG];
    report.tables.push(samples.table("events per second", &[EGO, DECODING, BY_EGO], &measures, show::count));
    for (figure, measure) in [("recovery R1", R1), ("reading the log with decoding", LOG)] {
        let quotient = samples.quotient((EGO, measure), (DECODING, measure));
        report.goals.push(Goal::at_least(format!("{figure}, by decoding alone"), 0.7, quotient, show::times));
    }
    report.give(&settings)
}

/// Records so many events for each account, a command each.
async fn record(folder: &Path, accounts: usize, events: usize) -> Result<()> {
    let engine = account::engine(SledStore::open(folder)?, 2 * accounts.max(10_000)).await?;
    let ids = account::ids(accounts);
    account::create(&engine, &ids).await?;
    let sender = engine.clone();
    load::each(accounts * (events - 1), 512, move |number| {
        let (engine, ids) = (sender.clone(), Arc::clone(&ids));
        async move {
            engine.send::<Account>(&ids[number % ids.len()], Credit { amount: 1 }).await.expect("credited");
        }
    })
    .await?;
    account::stop(engine).await
}

/// Replays every account; so many events per second.
async fn recovered(engine: &Engine, accounts: usize, events: usize, together: usize) -> Result<f64> {
    let (reader, ids) = (engine.clone(), account::ids(accounts));
    let begin = Instant::now();
    load::each(accounts, together, move |account| {
        let (engine, ids) = (reader.clone(), Arc::clone(&ids));
        async move {
            let state = engine.load::<Account>(&ids[account]).await.expect("replayed").state;
            assert_eq!(state, Account { owner: OWNER.into(), balance: events as u64 - 1 });
        }
    })
    .await?;
    Ok((accounts * events) as f64 / begin.elapsed().as_secs_f64())
}

/// Reads the log page by page and decodes every event; so many per second.
async fn log(engine: &Engine, events: usize) -> Result<f64> {
    let (codec, mut decoded, mut read, mut after) = (AnyCodec::default(), Vec::new(), 0, None);
    let begin = Instant::now();
    loop {
        let page = engine.store().read_log(after, &Filter::all(), 1000).await?;
        for event in &page.items {
            let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
            AccountEvent::decode(stored, &codec, &mut decoded)?;
            read += decoded.drain(..).len();
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    if read == events { Ok(read as f64 / seconds) } else { Err(format!("{read} events were read, not {events}").into()) }
}

/// The payloads of a log, one behind the other in memory.
struct Corpus {
    bytes: Vec<u8>,
    /// Name, and where the payload ends.
    events: Vec<(Name, usize)>,
}

impl Corpus {
    async fn read(engine: &Engine) -> Result<Self> {
        let (mut corpus, mut after) = (Self { bytes: Vec::new(), events: Vec::new() }, None);
        loop {
            let page = engine.store().read_log(after, &Filter::all(), 1000).await?;
            for event in page.items {
                corpus.bytes.extend_from_slice(&event.payload);
                corpus.events.push((event.name, corpus.bytes.len()));
            }
            after = page.next;
            if after.is_none() {
                return Ok(corpus);
            }
        }
    }
}

impl Corpus {
    /// Decodes these events, the first of which begins at `from`.
    fn decode(&self, events: &[(Name, usize)], mut from: usize, decode: Decode) -> Result<()> {
        let (mut credits, mut owners) = (0, 0);
        for (name, end) in events {
            match decode(name, &self.bytes[from..*end])? {
                AccountEvent::Credited { amount } => credits += amount,
                AccountEvent::Created { owner } => owners += u64::from(owner == OWNER),
                AccountEvent::Noted { .. } => {}
            }
            from = *end;
        }
        if credits + owners == events.len() as u64 { Ok(()) } else { Err("what was decoded is not what was recorded".into()) }
    }
}

type Decode = fn(&str, &[u8]) -> Result<AccountEvent>;

/// So many events per second, on so many threads. All of them again and again for a while: once is too short to be measured well.
fn per_second(corpus: &Corpus, threads: usize, decode: Decode) -> Result<f64> {
    let size = corpus.events.len().div_ceil(threads);
    let (begin, mut passes) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_millis(200) {
        std::thread::scope(|scope| {
            let parts: Vec<_> = corpus
                .events
                .chunks(size)
                .enumerate()
                .map(|(part, events)| {
                    let from = if part == 0 { 0 } else { corpus.events[part * size - 1].1 };
                    scope.spawn(move || corpus.decode(events, from, decode))
                })
                .collect();
            parts.into_iter().try_for_each(|part| part.join().map_err(|_| "decoding panicked")?)
        })?;
        passes += 1;
    }
    Ok((passes * corpus.events.len()) as f64 / begin.elapsed().as_secs_f64())
}

/// What a program without ego would do.
fn decode(name: &str, payload: &[u8]) -> Result<AccountEvent> {
    #[derive(Deserialize)]
    struct Credited {
        amount: u64,
    }
    match name {
        "Credited" => Ok(AccountEvent::Credited { amount: serde_json::from_slice::<Credited>(payload)?.amount }),
        "Created" => Ok(AccountEvent::Created { owner: serde_json::from_slice::<Create>(payload)?.owner }),
        other => Err(format!("{other} is not known").into()),
    }
}

fn decode_by_ego(name: &str, payload: &[u8]) -> Result<AccountEvent> {
    let mut events = Vec::with_capacity(1);
    AccountEvent::decode(Stored { name, version: 1, payload }, &AnyCodec::default(), &mut events)?;
    events.pop().ok_or_else(|| "the event means nothing".into())
}
