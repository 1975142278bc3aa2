//! The process that is recorded: opens a store, lets an engine and its clients, and clients of the store itself, do what they do, and
//! closes it; several times in a row. It says what it tries, and what it is told.

use crate::Result;
use crate::random::Random;
use crate::rows::{next_step, of_commit};
use crate::said::{Does, Said, Told};
use crate::vault::{Add, Look, SAFE, VAULT, Vault, note};
use bytes::Bytes;
use ego::Engine;
use ego::engine::{Dispatch, Limits};
use ego::message::{CommandId, Expected, Metadata, Position, Revision, StreamId};
use ego::store::{Body, Commit, NewEvent, NewState, Snapshot, Stepped, Store, StoreError, StreamHead, Verdict};
use ego_sled::{Durability, SledStore};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a process is to do.
#[derive(clap::Args, Clone, Debug)]
pub struct Work {
    /// The store's folder.
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// The file that it says things to.
    #[arg(long)]
    pub(crate) marks: PathBuf,
    /// Part of all its command ids.
    #[arg(long)]
    pub(crate) name: String,
    #[arg(long)]
    pub(crate) seed: u64,
    /// How often the store is opened and closed.
    #[arg(long)]
    pub(crate) sessions: u64,
    /// How many clients the engine has.
    #[arg(long)]
    pub(crate) clients: u64,
    /// How much each client does in a session.
    #[arg(long)]
    pub(crate) commands: u64,
    #[arg(long)]
    pub(crate) segment_bytes: u64,
    #[arg(long)]
    pub(crate) buffered: bool,
    /// Wait within the first session until the index was changed, too.
    #[arg(long)]
    pub(crate) linger: bool,
}

impl Work {
    /// Does it, to its end.
    ///
    /// # Errors
    /// Whatever the store or the engine refuses: nothing should go wrong here.
    pub fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
        runtime.block_on(async {
            for session in 0..self.sessions {
                self.session(session).await?;
            }
            Ok(())
        })
    }

    async fn session(&self, session: u64) -> Result<()> {
        let marks = Arc::new(File::options().create(true).append(true).open(&self.marks)?);
        let durability = if self.buffered { Durability::Buffered } else { Durability::Durable };
        let store = open(&self.folder, self.segment_bytes, durability)?;
        let engine = engine(store.clone()).await?;
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..self.clients {
            let name = format!("{}-{session}-{client}", self.name);
            let random = Random::new(self.seed ^ (session << 32 | client).wrapping_mul(0x0123_4567_89AB_CDEF));
            let client = Client { name, session, random, marks: Arc::clone(&marks), store: store.clone() };
            tasks.spawn(client.sends(engine.clone(), self.commands));
        }
        for (number, keeper) in [Keeper::Reads, Keeper::Erases].into_iter().enumerate() {
            let name = format!("{}-{session}-{keeper:?}", self.name);
            let random = Random::new(self.seed ^ (session << 32 | 1 << 16 | number as u64).wrapping_mul(0x0123_4567_89AB_CDEF));
            let client = Client { name, session, random, marks: Arc::clone(&marks), store: store.clone() };
            tasks.spawn(client.keeps(keeper, self.commands, self.linger && session == 0));
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        let id = format!("{}-{session}-close", self.name);
        Said::Tried { id: id.clone(), does: Does::Close }.say(&marks)?;
        engine.stop(Duration::from_secs(60)).await?;
        drop(store);
        Said::Done { id, told: Told::default() }.say(&marks)?;
        Ok(())
    }
}

impl Work {
    /// As it is given to a process.
    pub(crate) fn to_args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> =
            vec!["--folder".into(), self.folder.clone().into(), "--marks".into(), self.marks.clone().into()];
        args.extend(["--name".into(), self.name.clone().into()]);
        let numbers = [
            ("--seed", self.seed),
            ("--sessions", self.sessions),
            ("--clients", self.clients),
            ("--commands", self.commands),
            ("--segment-bytes", self.segment_bytes),
        ];
        args.extend(numbers.iter().flat_map(|(name, number)| [OsString::from(name), number.to_string().into()]));
        args.extend(
            [("--buffered", self.buffered), ("--linger", self.linger)].iter().filter(|flag| flag.1).map(|flag| flag.0.into()),
        );
        args
    }
}

pub(crate) fn open(folder: &Path, segment_bytes: u64, durability: Durability) -> Result<SledStore, StoreError> {
    SledStore::options(folder).segment_bytes(segment_bytes).durability(durability).cache_bytes(1 << 20).open()
}

/// An engine that keeps few aggregates in memory.
pub(crate) async fn engine(store: SledStore) -> Result<Engine> {
    let limits = Limits { active_aggregates: 2, ..Limits::default() };
    Ok(Engine::builder().store(store).limits(limits).start().await?)
}

struct Client {
    name: String,
    session: u64,
    random: Random,
    marks: Arc<File>,
    store: SledStore,
}

