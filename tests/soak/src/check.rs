//! The end: the whole log is read and compared with the acknowledgement file.

use crate::ground;
use crate::said::{Ledger, Outcome, Said};
use crate::shelf::{Mark, Shelf, ShelfEvent};
use ego::Engine;
use ego::store::{Filter, RecordedEvent, Store};
use std::collections::HashMap;
use std::fmt;

/// What the log holds.
#[derive(Debug, Default)]
pub struct Found {
    /// Commands that the clients sent.
    pub sent: u64,
    /// Of those, the ones that were acknowledged and record something; each is there once.
    pub acknowledged: u64,
    /// Those that nobody was told about.
    pub unknown: u64,
    /// Of those, the ones that are there.
    pub unknown_recorded: u64,
    /// Those that have no effect; none is there.
    pub nothing: u64,
    /// Events.
    pub events: u64,
    /// Shelves.
    pub shelves: u64,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, acknowledged, unknown, unknown_recorded, nothing, events, shelves } = self;
        write!(
            f,
            "{events} events of {shelves} shelves; of {sent} commands {acknowledged} were acknowledged and are there once, of \
             {unknown} nobody was told and {unknown_recorded} are there, {nothing} have no effect and are not there"
        )
    }
}

/// A command, as the clients know it and as the log has it.
struct Command {
    said: Said,
    /// How many of its events were seen.
    seen: u8,
}

