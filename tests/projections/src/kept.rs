//! What the store keeps of a projection, read as plain rows, and whether it is what the log says.

use crate::facts::{Facts, Views};
use crate::outcome::{Outcome, hold};
use crate::views::Seen;
use bytes::Bytes;
use ego::message::Position;
use ego::model::IndexValue;
use ego::store::{Row, RowChange, Step, Store};
use ego_sled::SledStore;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The version of all projections of this program, and one that none of them has.
const VERSION: u64 = 1;
const OTHER_VERSION: u64 = 7;

/// What is read of a projection.
pub(crate) struct Kept {
    name: &'static str,
    /// Its checkpoint before its rows were read, and behind that.
    pub(crate) upto: u64,
    then: u64,
    views: Views,
    index: BTreeSet<Bytes>,
    dead: Vec<Dead>,
    dead_then: Vec<Dead>,
}

#[derive(Clone, Debug, PartialEq)]
struct Dead {
    key: String,
    position: u64,
    failed: bool,
}

async fn record(store: &SledStore, name: &str) -> Outcome<Value> {
    let rows = store.load_rows("ego/projections", &[Bytes::copy_from_slice(name.as_bytes())]).await?;
    // A projection that was never changed begins with generation 1.
    let live = json!({ "generation": 1, "version": VERSION });
    let first = json!({ "live": live, "building": null, "only_if_same": false, "newest": 1, "swept": 1 });
    Ok(rows.into_iter().flatten().next().map_or(Ok(first), |row| serde_json::from_slice(&row))?)
}

/// Which generation is read, if one is.
fn live(record: &Value) -> Option<u64> {
    let live = &record["live"];
    (live["version"] == VERSION).then(|| live["generation"].as_u64()).flatten()
}

async fn rows(store: &SledStore, table: &str) -> Outcome<Vec<Row>> {
    let page = store.list_rows(table, &[], None, 1_000_000).await?;
    hold!(page.next.is_none(), "{table} has too many rows to be read at once");
    Ok(page.items)
}

async fn dead(store: &SledStore, table: &str) -> Outcome<Vec<Dead>> {
    let mut dead = Vec::new();
    for row in rows(store, table).await? {
        let letter: Value = serde_json::from_slice(&row.value)?;
        let (key, position) = letter["key"].as_str().zip(letter["position"].as_u64()).ok_or("a dead letter without a place")?;
        dead.push(Dead { key: key.to_owned(), position, failed: letter["cause"]["failed"].is_object() });
    }
    Ok(dead)
}

async fn checkpoint(store: &SledStore, name: &str, generation: u64) -> Outcome<u64> {
    Ok(store.load_checkpoint(&format!("projection/{name}/{generation}")).await?.map_or(0, Position::get))
}

impl Kept {
    /// What is read now; `None` when nothing can be read, or other views took their place meanwhile.
    pub(crate) async fn read(store: &SledStore, name: &'static str) -> Outcome<Option<Self>> {
        let Some(generation) = live(&record(store, name).await?) else { return Ok(None) };
        let (index, letters) = (format!("index/{name}/{generation}"), format!("dead/{name}/{generation}"));
        let (upto, dead_first) = (checkpoint(store, name, generation).await?, dead(store, &letters).await?);
        let mut views = Views::new();
        for row in rows(store, &format!("view/{name}/{generation}")).await? {
            let json = row.value.strip_prefix(b"\x04json").ok_or("a view that is not JSON")?;
            views.insert(String::from_utf8(row.key.to_vec())?, serde_json::from_slice(json)?);
        }
        let index = rows(store, &index).await?.into_iter().map(|row| row.key).collect();
        let (dead_then, then) = (dead(store, &letters).await?, checkpoint(store, name, generation).await?);
        let stands = live(&record(store, name).await?) == Some(generation);
        Ok(stands.then_some(Self { name, upto, then, views, index, dead: dead_first, dead_then }))
    }

