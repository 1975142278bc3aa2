//! The load: clients that send one command after the other for some time, the same way to every subject.

use crate::Result;
use arrayvec::ArrayString;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many clients send to how many accounts, for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// So many tasks, each with one command under way.
    pub clients: usize,
    /// Each command goes to one of so many accounts, drawn anew.
    pub accounts: usize,
    /// No command is begun after this time.
    pub time: Duration,
    /// One command of so many has its time taken: looking at the clock costs, and every subject pays the same.
    pub timed: u64,
}

/// One command: whose, which, for whom.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Counts the runs of this process.
    pub run: u64,
    /// Counts the clients from 0.
    pub client: usize,
    /// Counts the commands of this client from 0.
    pub number: u64,
    /// Counts the accounts from 0.
    pub account: usize,
}

impl Turn {
    /// An id that no other command has. It is made without an allocation, which would be counted as one of whoever takes it.
    #[must_use]
    pub fn command_id(&self) -> ArrayString<36> {
        let mut id = ArrayString::new();
        // Shorter than a UUID: a run has fewer than 10^9 commands.
        let _ = write!(id, "{}-{}-{}", self.run, self.client, self.number);
        id
    }
}

/// What the clients did together.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// So many commands were answered.
    pub commands: u64,
    /// From the first command to the last answer.
    pub seconds: f64,
    /// What [`Ledger`] makes of the accounts that they went to.
    pub ledger: Ledger,
    latencies: Vec<u32>,
}

impl Outcome {
    /// Answered commands per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.commands as f64 / self.seconds
    }

    /// The time that this share of the commands took at most, in microseconds.
    #[must_use]
    pub fn microseconds(&self, share: f64) -> f64 {
        percentile(&self.latencies, share) / 1000.0
    }
}

/// What this share of the values does not exceed. The values are in order.
#[must_use]
pub fn percentile(ordered: &[u32], share: f64) -> f64 {
    let at = (ordered.len() as f64 * share).ceil() as usize;
    ordered.get(at.saturating_sub(1)).copied().unwrap_or_default().into()
}

/// How often each account was credited, as one number: equal numbers mean equal accounts (but for a chance of 1 in 2^64). Each
/// command credits the same amount, so the balances give the same number when nothing was lost, doubled or mixed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger(u64);

impl Ledger {
    /// So many credits to this account.
    pub fn credit(&mut self, account: usize, amount: u64) {
        // Odd, and unlike for each account: the finalizer of splitmix64.
        let mut weight = (account as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        weight = (weight ^ (weight >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        weight = (weight ^ (weight >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = self.0.wrapping_add((weight | 1).wrapping_mul(amount));
    }

    /// These balances, of the accounts from 0.
    #[must_use]
    pub fn of(balances: impl IntoIterator<Item = u64>) -> Self {
        let mut ledger = Self::default();
        balances.into_iter().enumerate().for_each(|(account, balance)| ledger.credit(account, balance));
        ledger
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// An error unless the balances are what was answered.
    ///
    /// # Errors
    /// The two differ.
    pub fn check(self, who: &str, balances: Self) -> Result<()> {
        if self == balances { Ok(()) } else { Err(format!("{who}: the balances are not what was answered").into()) }
    }
}

/// Whoever sends the commands of one client.
pub trait Client: Clone + Send + Sync + 'static {
    /// What one command adds to the account's balance.
    const AMOUNT: u64 = 1;

    /// Sends a command and returns when it is answered; panics when it is refused.
    fn send(&self, turn: Turn) -> impl Future<Output = ()> + Send;
}

/// Accounts that clients send to.
pub trait Bank: Client {
    /// Opens so many accounts.
    fn open(accounts: usize) -> impl Future<Output = Result<Self>> + Send;

    /// What the accounts hold.
    fn balances(&self) -> impl Future<Output = Result<Ledger>> + Send;

    /// Lets go of everything.
    fn close(self) -> impl Future<Output = Result<()>> + Send;
}

/// Runs so many copies of the client. The accounts are drawn the same way in every run.
///
/// # Errors
/// A client panicked.
pub async fn run<C: Client>(load: Load, client: &C) -> Result<Outcome> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let stop = Arc::new(AtomicBool::new(false));
    let begin = Instant::now();
    let clients: Vec<_> = (0..load.clients)
        .map(|which| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(which as u64);
                let (mut number, mut ledger, mut latencies) = (0, Ledger::default(), Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let account = if load.accounts == 1 { 0 } else { random.usize(..load.accounts) };
                    let turn = Turn { run, client: which, number, account };
                    if number.is_multiple_of(load.timed) {
                        let sent = Instant::now();
                        client.send(turn).await;
                        latencies.push(u32::try_from(sent.elapsed().as_nanos()).unwrap_or(u32::MAX));
                    } else {
                        client.send(turn).await;
                    }
                    ledger.credit(account, C::AMOUNT);
                    number += 1;
                }
                (number, ledger, latencies)
            })
        })
        .collect();
    // A thread of its own: busy clients do not hold up its alarm.
    let alarm = std::thread::spawn(move || {
        std::thread::sleep(load.time);
        stop.store(true, Ordering::Relaxed);
    });
    let mut outcome = Outcome { commands: 0, seconds: 0.0, ledger: Ledger::default(), latencies: Vec::new() };
    for client in clients {
        let (commands, ledger, latencies) = client.await?;
        outcome.commands += commands;
        outcome.ledger = outcome.ledger.and(ledger);
        outcome.latencies.extend(latencies);
    }
    outcome.seconds = begin.elapsed().as_secs_f64();
    alarm.join().map_err(|_| "the alarm panicked")?;
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

/// Does something for every number below `count`, `together` of them at a time.
///
/// # Errors
/// One of them panicked.
pub async fn each<F, Fut>(count: usize, together: usize, work: F) -> Result<()>
where
    F: Fn(usize) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let workers: Vec<_> = (0..together)
        .map(|worker| {
            let work = work.clone();
            tokio::spawn(async move {
                for number in (worker..count).step_by(together) {
                    work(number).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await?;
    }
    Ok(())
}

/// The runtime that every subject runs on: two workers.
///
/// # Errors
/// The operating system gives no thread.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_what_so_many_values_do_not_exceed() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&values, share)), [50.0, 99.0, 100.0]);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_lost_a_doubled_and_a_mixed_up_command_is_seen() {
        let answered = Ledger::of([3, 0, 5]);
        assert!(answered.check("same", Ledger::of([3, 0, 5])).is_ok());
        for balances in [[2, 0, 5], [3, 1, 5], [5, 0, 3], [2, 1, 5]] {
            assert!(answered.check("other", Ledger::of(balances)).is_err(), "{balances:?}");
        }
    }

    #[derive(Clone)]
    struct Balances(Arc<[AtomicU64]>);

    impl Client for Balances {
        async fn send(&self, turn: Turn) {
            self.0[turn.account].fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn what_the_clients_did_is_counted() {
        let balances = Balances((0..10).map(|_| AtomicU64::new(0)).collect());
        let load = Load { clients: 3, accounts: 10, time: Duration::from_millis(20), timed: 2 };
        let outcome = runtime().unwrap().block_on(run(load, &balances)).unwrap();
        let balances: Vec<u64> = balances.0.iter().map(|balance| balance.load(Ordering::Relaxed)).collect();
        assert_eq!(outcome.commands, balances.iter().sum::<u64>());
        outcome.ledger.check("the balances", Ledger::of(balances)).unwrap();
        assert!(outcome.commands > 0 && outcome.latencies.len() as u64 >= outcome.commands / 2);
    }
}
