//! What is asked of a folder that a cut left: the store opens, everything that was acknowledged is there, everything is whole, the
//! invariants hold, and it goes on working.

use crate::Result;
use crate::image::Image;
use crate::rows;
use crate::said::{Does, Told};
use crate::vault::{SAFE, VAULT, Vault, note};
use crate::work::{Work, commit, engine, open, send, snapshot};
use crate::world::{Answer, Tried, World};
use ego::Engine;
use ego::message::{CommandId, Position, Revision, StreamId};
use ego::store::{Filter, RecordedEvent, Refusal, Stepped, Store, StreamHead, Verdict};
use ego_sled::{Durability, SledStore};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// How many of the newest acknowledged commands are sent again.
const AGAIN: usize = 4;

/// What was found in a folder.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Acknowledgements that were compared.
    pub(crate) acknowledged: u64,
    /// Those that are not there, in the buffered mode.
    pub(crate) lost: u64,
    pub(crate) events: u64,
    /// Rows that were compared.
    pub(crate) rows: u64,
    /// The index was useless after the cut.
    pub(crate) rebuilt: bool,
    /// It was useless again when the store was opened once more, if it was.
    pub(crate) again: Option<bool>,
}

macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+).into());
        }
    };
}

/// Opens what a cut left and compares it.
pub(crate) async fn check(folder: &Path, image: &Image, world: &World, work: &Work, verify: bool) -> Result<Found> {
    wiped(image, world)?;
    let mode = if work.buffered { Durability::Buffered } else { Durability::Durable };
    let store = open(folder, work.segment_bytes, mode).map_err(|error| told(&error))?;
    let rebuilt = store.recovery().index_rebuilt.is_some();
    let seen = Seen::read(&store, world).await?;
    let mut found = seen.compare(&store, world, work.buffered).await?;
    found.rebuilt = rebuilt;
    seen.keepers(&store, world, work.buffered).await?;
    found.rows = rows::check(&store, &seen.log, world, work.buffered).await?;
    let engine = engine(store.clone()).await?;
    repeats(&engine, &store, world).await?;
    let Seen { log: more, heads, .. } = Seen::read(&store, world).await?;
    ensure!(more.starts_with(&seen.log), "events changed while the store was used");
    folds(&engine, &seen, &more).await?;
    if let Some(step) = rows::next_step(&store).await? {
        ensure!(store.step(step).await? == Stepped::Done, "nobody else steps, and it is told so");
    }
    let tables = rows::tables(&store).await?;
    engine.stop(Duration::from_secs(60)).await?;
    drop(store);
    if verify {
        // What is wrong with the index, opening puts right: sled may lose again what it lost before.
        let mut damage = SledStore::verify(folder)?.damage;
        damage.retain(|what| !what.contains("index"));
        ensure!(damage.is_empty(), "used and closed again, it is damaged: {damage:?}");
        let store = open(folder, work.segment_bytes, mode).map_err(|error| told(&error))?;
        ensure!(store.recovery().clean, "it was closed, and says that it was not: {:?}", store.recovery());
        found.again = Some(store.recovery().index_rebuilt.is_some());
        let again = Seen::read(&store, world).await?;
        let same = again.log == more && again.heads == heads && rows::tables(&store).await? == tables;
        ensure!(same, "opened once more, it holds something else");
        store.close().await?;
    }
    Ok(found)
}

fn told(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| format!("it does not open: {error}"), |source| format!("it does not open: {error}: {source}"))
}

/// What was compacted away is in no file of the log: every note holds `<` and the id of its commit and `>`.
fn wiped(image: &Image, world: &World) -> Result<()> {
    if world.wiped.is_empty() {
        return Ok(());
    }
    for (path, content) in image.files.iter().filter(|(path, _)| path.contains("/log/")) {
        for part in content.split(|byte| *byte == b'<') {
            let id = part.split(|byte| *byte == b'>').next().and_then(|id| std::str::from_utf8(id).ok());
            let there = id.is_some_and(|id| world.wiped.contains(id));
            ensure!(!there, "{path} holds what a compaction took away: {id:?}");
        }
    }
    Ok(())
}

