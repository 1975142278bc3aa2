//! Rows: a view that is derived from the log step by step, and rows that come with commits. What they hold follows from the log alone, so
//! after a cut it can be told whether rows, checkpoint and log belong together.

use crate::Result;
use crate::said::Does;
use crate::vault::{SAFE, VAULT};
use crate::world::{Answer, Tried, World};
use bytes::Bytes;
use ego::message::{CommandId, Position, Revision, StreamId};
use ego::store::{Advance, Filter, RecordedEvent, RowChange, Step, Store};
use ego_sled::SledStore;
use std::collections::{BTreeMap, BTreeSet};

/// The view, as a consumer and as a table.
pub(crate) const VIEW: &str = "view";
/// The tables of what comes with commits: the last commit of each stream, and each commit.
const LAST: &str = "last";
const IDS: &str = "ids";
/// How many of the last events the view holds one by one; those before are removed.
const WINDOW: usize = 20;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+).into());
        }
    };
}

/// The view is made of what commands recorded: nothing of it is ever deleted.
fn is_seen(event: &RecordedEvent) -> bool {
    event.stream.id().starts_with("vault-")
}

fn of_event(event: &RecordedEvent) -> (Vec<u8>, Vec<u8>) {
    let key = [b"e", &event.position.get().to_be_bytes()[..]].concat();
    (key, format!("{} of {}", event.revision, event.metadata.command_id).into_bytes())
}

fn of_stream(event: &RecordedEvent) -> Vec<u8> {
    format!("s{}", event.stream.id()).into_bytes()
}

/// Sometimes short, sometimes long.
fn state(at: Position) -> Vec<u8> {
    format!("[the view at {at}]").repeat((at.get() * 37 % 170) as usize + 1).into_bytes()
}

/// All rows of the view, when it has seen these events and is there.
fn view(log: &[RecordedEvent], at: Option<Position>) -> Rows {
    let mut rows = Rows::new();
    let seen: Vec<_> = log.iter().filter(|event| Some(event.position) <= at && is_seen(event)).collect();
    for event in &seen {
        rows.insert(of_stream(event), event.revision.to_string().into_bytes());
    }
    rows.extend(seen.iter().rev().take(WINDOW).map(|event| of_event(event)));
    rows.extend(at.map(|at| (b"state".to_vec(), state(at))));
    rows
}

/// The step that brings the view up to the log's head, if it is behind.
pub(crate) async fn next_step(store: &SledStore) -> Result<Option<Step>> {
    let from = store.load_checkpoint(VIEW).await?;
    let (mut events, mut after) = (Vec::new(), from);
    let Some(to) = store.head().await?.filter(|head| Some(*head) > from) else { return Ok(None) };
    loop {
        let page = store.read_log(after, &Filter::all().kind(VAULT), 50).await?;
        events.extend(page.items.into_iter().filter(|event| event.position <= to && is_seen(event)));
        after = page.next.filter(|next| *next < to);
        if after.is_none() {
            break;
        }
    }
    let window = store.list_rows(VIEW, b"e", Some(b"f"), 1000).await?.items.into_iter().map(|row| row.key.to_vec());
    let window: Vec<_> = window.chain(events.iter().map(|event| of_event(event).0)).collect();
    let put = |(key, content): (Vec<u8>, Vec<u8>)| RowChange::put(VIEW, key, content);
    let mut rows: Vec<_> = events.iter().map(|event| put(of_event(event))).collect();
    rows.extend(events.iter().map(|event| put((of_stream(event), event.revision.to_string().into_bytes()))));
    let gone = window.len().saturating_sub(WINDOW);
    rows.extend(window.into_iter().take(gone).map(|key| RowChange::remove(VIEW, key)));
    rows.push(put((b"state".to_vec(), state(to))));
    Ok(Some(Step { advance: Some(Advance { consumer: VIEW.to_owned(), from, to }), rows }))
}

/// What comes with a commit.
pub(crate) fn of_commit(id: &str, does: &Does) -> Vec<RowChange> {
    let (stream, each) = match does {
        Does::Append { vault, note, .. } => (vault, Some(RowChange::put(IDS, id.to_owned(), of_id(id, *note)))),
        Does::Save { safe, .. } => (safe, None),
        _ => return Vec::new(),
    };
    let last = match last(id, does) {
        Some(id) => RowChange::put(LAST, stream.clone(), id),
        None => RowChange::remove(LAST, stream.clone()),
    };
    each.into_iter().chain([last]).collect()
}

fn of_id(id: &str, note: usize) -> String {
    format!("[{id}]").repeat(note / 6 + 1)
}

/// What the last commit of a stream leaves there.
fn last(id: &str, does: &Does) -> Option<String> {
    let removes = matches!(does, Does::Append { by, .. } if by % 4 == 0);
    (!removes).then(|| id.to_owned())
}

/// Everything in the tables, for a comparison.
pub(crate) async fn tables(store: &SledStore) -> Result<[Rows; 3]> {
    Ok([table(store, VIEW).await?, table(store, LAST).await?, table(store, IDS).await?])
}

