//! How much disk does an event of 100 bytes take, and how long does opening a store take that holds many – after it was closed, and after
//! its process was killed?

use benches::account::{self, Account, Note};
use benches::load;
use benches::report::{Goal, Report, Table};
use benches::settings::Settings;
use benches::{Result, process, show};
use ego::prelude::*;
use ego::store::{Filter, Store};
use ego_sled::SledStore;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const ACCOUNTS: usize = 10_000;
const PAYLOAD: usize = 100;
/// A killed process had so many events acknowledged before.
const BEFORE_THE_KILL: u64 = 20_000;

const BYTES: [&str; 3] = ["log, bytes per event", "index, bytes per event", "together"];
const CONTENT: &str = "payload + metadata";
const CLOSED: &str = "opening, closed before, s";
const KILLED: &str = "opening, killed before, s";

fn main() -> Result<()> {
    let settings = Settings::from_args()?;
    if let Some(folder) = process::errand() {
        return write_until_killed(Path::new(&folder));
    }
    let rounds = settings.rounds(5);
    let mut report = Report::new("disk", &settings, rounds);
    let samples = &mut report.samples;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let store = folder.path().join("store");
    let sizes: [u64; 2] = if settings.quick { [20_000, 100_000] } else { [1_000_000, 5_000_000] };
    let names = ["after 1 M events", "after 5 M events"];
    for (events, name) in sizes.into_iter().zip(names) {
        fill(&store, events)?;
        let recorded = head(&SledStore::open(&store)?)?;
        let of = |part: &str| Ok::<_, std::io::Error>(process::folder_bytes(&store.join(part))?.0 as f64 / recorded as f64);
        for (measure, part) in BYTES.iter().zip(["log", "index", ""]) {
            samples.add(name, measure, of(part)?);
        }
        samples.add(name, CONTENT, content(&store)?);
        for _ in 0..rounds {
            let millions = recorded as f64 / 1e6;
            let closed = opened(&store, recorded)?;
            samples.add(name, CLOSED, closed);
            samples.add(name, &per_million(CLOSED), closed / millions);
            let acknowledged = kill(&store)?;
            let killed = opened(&store, acknowledged)?;
            samples.add(name, KILLED, killed);
            samples.add(name, &per_million(KILLED), killed / millions);
        }
    }
    report.tables.push(samples.table("on the disk", &names, &[BYTES[0], BYTES[1], BYTES[2], CONTENT], show::count));
    let seconds = |subject: &str, measure: &str| format!("{:.3}", samples.median(subject, measure));
    report.tables.push(Table::of("time to open", &names, &[CLOSED, KILLED], seconds));
    for name in names {
        let quotient = samples.quotient((name, BYTES[2]), (name, CONTENT));
        report.goals.push(Goal::at_most(format!("bytes on the disk by payload + metadata, {name}"), 2.5, quotient, show::times));
        for opening in [CLOSED, KILLED] {
            let figure = format!("{opening} per million events, {name}");
            report.goals.push(Goal::at_most(figure, 2.0, samples.median(name, &per_million(opening)), show::count));
        }
    }
    report.give(&settings)
}

fn per_million(opening: &str) -> String {
    format!("{opening}, per million events")
}

