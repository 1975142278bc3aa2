//! Tills, and what was taken: the domain of the inline views.

use ego::Timestamp;
use ego::engine::{Location, TypeRef};
use ego::model::{Delivery, Failure, Fold, IndexOutput, IndexValue, Mode, On, Projection};
use ego::prelude::*;
use ego::projection::{ProjectionDescriptor, Source, Sources};
use ego::store::{AnyStore, Filter, Store};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TillEvent {
    Taken {
        amount: u64,
    },
    Noted {
        text: String,
    },
    Emptied,
    /// Its view cannot be folded.
    Spoilt,
    /// Its view panics.
    Blown,
}

#[derive(Command, Serialize, Deserialize)]
pub struct Take {
    pub amount: u64,
}
/// The sender, if it is a service, is gone when this has decided.
#[derive(Command, Serialize, Deserialize)]
pub struct TakeLate {
    pub amount: u64,
}
#[derive(Command, Serialize, Deserialize)]
pub struct TakeMany {
    pub times: u64,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Note {
    pub text: String,
}
#[derive(Command, Serialize, Deserialize)]
pub struct Empty;
/// Takes, and spoils it.
#[derive(Command, Serialize, Deserialize)]
pub struct Spoil;
/// Takes, and blows it up.
#[derive(Command, Serialize, Deserialize)]
pub struct Blow;
#[derive(Command, Serialize, Deserialize)]
pub struct Refuse;

/// A command on its way.
#[derive(Default)]
pub struct Sender(pub Mutex<Option<BoxFuture<'static, bool>>>);

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "till", event = TillEvent)]
pub struct Till {
    pub total: u64,
}

#[ego::handlers]
impl Till {
    #[handle]
    fn take(&self, cmd: Take) -> Result<TillEvent, Infallible> {
        Ok(TillEvent::Taken { amount: cmd.amount })
    }
    #[handle]
    fn take_many(&self, cmd: TakeMany) -> Result<Vec<TillEvent>, Infallible> {
        Ok((0..cmd.times).map(|amount| TillEvent::Taken { amount }).collect())
    }
    #[handle]
    fn note(&self, cmd: Note) -> Result<TillEvent, Infallible> {
        Ok(TillEvent::Noted { text: cmd.text })
    }
    #[handle]
    async fn take_late(&self, cmd: TakeLate, context: &Context) -> Result<TillEvent, Infallible> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Ok(sender) = context.service::<Sender>() {
            drop(sender.0.lock().unwrap().take());
        }
        Ok(TillEvent::Taken { amount: cmd.amount })
    }
    #[handle]
    fn empty(&self, _: Empty) -> Result<TillEvent, Infallible> {
        Ok(TillEvent::Emptied)
    }
    #[handle]
    fn spoil(&self, _: Spoil) -> Result<[TillEvent; 2], Infallible> {
        Ok([TillEvent::Taken { amount: 1000 }, TillEvent::Spoilt])
    }
    #[handle]
    fn blow(&self, _: Blow) -> Result<[TillEvent; 2], Infallible> {
        Ok([TillEvent::Taken { amount: 1000 }, TillEvent::Blown])
    }
    #[handle]
    fn refuse(&self, _: Refuse) -> Result<TillEvent, String> {
        Err("no".to_owned())
    }
    #[apply]
    fn apply(&mut self, event: &TillEvent) {
        if let TillEvent::Taken { amount } = event {
            self.total += amount;
        }
    }
}

/// The inline view of a till.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Takings {
    pub total: u64,
    pub times: u64,
    pub notes: Vec<String>,
    /// Of the last event.
    pub last: Option<(u64, Timestamp)>,
}

impl Takings {
    fn fold(&mut self, event: &TillEvent, revision: u64, time: Timestamp) -> Result<Fold, Failure> {
        self.last = Some((revision, time));
        match event {
            TillEvent::Taken { amount } => (self.total, self.times) = (self.total + amount, self.times + 1),
            TillEvent::Noted { text } => self.notes.push(text.clone()),
            TillEvent::Emptied => return Ok(Fold::Remove),
            TillEvent::Spoilt => return Err(Failure::new("it is spoilt")),
            TillEvent::Blown => panic!("it is blown"),
        }
        Ok(Fold::Keep)
    }
}

impl Projection for Takings {
    const NAME: &'static str = "takings";
    const MODE: Mode = Mode::Inline;
    const INDEXES: &'static [&'static str] = &["total", "note"];

    fn indexed(&self, index: usize, values: &mut Vec<IndexValue>) {
        match index {
            0 => self.total.values(values),
            _ => self.notes.clone().values(values),
        }
    }
}

impl On<Till> for Takings {
    const WAITS: bool = false;
    const BY_ID: bool = true;

    async fn on(&mut self, event: &TillEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        assert_eq!(delivery.position().get(), delivery.revision().get());
        self.fold(event, delivery.revision().get(), delivery.time())
    }
}

impl Sources for Takings {
    const SOURCES: &'static [Source<Self>] = &[Source::of::<Till>(Location::new(file!(), line!()), &[] as &[TypeRef])];
}

ego::__private::inventory::submit! { ProjectionDescriptor::of::<Takings>(Location::new(file!(), line!())) }

/// What the log says.
pub async fn folded(store: &AnyStore) -> BTreeMap<String, Takings> {
    let (mut views, mut after) = (BTreeMap::<String, Takings>::new(), None);
    let codec = ego::codec::AnyCodec::default();
    loop {
        let page = store.read_log(after, &Filter::all().kind("till"), 100).await.unwrap();
        for event in page.items {
            let stored = ego::model::Stored { name: &event.name, version: event.version, payload: &event.payload };
            let mut events = Vec::new();
            TillEvent::decode(stored, &codec, &mut events).unwrap();
            let key = event.stream.id().to_owned();
            for what in events {
                let view = views.entry(key.clone()).or_default();
                if view.fold(&what, event.revision.get(), event.metadata.time).unwrap() == Fold::Remove {
                    views.remove(&key);
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return views,
        }
    }
}

/// Every row of a table: its key and its content.
pub async fn rows(store: &AnyStore, table: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let page = store.list_rows(table, &[], None, 100_000).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().map(|row| (row.key.to_vec(), row.value.to_vec())).collect()
}

/// Views and index entries of this generation are what the log says, and none besides.
pub async fn assert_as_the_log_says(store: &AnyStore, generation: u32) {
    let expected = folded(store).await;
    let found = rows(store, &format!("view/takings/{generation}")).await.into_iter().map(|(key, view)| {
        let view = view.strip_prefix(b"\x04json").unwrap();
        (String::from_utf8(key).unwrap(), serde_json::from_slice::<Takings>(view).unwrap())
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    let mut entries = Vec::new();
    for (key, view) in &expected {
        let total = [&b"total\0\0"[..], IndexValue::of(&view.total).as_bytes(), key.as_bytes()].concat();
        let note = |note: &String| [&b"note\0\0"[..], IndexValue::of(note).as_bytes(), key.as_bytes()].concat();
        entries.extend(std::iter::once(total).chain(view.notes.iter().map(note)).map(|entry| (entry, key.clone().into_bytes())));
    }
    entries.sort();
    entries.dedup();
    assert_eq!(rows(store, &format!("index/takings/{generation}")).await, entries);
}