/// What a store shows.
struct Seen {
    log: Vec<RecordedEvent>,
    /// The revisions and events of each command.
    commits: BTreeMap<String, Vec<RecordedEvent>>,
    heads: BTreeMap<String, StreamHead>,
    head: u64,
}

impl Seen {
    /// I1, I3: reads everything.
    async fn read(store: &SledStore, world: &World) -> Result<Self> {
        let log = whole_log(store).await?;
        let head = store.head().await?.map_or(0, Position::get);
        let mut vaults: BTreeSet<String> = log.iter().map(|event| event.stream.id().to_owned()).collect();
        for tried in &world.tried {
            vaults.extend(vault_of(&tried.does).map(str::to_owned));
        }
        let mut heads = BTreeMap::new();
        for vault in vaults {
            if let Some(head) = store.stream_head(&StreamId::new(VAULT, vault.as_str())?).await? {
                heads.insert(vault, head);
            }
        }
        let mut seen = Self { log, commits: BTreeMap::new(), heads, head };
        let (mut last, mut revisions) = (0, BTreeMap::new());
        for event in &seen.log {
            let (position, revision) = (event.position.get(), event.revision.get());
            ensure!(position > last && position <= head, "position {position} after {last}, the head is {head} (I3)");
            last = position;
            let of = seen.heads.get(event.stream.id()).ok_or_else(|| format!("{} has events and no head", event.stream))?;
            let next = revisions.entry(event.stream.id()).or_insert_with(|| of.first.map_or(0, Revision::get));
            ensure!(revision == *next, "{}: revision {revision} where {next} is next (I1)", event.stream);
            *next += 1;
            seen.commits.entry(event.metadata.command_id.to_string()).or_default().push(event.clone());
        }
        for (vault, head) in &seen.heads {
            let (end, first) = (head.revision.map_or(0, Revision::get), head.first.map_or(0, Revision::get));
            let next = revisions.get(vault.as_str()).copied().unwrap_or(first);
            ensure!(first == 0 || next == end + 1, "{vault}: the events end before revision {next}, the head says {end} (I1)");
            let of = seen.log.iter().filter(|event| event.stream.id() == vault).count() as u64;
            ensure!(first > 0 || of == 0, "{vault}: {of} events that the head does not know");
        }
        Ok(seen)
    }

    /// Up to where a vault's events are gone.
    fn gone(&self, vault: &str) -> u64 {
        match self.heads.get(vault) {
            Some(head) if head.erased => u64::MAX,
            Some(head) => head.first.map_or(head.revision.map_or(0, Revision::get), |first| first.get() - 1),
            None => 0,
        }
    }

    /// I2, I11: every commit is there whole or not at all, where it was told to be; those that were acknowledged are there.
    async fn compare(&self, store: &SledStore, world: &World, buffered: bool) -> Result<Found> {
        let mut found = Found { events: self.log.len() as u64, ..Found::default() };
        let mut owners: BTreeMap<u64, (String, u64)> = BTreeMap::new();
        let mut batches: BTreeMap<u64, bool> = BTreeMap::new();
        for tried in &world.tried {
            let Some((stream, events)) = stream_and_events(&tried.does)? else { continue };
            let erased = stream.kind() == VAULT && self.heads.get(stream.id()).is_some_and(|head| head.erased);
            let recorded = store.find_command(&stream, &CommandId::new(&tried.id)?).await?;
            self.is_whole(tried, &stream, recorded.is_some() || erased)?;
            let id = &tried.id;
            if let (Some(recorded), Answer::Done(told)) = (&recorded, &tried.answer) {
                let there = (recorded.revision.map(Revision::get), recorded.position.map(Position::get));
                ensure!(there == (told.revision, told.position), "{id} was told {told:?} and is at {there:?} (I11)");
                let reply: u64 = serde_json::from_slice(&recorded.reply)?;
                ensure!(reply == told.reply, "{id} was told {told:?} and replies {reply} (I11)");
            }
            if let (Some(told), true) = (position_of(tried), events > 0) {
                let (position, revision) = told;
                owners.extend((0..events).map(|back| (position - back, (stream.id().to_owned(), revision - back))));
            }
            if let Does::Append { batch, .. } = tried.does
                && !erased
            {
                let whole = batches.entry(batch).or_insert(true);
                ensure!(*whole || recorded.is_none(), "{id} is there and an earlier commit of its batch is not (I2)");
                *whole &= recorded.is_some() || tried.answer == Answer::Refused;
            }
            match &tried.answer {
                Answer::Refused => ensure!(recorded.is_none(), "{id} was refused and is there"),
                Answer::None => {}
                Answer::Done(told) => {
                    found.acknowledged += 1;
                    if recorded.is_none() && !erased {
                        let behind = told.position.is_none_or(|position| position > self.head) || events == 0;
                        let may_go = buffered && behind && !tried.closed;
                        ensure!(may_go, "{id} was acknowledged ({told:?}) and is gone; the head is {} (I2)", self.head);
                        found.lost += 1;
                    } else if events > 0 {
                        ensure!(told.position <= Some(self.head), "{id} is behind the head {}", self.head);
                    }
                }
            }
        }
        for id in self.commits.keys() {
            ensure!(world.get(id).is_some(), "nobody asked for {id}");
        }
        self.has_no_holes(world, &owners)?;
        Ok(found)
    }

