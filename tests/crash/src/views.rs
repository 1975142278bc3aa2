//! Views: rows that are derived from the log, step by step. Everything in one follows from the events up to its checkpoint, so whoever
//! finds the two can tell whether they belong together.

use crate::house::{HALL, TILL, digest, rolled};
use crate::outcome::{Outcome, hold};
use crate::said::{Chore, Said};
use bytes::Bytes;
use ego::message::Position;
use ego::store::{Advance, Filter, RecordedEvent, RowChange, Step, Stepped, Store};
use ego_sled::SledStore;
use std::collections::BTreeMap;

/// The views, each a consumer and a table of the same name, and how many events each takes at once.
pub(crate) const VIEWS: [(&str, usize); 2] = [("view-few", 7), ("view-many", 60)];
/// How many of the last events a view holds one by one; those before are removed.
const WINDOW: usize = 30;

/// Of whose events views are made: none of them is ever deleted.
pub(crate) fn filter() -> Filter {
    Filter::all().kind(TILL).kind(HALL)
}

fn of_event(position: Position) -> Vec<u8> {
    [b"e", &position.get().to_be_bytes()[..]].concat()
}

fn of_stream(event: &RecordedEvent) -> Vec<u8> {
    format!("s{}", event.stream).into_bytes()
}

/// Sometimes short, sometimes long.
fn state(view: &str, at: Position) -> String {
    format!("{view} at {at};").repeat((at.get() * 37 % 200) as usize + 1)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// All rows of a view that has seen these events, and is there.
pub(crate) fn expected(view: &str, events: &[&RecordedEvent], at: Option<Position>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut rows = BTreeMap::new();
    for event in events {
        let before = rows.get(&of_stream(event)).map_or(0, |row: &Vec<u8>| number(row));
        rows.insert(of_stream(event), rolled(before, event).to_le_bytes().to_vec());
    }
    for event in events.iter().rev().take(WINDOW) {
        rows.insert(of_event(event.position), digest(event).to_le_bytes().to_vec());
    }
    rows.extend(at.map(|at| (b"state".to_vec(), state(view, at).into_bytes())));
    rows
}

/// Takes the view one step on; false when it has seen everything.
async fn step(store: &SledStore, view: &'static str, most: usize) -> Outcome<bool> {
    let from = store.load_checkpoint(view).await?;
    let Some(head) = store.head().await?.filter(|head| Some(*head) > from) else { return Ok(false) };
    let page = store.read_log(from, &filter(), most).await?;
    let last = page.items.last().map(|event| event.position);
    let to = page.next.unwrap_or_else(|| last.map_or(head, |last| last.max(head)));
    let mut streams = BTreeMap::new();
    for event in &page.items {
        streams.insert(of_stream(event), 0);
    }
    let keys: Vec<Bytes> = streams.keys().cloned().map(Bytes::from).collect();
    for (known, row) in streams.values_mut().zip(store.load_rows(view, &keys).await?) {
        *known = row.map_or(0, |row| number(&row));
    }
    let mut rows = Vec::new();
    let mut window: Vec<Bytes> =
        store.list_rows(view, b"e", Some(b"f"), 1000).await?.items.into_iter().map(|row| row.key).collect();
    for event in &page.items {
        let rolling = streams.entry(of_stream(event)).or_default();
        *rolling = rolled(*rolling, event);
        window.push(of_event(event.position).into());
        rows.push(RowChange::put(view, of_event(event.position), digest(event).to_le_bytes().to_vec()));
    }
    let gone = window.len().saturating_sub(WINDOW);
    rows.extend(window.into_iter().take(gone).map(|key| RowChange::remove(view, key)));
    rows.extend(streams.into_iter().map(|(key, rolled)| RowChange::put(view, key, rolled.to_le_bytes().to_vec())));
    rows.push(RowChange::put(view, "state", state(view, to)));
    let chore = Chore::Step { consumer: view.to_owned(), position: to.get() };
    Said::Begun(chore.clone()).say()?;
    let stepped = store.step(Step { advance: Some(Advance { consumer: view.to_owned(), from, to }), rows }).await?;
    hold!(stepped == Stepped::Done, "nobody else steps for {view}, and it was told {stepped:?}");
    Said::Done(chore).say()?;
    Ok(true)
}

/// Steps for all views until they have seen everything.
pub(crate) async fn catch_up(store: &SledStore) -> Outcome {
    for (view, most) in VIEWS {
        while step(store, view, most).await? {}
    }
    Ok(())
}

/// Steps for a view as the log grows.
pub(crate) async fn project(store: SledStore, (view, most): (&'static str, usize)) -> Outcome {
    loop {
        let seen = store.load_checkpoint(view).await?;
        store.wait_for_head(seen).await?;
        step(&store, view, most).await?;
    }
}
