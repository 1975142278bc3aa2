//! Rows: each view is what follows from the log up to its checkpoint, to the last row (I6), and what came with commits is what the commits
//! that are there brought.

use super::Checked;
use super::log::Log;
use crate::house::{NOTE, PILE, stream};
use crate::known::Known;
use crate::outcome::{Outcome, hold};
use crate::tried::{Answer, Asked, LAST, NOTES, PILES, TOKEN, TOKENS, of_token};
use crate::views::{VIEWS, expected, filter};
use bytes::Bytes;
use ego::store::{RecordedEvent, Store};
use ego_sled::SledStore;
use std::collections::{BTreeMap, BTreeSet};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) async fn check(known: &Known, log: &Log, store: &SledStore, checked: &mut Checked) -> Outcome {
    for (view, _) in VIEWS {
        let at = store.load_checkpoint(view).await?;
        let filter = filter();
        let lets = |event: &&RecordedEvent| filter.matches(&event.stream, &event.name, &event.tags);
        let seen: Vec<_> = log.events.iter().filter(|event| Some(event.position) <= at).filter(lets).collect();
        same(view, &table(store, view).await?, &expected(view, &seen, at), &format!("at {at:?} (I6)"), checked)?;
    }
    direct(known, log, store, checked).await?;
    notes(store, checked).await?;
    piles(known, store).await
}

/// A whole table, in pages; each row loaded once more by its key.
async fn table(store: &SledStore, table: &str) -> Outcome<Rows> {
    let (mut rows, mut start) = (Vec::new(), Bytes::new());
    loop {
        let page = store.list_rows(table, &start, None, 50).await?;
        rows.extend(page.items);
        match page.next {
            Some(next) => start = next,
            None => break,
        }
    }
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    let loaded = store.load_rows(table, &keys).await?;
    let same = rows.iter().zip(&loaded).all(|(row, loaded)| loaded.as_ref() == Some(&row.value));
    hold!(same && rows.is_sorted_by(|a, b| a.key < b.key), "{table} lists other rows than it loads");
    Ok(rows.into_iter().map(|row| (row.key.to_vec(), row.value.to_vec())).collect())
}

fn same(table: &str, found: &Rows, wanted: &Rows, what: &str, checked: &mut Checked) -> Outcome {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).chars().take(60).collect::<String>();
    let keys: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    for key in keys {
        let (found, wanted) = (found.get(key), wanted.get(key));
        let (found_text, wanted_text) = (found.map(text), wanted.map(text));
        hold!(found == wanted, "{table} {what} holds {found_text:?} at {:?} instead of {wanted_text:?}", text(key));
        checked.rows += 1;
    }
    Ok(())
}

/// What money brought by another writer left behind: a row for each such commit, and one for the last of each stream.
async fn direct(known: &Known, log: &Log, store: &SledStore, checked: &mut Checked) -> Outcome {
    let (mut tokens, mut last) = (Rows::new(), Rows::new());
    for event in &log.events {
        let Some(token) = event.metadata.entries.get(TOKEN) else { continue };
        let Some(Asked::Direct { by, .. }) = known.tries.get(token).map(|track| &track.tried.asked) else { continue };
        tokens.insert(token.clone().into_bytes(), of_token(token, *by).into_bytes());
        let key = event.stream.id().as_bytes().to_vec();
        if by % 5 == 0 { drop(last.remove(&key)) } else { drop(last.insert(key, token.clone().into_bytes())) }
    }
    same(TOKENS, &table(store, TOKENS).await?, &tokens, "beside the log (I2)", checked)?;
    same(LAST, &table(store, LAST).await?, &last, "beside the log (I2)", checked)
}

/// The row of a state names the commit that the state is of.
async fn notes(store: &SledStore, checked: &mut Checked) -> Outcome {
    let mut rows = table(store, NOTES).await?;
    for id in ["0", "1", "2", "large"] {
        let row = rows.remove(id.as_bytes());
        let state = store.load_state(&stream(NOTE, id)?).await?;
        let of_state = state.map(|state| state.payload.iter().copied().take_while(|byte| *byte != b'y').collect::<Vec<_>>());
        hold!(row == of_state, "the state of note/{id} is of {of_state:?}, its row of {row:?} (I2)");
        checked.rows += 1;
    }
    hold!(rows.is_empty(), "there are rows of notes that nobody wrote: {rows:?}");
    Ok(())
}

/// The row of a pile names its last commit, also when its events are deleted or erased.
async fn piles(known: &Known, store: &SledStore) -> Outcome {
    let rows = table(store, PILES).await?;
    let mut last: BTreeMap<&str, (u64, &str, Vec<&str>)> = BTreeMap::new();
    for (token, track) in known.tries.iter().filter(|(_, track)| track.tried.stream.kind() == PILE) {
        let (revision, promised, open) = last.entry(track.tried.stream.id()).or_default();
        match &track.answer {
            Some(Answer::Promised(promise)) if promise.revision > Some(*revision) => {
                (*revision, *promised) = (promise.revision.unwrap_or_default(), token);
            }
            None => open.push(token),
            Some(_) => {}
        }
    }
    for (id, (_, promised, open)) in &last {
        let row = rows.get(id.as_bytes()).map(|row| String::from_utf8_lossy(row).into_owned()).unwrap_or_default();
        let fits = row == *promised || open.contains(&&*row);
        hold!(fits, "the row of pile {id} is of {row:?}, it was promised {promised:?}, perhaps {open:?} (I2)");
    }
    let stranger = rows.keys().find(|key| !last.contains_key(&*String::from_utf8_lossy(key)));
    hold!(stranger.is_none(), "there is a row of a pile that nobody made: {stranger:?}");
    Ok(())
}