/// What a client of the store itself is for. Each has streams of its own.
#[derive(Clone, Copy, Debug)]
enum Keeper {
    /// Checkpoints, deletes what was read, keeps snapshots.
    Reads,
    /// Erases, compacts, keeps states.
    Erases,
}

impl Client {
    async fn sends(mut self, engine: Engine, commands: u64) -> Result<()> {
        for number in 0..commands {
            let id = format!("{}-{number}", self.name);
            let vault = format!("vault-{}", self.random.below(4));
            let does = match self.random.below(8) {
                0 => Does::Look { vault },
                _ => {
                    let (by, times) = (self.random.below(100), 1 + self.random.below(3));
                    Does::Add { vault, by, times, note: self.length() }
                }
            };
            self.say(Said::Tried { id: id.clone(), does: does.clone() })?;
            let told = send(&engine, &id, &does).await?.0;
            self.say(Said::Done { id, told })?;
        }
        Ok(())
    }

    async fn keeps(mut self, keeper: Keeper, actions: u64, linger: bool) -> Result<()> {
        for number in 0..actions {
            let id = format!("{}-{number}", self.name);
            // Each in turn, so that each is tried, and on what the ones before it made.
            if matches!(keeper, Keeper::Reads) && matches!(number % 8, 2 | 5 | 6) {
                self.steps(&id).await?;
            }
            match number % 8 {
                0..=2 => self.appends(keeper, &id).await?,
                choice => {
                    let Some(does) = self.action(keeper, choice).await? else { continue };
                    self.say(Said::Tried { id: id.clone(), does: does.clone() })?;
                    match self.act(&id, does).await {
                        Ok(told) => self.say(Said::Done { id, told })?,
                        Err(StoreError::HeldBack { .. }) => self.say(Said::Refused { id })?,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            if linger && number == actions / 2 {
                tokio::time::sleep(Duration::from_millis(1300)).await;
            }
        }
        Ok(())
    }

    fn say(&self, said: Said) -> std::io::Result<()> {
        said.say(&self.marks)
    }

    /// Of a note: mostly less than a sector, now and then several.
    fn length(&mut self) -> usize {
        let most = [100, 400, 400, 1500][usize::try_from(self.random.below(4)).unwrap_or_default()];
        usize::try_from(self.random.below(most)).unwrap_or_default()
    }

    fn vault(&mut self, keeper: Keeper) -> String {
        format!("{keeper:?}-{}-{}", self.session, self.random.below(3)).to_lowercase()
    }

    /// One of the keeper's streams that has events and was not erased.
    async fn head(&mut self, keeper: Keeper) -> Result<Option<StreamHead>> {
        for _ in 0..20 {
            let vault = self.vault(keeper);
            let head = self.store.stream_head(&StreamId::new(VAULT, vault)?).await?;
            if head.as_ref().is_some_and(|head| !head.erased && head.revision.is_some()) {
                return Ok(head);
            }
        }
        Ok(None)
    }

    /// Brings the view up to the log. Before events are deleted, so that it does not hold them up.
    async fn steps(&mut self, id: &str) -> Result<()> {
        let Some(step) = next_step(&self.store).await? else { return Ok(()) };
        let (id, position) = (format!("{id}-step"), step.advance.as_ref().map_or(0, |advance| advance.to.get()));
        self.say(Said::Tried { id: id.clone(), does: Does::Step { position } })?;
        match self.store.step(step).await? {
            Stepped::Done => Ok(self.say(Said::Done { id, told: Told::default() })?),
            other => Err(format!("nobody else steps, and {id} was answered {other:?}").into()),
        }
    }

    /// A batch of commits.
    async fn appends(&mut self, keeper: Keeper, id: &str) -> Result<()> {
        let (mut batch, mut ids) = (Vec::new(), Vec::new());
        let number = self.random.number();
        for part in 0..1 + self.random.below(4) {
            let (id, vault) = (format!("{id}-{part}"), self.vault(keeper));
            let does = Does::Append {
                vault,
                by: self.random.below(100),
                times: 1 + self.random.below(3),
                note: self.length(),
                batch: number,
            };
            batch.extend(commit(&id, &does)?);
            self.say(Said::Tried { id: id.clone(), does })?;
            ids.push(id);
        }
        for (id, verdict) in ids.into_iter().zip(self.store.append(batch).await?) {
            self.say(match verdict {
                Verdict::Committed(committed) => Said::Done { id, told: told(&committed) },
                Verdict::Refused(ego::store::Refusal::Erased) => Said::Refused { id },
                other => return Err(format!("{id} is new, and was answered {other:?}").into()),
            })?;
        }
        Ok(())
    }

    async fn action(&mut self, keeper: Keeper, choice: u64) -> Result<Option<Does>> {
        let consumer = format!("reader-{}", self.random.below(2));
        let position = self.store.head().await?.map(Position::get);
        Ok(match (keeper, choice) {
            (Keeper::Reads, 3) => Some(Does::Checkpoint { consumer, position }),
            (Keeper::Reads, 4) => Some(Does::Forget { consumer }),
            (Keeper::Reads, 5) => self.head(keeper).await?.and_then(|head| {
                let revision = 1 + self.random.below(head.revision?.get());
                Some(Does::Delete { vault: head.stream.id().to_owned(), revision })
            }),
            (Keeper::Reads, 7) => {
                let position = position.map(|head| self.random.below(head)).filter(|position| *position > 0);
                Some(Does::Checkpoint { consumer, position })
            }
            (Keeper::Erases, 3) => self.head(keeper).await?.map(|head| Does::Erase { vault: head.stream.id().to_owned() }),
            (Keeper::Erases, 4) => Some(Does::Compact),
            (Keeper::Erases, 5 | 7) => Some(Does::Save { safe: format!("safe-{}", self.random.below(2)), note: self.length() }),
            _ => self.head(keeper).await?.and_then(|head| {
                let (revision, position) = (head.revision?.get(), head.position?.get());
                Some(Does::Snapshot { vault: head.stream.id().to_owned(), revision, position, note: 10 * self.length() })
            }),
        })
    }

    async fn act(&self, id: &str, does: Does) -> Result<Told, StoreError> {
        let stream = |vault: &str| StreamId::new(VAULT, vault).map_err(|error| StoreError::other("naming a stream", error));
        match &does {
            Does::Checkpoint { consumer, position } => {
                self.store.save_checkpoint(consumer, position.and_then(Position::new)).await?;
            }
            Does::Forget { consumer } => self.store.delete_checkpoint(consumer).await?,
            Does::Snapshot { vault, revision, .. } => {
                if let Some(snapshot) = snapshot(&does) {
                    match self.store.save_snapshot(&stream(vault)?, snapshot).await {
                        // Erased by nobody else: a stream has one keeper.
                        Err(StoreError::BeyondHead { .. }) => {
                            return Err(StoreError::damaged(vault.as_str(), format!("revision {revision} was there")));
                        }
                        other => other?,
                    }
                }
            }
            Does::Delete { vault, revision } => {
                if let Some(revision) = Revision::new(*revision) {
                    self.store.delete_up_to(&stream(vault)?, revision).await?;
                }
            }
            Does::Erase { vault } => self.store.erase(&stream(vault)?).await?,
            Does::Compact => drop(self.store.compact().await?),
            Does::Save { .. } => {
                let commit = commit(id, &does).map_err(|error| StoreError::damaged(id, error.to_string()))?;
                if let Some(Verdict::Committed(committed)) = self.store.append(commit.into_iter().collect()).await?.pop() {
                    return Ok(told(&committed));
                }
            }
            Does::Add { .. } | Does::Look { .. } | Does::Append { .. } | Does::Step { .. } | Does::Close => {}
        }
        Ok(Told::default())
    }
}

/// Sends a command; and whether it was a repetition.
pub(crate) async fn send(engine: &Engine, id: &str, does: &Does) -> Result<(Told, bool)> {
    let receipt = match does {
        Does::Add { vault, by, times, note: len } => {
            let add = Add { by: *by, times: *times, note: note(id, *len) };
            engine.send::<Vault>(vault.as_str(), add).command_id(id).await?
        }
        Does::Look { vault } => engine.send::<Vault>(vault.as_str(), Look).command_id(id).await?,
        other => return Err(format!("{other:?} is no command").into()),
    };
    Ok((Told::of(&receipt), receipt.repeated))
}

/// What is appended, if it is a commit.
pub(crate) fn commit(id: &str, does: &Does) -> Result<Option<Commit>> {
    let (stream, body) = match does {
        Does::Append { vault, by, times, note: len, .. } => {
            let payload = Bytes::from(serde_json::to_vec(&serde_json::json!({ "by": by, "note": note(id, *len) }))?);
            let event = NewEvent { name: "Added".into(), version: 1, payload, tags: vec!["kept".into()] };
            (StreamId::new(VAULT, vault.as_str())?, Body::Events(vec![event; usize::try_from(*times)?]))
        }
        Does::Save { safe, note: len } => {
            let state = NewState { version: 1, payload: note(id, *len).into() };
            (StreamId::new(SAFE, safe.as_str())?, Body::State(state))
        }
        _ => return Ok(None),
    };
    let metadata = Arc::new(Metadata::new(CommandId::new(id)?, "keep", jiff::Timestamp::UNIX_EPOCH));
    Ok(Some(Commit {
        stream,
        expected: Expected::Any,
        metadata,
        codec: "json".into(),
        body,
        reply: Bytes::from("0"),
        rows: of_commit(id, does),
    }))
}

/// What is kept, if it is a snapshot.
pub(crate) fn snapshot(does: &Does) -> Option<Snapshot> {
    let Does::Snapshot { vault, revision, position, note: len } = does else { return None };
    Some(Snapshot {
        revision: Revision::new(*revision)?,
        position: Position::new(*position)?,
        version: 1,
        codec: "json".into(),
        payload: note(&format!("{vault} {revision}"), *len).into(),
    })
}

fn told(committed: &ego::store::Committed) -> Told {
    Told { reply: 0, revision: committed.revision.map(Revision::get), position: committed.position.map(Position::get) }
}