/// Compares the log with the file; what is wrong is told.
///
/// # Errors
/// What cannot be read.
pub async fn check(store: &impl Store, ledger: &Ledger) -> Result<(Found, Vec<String>), Box<dyn std::error::Error>> {
    let mut check = Check::default();
    ledger.read(|said| {
        check.commands.insert(said.mark, Command { said, seen: 0 });
    })?;
    check.sort_looks();
    let mut after = None;
    loop {
        let page = store.read_log(after, &Filter::all(), 5000).await?;
        page.items.iter().for_each(|event| check.event(event));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(check.end())
}

/// The shelves, as the log has them, are what an engine makes of them; some of them are asked.
pub async fn check_states(engine: &Engine, store: &impl Store) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (mut wrong, mut after) = (Vec::new(), None);
    for _ in 0..5 {
        let page = store.list_streams(Some("shelf"), after.as_ref(), 200).await?;
        for head in &page.items {
            let loaded = engine.load::<Shelf>(head.stream.id()).await?;
            let (mut units, mut history) = (0, engine.history::<Shelf>(head.stream.id())?);
            while let Some(event) = history.next().await {
                event?.events.iter().for_each(|event| units = fold(units, event).1);
            }
            if loaded.revision != head.revision || loaded.state.units != units {
                wrong.push(format!("{} is {:?}, its events make {units} units at {:?}", head.stream, loaded, head.revision));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(wrong)
}

/// What an event makes of so many units, and whose it is.
fn fold(units: u64, event: &ShelfEvent) -> (Option<Mark>, u64) {
    match event {
        ShelfEvent::Stored { mark, units: more } => (Some(*mark), units + more),
        ShelfEvent::Taken { mark, units: less } => (Some(*mark), units.wrapping_sub(*less)),
        ShelfEvent::Spoiled { .. } => (None, units),
    }
}

#[derive(Default)]
struct Check {
    commands: HashMap<Mark, Command>,
    /// What was replied by commands that record nothing, by the shelf and the revision that they saw.
    looks: HashMap<(u64, u64), Vec<(Mark, u64)>>,
    /// The revision and the units of each shelf.
    shelves: HashMap<u64, (u64, u64)>,
    position: u64,
    events: u64,
    wrong: Vec<String>,
}

impl Check {
    fn sort_looks(&mut self) {
        for Command { said: Said { mark, shelf, events, outcome, .. }, .. } in self.commands.values() {
            if let Outcome::Done { revision, reply } = outcome
                && *events == 0
            {
                self.looks.entry((*shelf, *revision)).or_default().push((*mark, *reply));
            }
        }
        let before_all: Vec<u64> = self.looks.keys().filter(|(_, revision)| *revision == 0).map(|(shelf, _)| *shelf).collect();
        before_all.into_iter().for_each(|shelf| self.look(shelf, 0, 0));
    }

    /// Whoever saw this revision was replied these units.
    fn look(&mut self, shelf: u64, revision: u64, units: u64) {
        for (mark, reply) in self.looks.remove(&(shelf, revision)).unwrap_or_default() {
            if reply != units {
                self.wrong.push(format!("command {mark} saw {reply} units on shelf {shelf} at {revision}, there were {units}"));
            }
        }
    }

    fn event(&mut self, event: &RecordedEvent) {
        self.events += 1;
        if let Err(wrong) = self.take(event) {
            self.wrong.push(format!("{} revision {}: {wrong}", event.stream, event.revision));
        }
    }

    fn take(&mut self, event: &RecordedEvent) -> Result<(), String> {
        let position = event.position.get();
        if position <= std::mem::replace(&mut self.position, position) {
            return Err(format!("position {position} does not follow the one before"));
        }
        let shelf = ground::number(event.stream.id()).ok_or("it is no shelf")?;
        let (revision, units) = self.shelves.entry(shelf).or_default();
        *revision += 1;
        if u64::from(event.revision) != *revision {
            return Err(format!("revision {revision} is missing"));
        }
        let stored = ego::model::Stored { name: &event.name, version: event.version, payload: &event.payload };
        let mut decoded = Vec::new();
        let codec = ego::codec::AnyCodec::default();
        <ShelfEvent as ego::Event>::decode(stored, &codec, &mut decoded).map_err(|error| error.to_string())?;
        let [decoded] = &decoded[..] else { return Err(format!("it is {decoded:?}")) };
        let (mark, now) = fold(*units, decoded);
        *units = now;
        let revision = *revision;
        self.look(shelf, revision, now);
        let mark = mark.ok_or("no shelf can take it, and it is recorded")?;
        let command = self.commands.get_mut(&mark).ok_or_else(|| format!("command {mark} was never sent"))?;
        command.seen += 1;
        let Said { shelf: sent_to, events, own_id, outcome, .. } = command.said;
        if sent_to != shelf {
            return Err(format!("command {mark} was sent to shelf {sent_to}"));
        }
        if own_id && event.metadata.command_id.as_str() != mark.to_string() {
            return Err(format!("command {mark} was sent under its own id, and is recorded under {}", event.metadata.command_id));
        }
        if command.seen > events {
            return Err(format!("command {mark} is there twice"));
        }
        if let Outcome::Done { revision: said, reply } = outcome
            && command.seen == events
            && (said, reply) != (revision, now)
        {
            return Err(format!("command {mark} was told revision {said} and {reply} units, and left {revision} and {now}"));
        }
        Ok(())
    }

    fn end(mut self) -> (Found, Vec<String>) {
        let mut found = Found { events: self.events, shelves: self.shelves.len() as u64, ..Found::default() };
        for Command { said: Said { mark, events, outcome, .. }, seen } in self.commands.values() {
            found.sent += 1;
            let right = match outcome {
                Outcome::Done { .. } => {
                    found.acknowledged += u64::from(*events > 0);
                    seen == events
                }
                Outcome::Unknown => {
                    found.unknown += 1;
                    found.unknown_recorded += u64::from(*seen > 0);
                    *seen == 0 || seen == events
                }
                Outcome::Nothing => {
                    found.nothing += 1;
                    *seen == 0
                }
            };
            if !right {
                self.wrong.push(format!("{seen} of {events} events of command {mark} are there, and {outcome:?} is known"));
            }
        }
        self.wrong.extend(
            self.looks.keys().map(|(shelf, revision)| format!("revision {revision} of shelf {shelf} was seen, and is not there")),
        );
        (found, self.wrong)
    }
}