/// A whole table, in pages, each row loaded once more.
async fn table(store: &SledStore, table: &str) -> Result<Rows> {
    let (mut rows, mut start) = (Rows::new(), Bytes::new());
    loop {
        let page = store.list_rows(table, &start, None, 16).await?;
        let keys: Vec<_> = page.items.iter().map(|row| row.key.clone()).collect();
        let loaded = store.load_rows(table, &keys).await?;
        for (row, loaded) in page.items.into_iter().zip(loaded) {
            ensure!(loaded.as_ref() == Some(&row.value), "{table} lists {:?} otherwise than it loads it", row.key);
            ensure!(rows.insert(row.key.to_vec(), row.value.to_vec()).is_none(), "{table} lists {:?} twice", row.key);
        }
        match page.next {
            Some(next) => start = next,
            None => return Ok(rows),
        }
    }
}

fn text(bytes: Option<&Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).chars().take(60).collect())
}

/// I6: the view is the fold of the log up to its checkpoint, to the last row. I2: the rows of a commit are there as it is. How many rows
/// were compared.
pub(crate) async fn check(store: &SledStore, log: &[RecordedEvent], world: &World, buffered: bool) -> Result<u64> {
    let at = store.load_checkpoint(VIEW).await?;
    let [found, lasts, ids] = tables(store).await?;
    let wanted = view(log, at);
    for key in found.keys().chain(wanted.keys()) {
        let (there, should) = (found.get(key), wanted.get(key));
        let name = String::from_utf8_lossy(key);
        ensure!(there == should, "the view at {at:?} holds {:?} at {name:?}, not {:?} (I6)", text(there), text(should));
    }
    each_commit(store, world, buffered, &ids).await?;
    last_commits(store, world, buffered, &lasts).await?;
    Ok((found.len() + lasts.len() + ids.len()) as u64)
}

/// Each commit's own row is there if the commit is; of those to streams that were erased, if it was acknowledged.
async fn each_commit(store: &SledStore, world: &World, buffered: bool, ids: &Rows) -> Result<()> {
    let mut asked = BTreeSet::new();
    for tried in &world.tried {
        let Does::Append { vault, note, .. } = &tried.does else { continue };
        let (id, stream) = (&tried.id, StreamId::new(VAULT, vault.as_str())?);
        asked.insert(id.as_bytes().to_vec());
        let row = ids.get(id.as_bytes());
        let same = row.is_none_or(|row| *row == of_id(id, *note).as_bytes());
        ensure!(same, "the row of {id} holds {:?}", text(row));
        let erased = store.stream_head(&stream).await?.is_some_and(|head| head.erased);
        let recorded = store.find_command(&stream, &CommandId::new(id)?).await?.is_some();
        let fits = match &tried.answer {
            _ if !erased => row.is_some() == recorded,
            Answer::Done(_) => row.is_some() || buffered,
            Answer::Refused => row.is_none(),
            Answer::None => true,
        };
        ensure!(
            fits,
            "{id} is recorded: {recorded}, erased: {erased}, answered {:?}; its row is {:?} (I2)",
            tried.answer,
            text(row)
        );
    }
    let stranger = ids.keys().find(|id| !asked.contains(*id));
    ensure!(stranger.is_none(), "nobody asked for the row {:?}", text(stranger));
    Ok(())
}

/// The row of a stream is that of its last commit.
async fn last_commits(store: &SledStore, world: &World, buffered: bool, lasts: &Rows) -> Result<()> {
    // By the stream: the last that is there, and what may have been the last one when nobody knows.
    let mut streams: BTreeMap<StreamId, Vec<(Option<Revision>, &Tried)>> = BTreeMap::new();
    for tried in &world.tried {
        let stream = match &tried.does {
            Does::Append { vault, .. } => StreamId::new(VAULT, vault.as_str())?,
            Does::Save { safe, .. } => StreamId::new(SAFE, safe.as_str())?,
            _ => continue,
        };
        let recorded = store.find_command(&stream, &CommandId::new(&tried.id)?).await?.and_then(|command| command.revision);
        streams.entry(stream).or_default().push((recorded, tried));
    }
    for (stream, mut commits) in streams {
        let row = lasts.get(stream.id().as_bytes());
        let is = |tried: &Tried| last(&tried.id, &tried.does).map(String::into_bytes).as_ref() == row;
        let erased = store.stream_head(&stream).await?.is_some_and(|head| head.erased);
        let fits = if erased {
            let done = |tried: &Tried| match &tried.answer {
                Answer::Done(told) => told.revision,
                _ => None,
            };
            let newest = commits.iter().filter_map(|(_, tried)| done(tried)).max();
            commits.retain(|(_, tried)| match &tried.answer {
                Answer::Done(told) => told.revision == newest || buffered,
                Answer::Refused => false,
                Answer::None => true,
            });
            newest.is_none_or(|_| buffered) && row.is_none() || commits.iter().any(|(_, tried)| is(tried))
        } else {
            match commits.iter().filter(|(recorded, _)| recorded.is_some()).max_by_key(|(recorded, _)| *recorded) {
                Some((_, tried)) => is(tried),
                None => row.is_none(),
            }
        };
        ensure!(fits, "the last row of {stream} is {:?}, its last commits are {commits:?} (I2)", text(row));
    }
    Ok(())
}