    /// I2: all events of a commit, with what was to be recorded, or none; but for those that were deleted.
    fn is_whole(&self, tried: &Tried, stream: &StreamId, recorded: bool) -> Result<()> {
        let id = &tried.id;
        let events = self.commits.get(id).map(Vec::as_slice).unwrap_or_default();
        let (by, times, len) = match &tried.does {
            Does::Add { by, times, note, .. } | Does::Append { by, times, note, .. } => (*by, *times, *note),
            _ => {
                ensure!(events.is_empty(), "{id} records no events, and there are {}", events.len());
                return Ok(());
            }
        };
        let gone = self.gone(stream.id());
        if let (Answer::Done(Told { revision: Some(revision), .. }), true) = (&tried.answer, recorded) {
            let left = times.min(revision.saturating_sub(gone));
            ensure!(events.len() as u64 == left, "{id}: {} of {left} events are there (I2)", events.len());
        } else {
            let whole = events.is_empty() || events.len() as u64 == times;
            ensure!(whole, "{id} is there by half: {} of {times} events (I2)", events.len());
            ensure!(recorded || events.is_empty(), "{id} has events, and its command id is not known (I11)");
            ensure!(!recorded || !events.is_empty() || gone > 0, "{id} is known, and has no events (I2)");
        }
        for event in events {
            let content: serde_json::Value = serde_json::from_slice(&event.payload)?;
            let same = content["by"].as_u64() == Some(by) && content["note"].as_str() == Some(&note(id, len));
            ensure!(same && event.stream == *stream, "{id} was recorded with something else: {event:?} (I2)");
        }
        Ok(())
    }

    /// I3: every position up to the head is that of an event, of a state, or of one that was erased or deleted.
    fn has_no_holes(&self, world: &World, owners: &BTreeMap<u64, (String, u64)>) -> Result<()> {
        let there: BTreeSet<u64> = self.log.iter().map(|event| event.position.get()).collect();
        // Of what was not answered nobody knows where it stands: states, and what was erased since.
        let mut unknown = 0;
        for tried in world.tried.iter().filter(|tried| tried.answer == Answer::None) {
            unknown += match &tried.does {
                Does::Save { .. } => 1,
                Does::Append { vault, times, .. } if self.gone(vault) > 0 => *times,
                _ => 0,
            };
        }
        for position in (1..=self.head).filter(|position| !there.contains(position)) {
            match owners.get(&position) {
                Some((stream, _)) if stream.starts_with(SAFE) => {}
                Some((stream, revision)) => {
                    ensure!(*revision <= self.gone(stream), "position {position}, of {stream}, is gone");
                }
                None => {
                    ensure!(unknown > 0, "nothing has position {position}");
                    unknown -= 1;
                }
            }
        }
        Ok(())
    }

