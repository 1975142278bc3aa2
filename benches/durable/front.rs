//! The same work for every other store: accounts in memory decide, one committer thread drains what waits, records it with one
//! transaction and one sync, and answers. The next command of an account decides while the last becomes durable, as with ego.

use benches::Result;
use benches::account::{OWNER, ids};
use benches::load::{self, Client, Ledger, Load, Outcome, Turn};
use parking_lot::Mutex;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::oneshot;

/// One event, on its way.
pub struct Write {
    /// Its stream.
    pub stream: Arc<str>,
    /// The stream's revision before it, 0 for none.
    pub expected: u64,
    /// What is recorded.
    pub body: Vec<u8>,
    answer: oneshot::Sender<()>,
}

/// Where events are recorded.
pub trait Table: Sized + Send + 'static {
    /// Makes an empty one in this folder.
    fn open(folder: &Path) -> Result<Self>;

    /// Records each event in its stream and the stream's new head, all of them or none, durable when it returns. An error when a
    /// stream is not at the revision that is expected.
    fn record(&mut self, group: &[Write]) -> Result<()>;

    /// How many events there are, and each stream's last revision.
    fn heads(&mut self, streams: &[Arc<str>]) -> Result<(u64, Vec<u64>)>;
}

/// What is recorded of a command besides its stream and revision: the same as ego does.
#[derive(bitcode::Encode)]
struct Record<'r> {
    name: &'r str,
    version: u32,
    payload: Vec<u8>,
    command: &'r str,
    command_id: &'r str,
    second: i64,
    nanosecond: i32,
    codec: &'r str,
    reply: Vec<u8>,
}

#[derive(Serialize)]
struct Created<'r> {
    owner: &'r str,
}

#[derive(Serialize)]
struct Credited {
    amount: u64,
}

#[derive(Default)]
struct Account {
    revision: u64,
    balance: u64,
}

#[derive(Clone)]
struct Front {
    accounts: Arc<[Mutex<Account>]>,
    streams: Arc<[Arc<str>]>,
    committer: Sender<Write>,
}

impl Front {
    async fn create(&self, account: usize) {
        let payload = serde_json::to_vec(&Created { owner: OWNER }).expect("plain");
        self.commit(account, "Created", payload, 0, "create").await;
    }

    async fn commit(&self, account: usize, name: &str, payload: Vec<u8>, amount: u64, command_id: &str) -> u64 {
        let (answer, answered) = oneshot::channel();
        let balance = {
            let mut state = self.accounts[account].lock();
            let (expected, balance) = (state.revision, state.balance + amount);
            let reply = serde_json::to_vec(&balance).expect("plain");
            let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            let (second, nanosecond) = (time.as_secs().cast_signed(), time.subsec_nanos().cast_signed());
            let command = "Credit";
            let record = Record { name, version: 1, payload, command, command_id, second, nanosecond, codec: "json", reply };
            let body = bitcode::encode(&record);
            *state = Account { revision: expected + 1, balance };
            // Under the lock: what decided later comes later.
            let write = Write { stream: Arc::clone(&self.streams[account]), expected, body, answer };
            self.committer.send(write).expect("the committer runs");
            balance
        };
        answered.await.expect("recorded");
        balance
    }
}

impl Client for Front {
    async fn send(&self, turn: Turn) {
        let payload = serde_json::to_vec(&Credited { amount: 1 }).expect("plain");
        assert!(self.commit(turn.account, "Credited", payload, 1, &turn.command_id()).await > 0);
    }
}

/// So many events in one group, as with ego.
const BATCH: usize = 4096;

fn commit<T: Table>(mut table: T, writes: &Receiver<Write>) -> Result<T> {
    let mut group = Vec::new();
    while let Ok(first) = writes.recv() {
        group.push(first);
        while group.len() < BATCH
            && let Ok(next) = writes.try_recv()
        {
            group.push(next);
        }
        table.record(&group)?;
        for write in group.drain(..) {
            // A client that is gone does not hear it.
            let _ = write.answer.send(());
        }
    }
    Ok(table)
}

/// One run on a table of its own.
pub fn measure<T: Table>(load: Load, folder: &Path) -> Result<Outcome> {
    let table = T::open(folder)?;
    let (committer, writes) = channel();
    let thread = thread::spawn(move || commit(table, &writes));
    let front = Front {
        accounts: (0..load.accounts).map(|_| Mutex::default()).collect(),
        streams: ids(load.accounts).iter().map(|id| id.as_str().into()).collect(),
        committer,
    };
    let streams = Arc::clone(&front.streams);
    let runtime = load::runtime()?;
    let ran = runtime.block_on(async {
        let creator = front.clone();
        load::each(load.accounts, 1024.min(load.accounts), move |account| {
            let front = creator.clone();
            async move { front.create(account).await }
        })
        .await?;
        let warm = load::run(Load { time: load.time / 8, ..load }, &front).await?;
        let outcome = load::run(load, &front).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((warm, outcome))
    });
    drop(front);
    let recorded = thread.join().map_err(|_| "the committer panicked")?;
    // Its error says more than that of the clients that waited for it.
    let mut table = recorded?;
    let (warm, outcome) = ran?;
    let (events, heads) = table.heads(&streams)?;
    if events != heads.iter().sum::<u64>() {
        return Err("the events are not as many as the streams say".into());
    }
    // The first event of each is its creation.
    let balances = Ledger::of(heads.iter().map(|revision| revision.saturating_sub(1)));
    warm.ledger.and(outcome.ledger).check(std::any::type_name::<T>(), balances)?;
    Ok(outcome)
}