/// A note that is 100 bytes long as JSON.
fn note(number: u64) -> Note {
    let text = format!("{number:0>width$}", width = PAYLOAD - r#"{"text":""}"#.len());
    Note { text }
}

fn head(store: &SledStore) -> Result<u64> {
    Ok(load::runtime()?.block_on(store.head())?.map_or(0, |position| position.get()))
}

/// Sends notes until the store holds so many events, and closes it.
fn fill(folder: &Path, events: u64) -> Result<()> {
    let store = SledStore::open(folder)?;
    let first = head(&store)?;
    load::runtime()?.block_on(async {
        let engine = account::engine(store, 2 * ACCOUNTS).await?;
        let (sender, ids) = (engine.clone(), account::ids(ACCOUNTS));
        load::each(usize::try_from(events.saturating_sub(first))?, 1024, move |number| {
            let (engine, ids, number) = (sender.clone(), Arc::clone(&ids), first + number as u64);
            async move { send(&engine, &ids, "fill", number).await }
        })
        .await?;
        account::stop(engine).await
    })
}

async fn send(engine: &Engine, ids: &[String], run: &str, number: u64) {
    let id = &ids[number as usize % ids.len()];
    let receipt = engine.send::<Account>(id, note(number)).command_id(format!("{run}-{number}")).await.expect("noted");
    assert!(!receipt.repeated, "{run}-{number} is new");
}

/// Payload and metadata of an event, of the first thousand: every text and number that a reader gets, each once.
fn content(folder: &Path) -> Result<f64> {
    let store = SledStore::open(folder)?;
    load::runtime()?.block_on(async {
        let (mut bytes, mut events, mut after) = (0, 0, None);
        while events < 1000 {
            let page = store.read_log(after, &Filter::all(), 1000).await?;
            for event in &page.items {
                if event.payload.len() != PAYLOAD {
                    return Err(format!("a payload has {} bytes", event.payload.len()).into());
                }
                let metadata = &event.metadata;
                let command = store.find_command(&event.stream, &metadata.command_id).await?.ok_or("a command is not known")?;
                let texts =
                    [event.stream.kind(), event.stream.id(), &event.name, metadata.command_id.as_str(), &metadata.command];
                // The schema's version, the revision, the position, and the time as seconds and nanoseconds.
                let numbers = size_of::<u32>() + 2 * size_of::<u64>() + size_of::<i64>() + size_of::<i32>();
                let texts: usize = texts.iter().map(|text| text.len()).sum();
                bytes += event.payload.len() + texts + event.codec.len() + command.reply.len() + numbers;
                events += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        store.close().await?;
        Ok(bytes as f64 / f64::from(events))
    })
}

/// Opens the store, and closes it well; so many seconds for the first.
fn opened(folder: &Path, at_least: u64) -> Result<f64> {
    let begin = Instant::now();
    let store = SledStore::open(folder)?;
    let seconds = begin.elapsed().as_secs_f64();
    let found = head(&store)?;
    if found < at_least {
        return Err(format!("{at_least} events were acknowledged, the store has {found}").into());
    }
    load::runtime()?.block_on(store.close())?;
    Ok(seconds)
}

/// A child writes, and is killed while it does. The position that it had acknowledged before.
fn kill(folder: &Path) -> Result<u64> {
    let mut child = process::child(folder.to_str().ok_or("the folder's name is no text")?)?.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    // SIGKILL, in the middle of its writing.
    child.kill()?;
    child.wait()?;
    line.trim().parse().map_err(|_| format!("the child said {line:?}").into())
}

/// Tells the head when enough was acknowledged, and goes on.
fn write_until_killed(folder: &Path) -> Result<()> {
    let store = SledStore::open(folder)?;
    let first = head(&store)?;
    load::runtime()?.block_on(async {
        let engine = account::engine(store, 2 * ACCOUNTS).await?;
        let (sender, ids, done) = (engine.clone(), account::ids(ACCOUNTS), Arc::new(AtomicU64::new(0)));
        // An id of an earlier child would be a repeat, and record nothing.
        let run: Arc<str> = format!("killed-{first}").into();
        load::each(usize::MAX / 2, 256, move |number| {
            let (engine, ids, done, run) = (sender.clone(), Arc::clone(&ids), Arc::clone(&done), Arc::clone(&run));
            async move {
                send(&engine, &ids, &run, number as u64).await;
                if done.fetch_add(1, Ordering::Relaxed) + 1 == BEFORE_THE_KILL {
                    println!("{}", first + BEFORE_THE_KILL);
                    std::io::stdout().flush().expect("somebody reads");
                }
            }
        })
        .await
    })
}