    /// Checkpoints, deletions, erasures, states and snapshots.
    async fn keepers(&self, store: &SledStore, world: &World, buffered: bool) -> Result<()> {
        for (vault, head) in &self.heads {
            let ((least, most), (must, may)) = (world.deleted(vault), world.erased(vault));
            ensure!(!head.erased || may, "{vault} is erased, and nobody asked");
            ensure!(head.erased || !must || buffered, "{vault} was erased, and is there");
            let gone = if head.erased { least } else { self.gone(vault) };
            ensure!(gone <= most && (gone >= least || buffered), "{vault} is deleted up to {gone}, not {least} to {most}");
        }
        let there: BTreeMap<String, Option<Position>> = store.list_checkpoints().await?.into_iter().collect();
        for (consumer, mut places) in world.consumers() {
            let place = there.get(consumer).map(|position| position.map_or(0, Position::get));
            if buffered {
                places = world.tried.iter().filter_map(|tried| place_of(&tried.does, consumer)).chain([None]).collect();
            }
            ensure!(places.contains(&place), "{consumer} is at {place:?}, not one of {places:?}");
            ensure!(place <= Some(self.head), "{consumer} is at {place:?}, and the head at {} (I6)", self.head);
        }
        ensure!(there.keys().all(|name| world.consumers().contains_key(name.as_str())), "unknown consumers: {there:?}");
        self.states(store, world, buffered).await?;
        self.snapshots(store, world).await
    }

    async fn states(&self, store: &SledStore, world: &World, buffered: bool) -> Result<()> {
        let mut expected: BTreeMap<&str, Vec<&Tried>> = BTreeMap::new();
        for tried in &world.tried {
            if let Does::Save { safe, .. } = &tried.does {
                let saved = expected.entry(safe).or_default();
                if tried.answer != Answer::None && !buffered {
                    saved.clear();
                }
                saved.push(tried);
            }
        }
        for (safe, saved) in expected {
            let state = store.load_state(&StreamId::new(SAFE, safe)?).await?;
            let Some(state) = state else {
                let must = saved.iter().any(|tried| tried.answer != Answer::None) && !buffered;
                ensure!(!must, "{safe} was saved, and is not there (I2)");
                continue;
            };
            let id = state.metadata.command_id.as_str();
            let Some(Does::Save { note: len, .. }) = saved.iter().find(|tried| tried.id == id).map(|tried| &tried.does) else {
                return Err(format!("{safe} holds the state of {id}, which is not the last that was saved").into());
            };
            ensure!(state.payload == note(id, *len).as_bytes(), "{safe} holds another state than {id} saved (I2)");
            ensure!(state.position.get() <= self.head, "{safe} is behind the head");
        }
        Ok(())
    }

    /// I8: a snapshot is one that was saved, of a revision that is there, or none.
    async fn snapshots(&self, store: &SledStore, world: &World) -> Result<()> {
        for (vault, head) in &self.heads {
            let Some(there) = store.load_snapshot(&StreamId::new(VAULT, vault.as_str())?).await? else { continue };
            ensure!(!head.erased && Some(there.revision) <= head.revision, "{vault} has a snapshot of what is not there");
            let of = |tried: &Tried| vault_of(&tried.does) == Some(vault) && snapshot(&tried.does).as_ref() == Some(&there);
            ensure!(world.tried.iter().any(of), "{vault} has a snapshot that nobody saved: {there:?} (I8)");
        }
        Ok(())
    }
}