    /// Whether it is what the log says. `true` when nothing changed while it was read, so that all of it was compared.
    pub(crate) fn check(&self, facts: &Facts) -> Outcome<bool> {
        let still = self.upto == self.then && self.dead == self.dead_then;
        if self.name == "picky" {
            if still {
                self.check_picky(facts)?;
            }
            return Ok(still);
        }
        let (views, later) = facts.fold(self.name, self.upto, self.then);
        for key in self.views.keys().chain(views.keys()) {
            let (found, said) = (self.views.get(key), views.get(key));
            let is_later = || later.get(key).is_some_and(|states| states.iter().any(|state| state.as_ref() == found));
            hold!(
                found == said || is_later(),
                "{} has as {key:?}\n    {found:?}, the log says at {}\n    {said:?}, and then up to {}\n    {:?}",
                self.name,
                self.upto,
                self.then,
                later.get(key),
            );
        }
        if still && self.name == "by-customer" {
            let index = indexed(&self.views);
            hold!(self.index == index, "the index of {} at {}: {:?}, not {index:?}", self.name, self.upto, self.index);
        }
        hold!(self.dead.is_empty(), "{} has dead letters", self.name);
        Ok(still)
    }

    /// Each view is a fold of the first events of its key; the others are dead letters, of which the first is poison.
    fn check_picky(&self, facts: &Facts) -> Outcome {
        let mut all = facts.of_keys(self.name, self.upto);
        for key in self.views.keys().chain(self.dead.iter().map(|dead| &dead.key)) {
            all.entry(key.clone()).or_default();
        }
        for (key, facts) in &all {
            let found = self.views.get(key).cloned().unwrap_or_default();
            let dead: Vec<_> = self.dead.iter().filter(|dead| dead.key == *key).collect();
            let (folded, parked) = facts.split_at_checked(found.positions.len()).unwrap_or((facts, &[]));
            let said = Facts::seen(folded);
            hold!(found == said, "picky has as {key:?}\n    {found:?}, the log says at {}\n    {said:?}", self.upto);
            let waits = dead.iter().map(|dead| dead.position).eq(parked.iter().map(|fact| fact.position));
            hold!(waits, "picky has of {key:?} the dead letters {dead:?}, the log says {parked:?}");
            let first = dead.first().zip(parked.first());
            hold!(
                first.is_none_or(|(dead, fact)| dead.failed && fact.is_poison()),
                "picky has of {key:?} as its first dead letter {first:?}"
            );
            hold!(dead.iter().skip(1).all(|dead| !dead.failed), "picky has of {key:?} failures behind the first: {dead:?}");
        }
        Ok(())
    }

    /// The keys of its dead letters.
    pub(crate) fn dead_keys(&self) -> BTreeSet<String> {
        self.dead.iter().map(|dead| dead.key.clone()).collect()
    }
}

/// What stands in the indexes of these views.
fn indexed(views: &BTreeMap<String, Seen>) -> BTreeSet<Bytes> {
    let mut index = BTreeSet::new();
    for (key, view) in views {
        let mut stands = |name: &str, value: i64| {
            let (name, value) = (IndexValue::of(name), IndexValue::of(&value));
            index.insert([name.as_bytes(), value.as_bytes(), key.as_bytes()].concat().into());
        };
        stands("sum", view.sum);
        if view.sum < 0 {
            stands("debt", -view.sum);
        }
    }
    index
}

/// Every generation but the one that is read that something is kept of.
pub(crate) async fn left_of_others(store: &SledStore, name: &str) -> Outcome<Vec<String>> {
    let record = record(store, name).await?;
    let (live, newest) = (live(&record), record["newest"].as_u64().unwrap_or_default());
    let mut left = Vec::new();
    for generation in (1..=newest + 2).filter(|generation| Some(*generation) != live) {
        for table in ["view", "index", "dead"].map(|table| format!("{table}/{name}/{generation}")) {
            let rows = rows(store, &table).await?.len();
            if rows > 0 {
                left.push(format!("{rows} rows of {table}"));
            }
        }
        let consumer = format!("projection/{name}/{generation}");
        if store.list_checkpoints().await?.iter().any(|(one, _)| *one == consumer) {
            left.push(format!("the checkpoint of {consumer}"));
        }
    }
    Ok(left)
}

/// Makes what is kept look as if another version of the projection had folded it, some of it in another way.
pub(crate) async fn folded_by_another_version(store: &SledStore, name: &str) -> Outcome {
    let mut record = record(store, name).await?;
    let mut changes = Vec::new();
    if let Some(generation) = live(&record) {
        let table = format!("view/{name}/{generation}");
        changes.extend(rows(store, &table).await?.into_iter().take(3).map(|row| RowChange::put(table.clone(), row.key, "old")));
    }
    for built in ["live", "building"] {
        if record[built].is_object() {
            record[built]["version"] = OTHER_VERSION.into();
        }
    }
    changes.push(RowChange::put("ego/projections", name.to_owned(), serde_json::to_vec(&record)?));
    store.step(Step { advance: None, rows: changes }).await?;
    Ok(())
}
