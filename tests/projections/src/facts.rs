//! The log as the harness reads it, and what views are: its own plain code, which shares nothing with the projections.

use crate::outcome::Outcome;
use crate::views::Seen;
use ego::message::Position;
use ego::store::{Filter, RecordedEvent, Store};
use ego_sled::SledStore;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// An event of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) position: u64,
    kind: String,
    id: String,
    name: String,
    what: Value,
}

impl Fact {
    pub(crate) fn of(event: &RecordedEvent) -> Outcome<Self> {
        Ok(Self {
            position: event.position.get(),
            kind: event.stream.kind().to_owned(),
            id: event.stream.id().to_owned(),
            name: event.name.to_string(),
            what: serde_json::from_slice(&event.payload)?,
        })
    }

    fn amount(&self) -> i64 {
        let amount = self.what["amount"].as_i64().unwrap_or_default();
        if self.kind == "return" { -amount } else { amount }
    }

    /// Whose views a projection changes.
    fn keys(&self, projection: &str) -> Vec<&str> {
        let customer = self.what["customer"].as_str();
        let mut keys: Vec<&str> = match (projection, self.kind.as_str()) {
            ("by-id" | "flaky", "order") | ("flaky", "return") => vec![&self.id],
            ("by-customer", "order") => customer.into_iter().chain((self.name == "Placed").then_some("all")).collect(),
            ("slow" | "picky", "order") => customer.into_iter().collect(),
            ("by-customer" | "picky", "return") => {
                self.what["customers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
            }
            _ => Vec::new(),
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    pub(crate) fn is_poison(&self) -> bool {
        self.what["poison"] == true
    }

    fn removes(&self, projection: &str) -> bool {
        projection == "by-customer" && self.name == "Cancelled"
    }
}

/// All that is known of the log: what stands there, and what was written down before it was deleted.
#[derive(Debug)]
pub(crate) struct Facts {
    known: Mutex<(BTreeMap<u64, Fact>, Option<Position>)>,
    archive: PathBuf,
}

pub(crate) type Views = BTreeMap<String, Seen>;

impl Facts {
    pub(crate) fn open(archive: &Path) -> Outcome<Self> {
        let mut known = BTreeMap::new();
        if archive.exists() {
            for line in BufReader::new(std::fs::File::open(archive)?).lines() {
                // What a kill has cut off was not deleted.
                if let Ok(fact) = serde_json::from_str::<Fact>(&line?) {
                    known.insert(fact.position, fact);
                }
            }
        }
        Ok(Self { known: Mutex::new((known, None)), archive: archive.to_owned() })
    }

    /// Writes down what is about to be deleted.
    pub(crate) fn keep(&self, events: &[RecordedEvent]) -> Outcome {
        // A line of its own first: the last one may have been cut off.
        let mut lines = b"\n".to_vec();
        for event in events {
            let fact = Fact::of(event)?;
            lines.extend(serde_json::to_vec(&fact)?);
            lines.push(b'\n');
            self.known.lock().0.insert(fact.position, fact);
        }
        Ok(std::fs::OpenOptions::new().create(true).append(true).open(&self.archive)?.write_all(&lines)?)
    }

    /// Reads what has come since.
    pub(crate) async fn read_on(&self, store: &SledStore) -> Outcome {
        let mut after = self.known.lock().1;
        loop {
            let page = store.read_log(after, &Filter::all(), 1000).await?;
            let last = page.items.last().map(|event| event.position);
            let mut known = self.known.lock();
            for event in &page.items {
                known.0.insert(event.position.get(), Fact::of(event)?);
            }
            after = page.next.or(last).or(after);
            known.1 = known.1.max(after);
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.known.lock().0.len() as u64
    }

    /// The views up to one position, and what each became behind it, up to another.
    pub(crate) fn fold(&self, projection: &str, upto: u64, then: u64) -> (Views, BTreeMap<String, Vec<Option<Seen>>>) {
        let (known, mut views) = (self.known.lock(), Views::new());
        let (mut at_first, mut later) = (None, BTreeMap::<String, Vec<Option<Seen>>>::new());
        for fact in known.0.range(..=then).map(|(_, fact)| fact) {
            if fact.position > upto && at_first.is_none() {
                at_first = Some(views.clone());
            }
            for key in fact.keys(projection) {
                views.entry(key.to_owned()).or_default().note(fact.position, fact.amount());
                if fact.removes(projection) {
                    views.remove(key);
                }
                if at_first.is_some() {
                    later.entry(key.to_owned()).or_default().push(views.get(key).cloned());
                }
            }
        }
        (at_first.unwrap_or(views), later)
    }

    /// Whether no event behind this position changes a view.
    pub(crate) fn none_behind(&self, projection: &str, position: u64) -> bool {
        self.known.lock().0.range(position + 1..).all(|(_, fact)| fact.keys(projection).is_empty())
    }

    /// The events of each view, in order.
    pub(crate) fn of_keys(&self, projection: &str, upto: u64) -> BTreeMap<String, Vec<Fact>> {
        let mut keys = BTreeMap::<String, Vec<Fact>>::new();
        for fact in self.known.lock().0.range(..=upto).map(|(_, fact)| fact) {
            for key in fact.keys(projection) {
                keys.entry(key.to_owned()).or_default().push(fact.clone());
            }
        }
        keys
    }

    /// What a view is after these of its events.
    pub(crate) fn seen(facts: &[Fact]) -> Seen {
        let mut seen = Seen::default();
        facts.iter().for_each(|fact| seen.note(fact.position, fact.amount()));
        seen
    }
}