/// I11: what was acknowledged is told again, and what was cut off is done now, once.
async fn repeats(engine: &Engine, store: &SledStore, world: &World) -> Result<()> {
    let commands = world.tried.iter().filter(|tried| matches!(tried.does, Does::Add { .. } | Does::Look { .. }));
    let mut newest = AGAIN;
    for Tried { id, does, answer, .. } in commands.rev() {
        if *answer != Answer::None {
            if newest == 0 {
                continue;
            }
            newest -= 1;
        }
        let stream = StreamId::new(VAULT, vault_of(does).unwrap_or_default())?;
        let before = store.find_command(&stream, &CommandId::new(id)?).await?;
        let (first, repeated) = send(engine, id, does).await?;
        ensure!(repeated == before.is_some(), "{id} is there: {}; repeated: {repeated} (I11)", before.is_some());
        if let (Answer::Done(told), true) = (answer, repeated) {
            ensure!(first == *told, "{id} was told {told:?}, and again {first:?} (I11)");
        }
        let (second, repeated) = send(engine, id, does).await?;
        ensure!(repeated && second == first, "{id} was told {first:?}, and again {second:?} (I11)");
    }
    let kept = world.tried.iter().filter(|tried| matches!(tried.answer, Answer::Done(_)));
    for Tried { id, does, .. } in kept.rev().filter(|tried| matches!(tried.does, Does::Append { .. })).take(AGAIN) {
        let Some(commit) = commit(id, does)? else { continue };
        let before = store.find_command(&commit.stream, &CommandId::new(id)?).await?;
        match (store.append(vec![commit]).await?.pop(), before) {
            (Some(Verdict::Repeated(again)), Some(before)) if again == before => {}
            (Some(Verdict::Committed(_) | Verdict::Refused(Refusal::Erased)), None) => {}
            (other, before) => return Err(format!("{id}, recorded as {before:?}, is answered {other:?} (I11)").into()),
        }
    }
    Ok(())
}

/// What the engine shows is the fold of the events.
async fn folds(engine: &Engine, seen: &Seen, log: &[RecordedEvent]) -> Result<()> {
    for vault in seen.heads.keys().filter(|vault| vault.starts_with("vault-")) {
        let mut fold = Vault::default();
        for event in log.iter().filter(|event| event.stream.id() == vault) {
            let content: serde_json::Value = serde_json::from_slice(&event.payload)?;
            fold.total += content["by"].as_u64().ok_or("an event without a number")?;
            fold.events += 1;
        }
        let loaded = engine.load::<Vault>(vault.as_str()).await?;
        ensure!(loaded.state == fold, "{vault} is {:?}, its events fold to {fold:?}", loaded.state);
    }
    Ok(())
}

async fn whole_log(store: &SledStore) -> Result<Vec<RecordedEvent>> {
    let (mut log, mut after) = (Vec::new(), None);
    loop {
        let page = store.read_log(after, &Filter::all(), 1000).await?;
        log.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(log);
        }
    }
}

fn vault_of(does: &Does) -> Option<&str> {
    match does {
        Does::Add { vault, .. }
        | Does::Look { vault }
        | Does::Append { vault, .. }
        | Does::Snapshot { vault, .. }
        | Does::Delete { vault, .. }
        | Does::Erase { vault } => Some(vault),
        Does::Save { .. } | Does::Checkpoint { .. } | Does::Forget { .. } | Does::Step { .. } | Does::Compact | Does::Close => {
            None
        }
    }
}

/// Of a commit: its stream, and how many positions it takes.
fn stream_and_events(does: &Does) -> Result<Option<(StreamId, u64)>> {
    Ok(match does {
        Does::Add { vault, times, .. } | Does::Append { vault, times, .. } => {
            Some((StreamId::new(VAULT, vault.as_str())?, *times))
        }
        Does::Look { vault } => Some((StreamId::new(VAULT, vault.as_str())?, 0)),
        Does::Save { safe, .. } => Some((StreamId::new(SAFE, safe.as_str())?, 1)),
        _ => None,
    })
}

/// Where a commit was told to be: its position and revision.
fn position_of(tried: &Tried) -> Option<(u64, u64)> {
    match &tried.answer {
        Answer::Done(told) => told.position.zip(told.revision),
        _ => None,
    }
}

fn place_of(does: &Does, consumer: &str) -> Option<Option<u64>> {
    match does {
        Does::Checkpoint { consumer: of, position } if of == consumer => Some(Some(position.unwrap_or(0))),
        Does::Forget { consumer: of } if of == consumer => Some(None),
        Does::Step { position } if consumer == rows::VIEW => Some(Some(*position)),
        _ => None,
    }
}
